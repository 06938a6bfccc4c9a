"""Runs the containers of a pod as processes of this machine: their commands, variables, files, user.

What is missing to a kubelet: images (the programs are this machine's) and mounts (the paths of volumes are
replaced wherever the pod names them).
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.drills import tools

Manifest = dict[str, Any]


class Pod:
    """One pod, from its template and the objects that its volumes name."""

    def __init__(
        self,
        template: Manifest,
        objects: Mapping[str, Manifest],
        *,
        variables: Mapping[str, str] | None = None,
        bin: Path | None = None,
        home: Path | None = None,
    ) -> None:
        """`variables` are what the cluster adds (an identity); `bin` comes first in PATH; `home` is where the
        image has its own files."""
        self.spec: Manifest = template["spec"]
        self.logs: dict[str, str] = {}
        """By container, as far as they have got."""
        self.ended: dict[str, int] = {}
        """Exit codes of the containers that have ended."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a container has started or ended."""
        self._objects = objects
        self._variables = dict(variables or {})
        self._path = os.pathsep.join([*([str(bin)] if bin else []), tools.path()])
        self._home = home
        self._folder = Path(tempfile.mkdtemp(prefix="pod-"))
        self._folder.chmod(0o711)
        self._process: subprocess.Popen[str] | None = None
        self._killed = False
        self._guard = threading.Lock()

    def run(self) -> int:
        """Init containers one after the other, then the container; the first exit code that is not 0."""
        try:
            for container in [*self.spec.get("initContainers", []), *self.spec["containers"]]:
                self.logs[container["name"]] = ""
                self.on_change()
                code = self._contain(container)
                self.ended[container["name"]] = code
                self.on_change()
                if code:
                    return code
            return 0
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log(self) -> str:
        """All that its containers have said."""
        return "".join(self.logs.values())

    def kill(self) -> None:
        """SIGKILL to all that runs, as when the node is lost."""
        with self._guard:
            self._killed = True
            if self._process and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _contain(self, container: Manifest) -> int:
        mounts = {each["mountPath"]: self._folder / each["name"] for each in container["volumeMounts"]}
        places = {path: self._materialise(container, path, each) for path, each in mounts.items()}
        replaced = self._replacer(places)
        given = {
            each["name"]: replaced(each.get("value", ""))
            for each in container["env"]
            if "valueFrom" not in each
        }
        with self._guard:
            if self._killed:
                return -signal.SIGKILL
            self._process = subprocess.Popen(
                tools.as_user(tools.POD_USER)
                + [replaced(word) for word in container["command"] + container.get("args", [])],
                env={"PATH": self._path, **self._variables, **given},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                cwd=self._home or places.get("/tmp", self._folder),
            )
        assert self._process.stdout
        for line in self._process.stdout:
            self.logs[container["name"]] += line
        return self._process.wait()

    def _materialise(self, container: Manifest, path: str, shared: Path) -> Path:
        """The folder of a mount: one a container for files that name mounts, one a pod for room."""
        [volume] = [each for each in self.spec["volumes"] if each["name"] == shared.name]
        if "emptyDir" in volume:
            shared.mkdir(exist_ok=True)
            tools.give(shared, tools.POD_USER)
            return shared
        folder = self._folder / container["name"] / shared.name
        folder.mkdir(parents=True)
        return folder

    def _replacer(self, places: Mapping[str, Path]) -> Callable[[str], str]:
        paths = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
        pattern = re.compile(rf"(?<![\w./-])(?:{paths})(?![\w.-])")

        def replaced(text: str) -> str:
            return pattern.sub(lambda found: str(places[found[0]]), text)

        for path, folder in places.items():
            for name, text in self._files(path, folder).items():
                (folder / name).write_text(replaced(text))
            if folder.parent != self._folder:
                folder.parent.chmod(0o711)
                tools.give(folder, tools.POD_USER)
        return replaced

    def _files(self, path: str, folder: Path) -> dict[str, str]:
        [volume] = [each for each in self.spec["volumes"] if each["name"] == folder.name]
        if "secret" in volume:
            return self._objects[f"Secret/{volume['secret']['secretName']}"]["stringData"]
        if "configMap" in volume:
            return self._objects[f"ConfigMap/{volume['configMap']['name']}"]["data"]
        return {}
