"""Tests of the limits of `make bench`, and of the measurement of memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.__main__ import exceeded_limits
from tools.bench.memory import measure_peak

SHARE = "error: the evaluation takes more than 30% of the time of the eager imports"


@pytest.mark.parametrize(
    ("figures", "errors"),
    [
        ((0.3, 60, 3), []),
        ((0.31, 1, 1), [SHARE]),
        ((0.1, 60.1, 1), ["error: an up takes more than 60 s"]),
        ((0.1, 1, 3.01), ["error: an up takes more than 3 GiB of memory"]),
        (
            (1, 99, 9),
            [SHARE, "error: an up takes more than 60 s", "error: an up takes more than 3 GiB of memory"],
        ),
    ],
)
def test_a_figure_over_its_limit_fails_the_bench(
    figures: tuple[float, float, float], errors: list[str]
) -> None:
    assert list(exceeded_limits(*figures)) == errors


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
