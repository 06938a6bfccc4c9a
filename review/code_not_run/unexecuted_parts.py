"""The parts of a Python file that were not executed, and what decides about their execution."""

import ast
import builtins
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from review.code_not_run.changed_lines import DEFINITIONS, first_line, text_of
from sandbox.engine.replay.executed_code import BLOCKS, Part, find_operations, find_parts, is_marked_late

Lines = tuple[int, int]
"""The first and the last line of something."""

WITHOUT_EFFECT = (ast.Pass, ast.Global, ast.Nonlocal)
"""Statements that do nothing. Constants are no parts."""

ERRORS = frozenset(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and "Iteration" not in name
)
"""Names of errors with which a program fails. With SystemExit it succeeds; StopIteration ends a loop."""

CALLING_NOTHING = (
    *(ast.Constant, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not),
    *(ast.Compare, ast.Is, ast.IsNot, ast.Load),
)
"""Expressions that call no method of an object, with their operators; a comparison does not with `is`."""

PLAIN_PATTERNS = (ast.MatchSingleton, ast.MatchAs, ast.MatchOr)
"""Patterns that call no method: those of values, classes, sequences and mappings may compare objects."""

INNER = (ast.ExceptHandler, ast.match_case, ast.comprehension)
"""Nodes that are no parts, and whose parts the node around them decides about as well."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Unexecuted:
    """A part that was not executed, or the function `called` whose body was not.

    `headers` has the lines that decide about it, such as those of a condition. `scope` is the name of the
    function or class around it.
    """

    lines: Lines
    text: str
    scope: str
    headers: tuple[Lines, ...] = ()
    called: str = ""


def find_unexecuted(
    module: ast.Module, source: Sequence[str], executed: Set[int], kept: Set[str]
) -> Iterator[Unexecuted]:
    """Yield the outermost parts of a module that were not executed, by their lines.

    `source` has the lines of the file. Definitions whose text is in `kept` are left out with all in them, if
    their statements were executed.
    """
    unexecuted = {id(part) for index, part in enumerate(find_parts(module)) if index not in executed}
    yield from sorted(_Search(module, unexecuted, source, kept).run(), key=lambda item: item.lines)


class _Search:
    """A search for the parts in `unexecuted`, which has the IDs of their nodes."""

    def __init__(
        self, module: ast.Module, unexecuted: Set[int], source: Sequence[str], kept: Set[str]
    ) -> None:
        self._module = module
        self._unexecuted = unexecuted
        self._source = source
        self._kept = kept
        self._in_tests = _operators_in_tests(module)
        self._caught = _caught_errors(module)
        self._errors = ERRORS - _bound_names(module)
        self._operations = {*map(id, find_operations(module))}

    def run(self) -> Iterator[Unexecuted]:
        """Yield the outermost parts. Chains of operators may be longer than the limit of nested calls."""
        pending: list[tuple[ast.AST, str, tuple[Lines, ...], Lines]] = [(self._module, "", (), (1, 0))]
        while pending:
            node, scope, outer, before = pending.pop()
            if isinstance(node, ast.stmt):
                before = first_line(node), 0
            omitted: list[ast.stmt] = []
            if isinstance(node, DEFINITIONS):
                scope = f"{scope}.{node.name}" if scope else node.name
            yield from self._idle_bodies(node, scope, outer)
            if isinstance(node, FUNCTIONS) and self._is_uncalled(node):
                lines = first_line(node), node.end_lineno or node.lineno
                yield Unexecuted(lines, self._text(node), scope, called=node.name)
                omitted += node.body
            left_out = {*map(id, omitted)}
            last_statements = self._last_statements(node)
            for child in ast.iter_child_nodes(node):
                if id(child) in left_out:
                    continue
                is_executed = id(child) not in self._unexecuted
                if is_executed and self._is_kept(child):
                    continue
                headers = (*outer, *_headers(node, child), *last_statements.get(id(child), ()))
                start, end = before
                if isinstance(node, ast.Assign | ast.AnnAssign) and child is not node.value:
                    end = _last_line(node)  # Python evaluates the value first.
                if is_executed:
                    is_inner = isinstance(child, INNER)
                    pending.append((child, scope, headers if is_inner else (), (start, end)))
                elif isinstance(child, ast.stmt | ast.expr) and not self._has_no_effect(node, child):
                    lines = first_line(child), child.end_lineno or child.lineno
                    if id(child) in self._operations:
                        # What is before it has stopped.
                        headers = (*headers, (start, max(child.lineno, end)))
                    yield Unexecuted(lines, self._text(child), scope, headers)

    def _is_kept(self, node: ast.AST) -> bool:
        return isinstance(node, DEFINITIONS) and text_of(node, self._source) in self._kept

    def _idle_bodies(self, node: ast.AST, scope: str, outer: tuple[Lines, ...]) -> Iterator[Unexecuted]:
        """Yield what may call code before an idle body: the target of a loop, a case's pattern, a manager.

        A body that does nothing is no part that could show this.
        """
        parts: list[tuple[ast.expr | ast.pattern, list[ast.stmt], tuple[Lines, ...]]] = []
        if isinstance(node, ast.For | ast.AsyncFor) and not _has_plain_names(node.target):
            parts.append((node.target, node.body, (*outer, (node.lineno, _last_line(node.iter)))))
        elif isinstance(node, ast.With | ast.AsyncWith):
            managers = [item.context_expr for item in node.items]
            parts += (
                (manager, node.body, (*outer, (node.lineno, manager.lineno))) for manager in managers[1:]
            )
        elif isinstance(node, ast.Match):
            parts += (
                (case.pattern, case.body, (*outer, *_headers(node, case)))
                for case in node.cases
                if not all(isinstance(part, PLAIN_PATTERNS) for part in _patterns(case.pattern))
            )
        for part, body, headers in parts:
            statements = [statement for statement in body if not _is_constant(statement)]
            is_idle = all(isinstance(statement, WITHOUT_EFFECT) for statement in statements)
            if is_idle and all(id(statement) in self._unexecuted for statement in statements):
                yield Unexecuted((part.lineno, _last_line(part)), self._text(part), scope, headers)

    def _is_uncalled(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        statements = [statement for statement in function.body if not _is_constant(statement)]
        return all(id(statement) in self._unexecuted for statement in statements) and not all(
            map(self._is_idle, statements)
        )

    def _has_no_effect(self, node: ast.AST, part: Part) -> bool:
        """Return True for a part that declares nothing and lets nothing else be declared.

        An operand of a condition may let something be declared, but that is a part of its own.
        """
        if id(node) in self._in_tests:
            return isinstance(part, ast.expr) and _calls_nothing(part)
        if isinstance(node, ast.Assert):
            return isinstance(part, ast.Constant)
        kind = node.type if isinstance(node, ast.ExceptHandler) else None
        return (kind is part and _is_plain_type(part)) or self._is_idle(part)

    def _is_idle(self, part: Part) -> bool:
        """Return True for a statement that does nothing, or that only raises an error.

        An error ends the program, or what handles it is a part of its own, unless a `with` or a `try` is
        around it: `suppress` and a handler that was executed before show nothing.
        """
        match part:
            case ast.Raise():
                return id(part) not in self._caught and _is_plain_error(part, self._errors)
            case ast.stmt():
                return isinstance(part, WITHOUT_EFFECT) or _is_constant(part)
            case _:
                return False

    def _last_statements(self, node: ast.AST) -> dict[int, tuple[Lines, ...]]:
        """Return the lines of the last executed statement of each block, by the IDs of those after it.

        It has left the block, by a `return` or an error. A statement with a late mark may have begun.
        """
        last_statements: dict[int, tuple[Lines, ...]] = {}
        for name in BLOCKS:
            block: Any = getattr(node, name, None)
            last: tuple[Lines, ...] = ()
            has_ended = False
            for statement in cast(list[ast.stmt], block) if isinstance(block, list) else ():
                lines = first_line(statement), _last_line(statement)
                if id(statement) in self._unexecuted:
                    last_statements[id(statement)] = last
                    if not has_ended and is_marked_late(statement):
                        last = (*last, lines)
                    has_ended = True
                elif not _is_constant(statement):
                    last = (lines,)
        return last_statements

    def _text(self, node: Part | ast.pattern) -> str:
        """Return the first line of the code of a part."""
        line = "".join(self._source[node.lineno - 1 : node.lineno]).encode()
        end = node.end_col_offset if node.end_lineno == node.lineno else len(line)
        return line[node.col_offset : end].decode(errors="replace").strip()


def _operators_in_tests(module: ast.Module) -> set[int]:
    """Return the IDs of the operators `and` and `or` of which only the truth counts."""
    operators: set[int] = set()
    for node in ast.walk(module):
        tests: list[ast.expr] = [test] if isinstance(test := getattr(node, "test", None), ast.expr) else []
        tests += [guard] if isinstance(guard := getattr(node, "guard", None), ast.expr) else []
        tests += node.ifs if isinstance(node, ast.comprehension) else []
        while tests:
            test = tests.pop()
            if isinstance(test, ast.BoolOp):
                operators.add(id(test))
                tests += test.values
            elif isinstance(test, ast.UnaryOp):
                tests.append(test.operand)
    return operators


def _bound_names(module: ast.Module) -> set[str]:
    """Return all names and texts of a module but for the names that it only reads.

    A name may be bound as a variable, a parameter, an alias, in a pattern, or by its text in `globals()`.
    """
    names: set[str] = set()
    for node in ast.walk(module):
        if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            for _, content in ast.iter_fields(node):
                items = cast(list[Any], content) if isinstance(content, list) else [content]
                names |= {item for item in items if isinstance(item, str)}
    return names


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _caught_errors(module: ast.Module) -> set[int]:
    """Return the IDs of the `raise` statements below a `with` or a `try`, also in functions there.

    A `finally` can swallow an error of a handler, too, by a `return`.
    """
    caught: set[int] = set()
    pending: list[tuple[ast.AST, bool]] = [(module, False)]
    while pending:
        node, is_inside = pending.pop()
        if isinstance(node, ast.Raise) and is_inside:
            caught.add(id(node))
        guarded: list[ast.stmt] = []
        if isinstance(node, ast.Try | ast.TryStar) and not node.finalbody:
            guarded = node.body
        elif isinstance(node, ast.Try | ast.TryStar | ast.With | ast.AsyncWith):
            is_inside = True
        pending += ((child, True) for child in guarded)
        ids = {*map(id, guarded)}
        pending += ((child, is_inside) for child in ast.iter_child_nodes(node) if id(child) not in ids)
    return caught


def _is_plain_error(statement: ast.Raise, errors: Set[str]) -> bool:
    """Return True for one of the errors with messages that call nothing but the texts of variables.

    The cause may be a variable.
    """
    error, cause = statement.exc, statement.cause
    if isinstance(error, ast.Call):
        messages = error.args if not error.keywords else [error]
        error = error.func
    else:
        messages = []
    return (
        (error is None or (isinstance(error, ast.Name) and error.id in errors))
        and (cause is None or isinstance(cause, ast.Name | ast.Constant))
        and all(map(_is_message, messages))
    )


def _is_message(value: ast.expr) -> bool:
    """Return True for a text, also with the values of variables in their plain form."""
    if isinstance(value, ast.JoinedStr):
        return all(map(_is_message, value.values))
    if isinstance(value, ast.FormattedValue):
        return isinstance(value.value, ast.Name) and value.format_spec is None
    return isinstance(value, ast.Constant)


def _is_plain_type(kind: Part) -> bool:
    """Return True for the names of exceptions."""
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return all(isinstance(name, ast.Name) for name in names)


def _calls_nothing(value: ast.expr) -> bool:
    """Return True for an operand of a condition that calls no code, not even a method of a class.

    The value of a name does: its class may have `__bool__`. So do all operators, indices and attributes.
    """
    nodes = [*ast.walk(value)]
    comparisons = [node for node in nodes if isinstance(node, ast.Compare)]
    compared = {id(side) for node in comparisons for side in (node.left, *node.comparators)}
    return all(
        isinstance(node, CALLING_NOTHING) or (isinstance(node, ast.Name) and id(node) in compared)
        for node in nodes
    )


def _has_plain_names(target: ast.expr) -> bool:
    """Return True for variables. Another target calls code, such as that of an index."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_has_plain_names, target.elts))
    return isinstance(target.value if isinstance(target, ast.Starred) else target, ast.Name)


def _patterns(pattern: ast.pattern) -> Iterator[ast.pattern]:
    return (part for part in ast.walk(pattern) if isinstance(part, ast.pattern))


def _headers(node: ast.AST, child: ast.AST) -> Iterator[Lines]:
    """Yield the lines of a node that decide whether one of its parts is executed."""
    match node:
        case ast.While() | ast.For() | ast.AsyncFor() if _is_after(child, node.body):
            yield node.lineno, child.lineno - 1  # A `break` decides as well.
        case ast.If(test=test) | ast.While(test=test) if child is not test:
            yield node.lineno, _last_line(test)
            if _is_after(child, node.body):
                yield _last_line(node.body[-1]) + 1, child.lineno - 1
        case ast.For() | ast.AsyncFor():
            yield node.lineno, _last_line(node.iter)
        case ast.Try() | ast.TryStar():
            yield node.lineno, _last_line(node.body[-1])
            if isinstance(child, ast.ExceptHandler):
                yield node.lineno, child.lineno - 1  # An earlier handler decides as well.
        case ast.ExceptHandler():
            yield node.lineno, _last_line(node.type) if node.type else node.lineno
        case ast.Match():
            yield node.lineno, _last_line(node.subject)
            if isinstance(child, ast.match_case):
                yield node.lineno, child.pattern.lineno - 1  # An earlier case decides as well.
        case ast.match_case():
            yield node.pattern.lineno, _last_line(node.guard or node.pattern)
        case ast.IfExp():
            yield node.test.lineno, _last_line(node.test)
        case ast.BoolOp() | ast.Compare() if isinstance(child, ast.expr):
            yield node.lineno, child.lineno
        case (
            ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp() | ast.Assert()
        ):
            yield node.lineno, _last_line(node)
        case _:
            pass


def _is_after(child: ast.AST, body: Sequence[ast.stmt]) -> TypeGuard[ast.stmt]:
    return isinstance(child, ast.stmt) and child.lineno > _last_line(body[-1])


def _last_line(node: ast.stmt | ast.expr | ast.pattern) -> int:
    return node.end_lineno or node.lineno
