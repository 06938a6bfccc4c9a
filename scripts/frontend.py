"""The frontend: built with npm, served by Vercel."""

import os
from pathlib import Path

from scripts.options import ROOT, Options, Refused
from scripts.steps import Steps


def source() -> Path:
    """Where the frontend's repository is checked out: FRONTEND, else the folder frontend."""
    return (ROOT / (os.environ.get("FRONTEND") or "frontend")).resolve()


def check(chosen: Options) -> None:
    """Refuses what cannot work, before anything is changed."""
    if chosen.target == "sandbox" or chosen.dry_run:
        return
    if not (source() / "package.json").exists():
        raise Refused(
            f"{source()} has no package.json: check the frontend out there, set FRONTEND, or --skip-frontend"
        )
    missing = [
        name for name in ("VERCEL_TOKEN", "VERCEL_ORG_ID", "VERCEL_PROJECT_ID") if not os.environ.get(name)
    ]
    if missing:
        raise Refused(f"{', '.join(missing)}: Vercel's CLI needs them in the environment; or --skip-frontend")


def deploy(steps: Steps, chosen: Options) -> None:
    """The guide's commands; the project, one a stack, is in the environment, its token too."""
    if chosen.target == "sandbox":
        steps.skip("npm run build, vercel deploy --prod: nothing leaves a sandbox")
        return
    folder = str(source())
    steps.follow("npm", "--prefix", folder, "ci")
    steps.follow("npm", "--prefix", folder, "run", "build")
    steps.follow("vercel", "--cwd", folder, "deploy", "--prod", "--yes")


def roll_back(steps: Steps, chosen: Options) -> None:
    """Serves what was served before."""
    if chosen.target == "sandbox":
        steps.skip("vercel rollback: nothing was deployed")
        return
    steps.follow("vercel", "--cwd", str(source()), "rollback")
