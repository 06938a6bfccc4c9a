"""Tests of tables: one test for all rows, which reports every row that fails.

pytest's `parametrize` creates a test per row. Its work and that of pytest-xdist take about 5 ms per test,
which is more than most rows take. Rows that need fresh fixtures stay parameters.
"""

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each_row(
    names: str | tuple[str, ...],
    rows: Iterable[Any],
    ids: Callable[[Any], object] | Iterable[str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that runs a test's body once per row, and that fails with all rows that fail.

    The arguments are those of `pytest.mark.parametrize`. The other parameters of the test are fixtures, which
    all rows share. A failure shows the name of each row that fails, the line, and the error.
    """
    parameters = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else names
    table = [row if len(parameters) > 1 else (row,) for row in rows]
    if ids is None:
        labels = ["-".join(map(_label, row)) for row in table]
    elif callable(ids):
        labels = ["-".join(str(ids(value)) for value in row) for row in table]
    else:
        labels = list(ids)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            check_rows(
                zip(labels, table, strict=True),
                lambda row: test(**dict(zip(parameters, row, strict=True)), **fixtures),
            )

        signature = inspect.signature(test)
        remaining = [value for name, value in signature.parameters.items() if name not in parameters]
        vars(run)["__signature__"] = signature.replace(parameters=remaining)
        return run

    return decorate


def check_rows(rows: Iterable[tuple[str, Any]], check: Callable[[Any], object]) -> None:
    """Call `check` with each row; fail with the names and errors of all rows for which it raises.

    Each row comes with its name. A table without rows fails, since it would check nothing.
    """
    failures: list[str] = []
    count = 0
    for name, row in rows:
        count += 1
        try:
            check(row)
        except (Exception, pytest.fail.Exception) as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            failures.append(f"{name}\n  {place.filename}:{place.lineno}: {_message(error)}")
    assert count, "the table has no rows"
    if failures:
        pytest.fail(f"{len(failures)} of {count} rows fail:\n" + "\n".join(failures), pytrace=False)


def _message(error: BaseException) -> str:
    name = "" if isinstance(error, (AssertionError, pytest.fail.Exception)) else f"{type(error).__name__}: "
    return f"{name}{error}".replace("\n", "\n  ")


def _label(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
