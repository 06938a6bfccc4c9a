"""The base brought up and the head previewed on it, by the sandbox's engine and providers.

Stacks run side by side, and each side of a stack in a process of its own, so that base and head may have
modules of the same names. Whatever the review needs of sandbox/ to run a program is in this file.
"""

import base64
import gc
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import sandbox.providers
from review import isolation
from review.masks import is_map
from review.observed import Json
from sandbox import lock, policy_pack, workspace
from sandbox.fault import Fault
from sandbox.progress import Progress
from sandbox.run import Session

ROUNDS = 1_000_000  # of PBKDF2, in Pulumi's passphrase secrets (sdk/go/common/resource/config/crypt.go)
PRELUDE = "lazy_sdk"  # the program's own module that changes how the packages are imported, so it comes first
HEAVY = ("pulumi_aws", "pulumi_kubernetes", "pulumi_cloudflare", "pulumi_datadog", "pulumi_tls")
SIDES = ("base", "head")

# The engine's environment for a state that nobody will miss.
THROWAWAY = {
    "PULUMI_EXPERIMENTAL": "1",
    "PULUMI_SKIP_CHECKPOINTS": "1",
    "PULUMI_OPTION_IGNORE_PROTECT": "true",  # else a preview fails that replaces something protected
}


@dataclass(frozen=True)
class Job:
    """A stack to look at: the trees of both sides, its project in each, a folder for all that is written.

    For each side: `<side>.json` (the engine's exit code and standard error), `<side>-engine.log` (the head's
    is its plan), `<side>-events.jsonl`, `<side>-ledger.jsonl`. Besides: `state.json` (the base's resources),
    `hidden` (what stands for secrets), `trouble` (why it did not end).
    """

    name: str
    trees: tuple[Path, Path]
    projects: tuple[Path | None, Path | None]
    folder: Path


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
        self._key, salt = key or secrets.token_bytes(32), secrets.token_bytes(8)
        self.passphrase = secrets.token_urlsafe(24)
        self._cipher = AESGCM(hashlib.pbkdf2_hmac("sha256", self.passphrase.encode(), salt, ROUNDS, 32))
        self.salt = f"v1:{base64.b64encode(salt).decode()}:{self.sealed('pulumi')}"

    def value(self, *of: str) -> str:
        """The stand-in of a secret: of a stack, a key and the text in the stack file."""
        return hmac.new(self._key, " ".join(of).encode(), hashlib.sha256).hexdigest()[:32]

    def sealed(self, text: str) -> str:
        """A value as the engine encrypts it."""
        nonce = secrets.token_bytes(12)
        parts = nonce, self._cipher.encrypt(nonce, text.encode(), None)
        return ":".join(("v1", *(base64.b64encode(part).decode() for part in parts)))


def run(
    jobs: Sequence[Job], engine: Path, hidden: Secrets, minutes: float, tell: Callable[[str], None]
) -> None:
    """Run all jobs side by side, and leave nothing behind but their files."""
    if jobs:
        _import(jobs[0].trees[1])
    gc.freeze()  # so that the processes share it
    until = time.monotonic() + minutes * 60
    processes = [get_context("fork").Process(target=_look, args=(job, engine, hidden)) for job in jobs]
    try:
        for process in processes:
            process.start()
        for job, process in zip(jobs, processes, strict=True):
            process.join(max(0, until - time.monotonic()))
            trouble = job.folder / "trouble"
            if process.exitcode is None:
                job.folder.mkdir(parents=True, exist_ok=True)
                trouble.write_text(f"stopped after {minutes:g} minutes, the time limit")
            tell(f"{job.name}: {trouble.read_text() if trouble.exists() else 'done'}")
    finally:
        isolation.end_all()


def _import(tree: Path) -> None:
    """Import the packages that all programs use, once, before there is a process for each side."""
    sys.path.insert(0, str(tree))
    try:
        for name in (PRELUDE, *HEAVY) if (tree / f"{PRELUDE}.py").exists() else HEAVY:
            __import__(name)
    except Exception:  # the evaluation says it again, for its stack
        traceback.print_exc()
    sys.path.remove(str(tree))
    sys.modules.pop(PRELUDE, None)  # a side has its own


def _look(job: Job, engine: Path, hidden: Secrets) -> None:
    """Bring the base up, then preview the head on its state, but for what has been done already."""
    job.folder.mkdir(parents=True, exist_ok=True)
    log = os.open(job.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    gc.set_threshold(100_000, 50, 50)
    for side, tree, project in zip(SIDES, job.trees, job.projects, strict=True):
        if project and not (job.folder / f"{side}.json").exists():
            code = isolation.apart(_evaluate, job, side, tree, project, engine, hidden)
            if code != 0:
                (job.folder / "trouble").write_text(f"its process ended with {code}, see its log")
                return


def _evaluate(job: Job, side: str, tree: Path, project: Path, engine: Path, hidden: Secrets) -> None:
    code, said = 1, ""
    with lock.hold(job.folder, "review") as held, sandbox.providers.serve(job.folder / "targets") as ports:
        try:
            stack = _prepare(job, tree, project, hidden)
        except (Fault, yaml.YAMLError) as error:  # the stack's own files
            said = str(error).replace(f"{tree}/", "")
        else:
            more = THROWAWAY | {"PIPE_POLICY_LEDGER": str(job.folder / f"{side}-ledger.jsonl")}
            session = Session(engine, stack, Progress(), held, ports, more)
            pack = policy_pack.flags(stack) if (tree / "policies").is_dir() else []
            if side == "base":
                result = session.operate("up", "--yes", "--skip-preview", *_advisory(stack, pack))
                (job.folder / "state.json").write_text(json.dumps(workspace.state(stack, "resources")))
            else:
                result = session.operate("preview", "--json", "--show-sames", *pack)
            for file in ("events.jsonl", "engine.log"):
                (job.folder / file).rename(job.folder / f"{side}-{file}")
            code, said = result.code, result.stderr
    (job.folder / f"{side}.json").write_text(json.dumps([code, said]))


def _prepare(job: Job, tree: Path, project: Path, hidden: Secrets) -> workspace.Stack:
    """The stack's folder, with a value for each secret, and an empty state if there is none."""
    name = workspace.read(project / "Pulumi.yaml")["name"].value
    stack = _Stack(job.name, tree, project, name, job.folder)
    (job.folder / "passphrase").write_text(hidden.passphrase)
    copy = job.folder / f"Pulumi.{job.name}.yaml"
    copy.unlink(missing_ok=True)
    wanted = workspace.prepare(stack)
    given: Json = yaml.safe_load((project / copy.name).read_text()).get("config") or {}
    values = {key: hidden.value(job.name, key, json.dumps(given.get(key))) for key in wanted}
    with (job.folder / "hidden").open("a") as known:
        known.writelines(f"{value}\n" for value in values.values())
    encrypted = {key: {"secure": hidden.sealed(value)} for key, value in values.items()}
    copy.write_text(json.dumps({"config": encrypted, "encryptionsalt": hidden.salt}))
    workspace.prepare(stack)  # keeps the values that the copy has
    if not stack.checkpoint.exists():
        stack.checkpoint.parent.mkdir(parents=True)
        empty = {"stack": f"organization/{name}/{job.name}", "latest": None}
        stack.checkpoint.write_text(json.dumps({"version": 3, "checkpoint": empty}))
    return stack


def _advisory(stack: workspace.Stack, pack: list[str]) -> list[str]:
    """The pack with nothing mandatory: the base's own violations must not stop it."""
    file = stack.root / "policies" / "config" / f"{stack.name}.json"
    given: Json = json.loads(file.read_text()) if file.exists() else {}
    levels: Json = {name: each for name, each in given.items() if each != "mandatory"} | {"all": "advisory"}
    for each in levels.values():
        if is_map(each) and each.get("enforcementLevel") == "mandatory":
            each["enforcementLevel"] = "advisory"
    mild = stack.folder / "advisory.json"
    mild.write_text(json.dumps(levels))
    return [*pack[:2], "--policy-pack-config", str(mild)] if pack else []
