"""The production stack's data side in a real cluster, with a real database and an S3 API, for the scripts."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.drills import bucket, data, tools
from tests.support.drills.kubelet import PATHS, Cluster
from tests.support.drills.program import ROOT
from tests.support.drills.service import Service
from tests.support.operations.environment import checkout, git_identity

MIGRATE = """
const fs = require("fs");
console.log("migrating", JSON.stringify(process.argv.slice(2)), "as", process.env.PGUSER);
console.log("password", fs.readFileSync(process.env.DATABASE_PASSWORD_FILE, "utf8").length, "characters");
if (process.argv.includes("19990101")) { console.error("no such migration"); process.exit(1); }
console.log("migrated");
"""
PACKAGE = {"scripts": {"migrate:prod": "node migrate.js up", "migrate:rollback": "node migrate.js down"}}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Stack:
    """What is deployed, and the one who deploys it."""

    service: Service
    cluster: Cluster
    bin: Path
    """The `pulumi` and `kubectl` of whoever runs a script."""
    asked: list[list[str]]
    """The command lines of `pulumi`."""
    root: Path
    """The checkout that scripts are run from."""

    def deploy(self) -> None:
        """What `pulumi up` does: the migration, then all else."""
        objects = self.service.objects = self.service.declare()
        name = next(name for name in objects if name.startswith("Job/"))
        rest = {key: value for key, value in objects.items() if value["kind"] != "Deployment"}
        self.cluster.apply(rest)
        self.cluster.wait(f"{PATHS['Job']}/{name.removeprefix('Job/')}", "Complete")
        self.cluster.apply(objects)

    def get(self, kind: str, name: str = "") -> Any:
        path = PATHS[kind] + (f"/{name}" if name else "")
        return self.cluster.api.call("GET", path) if name else list(self.cluster.api.items(path))

    def run(self, script: str, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """A script as somebody runs it who has a kubeconfig; no terminal."""
        return subprocess.run(
            [self.root / "scripts" / script, *words],
            env=self.environment() | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.bin), os.environ["PATH"]])
        own = {"PATH": path, "KUBECONFIG": str(self.cluster.kubeconfig), "NO_COLOR": "1"}
        return (
            os.environ
            | git_identity()
            | bucket.IDENTITY
            | {"AWS_ENDPOINT_URL": self.service.bucket.url}
            | own
        )


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    service = Service("prod")
    data.fill(service.server, 5_000)
    home = Path(tempfile.mkdtemp(prefix="image-"))
    (home / "package.json").write_text(json.dumps(PACKAGE))
    (home / "migrate.js").write_text(MIGRATE)
    home.chmod(0o755)
    for program in ("npm", "node"):
        (service.bin / program).symlink_to(tools.find(program))
    cluster = Cluster(bucket.IDENTITY, service.bin, home)
    root = Path(tempfile.mkdtemp(prefix="checkout-"))
    checkout(root, "scripts", "operations", "components", "review", "sandbox")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "Start")):
        subprocess.run(["git", *words], cwd=root, env=os.environ | git_identity(), check=True)
    made = Stack(service, cluster, Path(tempfile.mkdtemp(prefix="bin-")), [], root)
    server = pulumi(made)
    write_registry(made.bin / "aws")
    try:
        cluster.start()
        made.deploy()
        cluster.wait(f"{PATHS['Deployment']}/pipe-api", "Available")
        assert service.backup().run() == 0
        yield made
    finally:
        server.shutdown()
        cluster.stop()
        service.stop()
        for folder in (home, root, made.bin):
            shutil.rmtree(folder)


def write_registry(program: Path) -> None:
    """Write an `aws` whose registry has every image; other calls reach the real program."""
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  "ecr describe-images "*) echo '{{"imageDetails": [{{}}]}}' ;;
  *) exec "{tools.find("aws")}" "$@" ;;
esac
"""
    )
    program.chmod(0o755)


def pulumi(stack: Stack) -> ThreadingHTTPServer:
    """A `pulumi` that sets the service's passwords and deploys it; everything else it refuses."""

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            words, typed = given["words"], given["typed"]
            code, said = 0, ""
            if words[:2] != ["stack", "output"]:
                stack.asked.append(words)
            if words[:3] == ["config", "set", "--secret"]:
                stack.service.secrets[words[3].removeprefix("pipe:")] = typed
            elif words[:2] == ["config", "--show-secrets"]:
                told = {name: {"value": text, "secret": True} for name, text in stack.service.secrets.items()}
                said = json.dumps(told)
            elif words[:3] == ["stack", "output", "kubeconfig"]:
                said = stack.cluster.kubeconfig.read_text()
            elif words[0] == "up":
                stack.deploy()
                said = "Resources: 4 changed\n"
            else:
                code, said = 255, f"unknown: {words}\n"
            body = json.dumps({"code": code, "said": said}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = stack.bin / "pulumi"
    command.write_text(
        f"#!{ROOT}/.venv/bin/python\n"
        "import json, sys, urllib.request\n"
        "given = json.dumps({'words': sys.argv[1:], 'typed': sys.stdin.read()}).encode()\n"
        f"with urllib.request.urlopen('http://127.0.0.1:{server.server_port}', given) as answer:\n"
        "    answer = json.load(answer)\n"
        "print(answer['said'], end='')\n"
        "sys.exit(answer['code'])\n"
    )
    command.chmod(0o755)
    return server
