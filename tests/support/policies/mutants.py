"""Mutants: copies of a module with one change each, which replace the real module in a process."""

import ast
import gc
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import cast

from policies.engine.catalog import rules_of
from policies.engine.rule import Rule, Verdict

ROOT = Path(__file__).parents[3]
Line = tuple[str, int]
"""A file and a line number."""

_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_UNUSED = {"annotation", "returns", "decorator_list"}
"""Parts of a function that do not run when the function runs."""


@dataclass(frozen=True)
class Mutant:
    """A copy of a module with one change."""

    line: int
    description: str
    lines: frozenset[Line]
    """A test has to run one of these lines to notice the change."""
    install: Callable[[], None]
    """Apply the change in this process."""


def mutants(file: Path) -> list[Mutant]:
    """Return the mutants of a module: each changes one of its functions or removes one of its rules."""
    module = Module(file)
    all_mutants = [_without(rule) for rule in module.rules]
    for index, (node, statement) in enumerate(_places(ast.parse(module.source))):
        lines = frozenset((str(file), line) for line in _head(statement))
        for position, (description, _) in enumerate(_changes(node)):
            install = partial(module.install, index, position)
            all_mutants.append(Mutant(getattr(node, "lineno", 0), description, lines, install))
    return all_mutants


class Module:
    """A module, with those of its functions that exist in this process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        self.source = file.read_text(encoding="utf-8")
        self.rules = rules_of(importlib.import_module(self.name))
        gc.unfreeze()  # tests/conftest.py freezes all objects, and get_objects omits frozen ones
        self.functions = [
            candidate
            for candidate in gc.get_objects()
            if type(candidate) is FunctionType and candidate.__code__.co_filename == str(file)
        ]

    def install(self, index: int, position: int) -> None:
        """Apply one change to every existing function of the module, and to its rules."""
        tree = ast.parse(self.source)
        node = list(_places(tree))[index][0]
        list(_changes(node))[position][1]()
        real = compile(self.source, str(self.file), "exec")
        changed = compile(ast.fix_missing_locations(tree), str(self.file), "exec")
        codes = dict(_pairs(real, changed))
        for function in self.functions:
            function.__code__ = codes.get(function.__code__, function.__code__)
        # Functions that build rules have run at import, so the changed module is executed again.
        mutated_module = ModuleType(self.name)
        mutated_module.__file__ = str(self.file)
        exec(changed, vars(mutated_module))
        mutated_rules = {rule.name: rule for rule in rules_of(mutated_module)}
        for rule in self.rules:
            mutated = mutated_rules.get(rule.name)
            vars(rule).update(vars(mutated) if mutated else {"check": _no_verdicts})


def _no_verdicts(*_: object) -> Iterator[Verdict]:
    return iter(())


def _without(rule: Rule) -> Mutant:
    """Return a mutant that removes a rule."""

    def install() -> None:
        vars(rule)["check"] = _no_verdicts

    code = rule.check.__code__
    lines = frozenset((code.co_filename, line) for _, _, line in code.co_lines() if line)
    return Mutant(code.co_firstlineno, f"{rule.name} removed", lines, install)


def _pairs(real: CodeType, changed: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield a code object with its changed version, and the same pairs for the code objects inside both."""
    yield real, changed
    left = [code for code in changed.co_consts if isinstance(code, CodeType)]
    for code in real.co_consts:
        if isinstance(code, CodeType):
            for other in left:
                if (other.co_name, other.co_firstlineno) == (code.co_name, code.co_firstlineno):
                    left.remove(other)
                    yield from _pairs(code, other)
                    break


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the changes that a node allows: a description, and a function that changes it in place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _OPPOSITES:
            other = _OPPOSITES[type(op)]
            yield f"{type(op).__name__} → {other.__name__}", lambda: setattr(node, "ops", [other()])
        case ast.BoolOp(op=op):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} → {type(other_op).__name__}", lambda: setattr(node, "op", other_op)
        case ast.UnaryOp(op=ast.Not()):
            # `not not x` converts `x` to a boolean.
            yield "not → nothing", lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        case ast.Constant(value=bool(value)):
            yield f"{value} → {not value}", lambda: setattr(node, "value", not value)
        case ast.Constant(value=int(value)):
            yield f"{value} → {value + 1}", lambda: setattr(node, "value", value + 1)
        case ast.Constant(value=str(value)) if value:
            yield f"{value[:30]!r} → another text", lambda: setattr(node, "value", f"{value}~")
        case ast.Expr(value=ast.Yield() | ast.YieldFrom() as verdict):
            # `False and …` keeps the function a generator.
            gone = ast.BoolOp(ast.And(), [ast.Constant(False), verdict])
            yield "a verdict left out", lambda: setattr(node, "value", gone)
        case _:
            pass


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """Yield the nodes of function bodies with their statements; omit docstrings, annotations and defaults."""
    for holder in ast.walk(tree):
        if isinstance(holder, ast.Module | ast.ClassDef):
            for function in holder.body:
                if isinstance(function, ast.FunctionDef):
                    for statement in function.body:
                        yield from _within(statement, statement)


def _within(node: ast.AST, statement: ast.stmt) -> Iterator[tuple[ast.AST, ast.stmt]]:
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return
        case ast.Call(func=ast.Name("cast"), args=[_, value]):  # only the type checker uses the type
            yield from _within(value, statement)
            return
        case ast.stmt():
            statement = node
        case _:
            pass
    yield node, statement
    for name, part in ast.iter_fields(node):
        if name in _UNUSED:
            continue
        for child in cast("list[object]", part if isinstance(part, list) else [part]):
            if isinstance(child, ast.AST):
                yield from _within(child, statement)


def _head(statement: ast.stmt) -> range:
    """Return the lines of a statement, without the lines of the statements inside it."""
    inner: list[ast.stmt] = getattr(statement, "body", [])
    last = inner[0].lineno if inner else statement.end_lineno or statement.lineno
    return range(statement.lineno, last + 1)
