"""The frontend: built with npm, served by Vercel."""

import json
import os
from pathlib import Path

from operations.lib.command_line import ROOT, Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog

NONE_YET = "Can't find the deployment"
"""Vercel's message for a host without a deployment."""

OWN = ("VERCEL_TOKEN", "VERCEL_ORG_ID", "VERCEL_PROJECT_ID")
"""What Vercel's CLI needs."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
HARMLESS = {
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CI", "NO_COLOR", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
    *PROXIES,
    *map(str.lower, PROXIES),
}
"""The variables that npm and the packages it runs see: no key of a cloud, of Datadog or of GitHub.

Vercel builds once more on its own machines, so no package ever sees Vercel's token."""


def source() -> Path:
    """Return the checkout of the frontend's repository: FRONTEND, else the folder frontend."""
    return (ROOT / (os.environ.get("FRONTEND") or "frontend")).resolve()


def check(options: Options) -> None:
    """Refuse a missing checkout or missing credentials before anything is changed."""
    if options.target == "sandbox" or options.dry_run:
        return
    if not (source() / "package.json").exists():
        raise RefusedError(
            f"{source()} has no package.json: check the frontend out there, set FRONTEND, or --skip-frontend"
        )
    if missing := [name for name in OWN if not os.environ.get(name)]:
        raise RefusedError(
            f"{', '.join(missing)}: Vercel's CLI needs them in the environment; or --skip-frontend"
        )


def served(log: RunLog, options: Options) -> str:
    """Return the ID of the deployment that visitors get now; empty if there is none yet."""
    if options.target == "sandbox":
        return ""
    command = _vercel("inspect", options.settings["edge"]["frontendHost"], "--format", "json")
    if options.dry_run:
        return log.runner.change(*command)
    try:
        return str(json.loads(log.runner.read(*command))["id"])
    except FailedError as error:
        if NONE_YET in str(error):
            return ""
        raise


def deploy(log: RunLog, options: Options, before: str) -> None:
    """Run the guide's commands. The environment has the stack's own project, and its token."""
    if options.target == "sandbox":
        log.skip("npm run build, vercel deploy --prod: nothing leaves a sandbox")
        return
    folder = str(source())
    log.follow("npm", "--prefix", folder, "ci", only=HARMLESS)
    log.follow("npm", "--prefix", folder, "run", "build", only=HARMLESS)
    log.follow(*_vercel("deploy", "--prod", "--yes"), only=HARMLESS | set(OWN))
    if before and served(log, options) == before:
        # After a rollback Vercel gives the domain to no new deployment until one is promoted.
        raise FailedError(f"Vercel still serves {before}: `vercel promote` the new one, whose URL is above")


def roll_back(log: RunLog, options: Options, before: str) -> None:
    """Serve the earlier deployment again. Without an ID, Vercel would only print the last status."""
    if options.target == "sandbox":
        log.skip("vercel rollback: nothing was deployed")
        return
    if not before:
        raise FailedError("no frontend was served before")
    log.follow(*_vercel("rollback", before), only=HARMLESS | set(OWN))
    log.line("the next frontend has to be promoted: vercel promote URL")


def _vercel(*command: str) -> tuple[str, ...]:
    """Return a command with the team, which `inspect` and `rollback` do not read from the environment."""
    return ("vercel", "--cwd", str(source()), "--scope", os.environ.get("VERCEL_ORG_ID", ""), *command)
