"""Prod's data jobs in a real cluster with a real database and an S3 API, for tests of the scripts."""

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

from tests.support.drills import data, tools
from tests.support.drills.aws import bucket
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
    """A deployed stack and the checkout that deploys it."""

    service: Service
    cluster: Cluster
    bin: Path
    """Folder with the fake `pulumi` and `aws` that the scripts call."""
    pulumi_commands: list[list[str]]
    """Arguments of the calls of `pulumi`, except those of `stack output`."""
    root: Path
    """Checkout from which the scripts run."""

    def deploy(self) -> None:
        """Do what `pulumi up` would do: run one Job after another, then apply the other objects."""
        objects = self.service.objects = self.service.declare()
        later = ("Job", "Deployment")
        self.cluster.apply({key: value for key, value in objects.items() if value["kind"] not in later})
        for job in ("pipe-image", "pipe-database-roles", "pipe-migrate"):
            [name] = [name for name in objects if name.startswith(f"Job/{job}-")]
            self.cluster.apply({name: objects[name]})
            self.cluster.wait(f"{PATHS['Job']}/{name.removeprefix('Job/')}", "Complete")
        self.cluster.apply(objects)

    def get(self, kind: str, name: str = "") -> Any:
        path = PATHS[kind] + (f"/{name}" if name else "")
        return self.cluster.api.call("GET", path) if name else list(self.cluster.api.items(path))

    def run(self, script: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a script without a terminal, with a kubeconfig in the environment."""
        return subprocess.run(
            [self.root / "scripts" / script, *arguments],
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
    for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "Start")):
        subprocess.run(["git", *arguments], cwd=root, env=os.environ | git_identity(), check=True)
    running = Stack(service, cluster, Path(tempfile.mkdtemp(prefix="bin-")), [], root)
    server = pulumi(running)
    write_registry(running.bin / "aws")
    try:
        cluster.start()
        running.deploy()
        cluster.wait(f"{PATHS['Deployment']}/pipe-api", "Available")
        assert service.backup().run() == 0
        yield running
    finally:
        server.shutdown()
        cluster.stop()
        service.stop()
        for folder in (home, root, running.bin):
            shutil.rmtree(folder)


def write_registry(program: Path) -> None:
    """Write an `aws` whose registry contains every image; other calls are passed to the real program."""
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
    """Serve a fake `pulumi` that sets the service's passwords and deploys it, and refuses other commands."""

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            arguments, typed = request["arguments"], request["typed"]
            code, output = 0, ""
            if arguments[:2] != ["stack", "output"]:
                stack.pulumi_commands.append(arguments)
            if arguments[:3] == ["config", "set", "--secret"]:
                stack.service.secrets[arguments[3].removeprefix("pipe:")] = typed
            elif arguments[:2] == ["config", "--show-secrets"]:
                secrets = stack.service.secrets
                values = {name: {"value": text, "secret": True} for name, text in secrets.items()}
                output = json.dumps(values)
            elif arguments[:3] == ["stack", "output", "kubeconfig"]:
                output = stack.cluster.kubeconfig.read_text()
            elif arguments[0] == "up":
                stack.deploy()
                output = "Resources: 4 changed\n"
            else:
                code, output = 255, f"unknown: {arguments}\n"
            body = json.dumps({"code": code, "output": output}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    command = stack.bin / "pulumi"
    command.write_text(
        f"#!{ROOT}/.venv/bin/python\n"
        "import json, sys, urllib.request\n"
        "request = json.dumps({'arguments': sys.argv[1:], 'typed': sys.stdin.read()}).encode()\n"
        f"with urllib.request.urlopen('http://127.0.0.1:{server.server_port}', request) as response:\n"
        "    answer = json.load(response)\n"
        "print(answer['output'], end='')\n"
        "sys.exit(answer['code'])\n"
    )
    command.chmod(0o755)
    return server
