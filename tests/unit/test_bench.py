"""Tests of the limits of `make bench`, and of the measurement of memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.__main__ import exceeded_limits
from tools.bench.memory import measure_peak

SHARE = "error: the evaluation takes more than 25% of the time of the eager imports"
UP, SECOND = "error: the up takes more than 60 s", "error: the second up takes more than 10 s"
MEMORY = "error: an up takes more than 3 GiB of memory"
QUICK = {"up": 60.0, "second up": 10.0, "second preview": 6.0}


@pytest.mark.parametrize(
    ("share", "seconds", "gib", "errors"),
    [
        (0.25, QUICK, 3, []),
        (0.26, QUICK, 1, [SHARE]),
        (0.1, QUICK | {"up": 60.1}, 1, [UP]),
        (0.1, QUICK | {"second preview": 6.1}, 1, ["error: the second preview takes more than 6 s"]),
        (0.1, QUICK, 3.01, [MEMORY]),
        (1, QUICK | {"up": 99, "second up": 11}, 9, [SHARE, UP, SECOND, MEMORY]),
    ],
)
def test_a_figure_over_its_limit_fails_the_bench(
    share: float, seconds: dict[str, float], gib: float, errors: list[str]
) -> None:
    assert list(exceeded_limits(share, seconds, gib)) == errors


HOLD = "content = bytes(range(256)) * (4096 * {mib}); import time; time.sleep({seconds})"
"""Program that allocates `mib` MiB for some seconds."""


def test_memory_includes_the_command_its_children_and_the_targets(tmp_path: Path) -> None:
    hold = [sys.executable, "-c", HOLD.format(mib=60, seconds=60)]
    others = [subprocess.Popen(hold, start_new_session=True) for _ in range(2)]
    try:
        (tmp_path / "targets.json").write_text(json.dumps({"pid": others[0].pid}))
        child = HOLD.format(mib=60, seconds=1.5)
        program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
        most = measure_peak([sys.executable, "-c", program], tmp_path, tmp_path) / 2**20
        assert 120 < most < 195  # Both processes count, but not the unrelated third process.
    finally:
        for process in others:
            process.kill()
            process.wait()
    with pytest.raises(SystemExit, match=r"^error: false failed \(1\)$"):
        measure_peak(["false"], tmp_path, tmp_path)
