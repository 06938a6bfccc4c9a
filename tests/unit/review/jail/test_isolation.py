"""Tests of the limits of a process under review."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = """
import os, resource, signal
from review.jail import isolation
isolation.limit_resources(threads=False, trusted=False)
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.chdir({folder!r})
os.kill(os.getpid(), signal.SIGSEGV)
"""


def test_a_crash_starts_no_handler_and_leaves_no_file(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux takes 1 as a limit that stops a handler")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this machine does not allow another limit than 0")
    crash = CRASH.format(folder=str(tmp_path))
    process = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True)
    assert (process.stdout, process.returncode) == ("(1, 1)\n", -11), process.stderr
    assert not [*tmp_path.iterdir()]
