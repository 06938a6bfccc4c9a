"""A Kubernetes control plane on 127.0.0.1: the real servers, and KWOK in place of the nodes.

Admission is as upstream has it (PodSecurity, ResourceQuota and LimitRanger are on), authorization is RBAC. In
kubernetes/: how the servers are built and started, what nodes there are, and how their pods do.
"""

import base64
import os
import secrets
import shutil
import socket
import subprocess
import time
import tomllib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import yaml
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from sandbox.clouds.kubernetes.api import Api, ApiError, condition
from sandbox.clouds.process import KUBECONFIG
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds
from sandbox.workspace import write_atomically

HERE = Path(__file__).parent

STARTING_SECONDS = 60.0

BOOTSTRAPPED = "/readyz/poststarthook/rbac/bootstrap-roles"
"""Answers once the server's own roles are there, which the other servers need."""

RECIPES = tuple(builds.RECIPES[name] for name in ("kubernetes", "kwok", "etcd"))

_table: dict[str, Any] = tomllib.loads((HERE / "servers.toml").read_text())
_children: dict[str, "subprocess.Popen[bytes]"] = {}


def find(say: Callable[[str], None] = lambda _: None) -> dict[str, Path] | None:
    """Every program, from KUBEBUILDER_ASSETS, PATH or the cache; `say` is told of another minor version."""
    found: dict[str, Path] = {}
    places = os.pathsep.join(filter(None, (os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("PATH"))))
    for recipe in RECIPES:
        cached, minor = recipe.cached_programs(), recipe.version.rpartition(".")[0]
        for name in recipe.packages:
            if given := shutil.which(name, path=places):
                words = ("version", "--client") if name == "kubectl" else ("--version",)
                version = builds.version_of(given, *words)
                if version and version.startswith(f"{minor}."):
                    found[name] = Path(given).absolute()
                    continue
                say(f"{given} is {version or 'nothing that runs'}, {minor} is needed: the pinned one is used")
            if name in cached:
                found[name] = cached[name]
    return found if all(name in found for recipe in RECIPES for name in recipe.packages) else None


def build(progress: Progress) -> dict[str, Path]:
    """Every program; what is missing is built into the cache."""
    if found := find(progress.step):
        return found
    for recipe in RECIPES:
        recipe.build(progress)
    return find() or {}


def start(folder: Path) -> Path:
    """Start all of it, with its data in a new folder below `folder`; the kubeconfig of an administrator."""
    programs = find()
    if programs is None:
        raise CommandError("there is no Kubernetes control plane; `make control-plane` builds it, once.")
    stop()
    data = folder / KUBECONFIG.parent
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700, parents=True)
    ports = dict(zip(("etcd", "peer", "port"), _free_ports(3), strict=True))
    _write_credentials(data, ports["port"])
    own = {"PATH": os.environ.get("PATH", ""), "HOME": str(data)}

    def spawn(name: str) -> None:
        words = (f"--{key}={value}" for key, value in _table["servers"][name].items())
        command = [programs[name], *(word.format(data=data, here=HERE, **ports) for word in words)]
        (log := data / f"{name}.log").touch(0o600)
        with log.open("ab") as out:
            _children[name] = subprocess.Popen(
                command, cwd=data, env=own, umask=0o077, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    end = time.monotonic() + STARTING_SECONDS
    spare = {"kube-controller-manager", "kube-scheduler", "kwok"}

    def until(what: str, there: Callable[[], bool]) -> None:
        while True:
            with suppress(ApiError, HTTPError, OSError):  # not yet
                if there():
                    return
            dead = [name for name, child in _children.items() if child.poll() is not None]
            if (dead and not spare.issuperset(dead)) or time.monotonic() > end:
                ended = f"{dead[0]} has ended" if dead else f"not in {STARTING_SECONDS:.0f} s"
                last = (data / f"{dead[0]}.log").read_text(errors="replace")[-500:] if dead else ""
                raise CommandError(
                    f"the control plane does not get as far as that {what}: {ended}\n{last}".strip()
                )
            for name in dead:  # as a kubelet does: a client of the API server may find it not ready yet
                spare.remove(name)
                spawn(name)
            time.sleep(0.05)

    try:
        spawn("etcd")
        spawn("kube-apiserver")
        until("its certificate is made", (data / "certs/apiserver.crt").exists)
        api = Api(folder / KUBECONFIG, Retry(0))
        until("the API server is ready", lambda: bool(api.get(BOOTSTRAPPED)))
        for name in sorted(spare):
            spawn(name)
        for node in yaml.safe_load_all((HERE / "nodes.yaml").read_text()):
            api.call("POST", "/api/v1/nodes", node)
        nodes, account = "/api/v1/nodes", "/api/v1/namespaces/default/serviceaccounts/default"

        def ready() -> bool:
            return all(condition(node, "Ready").get("status") == "True" for node in api.items(nodes))

        until("every node is ready", ready)
        until("the controllers work", lambda: api.get(account) is not None)
    except BaseException:
        stop()
        raise
    return folder / KUBECONFIG


def stop() -> None:
    """End it, the servers before their store."""
    for child in reversed(_children.values()):
        child.terminate()
    for child in _children.values():
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _children.clear()


def _write_credentials(data: Path, port: int) -> None:
    rows: list[str] = []
    for name, (user, group) in _table["users"].items():
        words = {"data": data, "port": port, "name": name, "token": secrets.token_urlsafe(32)}
        rows.append(f'{words["token"]},{user},{name},"{group}"\n')
        write_atomically(data / f"{name}.kubeconfig", (HERE / "kubeconfig.yaml").read_text().format(**words))
    write_atomically(data / "tokens.csv", "".join(rows))
    sealed = (HERE / "encryption.yaml").read_text().format(key=base64.b64encode(os.urandom(32)).decode())
    write_atomically(data / "encryption.yaml", sealed)
    (data / "bin").mkdir(mode=0o700)
    write_atomically(data / "bin" / "aws", (HERE / "aws").read_text())
    (data / "bin" / "aws").chmod(0o700)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]
