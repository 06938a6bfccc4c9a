"""A record of the parts of Python files that a program executes, such as the branches of a condition.

The files are compiled with a call before each of their parts. An operation, such as a call, has it after its
operands, which an error or a `yield` may leave without values.
`sys.settrace` would need no calls, but with it, Python 3.11 executes all code slower, also that of the SDK:
a program took 7.0 seconds in place of 3.0.

The process of a program executes this file without importing it as a module. So it imports only modules that
the program's interpreter has anyway (sandbox/engine/program_main.py).
"""

import ast
import builtins
import importlib.machinery
import json
import os
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any, cast

MARK = "__executed_part__"
"""Name of the built-in function that notes an executed part."""

BLOCKS = ("body", "orelse", "finalbody")
"""Fields with statements. A lambda and a conditional expression have expressions there."""

OPERATIONS = (
    *(ast.Call, ast.Attribute, ast.Subscript, ast.BinOp, ast.UnaryOp, ast.Compare),
    *(ast.Await, ast.Yield, ast.YieldFrom, ast.Starred),
)
"""Expressions that may call code once their operands have values."""

UNCERTAIN = ("annotation", "returns", "type_params")
"""Fields with code that Python does not evaluate in each version and each scope."""

Part = ast.stmt | ast.expr


def find_parts(module: ast.Module) -> list[Part]:
    """Return the parts of a module that need not be executed with what is around them, in a fixed order.

    These are all statements, the expressions that Python evaluates depending on others, and the operations of
    statements (`find_operations`). Docstrings and other constants as statements do not count, and neither do
    imports from `__future__`.
    """
    parts = [part for node in ast.walk(module) for part in _parts_of(node)]
    return [*parts, *find_operations(module, parts)]


def find_operations(module: ast.Module, parts: Iterable[Part] | None = None) -> list[ast.expr]:
    """Return the outermost operations that are no other part: an error or a `yield` may come before them.

    An operation counts as executed once its operands have values, so it includes those among them.
    """
    if parts is None:
        parts = (part for node in ast.walk(module) for part in _parts_of(node))
    others = {*map(id, parts)}
    operations: list[ast.expr] = []
    pending: list[tuple[ast.AST, bool]] = [(module, False)]
    while pending:
        node, is_inside = pending.pop()
        for child in _evaluated(node):
            is_part = id(child) in others
            is_inside_child = (is_inside and not is_part) or is_marked_late(child)
            if isinstance(child, ast.expr) and is_inside_child and not is_inside and not is_part:
                operations.append(child)
            pending.append((child, is_inside_child))
    return operations


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes in a node that Python evaluates with it; targets of loops are not evaluated."""
    if isinstance(node, ast.pattern | getattr(ast, "TypeAlias", ast.pattern)):
        return
    is_loop = isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
    for name, content in ast.iter_fields(node):
        if name not in UNCERTAIN and not (is_loop and name == "target"):
            items = cast(list[Any], content) if isinstance(content, list) else [content]
            yield from (item for item in items if isinstance(item, ast.AST))


def is_marked_late(part: ast.AST) -> bool:
    """Return True for a part with a mark after its operands, such as a class, which Python creates last."""
    match part:
        case ast.Starred(ctx=ast.Store()) | ast.UnaryOp(op=ast.Not()) | ast.UnaryOp(operand=ast.Constant()):
            return False
        case ast.Yield(value=None):
            return False
        case ast.Compare():
            return not all(isinstance(operator, ast.Is | ast.IsNot) for operator in part.ops)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return bool(part.decorator_list)
        case _:
            return isinstance(part, (*OPERATIONS, ast.AugAssign, ast.ClassDef))


def _parts_of(node: ast.AST) -> Iterator[Part]:
    for name in BLOCKS:
        block: Any = getattr(node, name, None)
        if isinstance(block, list):
            yield from (item for item in cast(list[ast.stmt], block) if not _is_fixed(item))
    match node:
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.BoolOp():
            yield from node.values[1:]
        case ast.Compare():
            yield from node.comparators[1:]
        case ast.Lambda():
            yield node.body
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            yield node.elt
            yield from _later_iterables(node.generators)
        case ast.DictComp():
            yield from (node.key, node.value)
            yield from _later_iterables(node.generators)
        case ast.comprehension():
            yield from node.ifs
        case ast.match_case(guard=ast.expr() as guard):
            yield guard
        case ast.Assert(msg=ast.expr() as message):
            yield message
        case ast.ExceptHandler(type=ast.expr() as kind):
            yield kind
        case _:
            pass


def _later_iterables(generators: list[ast.comprehension]) -> Iterator[ast.expr]:
    return (generator.iter for generator in generators[1:])


def _is_fixed(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def compile_with_marks(source: bytes, path: str, number: int) -> CodeType:
    """Compile a file so that its code calls the function MARK for each part, with `number` and the part's."""
    module = ast.parse(source, path)
    nodes = [*ast.walk(module)]
    parts = [(part, _mark(number, index, part)) for index, part in enumerate(find_parts(module))]
    marks = {id(part): mark for part, mark in parts if not is_marked_late(part)}
    for node in nodes:
        for name, content in ast.iter_fields(node):
            if isinstance(content, list):
                items = cast(list[Any], content)
                items[:] = [new for old in items for new in _marked(old, marks)]
            elif isinstance(content, ast.expr) and id(content) in marks:
                setattr(node, name, _marked_expression(content, marks))
    for part, mark in parts:
        if id(part) not in marks:
            _mark_late(part, mark)
    return compile(module, path, "exec", dont_inherit=True)


def _mark(number: int, index: int, part: Part) -> ast.expr:
    """Return the call for a part. Its position is that of the part, so tracebacks stay the same."""
    name = ast.copy_location(ast.Name(MARK, ast.Load()), part)
    argument = ast.copy_location(ast.Constant(cast(Any, (number, index))), part)
    return ast.copy_location(ast.Call(name, [argument], []), part)


def _marked(content: Any, marks: dict[int, ast.expr]) -> list[Any]:
    """Return an item of a list, with its mark if it is a part."""
    if id(content) not in marks:
        return [content]
    if isinstance(content, ast.expr):
        return [_marked_expression(content, marks)]
    return [ast.copy_location(ast.Expr(marks[id(content)]), content), content]


def _marked_expression(part: ast.expr, marks: dict[int, ast.expr]) -> ast.expr:
    """Return an expression with the value of a part, since the call for a mark returns None."""
    return ast.copy_location(ast.BoolOp(ast.Or(), [marks[id(part)], part]), part)


def _mark_late(part: Part, mark: ast.expr) -> None:
    """Put a mark after the operands of a part, before what it does with them."""
    match part:
        case ast.Call():
            if any(isinstance(argument, ast.Starred) for argument in part.args):
                # Python would unpack a single `*argument` only after the mark.
                none = ast.copy_location(ast.Tuple([], ast.Load()), part)
                part.args.append(ast.copy_location(ast.Starred(none, ast.Load()), part))
            nothing = ast.copy_location(ast.Dict([], []), part)
            marked = ast.copy_location(ast.BoolOp(ast.Or(), [mark, nothing]), part)
            part.keywords.append(ast.copy_location(ast.keyword(None, marked), part))
        case ast.Subscript():
            part.slice = _followed(part.slice, mark)
        case ast.BinOp():
            part.right = _followed(part.right, mark)
        case ast.UnaryOp():
            part.operand = _followed(part.operand, mark)
        case ast.Compare():
            part.comparators[0] = _followed(part.comparators[0], mark)
        case ast.Attribute() | ast.Await() | ast.YieldFrom() | ast.Starred() | ast.AugAssign():
            part.value = _followed(part.value, mark)
        case ast.Yield(value=ast.expr() as value):
            part.value = _followed(value, mark)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if part.decorator_list:
            # Python evaluates decorators in their order and calls them in the opposite one.
            first = ast.parse("lambda definition: mark or definition", mode="eval").body
            for node in ast.walk(first):
                ast.copy_location(node, part.decorator_list[-1])
            cast(Any, first).body.values[0] = mark
            part.decorator_list.append(first)
        case ast.ClassDef():
            part.body.append(ast.copy_location(ast.Expr(mark), part.body[-1]))
        case _:
            pass


def _followed(operand: ast.expr, mark: ast.expr) -> ast.expr:
    """Return an expression with the value of an operand that notes a mark after it."""
    both = ast.copy_location(ast.Tuple([operand, mark], ast.Load()), operand)
    return ast.copy_location(
        ast.Subscript(both, ast.copy_location(ast.Constant(0), operand), ast.Load()), operand
    )


def record(files: Iterable[str]) -> Callable[[], str]:
    """Record what this process executes of Python files from now on; return a function for the record.

    `files` are paths without links. The record is an object in JSON, with the numbers of the executed parts
    (`find_parts`) by the path of their file.
    """
    numbers = {path: number for number, path in enumerate(files)}
    executed: set[tuple[int, int]] = set()
    setattr(builtins, MARK, executed.add)
    loader = importlib.machinery.SourceFileLoader
    get_code = loader.get_code

    def get_marked_code(self: Any, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        number = numbers.get(os.path.realpath(path))
        if number is None:
            return get_code(self, fullname)
        try:  # Neither reads nor writes the file's byte code, which has no marks.
            return compile_with_marks(self.get_data(path), path, number)
        except Exception:  # It may be too deep with marks. If it has another error, this one is raised:
            return get_code(self, fullname)

    loader.get_code = get_marked_code

    def write() -> str:
        paths = {number: path for path, number in numbers.items()}
        parts: dict[str, list[int]] = {}
        for number, index in sorted(executed.copy()):
            parts.setdefault(paths[number], []).append(index)
        return json.dumps(parts)

    return write
