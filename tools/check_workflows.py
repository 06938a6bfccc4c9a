"""Lint of the workflows: python -m tools.check_workflows runs actionlint and zizmor.

An accepted finding is ignored with a reason, in .github/actionlint.yaml, .github/zizmor.yml or a
comment of the workflow.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.progress import Progress
from sandbox.toolchain.builds import Recipe

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
ACTIONLINT = Recipe(
    name="actionlint",
    pin=r"rhysd/actionlint v",
    packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
    time="some seconds",
    instead="actionlint on PATH",
    without_go="building actionlint {version} needs Go: install Go {go} or newer (https://go.dev/dl/)",
)


def actionlint() -> list[str]:
    """Return the command of actionlint; build the program if it is not on PATH."""
    program = shutil.which("actionlint") or ACTIONLINT.build(Progress())["actionlint"]
    return [str(program), *map(str, sorted(WORKFLOWS.glob("*.yml")))]


def zizmor() -> list[str]:
    """Return the command of zizmor with its persona `pedantic`, which applies every rule for workflows."""
    program = Path(sys.executable).with_name("zizmor")
    return [str(program), "--offline", "--persona=pedantic", "--quiet", str(WORKFLOWS.parent)]


def main() -> int:
    """Run both linters; return 1 if one reports a finding or fails, else 0."""
    codes = [
        subprocess.run(command, cwd=ROOT, check=False).returncode for command in (actionlint(), zizmor())
    ]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
