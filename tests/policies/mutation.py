"""How much of the rules the tests hold: `python -m tests.policies.mutation [--each N]`.

Every mutant changes one thing in a function of policies/rules (a comparison, a text, a verdict left out) and
runs the tests of its topic in a process of its own. One that no test notices survives. The score is the
share of mutants that were noticed; the run fails below the promised 90%.
"""

import argparse
import ast
import copy
import io
import os
import random
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from policies.catalog import BY_NAME
from policies.rule import Rule

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "policies" / "rules"
PROMISED = 0.9
MORE_TESTS = {
    "buckets": ("s3", "s3_access"),
    "checks": ("eks", "rds", "s3_access", "iam", "pod_security", "workload_sets", "hops"),
    "pod_security_baseline": ("pod_security",),
    "pod_security_restricted": ("pod_security",),
    "s3": ("buckets",),
    "s3_access": ("buckets",),
    "tls_databases": ("hops",),
    "tls_load_balancers": ("annotations",),
    "workloads": ("container_resources", "images", "hardening"),
}
"""Tests of a module beside those that have its own name."""
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


@dataclass(frozen=True)
class Mutant:
    """One change to one module."""

    module: str
    line: int
    what: str
    tree: ast.Module


def changes(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be changed at a node, and how; each change works in place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _OPPOSITES:
            other = _OPPOSITES[type(op)]
            yield f"{type(op).__name__} → {other.__name__}", lambda: setattr(node, "ops", [other()])
        case ast.BoolOp(op=op):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} → {type(other_op).__name__}", lambda: setattr(node, "op", other_op)
        case ast.UnaryOp(op=ast.Not()):
            # `not not x` is what is left of it
            yield "not → nothing", lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        case ast.Constant(value=bool(value)):
            yield f"{value} → {not value}", lambda: setattr(node, "value", not value)
        case ast.Constant(value=int(value)):
            yield f"{value} → {value + 1}", lambda: setattr(node, "value", value + 1)
        case ast.Constant(value=str(value)) if value:
            yield f"{value[:30]!r} → another text", lambda: setattr(node, "value", f"{value}~")
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            yield "a verdict left out", lambda: setattr(node, "value", ast.Constant(None))
        case ast.Continue() | ast.Return(value=None):
            pass
        case _:
            pass


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module: only inside functions, and never of a docstring."""
    source = (RULES / f"{module}.py").read_text()
    found: list[Mutant] = []
    for index, what, line in _targets(ast.parse(source)):
        tree = ast.parse(source)
        node, position = list(_nodes(tree))[index], what[0]
        list(changes(node))[position][1]()
        found.append(Mutant(module, line, what[1], ast.fix_missing_locations(copy.deepcopy(tree))))
    return found


def _targets(tree: ast.Module) -> Iterator[tuple[int, tuple[int, str], int]]:
    for index, node in enumerate(_nodes(tree)):
        for position, (what, _) in enumerate(changes(node)):
            yield index, (position, what), getattr(node, "lineno", 0)


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes of function bodies, without docstrings, annotations and defaults."""
    for holder in ast.walk(tree):
        if isinstance(holder, ast.ClassDef):
            holders: list[ast.stmt] = holder.body
        elif isinstance(holder, ast.Module):
            holders = holder.body
        else:
            continue
        for function in holders:
            if isinstance(function, ast.FunctionDef):
                body = function.body[1:] if ast.get_docstring(function) else function.body
                for statement in body:
                    yield from (node for node in ast.walk(statement) if not _said(node))


def _said(node: ast.AST) -> bool:
    """Whether it is a text that stands for itself: the docstring of an inner function."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def survives(mutant: Mutant) -> bool:
    """Whether no test of its topic notices the mutant; a crash of the tests counts as noticed."""
    child = os.fork()
    if child == 0:
        os._exit(_run(mutant))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _run(mutant: Mutant) -> int:
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            _install(mutant)
            names = (mutant.module, *MORE_TESTS.get(mutant.module, ()))
            files = [HERE / "rules" / f"test_{name}.py" for name in names]
            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", "-k", "not admission"]
            return int(pytest.main([*options, *(str(file) for file in files if file.exists())]))
    except BaseException:  # a mutant that cannot even be loaded was noticed
        return 1


def _install(mutant: Mutant) -> None:
    """Puts what the mutated module defines in the place of the real one's, wherever it was imported."""
    name = f"policies.rules.{mutant.module}"
    real = sys.modules[name]
    mutated = types.ModuleType(name)
    mutated.__file__ = real.__file__
    exec(compile(mutant.tree, str(real.__file__), "exec"), mutated.__dict__)
    loaded = [
        each for key, each in list(sys.modules.items()) if key.startswith(("policies", "tests.policies"))
    ]
    for key, value in list(vars(mutated).items()):
        if isinstance(value, Rule):
            vars(BY_NAME[value.name]).update(vars(value))
        elif getattr(value, "__module__", None) == name:
            before = vars(real)[key]
            for module in loaded:
                if vars(module).get(key) is before:
                    setattr(module, key, value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--each", type=int, default=0, help="mutants of each module, chosen at random; 0: all"
    )
    parser.add_argument("modules", nargs="*", help="modules of policies/rules; default: all")
    arguments = parser.parse_args()
    names = arguments.modules or sorted(file.stem for file in RULES.glob("*.py") if file.stem != "__init__")
    noticed = total = 0
    for name in names:
        chosen = mutants(name)
        if arguments.each and len(chosen) > arguments.each:
            chosen = random.Random(name).sample(chosen, arguments.each)
        alive = [mutant for mutant in chosen if survives(mutant)]
        noticed += len(chosen) - len(alive)
        total += len(chosen)
        print(f"{name:24} {len(chosen) - len(alive):4} of {len(chosen):4} noticed", flush=True)
        for mutant in alive:
            print(f"    survived: line {mutant.line}: {mutant.what}", flush=True)
    score = noticed / total
    print(f"mutation score {score:.1%} ({noticed} of {total}); promised {PROMISED:.0%}")
    return 0 if score >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
