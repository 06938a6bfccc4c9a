"""A record of the parts of Python files that a program executes, such as the branches of a condition.

The files are compiled with a call before each of their parts.
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

Part = ast.stmt | ast.expr


def find_parts(module: ast.Module) -> list[Part]:
    """Return the parts of a module that need not be executed with what is around them, in a fixed order.

    These are all statements, and the expressions that Python evaluates depending on others. Docstrings and
    other constants as statements do not count, and neither do imports from `__future__`.
    """
    return [part for node in ast.walk(module) for part in _parts_of(node)]


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
    marks = {id(part): _mark(number, index, part) for index, part in enumerate(find_parts(module))}
    for node in nodes:
        for name, content in ast.iter_fields(node):
            if isinstance(content, list):
                items = cast(list[Any], content)
                items[:] = [new for old in items for new in _marked(old, marks)]
            elif isinstance(content, ast.expr) and id(content) in marks:
                setattr(node, name, _marked_expression(content, marks))
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
