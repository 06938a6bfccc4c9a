"""Deployment of the frontend, which a job without credentials builds and Vercel serves."""

import json
import os
import shlex
from pathlib import Path

from operations.lib.command_line import ROOT, Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog

NONE_YET = "Can't find the deployment"
"""Vercel's message for a host without a deployment."""

VERCEL_VARIABLES = ("VERCEL_TOKEN", "VERCEL_ORG_ID", "VERCEL_PROJECT_ID")
"""Environment variables that Vercel's CLI needs."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
HARMLESS = {
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CI", "NO_COLOR", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
    *PROXIES,
    *map(str.lower, PROXIES),
}
"""Environment variables that Vercel's CLI gets in addition to VERCEL_VARIABLES."""
OUTPUT = Path(".vercel") / "output"
"""Result of the build, in the frontend's folder (https://vercel.com/docs/build-output-api)."""


def source() -> Path:
    """Return the frontend's folder, which FRONTEND names (default: frontend)."""
    return (ROOT / (os.environ.get("FRONTEND") or "frontend")).resolve()


def check(options: Options) -> None:
    """Refuse a deployment of the frontend without a build, or without Vercel's credentials."""
    if options.target == "sandbox" or options.dry_run:
        return
    if not (source() / OUTPUT / "config.json").exists():
        raise RefusedError(
            f"{source() / OUTPUT} has no build of the frontend, which a job of the workflow Deploy creates"
            " (python -m tools.build_frontend): build it, set FRONTEND to its folder, or add --skip-frontend"
        )
    if missing := [name for name in VERCEL_VARIABLES if not os.environ.get(name)]:
        raise RefusedError(
            f"not set in the environment: {', '.join(missing)}; Vercel's CLI needs them. Set them, or add"
            " --skip-frontend"
        )


def served(log: RunLog, options: Options) -> str:
    """Return the ID of the Vercel deployment that visitors get now; empty if there is none yet."""
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
    except (ValueError, KeyError, TypeError) as error:
        raise FailedError(
            f"the output of vercel inspect names no deployment ({type(error).__name__}); to see it:"
            f" {shlex.join(command)}"
        ) from None


def deploy(log: RunLog, options: Options, before: str) -> None:
    """Upload the build of the frontend; Vercel builds nothing.

    VERCEL_PROJECT_ID and VERCEL_TOKEN must belong to the stack's project. Raises FailedError if Vercel still
    serves the deployment with the ID `before`.
    """
    if options.target == "sandbox":
        log.skip("vercel deploy --prebuilt --prod: a sandbox has no frontend")
        return
    log.follow(*_vercel("deploy", "--prebuilt", "--prod", "--yes"), only=HARMLESS | set(VERCEL_VARIABLES))
    if before and served(log, options) == before:
        # After a rollback, Vercel does not serve new deployments on the domain until one is promoted.
        raise FailedError(
            f"Vercel still serves {before}; promote the new deployment, whose URL is above: vercel promote"
            " URL"
        )


def roll_back(log: RunLog, options: Options, before: str) -> None:
    """Serve the deployment with the ID `before` again; raise FailedError if the ID is empty.

    Without an ID, Vercel's CLI would only print the status of the last rollback.
    """
    if options.target == "sandbox":
        log.skip("vercel rollback: nothing was deployed")
        return
    if not before:
        raise FailedError("no frontend was served before")
    log.follow(*_vercel("rollback", before), only=HARMLESS | set(VERCEL_VARIABLES))
    log.line("the next frontend must be promoted by hand: vercel promote URL")


def _vercel(*command: str) -> tuple[str, ...]:
    """Return a Vercel command with the team, since `inspect` and `rollback` ignore VERCEL_ORG_ID.

    The CLI in tools/vercel is used if `make vercel` has installed it, and otherwise the CLI on PATH.
    """
    own = ROOT / "tools" / "vercel" / "node_modules" / ".bin" / "vercel"
    program = str(own) if own.exists() else "vercel"
    return (program, "--cwd", str(source()), "--scope", os.environ.get("VERCEL_ORG_ID", ""), *command)
