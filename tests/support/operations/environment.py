"""Environment for deployments: checkout, upstream, cluster, site, Datadog, and recording fake programs."""

import json
import os
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from operations.lib.checkout import BOT
from sandbox.clouds.kubernetes import control_plane
from tests.support.drills.certificates import Authority
from tests.support.operations.api_cluster import Cluster

ROOT = Path(__file__).parents[3]
OLD = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api:1.0.0@sha256:" + "a" * 64
DIGEST = "sha256:" + "b" * 64
KEYS = {
    "DATADOG_API_KEY": "planted-api-key",
    "DATADOG_APP_KEY": "planted-app-key",
    "VERCEL_TOKEN": "planted-vercel-token",
    "VERCEL_ORG_ID": "team",
    "VERCEL_PROJECT_ID": "project",
}
RECORDER = """\
#!/usr/bin/python3
import json, os, subprocess, sys
here = os.path.dirname(os.path.abspath(__file__))
name = os.path.basename(sys.argv[0])
typed = sys.stdin.read() if not sys.stdin.isatty() else ""
with open(os.path.join(here, "log"), "a") as log:
    log.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
answer = os.path.join(here, "answers", name)
if os.path.exists(answer):
    sys.exit(subprocess.run([answer, *sys.argv[1:]], input=typed, text=True).returncode)
"""
KUBECTL = """\
#!/bin/sh
for word in "$@"; do
  [ "$word" = logs ] && exec cat "{logs}"
done
exec "{kubectl}" "$@"
"""
PULUMI = """\
#!/bin/sh
[ "$1" = config ] && echo '{{"pipe:appPassword": {{"value": "planted-password", "secret": true}}}}'
[ "$*" = "stack output kubeconfig --show-secrets --stack dev" ] && exec cat "{kubeconfig}"
[ "$*" = "stack output --json --stack dev" ] && exec cat "{bin}/outputs"
[ "$1" = up ] || exit 0
rm "{bin}/up-fails" 2> /dev/null && {{ echo "error: no job: planted-password" >&2; exit 255; }}
image=$(sed -n 's|^    image: \\(.*/pipe/api[:@].*\\)|\\1|p' Pulumi.dev.yaml)
"{kubectl}" -n pipe set image deployment/pipe-api api="$image"
exec "{kubectl}" -n pipe rollout status deployment/pipe-api --timeout=60s
"""
VERCEL = """\
#!/bin/sh
shift 4  # --cwd, --scope
case "$1" in
  inspect) echo "{{\\"id\\": \\"$(cat "{bin}/served")\\"}}" ;;
  deploy) echo dpl_new > "{bin}/served" ;;
  rollback) [ -z "$2" ] || echo "$2" > "{bin}/served" ;;
esac
"""
"""Fake Vercel CLI: a rollback without an ID prints the last status and succeeds."""
OUTPUTS = {
    "loadBalancer": "pipe-proxy.elb.ap-northeast-1.amazonaws.com",
    "databaseHost": "pipe-dev-db.c1.ap-northeast-1.rds.amazonaws.com",
    "kubeconfig": "[secret]",
}
"""Outputs of the program that commands read."""
FAKES = ("aws", "cosign", "docker", "make", "npm", "pulumi", "trivy", "vercel")


def metric(query: str) -> str:
    """Return the metric with which a query begins."""
    return query.partition(":")[2].partition("{")[0]


class ExternalServices:
    """The servers for the site and for Datadog's API."""

    def __init__(self, folder: Path) -> None:
        self.monitors = {"HighErrorRate (dev)": "OK", "BackupFailed (dev)": "No Data"}
        self.queries: dict[str, str] = {}
        """Queries of monitors by the monitor's name; all other monitors have the same constant query."""
        self.silent: set[str] = set()
        """Metrics without data."""
        self.asked_for: list[str] = []
        """Queries of metrics, in the order of the requests."""
        self.check = ["in_progress", "passed"]
        self.site = 200
        self.keys: set[str] = set()
        self.authority = folder / "authority.pem"
        authority = Authority()
        self.authority.write_text(authority.pem)
        pair = authority.issue("localhost")
        (folder / "site.pem").write_text(pair.certificate + pair.key)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "site.pem")
        self._servers = [self._serve(self._datadog), self._serve(self._health)]
        self._servers[1].socket = tls.wrap_socket(self._servers[1].socket, server_side=True)
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.datadog = f"http://127.0.0.1:{self._servers[0].server_port}"
        self.host = f"localhost:{self._servers[1].server_port}"

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()

    def _health(self, path: str) -> tuple[int, Any]:
        return (self.site if path == "/readyz" else 404), {}

    def _datadog(self, path: str) -> tuple[int, Any]:
        tags = ["env:dev", "service:pipe-api"]
        if path.startswith("/api/v1/monitor"):
            rows = [
                {
                    "id": n,
                    "name": name,
                    "overall_state": state,
                    "tags": tags,
                    "type": "service check" if ".over(" in self.queries.get(name, "") else "query alert",
                    "query": self.queries.get(name, "q"),
                }
                for n, (name, state) in enumerate(self.monitors.items())
            ]
            other = {"name": "of stg", "overall_state": "Alert", "tags": ["env:stg", "service:pipe-api"]}
            return 200, [*rows, {"id": 99, "type": "query alert", "query": "q", **other}]
        if path.startswith("/api/v1/query?"):
            [query] = parse_qs(urlsplit(path).query)["query"]
            self.asked_for.append(query)
            points = [] if metric(query) in self.silent else [[1.0, 2.0]]
            return 200, {"status": "ok", "series": [{"pointlist": points}] if points else []}
        if path.endswith("/trigger/ci"):
            return 200, {"batch_id": "batch", "results": [], "triggered_check_ids": ["abc"]}
        if "/ci/batch/" in path:
            status = self.check.pop(0) if len(self.check) > 1 else self.check[0]
            result = {"test_public_id": "abc", "status": status}
            return 200, {"data": {"status": status, "results": [result]}}
        return 200, {"tests": [{"public_id": "abc", "name": "SiteDown (dev)", "tags": tags, "type": "api"}]}

    def _serve(self, answer: Any) -> ThreadingHTTPServer:
        keys = self.keys

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                keys.update(
                    filter(None, (self.headers.get("DD-API-KEY"), self.headers.get("DD-APPLICATION-KEY")))
                )
                status, content = answer(self.path)
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@dataclass
class DeployEnvironment:
    """A checkout with its cluster, external services and fake programs."""

    cluster: Cluster
    outside: ExternalServices
    root: Path
    bin: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, script: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        (self.bin / "log").unlink(missing_ok=True)
        return subprocess.run(
            [self.root / "scripts" / script, *arguments],
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def asked(self) -> list[str]:
        """Return the fake programs' commands in order, without commands that only read the outputs."""
        log = self.bin / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        commands = [" ".join(json.loads(line)) for line in lines]
        return [command for command in commands if not command.startswith("pulumi stack output ")]

    def answer(self, name: str, script: str) -> None:
        """Set the script that a fake program runs after it has recorded its arguments."""
        file = self.bin / "answers" / name
        file.write_text(script)
        file.chmod(0o755)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def others_push(self, subject: str, changes: Mapping[str, str]) -> None:
        """Push a commit from another clone, which this checkout does not have."""
        clone = self.root.parent / "theirs"
        if not clone.exists():
            self.git("clone", "--quiet", str(self.root.parent / "origin"), str(clone))
        self.git("-C", str(clone), "pull", "--quiet")
        for name, text in changes.items():
            (clone / name).write_text(text)
        self.git("-C", str(clone), "add", "--all")
        self.git("-C", str(clone), "commit", "--quiet", "-m", subject)
        self.git("-C", str(clone), "push", "--quiet")

    def record(self) -> dict[str, Any]:
        """Return the record of the last run."""
        newest = max(
            (self.root / ".runs" / "dev").glob("*Z-*.json"), key=lambda file: file.stat().st_mtime_ns
        )
        return json.loads(newest.read_text())

    def steps(self) -> list[tuple[str, str]]:
        return [(step["title"], step["result"]) for step in self.record()["steps"]]

    def file_image(self) -> str:
        match = re.search(r"image: (.*/pipe/api\S*)", (self.root / "Pulumi.dev.yaml").read_text())
        assert match
        return match[1]


def checkout(root: Path, *parts: str) -> None:
    """Copy the tracked files and add a link to the installed packages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *parts, "Pulumi*.yaml", ".gitignore"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(ROOT / ".venv")
    with (root / ".gitignore").open("a") as file:
        file.write(".venv\n")


def git_identity(name: str = "github-actions[bot]", mail: str = BOT) -> dict[str, str]:
    """Return the environment variables that name the author and committer of commits."""
    people = {f"GIT_{role}_NAME": name for role in ("AUTHOR", "COMMITTER")}
    mails = {f"GIT_{role}_EMAIL": mail for role in ("AUTHOR", "COMMITTER")}
    return people | mails | {f"GIT_CONFIG_{scope}": os.devnull for scope in ("GLOBAL", "SYSTEM")}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    api_cluster = Cluster()
    yield api_cluster
    api_cluster.stop()


@pytest.fixture
def world(cluster: Cluster, tmp_path: Path) -> Iterator[DeployEnvironment]:
    outside = ExternalServices(tmp_path)
    root, bin = tmp_path / "checkout", tmp_path / "bin"
    (bin / "answers").mkdir(parents=True)
    root.mkdir()
    checkout(root, "scripts", "operations", "components", "tools", "review", "sandbox")
    stack = root / "Pulumi.dev.yaml"
    text = re.sub(r"image: .*/pipe/api\S*", f"image: {OLD}", stack.read_text())
    stack.write_text(text.replace("host: dev.pipe.dev", f"host: {outside.host}"))
    for folder, file in (
        ("app", "Dockerfile"),
        ("app/migrations", "20240301-first.js"),
        ("frontend/.vercel/output", "config.json"),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / file).write_text("exports.down = 1\n")
    programs = control_plane.find()
    assert programs
    for name in FAKES:
        (bin / name).write_text(RECORDER)
    (bin / "logs").write_text('{"level":"info","msg":"started"}\n')
    (bin / "kubectl").write_text(KUBECTL.format(logs=bin / "logs", kubectl=programs["kubectl"]))
    for file in bin.glob("*"):
        file.chmod(0o755)
    environment = DeployEnvironment(cluster, outside, root, bin)
    environment.environment = {
        "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(cluster.kubeconfig),
        "SSL_CERT_FILE": str(outside.authority),
        "DATADOG_HOST": outside.datadog,
        "NO_COLOR": "1",
        **KEYS,
        **git_identity(),
    }
    (bin / "served").write_text("dpl_old\n")
    (bin / "outputs").write_text(json.dumps(OUTPUTS))
    environment.answer("vercel", VERCEL.format(bin=bin))
    environment.answer(
        "pulumi", PULUMI.format(bin=bin, kubectl=programs["kubectl"], kubeconfig=cluster.kubeconfig)
    )
    registry(environment, pushed=False)
    for arguments in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "-m", "App"),
        ("tag", "1.1.0"),
    ):
        environment.git("-C", "app", *arguments)
    environment.git("init", "--quiet", "-b", "main")
    environment.git("add", "--all")
    environment.git("commit", "--quiet", "-m", "Start")
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", tmp_path / "origin"], check=True)
    environment.git("remote", "add", "origin", str(tmp_path / "origin"))
    environment.git("push", "--quiet", "--set-upstream", "origin", "main")
    cluster.deploy(OLD)
    yield environment
    cluster.forget()
    outside.stop()


def registry(
    world: DeployEnvironment, *, pushed: bool, signed: bool = True, findings: str = '{"LOW": 2}'
) -> None:
    """Fake an ECR that has the version's image immediately (`pushed`) or only after `docker push`."""
    there, mark = world.bin / "pushed", world.bin / "signed"
    if pushed:
        there.touch()
        if signed:
            mark.touch()
    sign = f'[ "$1" = verify ] || {{ touch "{mark}"; exit 0; }}'
    world.answer(
        "cosign", f'#!/bin/sh\n{sign}\n[ -e "{mark}" ] || {{ echo "no signatures found" >&2; exit 10; }}\n'
    )
    world.answer("docker", f'#!/bin/sh\n[ "$1" = push ] && touch "{there}"\nexit 0\n')
    world.answer(
        "aws",
        f"""#!/bin/sh
case "$*" in
  *get-login-password*) echo planted-registry-password ;;
  *describe-images*imageDigest=*)
    [ ! -e "{world.bin}/gone" ] || {{ echo "ImageNotFoundException: no such image" >&2; exit 254; }}
    echo '{{"imageDetails": [{{}}]}}' ;;
  *describe-images*)
    [ -e "{there}" ] || {{ echo "ImageNotFoundException: no such image" >&2; exit 254; }}
    echo '{{"imageDetails": [{{"imageDigest": "{DIGEST}"}}]}}' ;;
  *describe-image-scan-findings*)
    echo '{{"imageScanStatus": {{"status": "COMPLETE"}},'
    echo ' "imageScanFindings": {{"findingSeverityCounts": {findings}}}}}' ;;
esac
""",
    )
