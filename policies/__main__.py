"""The entry point of the pack, which runs as a directory or as an executable."""

import sys
from pathlib import Path

# If Python runs a directory, it adds that directory to sys.path. The package needs the parent directory.
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(entry for entry in sys.path if Path(entry).resolve() != HERE)]

from pulumi_policy import PolicyPack  # noqa: E402

from policies.engine import analyzer  # noqa: E402
from policies.engine.pack import NAME, policies  # noqa: E402

analyzer.install()
PolicyPack(NAME, policies())
