"""Build of the frontend for Vercel, without any credential: python -m tools.build_frontend.

The result is the folder frontend/.vercel/output, which `vercel deploy --prebuilt` uploads. VARIABLES contains
the public variables of the build, one NAME=value per line. Settings such as the framework and the output
folder come from the frontend's vercel.json, since Vercel's project settings need a token.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

FRONTEND = Path("frontend")
VERCEL = Path("tools/vercel/node_modules/.bin/vercel")
"""Vercel's CLI, which `make vercel` installs."""
SETTINGS = {"installCommand": "npm ci --ignore-scripts"}
"""Project settings of the build; vercel.json overrides them.

`vercel build` reads them from .vercel/project.json, and asks Vercel for them only if the file has none
(vercel/vercel, packages/cli/src/commands/build/index.ts).
"""
HARMLESS = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CI", "NO_COLOR", "NODE_EXTRA_CA_CERTS")
"""Environment variables of the build, which code of the packages can read; none is a token."""


def main() -> int:
    """Build the frontend; return the exit code: that of Vercel's CLI, or 2 for invalid VARIABLES."""
    if not (FRONTEND / "package-lock.json").is_file():
        print(f"error: {FRONTEND}/package-lock.json is missing; `npm ci` needs it", file=sys.stderr)
        return 1
    try:
        variables = parse(os.environ.get("VARIABLES", ""))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder = FRONTEND / ".vercel"
    folder.mkdir(exist_ok=True)
    # The IDs only have to be present; `vercel deploy` uses those of its own environment.
    link = {"projectId": "prj_of_the_deployment", "orgId": "team_of_the_deployment", "settings": SETTINGS}
    (folder / "project.json").write_text(json.dumps(link))
    lines = [f"{name}={json.dumps(value)}\n" for name, value in variables.items()]
    (folder / ".env.production.local").write_text("".join(lines))
    environment = {name: os.environ[name] for name in HARMLESS if name in os.environ}
    # --standalone puts all files that functions need into the output, since only the output is handed over.
    command = [str(VERCEL.resolve()), "--cwd", str(FRONTEND), "build", "--prod", "--standalone"]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def parse(text: str) -> dict[str, str]:
    """Return the variables of lines in the form NAME=value; raise ValueError for any other line."""
    variables: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        match = re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", line)
        if not match:
            raise ValueError(f"VARIABLES has the line {line!r}; each line must have the form NAME=value")
        variables[match[1]] = match[2]
    return variables


if __name__ == "__main__":
    sys.exit(main())
