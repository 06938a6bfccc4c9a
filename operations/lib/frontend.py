"""The frontend: built with npm, served by Vercel."""

import json
import os
from pathlib import Path

from operations.lib.command_runner import Failed
from operations.lib.options import ROOT, Options, Refused
from operations.lib.run_log import Steps

NONE_YET = "Can't find the deployment"
"""Vercel's words for a host that nothing was deployed to."""

OWN = ("VERCEL_TOKEN", "VERCEL_ORG_ID", "VERCEL_PROJECT_ID")
"""What Vercel's CLI needs."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
HARMLESS = {
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CI", "NO_COLOR", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
    *PROXIES,
    *map(str.lower, PROXIES),
}
"""The variables that npm and the packages it runs see: no key of a cloud, of Datadog, of GitHub. Vercel
builds once more, on its own machines: so no package runs beside Vercel's token."""


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
    if missing := [name for name in OWN if not os.environ.get(name)]:
        raise Refused(f"{', '.join(missing)}: Vercel's CLI needs them in the environment; or --skip-frontend")


def served(steps: Steps, chosen: Options) -> str:
    """The id of the deployment that visitors get now; empty: there is none yet."""
    if chosen.target == "sandbox":
        return ""
    words = _vercel("inspect", chosen.settings["edge"]["frontendHost"], "--format", "json")
    if chosen.dry_run:
        return steps.programs.change(*words)
    try:
        return str(json.loads(steps.programs.read(*words))["id"])
    except Failed as error:
        if NONE_YET in str(error):
            return ""
        raise


def deploy(steps: Steps, chosen: Options, before: str) -> None:
    """The guide's commands; the project, one a stack, is in the environment, its token too."""
    if chosen.target == "sandbox":
        steps.skip("npm run build, vercel deploy --prod: nothing leaves a sandbox")
        return
    folder = str(source())
    steps.follow("npm", "--prefix", folder, "ci", only=HARMLESS)
    steps.follow("npm", "--prefix", folder, "run", "build", only=HARMLESS)
    steps.follow(*_vercel("deploy", "--prod", "--yes"), only=HARMLESS | set(OWN))
    if before and served(steps, chosen) == before:
        # After a rollback Vercel gives the domain to no new deployment until one is promoted.
        raise Failed(f"Vercel still serves {before}: `vercel promote` the new one, whose URL is above")


def roll_back(steps: Steps, chosen: Options, before: str) -> None:
    """Serves what was served before. Without an id Vercel's command would only tell how the last one went."""
    if chosen.target == "sandbox":
        steps.skip("vercel rollback: nothing was deployed")
        return
    if not before:
        raise Failed("no frontend was served before")
    steps.follow(*_vercel("rollback", before), only=HARMLESS | set(OWN))
    steps.line("the next frontend has to be promoted: vercel promote URL")


def _vercel(*words: str) -> tuple[str, ...]:
    """Of the project's team: `inspect` and `rollback` do not take it from the environment by themselves."""
    return ("vercel", "--cwd", str(source()), "--scope", os.environ.get("VERCEL_ORG_ID", ""), *words)
