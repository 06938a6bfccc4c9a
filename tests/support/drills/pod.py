"""Pods whose containers run as processes of this machine, with their commands, variables, files and user.

These pods have neither images nor mounts: they run this machine's programs, and the paths of volumes are
replaced wherever the pod names them.
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
    """A pod of a template, with the objects that its volumes name."""

    def __init__(
        self,
        template: Manifest,
        objects: Mapping[str, Manifest],
        *,
        variables: Mapping[str, str] | None = None,
        bin: Path | None = None,
        home: Path | None = None,
    ) -> None:
        """Create the pod.

        The cluster adds `variables`, such as an identity. `bin` comes first in PATH, and `home` is the folder
        with the image's own files.
        """
        self.spec: Manifest = template["spec"]
        self.logs: dict[str, str] = {}
        """Output until now, by container."""
        self.ended: dict[str, int] = {}
        """Exit codes of the containers that have ended, by container."""
        self.on_change: Callable[[], None] = lambda: None
        """Function that is called whenever a container starts or ends."""
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
        """Run the init containers in order, then the containers; return the first non-zero exit code."""
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
        """Return the output of all containers."""
        return "".join(self.logs.values())

    def kill(self) -> None:
        """Send SIGKILL to the running container, as if the node were lost."""
        with self._guard:
            self._killed = True
            if self._process and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _contain(self, container: Manifest) -> int:
        mounts = {mount["mountPath"]: self._folder / mount["name"] for mount in container["volumeMounts"]}
        folders = {path: self._materialise(container, path, folder) for path, folder in mounts.items()}
        replaced = self._replacer(folders)
        variables = {
            variable["name"]: replaced(variable.get("value", ""))
            for variable in container["env"]
            if "valueFrom" not in variable
        }
        with self._guard:
            if self._killed:
                return -signal.SIGKILL
            self._process = subprocess.Popen(
                tools.as_user(tools.POD_USER)
                + [replaced(argument) for argument in container["command"] + container.get("args", [])],
                env={"PATH": self._path, **self._variables, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                cwd=self._home or folders.get("/tmp", self._folder),
            )
        assert self._process.stdout
        for line in self._process.stdout:
            self.logs[container["name"]] += line
        return self._process.wait()

    def _materialise(self, container: Manifest, path: str, shared: Path) -> Path:
        """Create the folder of a mount, which containers share for an emptyDir and not for other volumes.

        The files of other volumes contain the paths of mounts, which differ between containers.
        """
        [volume] = [entry for entry in self.spec["volumes"] if entry["name"] == shared.name]
        if "emptyDir" in volume:
            shared.mkdir(exist_ok=True)
            tools.give(shared, tools.POD_USER)
            return shared
        folder = self._folder / container["name"] / shared.name
        folder.mkdir(parents=True)
        return folder

    def _replacer(self, folders: Mapping[str, Path]) -> Callable[[str], str]:
        paths = "|".join(re.escape(path) for path in sorted(folders, key=len, reverse=True))
        pattern = re.compile(rf"(?<![\w./-])(?:{paths})(?![\w.-])")

        def replaced(text: str) -> str:
            return pattern.sub(lambda match: str(folders[match[0]]), text)

        for path, folder in folders.items():
            for name, text in self._files(path, folder).items():
                (folder / name).write_text(replaced(text))
            if folder.parent != self._folder:
                folder.parent.chmod(0o711)
                tools.give(folder, tools.POD_USER)
        return replaced

    def _files(self, path: str, folder: Path) -> dict[str, str]:
        [volume] = [entry for entry in self.spec["volumes"] if entry["name"] == folder.name]
        if "secret" in volume:
            return self._objects[f"Secret/{volume['secret']['secretName']}"]["stringData"]
        if "configMap" in volume:
            return self._objects[f"ConfigMap/{volume['configMap']['name']}"]["data"]
        return {}
