"""Mutation tests of the rules and of the model: `python -m tests.support.policies.mutation [MODULE…]`.

A mutant is one change in a function of policies/rules or policies/model, such as another comparison or a
missing verdict, or the removal of a whole rule. The tests that cover the changed lines run in a separate
process. A mutant survives if none of these tests fails. The score is the share of mutants that do not
survive. The run fails if the score of a module is below 92%.
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

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "policies"
MUTATED = ("model", "rules")
"""The folders in policies/ whose modules are mutated."""
UNIT_TESTS = ROOT / "tests" / "unit" / "policies"
TESTS = tuple(UNIT_TESTS / name for name in ("engine", "model", "rules", "test_truth.py"))
DOCUMENTATION: Line = (str(ROOT / "policies" / "engine" / "documentation.py"), 0)
"""One entry that stands for every line of the module that writes the documentation."""
REQUIRED_SCORE = 0.92
"""The score that every module needs. Some mutants change nothing that can be seen, such as the names of
temporary files."""
CPU_LIMIT = 20
"""The seconds of processor time after which a test counts as failed, because a mutant may loop endlessly."""

T = TypeVar("T")


@dataclass(frozen=True)
class TestCoverage:
    """The lines that a test runs, and the duration of the test in seconds."""

    __test__ = False

    test: int
    lines: frozenset[Line]
    seconds: float


class Mutation:
    """A pytest plugin that runs the mutation tests after pytest has collected the tests."""

    def __init__(self, modules: Sequence[str], workers: int) -> None:
        self.modules = modules
        self.workers = workers
        self.finished = False
        self.below: list[str] = []
        """The modules whose score is too low."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find the tests that run each line, then run the tests of the changed lines for each mutant."""
        self.items = session.items
        print(f"{len(self.items)} tests; finding the lines that each one runs…", flush=True)
        shares = [range(start, len(self.items), self.workers) for start in range(self.workers)]
        covering: defaultdict[Line, list[TestCoverage]] = defaultdict(list)
        for covered in in_processes([partial(self.trace, share) for share in shares], self.workers):
            if covered is None:
                raise pytest.UsageError("the tests have to pass before mutants are made")
            for coverage in covered:
                for line in coverage.lines:
                    covering[line].append(coverage)
        noticed: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for module in self.modules:
            results = list(self.run_mutants(module, covering))
            survivors = [mutant for mutant, survived in results if survived]
            folder = module.partition("/")[0]
            total[folder] += len(results)
            noticed[folder] += len(results) - len(survivors)
            if len(results) - len(survivors) < REQUIRED_SCORE * len(results):
                self.below.append(module)
            count = f"{len(results) - len(survivors):4} of {len(results):4}"
            print(f"{module:44} {count} noticed", flush=True)
            for mutant in survivors:
                print(f"    survived: line {mutant.line}: {mutant.description}", flush=True)
        for folder in total:
            counts = f"{noticed[folder]} of {total[folder]}"
            print(f"mutation score of the {folder}: {noticed[folder] / total[folder]:.1%} ({counts})")
        for module in self.below:
            print(f"below {REQUIRED_SCORE:.0%}: {module}")
        self.finished = True
        return True

    def trace(self, tests: Iterable[int]) -> list[TestCoverage]:
        """Run tests without a mutant, and return the lines that each test runs."""
        return [self._trace(test) for test in tests]

    def _trace(self, test: int) -> TestCoverage:
        started = time.perf_counter()
        with traced() as lines:
            passes = self._passes(test)
        if not passes:
            print(f"error: {self.items[test].nodeid} fails without any mutant", file=sys.stderr)
            os._exit(1)
        return TestCoverage(test, frozenset(lines), time.perf_counter() - started)

    def run_mutants(
        self, module: str, covering: dict[Line, list[TestCoverage]]
    ) -> Iterator[tuple[Mutant, bool | None]]:
        """Yield every mutant of a module, with True if the mutant survives."""
        file = FOLDER / f"{module}.py"
        all_mutants = mutants(file)
        with traced() as at_import:
            runpy.run_path(str(file))
        lines_of_file = {line for line in covering if line[0] == str(file)}
        tasks: list[Callable[[], bool]] = []
        for mutant in all_mutants:
            # Code that runs at import builds the rules, and thereby the documentation of the rules.
            runs_at_import = bool(mutant.lines & at_import)
            lines = {*mutant.lines, *lines_of_file, DOCUMENTATION} if runs_at_import else mutant.lines
            tests = {coverage.test: coverage for line in lines for coverage in covering.get(line, ())}
            quickest_first = sorted(tests.values(), key=lambda coverage: coverage.seconds)
            tasks.append(partial(self.survives, mutant, [coverage.test for coverage in quickest_first]))
        yield from zip(all_mutants, in_processes(tasks, self.workers), strict=True)

    def survives(self, mutant: Mutant, tests: Sequence[int]) -> bool:
        """Return True if every test passes with the mutant installed."""
        mutant.install()
        return all(self._passes(test) for test in tests)

    def _passes(self, test: int) -> bool:
        signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT)  # kills the process if no other test starts before
        item: Any = self.items[test]
        item._initrequest()
        return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


@contextmanager
def traced() -> Generator[set[Line]]:
    """Collect the lines of the rules and the model that run inside the context."""
    lines: set[Line] = set()
    watched = (*(str(FOLDER / name) for name in MUTATED), DOCUMENTATION[0])

    def follow(frame: FrameType, _event: str, _: object) -> Callable[..., Any] | None:
        file = frame.f_code.co_filename
        if not file.startswith(watched):
            return None
        lines.add((file, frame.f_lineno) if file != DOCUMENTATION[0] else DOCUMENTATION)
        return follow

    sys.settrace(follow)
    try:
        yield lines
    finally:
        sys.settrace(None)


def in_processes(tasks: Iterable[Callable[[], T]], workers: int) -> Iterator[T | None]:
    """Yield the result of each task, run in its own process; None if the process dies or the task raises."""
    running: deque[tuple[int, int]] = deque()
    for task in tasks:
        if len(running) == workers:
            yield _finish(*running.popleft())
        running.append(_start(task))
    while running:
        yield _finish(*running.popleft())


def _start(task: Callable[[], object]) -> tuple[int, int]:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            content = pickle.dumps(task())
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(content)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write_end)
    return child, read_end


def _finish(child: int, read_end: int) -> Any:
    with os.fdopen(read_end, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(content) if content else None


def main() -> int:
    files = (file for name in MUTATED for file in (FOLDER / name).rglob("*.py") if file.stem != "__init__")
    known = sorted(file.relative_to(FOLDER).with_suffix("").as_posix() for file in files)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: all of {', '.join(known)}")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at a time")
    arguments = parser.parse_args()
    modules: list[str] = arguments.modules or known
    if unknown := sorted({*modules} - {*known}):
        parser.error(f"there is no module {', '.join(unknown)}; the modules are {', '.join(known)}")
    run = Mutation(modules, arguments.workers)
    options = ["-qq", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-n0"]
    pytest.main([*options, "-m", "not engine and not drill", *map(str, TESTS)], plugins=[run])
    return 0 if run.finished and not run.below else 1


if __name__ == "__main__":
    sys.exit(main())
