"""A Kubernetes control plane on 127.0.0.1: the real servers, and KWOK in place of the nodes.

Admission control is that of upstream Kubernetes, with PodSecurity, ResourceQuota and LimitRanger.
Authorization uses RBAC. The files in this folder:

- servers.toml: the users, and the servers' command-line flags
- nodes.yaml: the nodes
- auto_mode.yaml: the custom resource definitions of EKS Auto Mode
- stages.yaml: the simulated behaviour of nodes, pods and load balancers
- kubeconfig.yaml, encryption.yaml: templates of the kubeconfigs and of the API server's encryption
- aws: a replacement of the AWS CLI that returns a token of the control plane
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

from sandbox.clouds.process import KUBECONFIG
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds
from sandbox.wire.kubernetes_api import Api, ApiError, condition
from sandbox.workspace.files import write_atomically

HERE = Path(__file__).parent

STARTING_SECONDS = 180.0
"""The time that all servers have to be ready. They need 10 s on two idle processors, and a minute beside six
busy processes.
"""

BOOTSTRAPPED = "/readyz/poststarthook/rbac/bootstrap-roles"
"""The path of a check that succeeds once the API server has created the roles for the other servers."""

OBJECTS = {
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": "auto_mode.yaml",
    "/api/v1/nodes": "nodes.yaml",
}
"""The files with the objects of a new cluster, by the path of the list that contains them."""

RECIPES = tuple(builds.RECIPES[name] for name in ("kubernetes", "kwok", "etcd"))

_table: dict[str, Any] = tomllib.loads((HERE / "servers.toml").read_text())
_children: dict[str, "subprocess.Popen[bytes]"] = {}


def find(report: Callable[[str], None] = lambda _: None) -> dict[str, Path] | None:
    """Return the path of each program, from KUBEBUILDER_ASSETS, PATH or the cache; None if one is missing.

    A program that does not run, or has another minor version, is skipped; `report` gets a message about it.
    """
    programs: dict[str, Path] = {}
    folders = os.pathsep.join(filter(None, (os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("PATH"))))
    for recipe in RECIPES:
        cached, minor = recipe.cached_programs(), recipe.version.rpartition(".")[0]
        for name in recipe.packages:
            if installed := shutil.which(name, path=folders):
                arguments = ("version", "--client") if name == "kubectl" else ("--version",)
                version = builds.version_of(installed, *arguments)
                if version and version.startswith(f"{minor}."):
                    programs[name] = Path(installed).absolute()
                    continue
                state = f"is version {version}" if version else "does not run"
                report(f"{installed} {state}; version {minor} is needed, so the pinned one is used")
            if name in cached:
                programs[name] = cached[name]
    is_complete = all(name in programs for recipe in RECIPES for name in recipe.packages)
    return programs if is_complete else None


def build(progress: Progress) -> dict[str, Path]:
    """Return the path of each program; build the missing programs into the cache."""
    if programs := find(progress.step):
        return programs
    for recipe in RECIPES:
        recipe.build(progress)
    return find() or {}


def start(folder: Path) -> Path:
    """Start the control plane and return the path of the administrator's kubeconfig.

    A control plane that this process has started before is stopped first. The data is stored in a new folder
    below `folder`. Raise CommandError if a program is missing or a server does not start.
    """
    programs = find()
    if programs is None:
        raise CommandError("there is no Kubernetes control plane; run `make control-plane` once to build it")
    stop()
    data = folder / KUBECONFIG.parent
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700, parents=True)
    etcd, peer, port = _free_ports(3)
    ports = {"etcd": etcd, "peer": peer, "port": port}
    _write_credentials(data, port)
    try:
        _start_servers(_Startup(programs, data, ports), folder / KUBECONFIG)
    except BaseException:
        stop()
        raise
    return folder / KUBECONFIG


class _Startup:
    """The start-up of the servers, which fails after STARTING_SECONDS."""

    def __init__(self, programs: dict[str, Path], data: Path, ports: dict[str, int]) -> None:
        self._programs, self._data, self._ports = programs, data, ports
        self._end = time.monotonic() + STARTING_SECONDS
        self.restartable = {"kube-controller-manager", "kube-scheduler", "kwok"}
        """Servers that are restarted once if they end, since the API server may not have been ready yet."""

    def spawn(self, name: str) -> None:
        """Start a server with its flags from servers.toml."""
        flags = (f"--{key}={value}" for key, value in _table["servers"][name].items())
        arguments = (flag.format(data=self._data, here=HERE, **self._ports) for flag in flags)
        log = self._data / f"{name}.log"
        log.touch(0o600)
        with log.open("ab") as out:
            _children[name] = subprocess.Popen(
                [self._programs[name], *arguments],
                cwd=self._data,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(self._data)},
                umask=0o077,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def wait_until(self, milestone: str, is_reached: Callable[[], bool]) -> None:
        """Wait for a milestone; restart servers that may be restarted.

        Raise CommandError after STARTING_SECONDS, or if another server ends.
        """
        while True:
            # An error means that the milestone has not been reached yet.
            with suppress(ApiError, HTTPError, OSError):
                if is_reached():
                    return
            dead = [name for name, child in _children.items() if child.poll() is not None]
            if not self.restartable.issuperset(dead) or time.monotonic() > self._end:
                raise self._error(milestone, dead)
            for name in dead:
                self.restartable.remove(name)
                self.spawn(name)
            time.sleep(0.05)

    def _error(self, milestone: str, dead: list[str]) -> CommandError:
        prefix = f"the control plane failed before {milestone}"
        if not dead:
            return CommandError(f"{prefix}: gave up after {STARTING_SECONDS:.0f} s")
        last_lines = (self._data / f"{dead[0]}.log").read_text(errors="replace")[-500:]
        return CommandError(f"{prefix}: {dead[0]} has ended\n{last_lines}".strip())


def _start_servers(startup: _Startup, kubeconfig: Path) -> None:
    startup.spawn("etcd")
    startup.spawn("kube-apiserver")
    # The API server creates its own certificate.
    certificate = kubeconfig.parent / "certs" / "apiserver.crt"
    startup.wait_until("its certificate was written", certificate.exists)
    api = Api(kubeconfig, Retry(0))
    startup.wait_until("the API server was ready", lambda: bool(api.get(BOOTSTRAPPED)))
    for name in sorted(startup.restartable):
        startup.spawn(name)
    for path, file in OBJECTS.items():
        for document in yaml.safe_load_all((HERE / file).read_text()):
            api.call("POST", path, document)

    def nodes_are_ready() -> bool:
        nodes = api.items("/api/v1/nodes")
        return all(condition(node, "Ready").get("status") == "True" for node in nodes)

    startup.wait_until("every node was ready", nodes_are_ready)
    # The controllers create the default service account of each namespace.
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    startup.wait_until("the controllers worked", lambda: api.get(account) is not None)


def stop() -> None:
    """Terminate the servers of the control plane, the last started first, and wait until they have ended."""
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
    """Write the tokens, a kubeconfig for each user, the encryption key, and the `aws` program for plugins."""
    tokens: list[str] = []
    kubeconfig = (HERE / "kubeconfig.yaml").read_text()
    for name, (user, group) in _table["users"].items():
        token = secrets.token_urlsafe(32)
        tokens.append(f'{token},{user},{name},"{group}"\n')
        content = kubeconfig.format(data=data, port=port, name=name, token=token)
        write_atomically(data / f"{name}.kubeconfig", content)
    write_atomically(data / "tokens.csv", "".join(tokens))
    key = base64.b64encode(os.urandom(32)).decode()
    write_atomically(data / "encryption.yaml", (HERE / "encryption.yaml").read_text().format(key=key))
    (data / "bin").mkdir(mode=0o700)
    write_atomically(data / "bin" / "aws", (HERE / "aws").read_text())
    (data / "bin" / "aws").chmod(0o700)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [port_socket.getsockname()[1] for port_socket in sockets]
