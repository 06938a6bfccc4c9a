"""The base brought up and the head previewed on it, a process a stack, by the sandbox's engine and providers.

Whatever the review needs of sandbox/ is in this file.
"""

import base64
import gc
import hashlib
import hmac
import json
import os
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox import lock, policy_pack, workspace
from sandbox.progress import Progress
from sandbox.run import Session

ADVISORY = "advisory"
ROUNDS = 1_000_000
"""PBKDF2 rounds of Pulumi's passphrase secrets (sdk/go/common/resource/config/crypt.go)."""

PRELUDE = "lazy_sdk"
"""The program's own module that changes how the packages are imported, so it comes first."""

HEAVY = ("pulumi_aws", "pulumi_kubernetes", "pulumi_cloudflare", "pulumi_datadog", "pulumi_tls")
"""Imported once, before a process is started for each stack."""


@dataclass(frozen=True)
class Side:
    """A tree of the program, and where a stack's project is in it; None where it has no such stack."""

    tree: Path
    project: Path | None


@dataclass(frozen=True)
class Job:
    """One stack to look at."""

    name: str
    base: Side
    head: Side
    folder: Path
    """Empty; gets all that the run writes."""


@dataclass
class Run:
    """What one operation of the engine left behind."""

    code: int
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    plan: dict[str, Any] = field(default_factory=dict[str, Any])
    """The preview as `--json` has it: positions and dependencies."""
    ledger: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    stderr: str = ""


@dataclass
class Outcome:
    """What became of a stack: None where a side has no such stack, a text where it could not run."""

    base: Run | None = None
    head: Run | None = None
    state: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The base's resources as the engine wrote them."""
    hidden: set[str] = field(default_factory=set[str])
    """Values that stood for secrets."""
    trouble: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class _Stack(workspace.Stack):
    """A stack whose folder is the job's, not one in the tree."""

    place: Path = Path()

    @property
    def folder(self) -> Path:
        return self.place


class _Session(Session):
    """A session whose state nobody will miss."""

    more: Mapping[str, str]

    def _command(self, *words: str) -> dict[str, Any]:
        command = super()._command(*words)
        command["env"] |= self.more
        return command


class Secrets:
    """Values in place of the secrets, of which nobody here has the key: the same for both sides while the
    encrypted text is the same, so that a changed secret shows as a change."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self.passphrase = secrets.token_urlsafe(24)
        salt = secrets.token_bytes(8)
        self._crypter = hashlib.pbkdf2_hmac("sha256", self.passphrase.encode(), salt, ROUNDS, 32)
        self.salt = f"v1:{base64.b64encode(salt).decode()}:{self.sealed('pulumi')}"

    def value(self, stack: str, key: str, text: str) -> str:
        """The stand-in of a secret whose entry in the stack file is `text`."""
        return hmac.new(self._key, f"{stack} {key} {text}".encode(), hashlib.sha256).hexdigest()[:32]

    def sealed(self, text: str) -> str:
        """A value as the engine encrypts it."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(12)
        sealed = AESGCM(self._crypter).encrypt(nonce, text.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


def run(
    jobs: Sequence[Job], engine: Path, hidden: Secrets, minutes: float, tell: Callable[[str], None]
) -> None:
    """Run all jobs side by side, each in a process of its own; `collect` reads what they left."""
    import sandbox.providers  # noqa: F401  # pyright: ignore[reportUnusedImport]

    _import(jobs[0].head.tree)

    gc.freeze()  # so that the processes share it
    started = time.monotonic()
    waiting = {_start(job, engine, hidden): job for job in jobs}
    limit = started + minutes * 60
    try:
        while waiting:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if job := waiting.pop(pid, None):
                tell(f"{job.name}: {_ended(job)} after {time.monotonic() - started:.1f} s")
            elif time.monotonic() > limit:
                for job in waiting.values():
                    _note(job, f"stopped after {minutes:g} minutes, the time limit")
                break
            elif not pid:
                time.sleep(0.05)
    finally:
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)


def _import(tree: Path) -> None:
    """Import the packages that every evaluation needs, once for all processes."""
    sys.path.insert(0, str(tree))
    try:
        with suppress(ImportError):  # a program without it imports its packages as they are
            __import__(PRELUDE)
        for name in HEAVY:
            __import__(name)
    except Exception:  # the evaluation will say it again, for its stack
        traceback.print_exc()
    _forget(tree)


def collect(job: Job) -> Outcome:
    """What a job left behind."""
    outcome = Outcome(trouble=_read(job.folder / "trouble"), hidden=set(_read(job.folder / "hidden").split()))
    for side in ("base", "head"):
        file = job.folder / f"{side}.json"
        if file.exists():
            ended = json.loads(file.read_text())
            outcome.seconds += ended.pop("seconds")
            setattr(
                outcome,
                side,
                Run(
                    **ended,
                    events=_lines(job.folder / f"{side}-events.jsonl"),
                    plan=_plan(job.folder / f"{side}-engine.log"),
                    ledger=_lines(job.folder / f"{side}-ledger.jsonl"),
                ),
            )
    state = job.folder / "state.json"
    outcome.state = json.loads(state.read_text()) if state.exists() else []
    return outcome


def _start(job: Job, engine: Path, hidden: Secrets) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        log = os.open(job.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        gc.set_threshold(100_000, 50, 50)
        _look(job, engine, hidden)
        code = 0
    except BaseException:
        _note(job, traceback.format_exc(limit=-1).strip().splitlines()[-1])
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _look(job: Job, engine: Path, hidden: Secrets) -> None:
    """Bring the base up, then preview the head on its state."""
    from sandbox.providers import serve

    (job.folder / "passphrase").write_text(hidden.passphrase)
    with lock.hold(job.folder, "review") as held, serve(job.folder / "targets") as ports:
        for side, tree in (("base", job.base), ("head", job.head)):
            if tree.project is None:
                continue
            stack = _prepare(job, tree, hidden)
            session = _Session(engine, stack, Progress(), held)
            session.ports = ports
            session.more = {
                "PULUMI_EXPERIMENTAL": "1",
                "PULUMI_SKIP_CHECKPOINTS": "1",
                "PULUMI_OPTION_IGNORE_PROTECT": "true",
                "PIPE_POLICY_LEDGER": str(job.folder / f"{side}-ledger.jsonl"),
            }
            pack = _pack(stack, advisory=side == "base")
            operation = (
                ("up", "--yes", "--skip-preview") if side == "base" else ("preview", "--json", "--show-sames")
            )
            begun = time.monotonic()
            result = session.operate(*operation, *pack)
            for file in ("events.jsonl", "engine.log"):
                (job.folder / file).rename(job.folder / f"{side}-{file}")
            ended = {"code": result.code, "stderr": result.stderr, "seconds": time.monotonic() - begun}
            (job.folder / f"{side}.json").write_text(json.dumps(ended))
            if side == "base":
                (job.folder / "state.json").write_text(json.dumps(workspace.state(stack, "resources")))
                _forget(tree.tree)


def _prepare(job: Job, side: Side, hidden: Secrets) -> workspace.Stack:
    assert side.project is not None
    name = workspace.read(side.project / "Pulumi.yaml")["name"].value
    stack = _Stack(job.name, side.tree, side.project, name, job.folder)
    copy = stack.folder / f"Pulumi.{stack.name}.yaml"
    copy.unlink(missing_ok=True)
    given = yaml.safe_load((side.project / copy.name).read_text()) or {}
    config = given.get("config") or {}
    values = {
        key: hidden.value(job.name, key, json.dumps(config.get(key))) for key in workspace.prepare(stack)
    }
    with (job.folder / "hidden").open("a") as known:
        known.writelines(f"{value}\n" for value in values.values())
    lines = {key: {"secure": hidden.sealed(value)} for key, value in values.items()}
    tree = yaml.compose(copy.read_text(), yaml.SafeLoader)
    for key, value in tree.value:
        if key.value == "config":
            value.value += yaml.compose(yaml.safe_dump(lines), yaml.SafeLoader).value
    copy.write_text(f"{yaml.serialize(tree)}encryptionsalt: {hidden.salt}\n")
    if not stack.checkpoint.exists():
        stack.checkpoint.parent.mkdir(parents=True)
        empty = {"stack": f"organization/{name}/{job.name}", "latest": None}
        stack.checkpoint.write_text(json.dumps({"version": 3, "checkpoint": empty}))
    return stack


def _pack(stack: workspace.Stack, *, advisory: bool) -> list[str]:
    """The policy pack; for a base nothing is mandatory, since its own violations must not stop it."""
    flags = policy_pack.flags(stack)
    if advisory:
        config = stack.root / "policies" / "config" / f"{stack.name}.json"
        levels = json.loads(config.read_text()) if config.exists() else {}
        for name, values in levels.items():
            if values == "mandatory":
                levels[name] = ADVISORY
            elif isinstance(values, dict) and values.get("enforcementLevel") == "mandatory":
                values["enforcementLevel"] = ADVISORY
        mild = stack.folder / "advisory.json"
        mild.write_text(json.dumps(levels | {"all": ADVISORY}))
        flags = [*flags[:2], "--policy-pack-config", str(mild)]
    return flags


def _forget(tree: Path) -> None:
    """Forget the base's modules: the head has modules of the same names."""
    os.chdir("/")
    inside = str(tree.resolve()) + os.sep
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(inside):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not f"{entry}/".startswith(inside)]
    sys.path_importer_cache.clear()


def _ended(job: Job) -> str:
    return _read(job.folder / "trouble") or "done"


def _note(job: Job, text: str) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "trouble").write_text(text)


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _plan(file: Path) -> dict[str, Any]:
    text = _read(file)
    try:
        return json.loads(text) if text.startswith("{") else {}
    except ValueError:
        return {}
