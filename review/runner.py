"""The base brought up and the head previewed on it, by the sandbox's engine and providers.

Stacks run side by side, each in a process of its own. Whatever the review needs of sandbox/ to run a program
is in this file.
"""

import asyncio
import base64
import gc
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pulumi.runtime.stack
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import sandbox.providers
from review import isolation
from review.observed import Json
from sandbox import lock, policy_pack, workspace
from sandbox.fault import Fault
from sandbox.progress import Progress
from sandbox.run import Session

ROUNDS = 1_000_000  # of PBKDF2, in Pulumi's passphrase secrets (sdk/go/common/resource/config/crypt.go)
PRELUDE = "lazy_sdk"  # the program's own module that changes how the packages are imported, so it comes first
HEAVY = ("pulumi_aws", "pulumi_kubernetes", "pulumi_cloudflare", "pulumi_datadog", "pulumi_tls")
NAMED = re.compile(r"\b(aws|kubernetes|cloudflare|datadog|tls)\.((?:\w+\.)*[A-Z]\w+)")  # a class of theirs
SIDES = ("base", "head")

# The engine's environment for a state that nobody will miss.
THROWAWAY = {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}
THROWAWAY["PULUMI_OPTION_IGNORE_PROTECT"] = "true"  # else a preview fails that replaces something protected


@dataclass(frozen=True)
class Job:
    """A stack to look at: the trees of both sides, its project in each, a folder for all that is written.

    For each side: `<side>.json` (the engine's exit code and standard error), `<side>-engine.log` (the head's
    is its plan), `<side>-events.jsonl`, `head-ledger.jsonl`. Besides: `state.json` (the base's resources),
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


def run(jobs: Sequence[Job], engine: Path, hidden: Secrets, minutes: float,
        tell: Callable[[str], None]) -> None:  # fmt: skip
    """Run all jobs side by side, and leave nothing behind but their files."""
    if not jobs:
        return
    tell(f"{', '.join(job.name for job in jobs)}: evaluating the base, then the head on its state")
    _import(jobs[0].trees[1])
    gc.freeze()  # so that the processes share it
    until = time.monotonic() + minutes * 60
    processes = [get_context("fork").Process(target=_look, args=(job, engine, hidden)) for job in jobs]
    try:
        for process in processes:
            process.start()
        _watch(jobs, processes, until, tell)
        for job, process in zip(jobs, processes, strict=True):
            trouble = job.folder / "trouble"
            if process.exitcode is None:
                job.folder.mkdir(parents=True, exist_ok=True)
                trouble.write_text(f"stopped after {minutes:g} minutes, the time limit")
            if trouble.exists():
                tell(f"{job.name}: {trouble.read_text()}")
    finally:
        isolation.end_all()


def _watch(jobs: Sequence[Job], processes: Sequence[BaseProcess], until: float,
           tell: Callable[[str], None]) -> None:  # fmt: skip
    """Tell which side of which stack is evaluated, until all are or the time is up."""
    coming = {job.folder / f"{side}.json": f"{job.name}: {side} evaluated" for job in jobs for side in SIDES}
    while time.monotonic() < until and (alive := [each.sentinel for each in processes if each.is_alive()]):
        connection.wait(alive, 0.5)
        for file in [each for each in coming if each.exists()]:
            tell(coming.pop(file))


def _import(tree: Path) -> None:
    """Import what a tree's program uses of the packages, once, before there is a process for each stack."""
    sys.path.insert(0, str(tree))
    try:
        for name in (PRELUDE, *HEAVY) if (tree / f"{PRELUDE}.py").exists() else HEAVY:
            __import__(name)
        named = (NAMED.findall(file.read_text()) for file in tree.glob("*/*.py"))
        for package, path in {*chain.from_iterable(named)}:
            with suppress(AttributeError):
                reduce(getattr, path.split("."), sys.modules[f"pulumi_{package}"])
    except Exception:  # the evaluation says it again, for its stack
        traceback.print_exc()
    # To notice the first output that fails, the SDK waits for all of them anew whenever one is there, which
    # takes as long as all else; this notices it, too.
    patient = {**vars(asyncio), "FIRST_COMPLETED": asyncio.FIRST_EXCEPTION}
    setattr(pulumi.runtime.stack, "asyncio", SimpleNamespace(**patient))  # noqa: B010
    sys.path.remove(str(tree))
    sys.modules.pop(PRELUDE, None)  # each side has its own


def _look(job: Job, engine: Path, hidden: Secrets) -> None:
    """Bring the base up, then preview the head on its state, but for what has been done already."""
    job.folder.mkdir(parents=True, exist_ok=True)
    log = os.open(job.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    gc.set_threshold(100_000, 50, 50)
    try:
        serve = sandbox.providers.serve(job.folder / "targets")
        with lock.hold(job.folder, "review") as held, serve as ports:
            for side, tree, project in zip(SIDES, job.trees, job.projects, strict=True):
                if project and not (ended := job.folder / f"{side}.json").exists():
                    try:
                        stack = _prepare(job, tree, project, hidden)
                        session = Session(engine, stack, Progress(), held, ports, THROWAWAY.copy())
                        ended.write_text(json.dumps(_evaluate(session, side)))
                    except (Fault, yaml.YAMLError) as error:  # the stack's own files
                        ended.write_text(json.dumps([1, str(error).replace(f"{tree}/", "")]))
                    _forget(tree)
    except BaseException as error:
        (job.folder / "trouble").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(0)  # whatever threads the program has left


def _evaluate(session: Session, side: str) -> tuple[int, str]:
    """The engine's exit code and standard error."""
    stack = session.stack
    pack = policy_pack.flags(stack) if (stack.root / "policies").is_dir() else []
    if side == "base":
        result = session.operate("up", "--yes", "--skip-preview", *_advisory(stack, pack))
        (stack.folder / "state.json").write_text(json.dumps(workspace.state(stack, "resources")))
    else:
        session.more["PIPE_POLICY_LEDGER"] = str(stack.folder / "head-ledger.jsonl")
        result = session.operate("preview", "--json", "--show-sames", *pack)
    for file in ("events.jsonl", "engine.log"):
        (stack.folder / file).rename(stack.folder / f"{side}-{file}")
    return result.code, result.stderr


def _forget(tree: Path) -> None:
    """Forget a tree's modules: the other side has modules of the same names."""
    os.chdir("/")
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(f"{tree}/"):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not entry.startswith(str(tree))]


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
    levels: Json = json.loads(file.read_text().replace('"mandatory"', '"advisory"')) if file.exists() else {}
    mild = stack.folder / "advisory.json"
    mild.write_text(json.dumps(levels | {"all": "advisory"}))
    return [*pack[:2], "--policy-pack-config", str(mild)] if pack else []
