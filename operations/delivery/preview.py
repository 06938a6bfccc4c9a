"""Review of the changes that the working tree would make to a real stack, based on `pulumi preview`.

The report goes to .runs/STACK/preview: review.md, review.html, review.sarif, review.json.

If the cluster's API server cannot be reached, as from a GitHub-hosted runner, the Kubernetes provider
compares the objects with Pulumi's state. It then neither validates them nor tries them on the server in a
dry run (pulumi-kubernetes, provider/pkg/provider/provider.go: clusterUnreachable in Configure, Check, Create
and Update). Only a refresh would need the server, and this command does not refresh.
"""

import argparse
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from operations.lib import command_line, secret_masking
from operations.lib.command_line import ROOT, Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import cluster_identity
from operations.lib.run_log import RunLog, perform

CONNECT_SECONDS = 5
"""Seconds after which the cluster's API server counts as unreachable, here and for the provider."""


def build_parser() -> argparse.ArgumentParser:
    return command_line.parser("preview", __doc__ or "")


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if options.target == "sandbox":
        raise RefusedError(
            f"this command previews real stacks only, and TARGET is sandbox. To preview the sandbox: make"
            f" preview STACK={options.stack}. To review the working tree: make review"
        )
    return perform("preview", options, lambda log: work(log, options))


def work(log: RunLog, options: Options) -> str:
    """Preview and review the stack; after the review of a failed preview, raise FailedError."""
    folder = ROOT / ".runs" / options.stack / "preview"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # Also for what a run before this one has left.
    plan, events, ledger, masks = (
        folder / name for name in ("plan.json", "events.jsonl", "ledger.jsonl", "masks")
    )
    # The files contain secrets. A killed run may have left them, with unknown permissions.
    for file in (plan, events, ledger, masks):
        file.unlink(missing_ok=True)
    try:
        for file in () if options.dry_run else (plan, events, ledger, masks):
            file.touch(0o600, exist_ok=False)
        if not options.dry_run:
            with log.step("secrets to mask"):
                masks.write_text("\n".join(secret_masking.hide(log.runner, options.stack)))
            with log.step("the cluster's API server"):
                look_for_cluster(log, options)
        with log.step("pulumi preview"):
            preview_error = preview(log, options, plan, events, ledger)
        recordings = [str(file) for file in (plan, events, ledger) if file.exists() and file.stat().st_size]
        with log.step("review"):
            command = [sys.executable, "-m", "review", "--output", str(folder), "--mask", str(masks)]
            command += ["--events", *recordings]
            log.follow(*command)
    finally:
        for file in (plan, events, ledger, masks):
            file.unlink(missing_ok=True)
    if preview_error:
        raise FailedError(f"{preview_error}\nThe report gives the reason: {folder / 'review.md'}")
    return f"the report is in {folder}"


def look_for_cluster(log: RunLog, options: Options) -> None:
    """Show whether the API server can be reached, and shorten the provider's timeout if it cannot.

    The provider's option `skipUpdateUnreachable` is never used: it replaces the new objects with the old
    ones, so it would hide every change.
    """
    log.runner.variables["PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"] = "false"
    arguments = ("stack", "output", "kubeconfig", "--show-secrets", "--stack", options.stack)
    try:
        identity = cluster_identity.of_text(log.runner.read("pulumi", *arguments))
    except FailedError:
        identity = None
    if identity is None:
        log.skip("the stack has no cluster yet, so nothing validates the objects in it")
        return
    address = urlsplit(identity.server)
    try:
        port = address.port or 443
        socket.create_connection((address.hostname or "", port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        log.runner.variables["PULUMI_K8S_CLIENT_TIMEOUT"] = str(CONNECT_SECONDS)
        log.skip(
            "the API server cannot be reached from here. So the objects in the cluster are compared with"
            f" Pulumi's state, and the server does not validate them ({error})"
        )


def preview(log: RunLog, options: Options, plan: Path, events: Path, ledger: Path) -> str:
    """Preview the stack; return the error of a failed preview, or an empty string.

    `plan` receives the preview as JSON, `events` the engine's events, and `ledger` the policy verdicts.
    """
    stack = options.stack
    command = ["pulumi", "preview", "--json", "--show-sames", f"--event-log={events}"]
    command += ["--show-replacement-steps", "--non-interactive", "--stack", stack]
    command += ["--policy-pack", "policies"]
    command += ["--policy-pack-config", f"policies/config/{stack}.json"]
    if options.dry_run:
        log.runner.change(*command)
        return ""
    # PULUMI_DEBUG_COMMANDS enables the option --event-log.
    log.runner.variables |= {"PULUMI_DEBUG_COMMANDS": "true", "PIPE_POLICY_LEDGER": str(ledger)}
    log.line(shlex.join(command))
    with plan.open("w") as output:
        try:
            for line in log.runner.lines(*command, output=output):
                log.line(line)
        except FailedError as error:
            return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
