"""Mutation tests of the rules: `python -m tests.support.policies.mutation [MODULE…]`.

A mutant changes one thing in a function of policies/rules (a comparison, a text, an omitted verdict), or
removes a whole rule. The tests that run the changed lines run in a process of their own. A mutant that no
test notices survives. The score is the share of mutants that tests noticed; below 90% the run fails.
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
FOLDER = ROOT / "policies" / "rules"
UNIT_TESTS = ROOT / "tests" / "unit" / "policies"
TESTS = (
    UNIT_TESTS / "rules",
    UNIT_TESTS / "test_truth.py",
    UNIT_TESTS / "engine" / "test_documentation.py",
    UNIT_TESTS / "engine" / "test_configuration.py",
)
DOCUMENTATION: Line = (str(ROOT / "policies" / "engine" / "documentation.py"), 0)
"""Every line of the module that writes the documentation, as one line."""
REQUIRED_SCORE = 0.9
CPU_LIMIT = 20
"""Seconds of processor time after which a test counts as failed: the mutant made a loop endless."""
WORKERS = os.cpu_count() or 1

T = TypeVar("T")


@dataclass(frozen=True)
class TestCoverage:
    """The lines that a test runs, and the seconds that it takes."""

    __test__ = False

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
        """Find the tests of each line, then run them for each mutant."""
        self.items = session.items
        print(f"{len(self.items)} tests; finding the lines that each one runs…", flush=True)
        shares = [range(start, len(self.items), WORKERS) for start in range(WORKERS)]
        covering: defaultdict[Line, list[TestCoverage]] = defaultdict(list)
        for covered in in_processes([partial(self.trace, share) for share in shares]):
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
            total[module], noticed[module] = len(results), len(results) - len(survivors)
            print(f"{module:36} {noticed[module]:4} of {total[module]:4} noticed", flush=True)
            for mutant in survivors:
                print(f"    survived: line {mutant.line}: {mutant.description}", flush=True)
        self.score = noticed.total() / total.total()
        counts = f"{noticed.total()} of {total.total()}"
        print(f"mutation score {self.score:.1%} ({counts}); {REQUIRED_SCORE:.0%} required")
        return True

    def trace(self, tests: Iterable[int]) -> list[TestCoverage]:
        """Run tests without any mutant, and record the lines of rules that each test runs."""
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
        """Yield every mutant of a module, and True if it survives."""
        file = FOLDER / f"{module}.py"
        all_mutants = mutants(file)
        with traced() as at_import:
            runpy.run_path(str(file))
        lines_of_file = {line for line in covering if line[0] == str(file)}
        tasks: list[Callable[[], bool]] = []
        for mutant in all_mutants:
            # Code that runs at import builds the rules, and with them their documentation.
            runs_at_import = bool(mutant.lines & at_import)
            lines = {*mutant.lines, *lines_of_file, DOCUMENTATION} if runs_at_import else mutant.lines
            tests = {coverage.test: coverage for line in lines for coverage in covering.get(line, ())}
            quickest_first = sorted(tests.values(), key=lambda coverage: coverage.seconds)
            tasks.append(partial(self.survives, mutant, [coverage.test for coverage in quickest_first]))
        yield from zip(all_mutants, in_processes(tasks), strict=True)

    def survives(self, mutant: Mutant, tests: Sequence[int]) -> bool:
        """Return True if every test passes with the mutant installed."""
        mutant.install()
        return all(self._passes(test) for test in tests)

    def _passes(self, test: int) -> bool:
        signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT)  # kills the process, unless the next test begins
        item: Any = self.items[test]
        item._initrequest()
        return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


@contextmanager
def traced() -> Generator[set[Line]]:
    """Collect the lines of rules that run inside the context."""
    lines: set[Line] = set()
    watched = (str(FOLDER), DOCUMENTATION[0])

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


def in_processes(tasks: Iterable[Callable[[], T]]) -> Iterator[T | None]:
    """Yield the result of each task, run in its own process; None if the process dies or the task raises."""
    running: deque[tuple[int, int]] = deque()
    for task in tasks:
        if len(running) == WORKERS:
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
    files = (file for file in FOLDER.rglob("*.py") if file.stem != "__init__")
    known = sorted(file.relative_to(FOLDER).with_suffix("").as_posix() for file in files)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: all of {', '.join(known)}")
    modules: list[str] = parser.parse_args().modules or known
    if unknown := sorted({*modules} - {*known}):
        parser.error(f"there is no module {', '.join(unknown)}; there are {', '.join(known)}")
    run = Mutation(modules)
    options = ["-qq", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-n0"]
    pytest.main([*options, *map(str, TESTS)], plugins=[run])
    return 0 if run.score >= REQUIRED_SCORE else 1


if __name__ == "__main__":
    sys.exit(main())
