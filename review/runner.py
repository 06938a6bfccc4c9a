"""The base brought up and the head previewed on it, a process a stack, by the sandbox's engine and providers.

Whatever the review needs of sandbox/ to run a program is in this file.
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
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from review.masks import is_map
from review.observed import Json, read_file
from sandbox import lock, policy_pack, workspace
from sandbox.fault import Fault
from sandbox.progress import Progress
from sandbox.run import Session

ROUNDS = 1_000_000
"""PBKDF2 rounds of Pulumi's passphrase secrets (sdk/go/common/resource/config/crypt.go)."""

PRELUDE = "lazy_sdk"
"""The program's own module that changes how the packages are imported, so it comes first."""

HEAVY = ("pulumi_aws", "pulumi_kubernetes", "pulumi_cloudflare", "pulumi_datadog", "pulumi_tls")
"""Imported once, before a process is started for each stack."""

OWN = ("review", "sandbox", "policies", "__main__")
"""Packages of a tree that are not the program."""

THROWAWAY = {
    "PULUMI_EXPERIMENTAL": "1",
    "PULUMI_SKIP_CHECKPOINTS": "1",
    "PULUMI_OPTION_IGNORE_PROTECT": "true",  # else a preview fails that replaces something protected
}
"""The engine's environment for a state that nobody will miss."""


@dataclass(frozen=True)
class Job:
    """A stack to look at: the trees of both sides, its project in each, and a folder for all it writes."""

    name: str
    trees: tuple[Path, Path]
    projects: tuple[Path | None, Path | None]
    folder: Path


@dataclass
class Run:
    """What one operation of the engine left behind; `plan` is the preview as `--json` has it."""

    code: int
    stderr: str
    seconds: float
    events: list[Json]
    plan: Json
    ledger: list[Json]


@dataclass
class Outcome:
    """What became of a stack: in `state` the base's resources, in `hidden` what stood for secrets."""

    runs: tuple[Run | None, Run | None]
    state: list[Json] = field(default_factory=list[Json])
    hidden: list[str] = field(default_factory=list[str])
    trouble: str = ""


@dataclass(frozen=True)
class _Stack(workspace.Stack):
    """A stack whose folder is the job's."""

    place: Path = Path()

    @property
    def folder(self) -> Path:
        return self.place


class Secrets:
    """Values in place of the secrets, of which nobody here has the key: the same for both sides while the
    encrypted text is the same, so that a changed secret shows as a change."""

    def __init__(self, key: bytes | None = None) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._key, salt = key or secrets.token_bytes(32), secrets.token_bytes(8)
        self.passphrase = secrets.token_urlsafe(24)
        self._cipher = AESGCM(hashlib.pbkdf2_hmac("sha256", self.passphrase.encode(), salt, ROUNDS, 32))
        self.salt = f"v1:{base64.b64encode(salt).decode()}:{self.sealed('pulumi')}"

    def value(self, stack: str, key: str, text: str) -> str:
        """The stand-in of a secret whose entry in the stack file is `text`."""
        return hmac.new(self._key, f"{stack} {key} {text}".encode(), hashlib.sha256).hexdigest()[:32]

    def sealed(self, text: str) -> str:
        """A value as the engine encrypts it."""
        nonce = secrets.token_bytes(12)
        parts = nonce, self._cipher.encrypt(nonce, text.encode(), None)
        return ":".join(("v1", *(base64.b64encode(part).decode() for part in parts)))


def run(
    jobs: Sequence[Job], engine: Path, hidden: Secrets, minutes: float, tell: Callable[[str], None]
) -> None:
    """Run all jobs side by side, each in a process of its own; `collect` reads what they left."""
    import sandbox.providers  # noqa: F401  # pyright: ignore[reportUnusedImport]

    _import(jobs[0].trees[1] if jobs else Path())
    gc.freeze()  # so that the processes share it
    started = time.monotonic()
    waiting = {_start(job, engine, hidden): job for job in jobs}
    try:
        while waiting and time.monotonic() < started + minutes * 60:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if job := waiting.pop(pid, None):
                said, took = _read(job.folder / "trouble") or "done", time.monotonic() - started
                tell(f"{job.name}: {said} after {took:.1f} s")
            elif not pid:
                time.sleep(0.02)
        for job in waiting.values():
            _note(job, f"stopped after {minutes:g} minutes, the time limit")
    finally:
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)


def collect(job: Job) -> Outcome:
    """What a job left behind."""
    runs: list[Run | None] = []
    for side in ("base", "head"):
        ended = _json(job.folder / f"{side}.json")
        logs = (
            _json(job.folder / f"{side}-{name}") for name in ("events.jsonl", "engine.log", "ledger.jsonl")
        )
        events, plan, ledger = logs
        plan = plan if is_map(plan) else Json()
        runs.append(Run(**ended, events=events or [], plan=plan, ledger=ledger or []) if ended else None)
    hidden, trouble = _read(job.folder / "hidden").split(), _read(job.folder / "trouble")
    return Outcome((runs[0], runs[1]), _json(job.folder / "state.json") or [], hidden, trouble)


def _import(tree: Path) -> None:
    sys.path.insert(0, str(tree))
    try:
        for name in (PRELUDE, *HEAVY) if (tree / f"{PRELUDE}.py").exists() else HEAVY:
            __import__(name)
    except Exception:  # the evaluation says it again, for its stack
        traceback.print_exc()
    _forget(tree)


def _start(job: Job, engine: Path, hidden: Secrets) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        log = os.open(job.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        gc.set_threshold(100_000, 50, 50)
        _look(job, engine, hidden)
    except BaseException as error:
        _note(job, f"{type(error).__name__}: {error}")
    finally:
        os._exit(0)


def _look(job: Job, engine: Path, hidden: Secrets) -> None:
    """Bring the base up, then preview the head on its state."""
    from sandbox.providers import serve

    with lock.hold(job.folder, "review") as held, serve(job.folder / "targets") as ports:
        for side, tree, project in zip(("base", "head"), job.trees, job.projects, strict=True):
            if project is None or (job.folder / f"{side}.json").exists():
                continue
            begun, code, said = time.monotonic(), 1, ""
            try:
                more = THROWAWAY | {"PIPE_POLICY_LEDGER": str(job.folder / f"{side}-ledger.jsonl")}
                session = Session(engine, _prepare(job, tree, project, hidden), Progress(), held, ports, more)
            except (Fault, yaml.YAMLError) as error:  # the stack's own files
                said = str(error).replace(f"{tree}/", "")
            else:
                code, said = _operate(session, side)
                _forget(tree)
            ended = {"code": code, "stderr": said, "seconds": time.monotonic() - begun}
            (job.folder / f"{side}.json").write_text(json.dumps(ended))


def _operate(session: Session, side: str) -> tuple[int, str]:
    stack = session.stack
    pack = policy_pack.flags(stack) if (stack.root / "policies").is_dir() else []
    if side == "base":
        result = session.operate("up", "--yes", "--skip-preview", *_advisory(stack, pack))
        (stack.folder / "state.json").write_text(json.dumps(workspace.state(stack, "resources")))
    else:
        result = session.operate("preview", "--json", "--show-sames", *pack)
    for file in ("events.jsonl", "engine.log"):
        (stack.folder / file).rename(stack.folder / f"{side}-{file}")
    return result.code, result.stderr


def _prepare(job: Job, tree: Path, project: Path, hidden: Secrets) -> workspace.Stack:
    """The stack's folder, with a value for each secret, and an empty state if there is none."""
    name = workspace.read(project / "Pulumi.yaml")["name"].value
    stack = _Stack(job.name, tree, project, name, job.folder)
    (job.folder / "passphrase").write_text(hidden.passphrase)
    copy = job.folder / f"Pulumi.{job.name}.yaml"
    copy.unlink(missing_ok=True)
    written: Json = yaml.safe_load((project / copy.name).read_text()) or {}
    given: Json = written.get("config") or {}
    values = {
        key: hidden.value(job.name, key, json.dumps(given.get(key))) for key in workspace.prepare(stack)
    }
    with (job.folder / "hidden").open("a") as known:
        known.writelines(f"{value}\n" for value in values.values())
    # As nodes: Go reads some plain values otherwise than Python, so they stay as they are written.
    content: Any = yaml.compose(copy.read_text(), yaml.SafeLoader)
    sealed: Any = yaml.compose(
        json.dumps({key: {"secure": hidden.sealed(each)} for key, each in values.items()})
    )
    config = next(value for key, value in content.value if key.value == "config")
    config.value = [*(config.value or ()), *sealed.value]
    text = yaml.serialize(content)  # pyright: ignore[reportUnknownMemberType]
    copy.write_text(f"{text}encryptionsalt: {hidden.salt}\n")
    if not stack.checkpoint.exists():
        stack.checkpoint.parent.mkdir(parents=True)
        empty = {"stack": f"organization/{name}/{job.name}", "latest": None}
        stack.checkpoint.write_text(json.dumps({"version": 3, "checkpoint": empty}))
    return stack


def _advisory(stack: workspace.Stack, pack: list[str]) -> list[str]:
    """The pack with nothing mandatory: the base's own violations must not stop it."""
    if not pack:
        return pack
    file = stack.root / "policies" / "config" / f"{stack.name}.json"
    given: Json = json.loads(file.read_text()) if file.exists() else {}
    levels: Json = {name: values for name, values in given.items() if values != "mandatory"} | {
        "all": "advisory"
    }
    for values in levels.values():
        if is_map(values) and values.get("enforcementLevel") == "mandatory":
            values["enforcementLevel"] = "advisory"
    mild = stack.folder / "advisory.json"
    mild.write_text(json.dumps(levels))
    return [*pack[:2], "--policy-pack-config", str(mild)]


def _forget(tree: Path) -> None:
    """Forget a tree's modules but for the review's own: the other side has modules of the same names."""
    os.chdir("/")
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        mine = name.partition(".")[0] in OWN or "site-packages" in file.parts
        if file.is_relative_to(tree) and not mine:
            del sys.modules[name]
    if str(tree) in sys.path:
        sys.path.remove(str(tree))
    sys.path_importer_cache.clear()


def _note(job: Job, text: str) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "trouble").write_text(text)


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _json(file: Path) -> Any:
    """A file of JSON or of lines of it; None where it is empty, missing, or not that."""
    try:
        return read_file(text) if (text := _read(file)) else None
    except ValueError:
        return None
