"""Commands of a review's processes, each in an isolation of its own."""

import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from review.jail import bubblewrap, isolation, program
from review.jail.guard import ANALYZER
from review.jail.isolation import Isolation
from review.jail.messages import Sockets
from sandbox.engine.program import SERVICE, SERVICES


@dataclass(frozen=True)
class Command:
    """A command line with its folder, its environment and its open file descriptors."""

    arguments: Sequence[str]
    folder: Path
    environment: dict[str, str]
    descriptors: Sequence[int] = ()
    waits: bool = False
    """The command only waits for its child, which starts the isolation (bubblewrap.NEW_PROCESSES)."""


@dataclass(frozen=True)
class _Access:
    """The files that a process may read, the folders that it shares with others, and its file descriptors.

    It may create `work_bytes` bytes of files in memory. Without `trusted`, it runs code under review.
    """

    readable: Iterable[Path]
    shared: Iterable[Path] = ()
    descriptors: Sequence[int] = ()
    work_bytes: int = bubblewrap.WORK_BYTES
    trusted: bool = False


UNTRUSTED_BYTES = 64 * 2**20
"""The size of the file system in memory of each process that runs code under review."""

SOCKETS = "sockets"
"""Name of the folder of all sockets, except those in the homes of policy packs."""

SOCKET_BYTES = 60
"""Largest number of bytes in the path of the review's folder, since the paths of the sockets in it may have
at most 107 bytes (`sun_path` in unix(7)).
"""


class Processes:
    """Commands of the evaluation, of both programs of each stack, and of the policies under review.

    A program and a pack of policies can read their own tree and the review's own code. They inherit the
    listening sockets through which the evaluation reaches them. A program can also connect to the sockets in
    one folder, but it cannot write there. Without `isolated`, the commands run with the caller's access.
    """

    def __init__(self, root: Path, code: Path, engine: Path, *, isolated: bool) -> None:
        self.sockets: Sockets = {}
        """The folders with the sockets of each stack."""
        self.commands: list[Command] = []
        """Commands of the programs and of the policies."""
        self._code = code
        self._engine = engine
        self._isolated = isolated
        self._probed = set[bool]()
        """Whether a trusted isolation has succeeded, and one that is not trusted."""
        self._opened = ExitStack()
        self._root = self._short_folder(root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def add(self, stack: str, side: str, tree: Path, project: Path, *, policies: bool = False) -> None:
        """Add the process for a program of a stack, in `project`, a folder of the side's tree.

        With `policies`, the tree's policy pack gets a process as well.
        """
        run = secrets.token_hex(4)  # A number would tell a program which of its runs this is.
        sockets = self._root / SOCKETS / run
        services = sockets / SERVICES
        services.mkdir(parents=True)
        self.sockets.setdefault(stack, {})[side] = sockets
        modules: list[tuple[str, Path, str, list[Path]]] = [
            ("review.jail.program", project, SERVICE, [tree, services])
        ]
        if policies:
            modules.append(("review.jail.guard", tree, ANALYZER, [tree]))
        for module, folder, name, readable in modules:
            home = self._root / f"{name}-{run}"
            home.mkdir()
            listener = self._listen(sockets / name)
            access = _Access(readable, descriptors=[listener], work_bytes=UNTRUSTED_BYTES)
            mode = program.ISOLATED if self._isolated else program.OPEN
            self.commands.append(self._command(home, access, module, str(listener), str(folder), mode))

    def evaluation(self, work: Path, trees: Sequence[Path]) -> Command:
        """Return the command of the evaluation, which writes to `work` and reaches all sockets."""
        readable = [*trees, *isolation.engine_files(self._engine)]
        shared = [folder for folders in self.sockets.values() for folder in folders.values()]
        return self._command(work, _Access(readable, shared, trusted=True), "review.evaluate")

    def _short_folder(self, root: Path) -> Path:
        """Return the folder of sockets and homes: `root`, or one below /tmp if its path is too long."""
        if len(os.fsencode(root)) <= SOCKET_BYTES:
            return root
        folder = tempfile.TemporaryDirectory(prefix="pipe-review-", dir="/tmp")
        return Path(self._opened.enter_context(folder))

    def _listen(self, path: Path) -> int:
        """Return the file descriptor of a new socket that listens at a path."""
        listener = self._opened.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen()
        return listener.fileno()

    def _command(self, home: Path, access: _Access, *module: str) -> Command:
        arguments = [sys.executable, "-m", *module]
        environment = isolation.environment(home, self._engine)
        if not self._isolated:
            return Command(arguments, self._code, environment, access.descriptors)
        readable = [*access.readable, self._code]
        # Isolations differ in their folders only. If one fails where another one did not, no code runs in it.
        jail = Isolation(
            home,
            readable,
            access.shared,
            work_bytes=access.work_bytes,
            trusted=access.trusted,
            probe=access.trusted not in self._probed,
        )
        self._probed.add(access.trusted)
        self._opened.callback(jail.close)
        descriptors = [*jail.descriptors, *access.descriptors]
        return Command(
            jail.command(*arguments), self._code, environment, descriptors, waits=not access.trusted
        )
