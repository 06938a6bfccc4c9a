"""How much of the rules the tests hold: `python -m tests.support.policies.mutation [MODULE…]`.

Every mutant changes one thing in a function of policies/rules (a comparison, a text, a verdict left out), or
takes a whole rule away. The tests that run the changed lines then run in a process of their own; a mutant
that none of them notices survives. The score is the share of mutants that were noticed; the run fails below
the promised 90%.
"""

import argparse
import os
import pickle
import runpy
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from _pytest.runner import runtestprotocol

from tests.support.policies.mutants import Line, Mutant, mutants

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / "policies" / "rules"
TESTS = (HERE / "rules", HERE / "test_truth.py", HERE / "test_table.py", HERE / "test_config.py")
DOCUMENTED: Line = (str(FOLDER.with_name("table.py")), 0)
"""Stands for every line of what writes the documentation."""
PROMISED = 0.9
HANGS = 20
"""Seconds of processor time after which a test counts as failed: the mutant made a loop endless."""
WORKERS = os.cpu_count() or 1

T = TypeVar("T")


@dataclass(frozen=True)
class Covered:
    """What one test runs, and how long it takes."""

    test: int
    lines: frozenset[Line]
    seconds: float


class Mutation:
    """A pytest plugin that takes over once the tests are collected."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = modules
        self.score = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Finds the tests of each line, then runs them for each mutant."""
        self.items = session.items
        print(f"{len(self.items)} tests; finding the lines that each one runs…", flush=True)
        shares = [range(start, len(self.items), WORKERS) for start in range(WORKERS)]
        covering: defaultdict[Line, list[Covered]] = defaultdict(list)
        for covered in in_processes([partial(self.trace, share) for share in shares]):
            if covered is None:
                raise pytest.UsageError("the tests have to pass before mutants are made")
            for each in covered:
                for line in each.lines:
                    covering[line].append(each)
        noticed: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for module in self.modules:
            tried = list(self.tried(module, covering))
            alive = [mutant for mutant, survived in tried if survived]
            total[module], noticed[module] = len(tried), len(tried) - len(alive)
            print(f"{module:24} {noticed[module]:4} of {total[module]:4} noticed", flush=True)
            for mutant in alive:
                print(f"    survived: line {mutant.line}: {mutant.what}", flush=True)
        self.score = noticed.total() / total.total()
        print(
            f"mutation score {self.score:.1%} ({noticed.total()} of {total.total()}); promised {PROMISED:.0%}"
        )
        return True

    def trace(self, tests: Iterable[int]) -> list[Covered]:
        """Runs tests without any mutant, and notes the lines of rules that each runs."""
        return [self._trace(test) for test in tests]

    def _trace(self, test: int) -> Covered:
        started = time.perf_counter()
        with traced() as lines:
            passes = self._passes(test)
        if not passes:
            print(f"error: {self.items[test].nodeid} fails without any mutant", file=sys.stderr)
            os._exit(1)
        return Covered(test, frozenset(lines), time.perf_counter() - started)

    def tried(self, module: str, covering: dict[Line, list[Covered]]) -> Iterator[tuple[Mutant, bool | None]]:
        """Every mutant of a module, and whether it survives."""
        file = FOLDER / f"{module}.py"
        found = mutants(file)
        with traced() as at_import:
            runpy.run_path(str(file))
        every = {line for line in covering if line[0] == str(file)}
        tasks: list[Callable[[], bool]] = []
        for mutant in found:
            # What runs at import makes the rules themselves, and what the documentation says of them.
            lines = {*mutant.lines, *every, DOCUMENTED} if mutant.lines & at_import else mutant.lines
            tests = {each.test: each for line in lines for each in covering.get(line, ())}
            quickest = sorted(tests.values(), key=lambda each: each.seconds)
            tasks.append(partial(self.survives, mutant, [each.test for each in quickest]))
        yield from zip(found, in_processes(tasks), strict=True)

    def survives(self, mutant: Mutant, tests: Sequence[int]) -> bool:
        """Whether all tests pass although the mutant is there."""
        mutant.install()
        return all(self._passes(test) for test in tests)

    def _passes(self, test: int) -> bool:
        signal.setitimer(signal.ITIMER_PROF, HANGS)  # kills the process, unless the next test begins
        item: Any = self.items[test]
        item._initrequest()
        return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


@contextmanager
def traced() -> Generator[set[Line]]:
    """The lines of rules that run meanwhile."""
    lines: set[Line] = set()
    watched = (str(FOLDER), DOCUMENTED[0])

    def follow(frame: FrameType, _event: str, _: object) -> Callable[..., Any] | None:
        file = frame.f_code.co_filename
        if not file.startswith(watched):
            return None
        lines.add((file, frame.f_lineno) if file != DOCUMENTED[0] else DOCUMENTED)
        return follow

    sys.settrace(follow)
    try:
        yield lines
    finally:
        sys.settrace(None)


def in_processes(tasks: Iterable[Callable[[], T]]) -> Iterator[T | None]:
    """What each task gives, in a process of its own; None when that process dies or the task raises."""
    running: deque[tuple[int, int]] = deque()
    for task in tasks:
        if len(running) == WORKERS:
            yield _finish(*running.popleft())
        running.append(_start(task))
    while running:
        yield _finish(*running.popleft())


def _start(task: Callable[[], object]) -> tuple[int, int]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            content = pickle.dumps(task())
            with os.fdopen(theirs, "wb") as pipe:
                pipe.write(content)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(theirs)
    return child, ours


def _finish(child: int, ours: int) -> Any:
    with os.fdopen(ours, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(content) if content else None


def main() -> int:
    known = sorted(file.stem for file in FOLDER.glob("*.py") if file.stem != "__init__")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: all of {', '.join(known)}")
    modules: list[str] = parser.parse_args().modules or known
    if unknown := sorted({*modules} - {*known}):
        parser.error(f"there is no module {', '.join(unknown)}; there are {', '.join(known)}")
    run = Mutation(modules)
    options = ["-qq", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist"]
    pytest.main([*options, *map(str, TESTS)], plugins=[run])
    return 0 if run.score >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
