"""The command: what it says, what it exits with, and what a pull request's program cannot do."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.review import STACKS, repository
from review import __main__ as command
from sandbox.fault import Fault
from tests.review.pairs import copy

pytestmark = pytest.mark.drill

ROOT = Path(__file__).parents[2]

ATTEMPTS = """
import ctypes, os, pathlib, signal, socket, time
tree, outside = pathlib.Path(__file__).parent, pathlib.Path("OUTSIDE")
def reach(host):
    socket.create_connection((host, 53), timeout=2).close()
def connect(address):
    socket.socket(socket.AF_UNIX).connect(address)
def kill(pid):
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    os.kill(pid, 0)
    raise OSError("Operation not permitted")  # it lives
def remount():
    if ctypes.CDLL(None).mount(None, b"/", None, 1 << 5, None):
        raise OSError("Operation not permitted")
tried = {
    "write to the tree": lambda: (tree / "planted").write_text("x"),
    "write elsewhere": lambda: (outside / "planted").write_text("x"),
    "read keys": lambda: (outside / "credentials").read_text(),
    "read .git": lambda: (tree / ".git" / "config").read_text(),
    "read what git ignores": lambda: (tree / ".runs" / "masks").read_text(),
    "read through a link": lambda: (tree / "link").read_text(),
    "read other users": lambda: pathlib.Path("/etc/shadow").read_text(),
    "read this machine's keys": lambda: os.listdir("/etc/ssl/private"),
    "change the rights of keys": lambda: (outside / "credentials").chmod(0o666),
    "change the rights of the tree": lambda: pathlib.Path(__file__).chmod(0o666),
    "change the times of the tree": lambda: os.utime(tree / "Pulumi.yaml", (0, 0)),
    "reach the network": lambda: reach("192.0.2.1"),
    "reach this machine": lambda: reach("ADDRESS"),
    "use a socket of a path": lambda: connect("OUTSIDE/socket"),
    "use a socket of a name": lambda: connect(chr(0) + "OUTSIDE"),
    "kill its parent": lambda: kill(os.getppid()),
    "kill who waits": lambda: kill(WAITS),
    "read its parent's memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb"),
    "make its root writable": remount,
}
said = []
for name, attempt in tried.items():
    try:
        attempt()
        said.append(f"{name}: possible")
    except OSError as error:
        said.append(f"{name}: {error.strerror or error}")
said += [f"sees {name}" for name in os.environ if "TOKEN" in name or "AWS" in name]
raise RuntimeError("; ".join(said))
"""
REFUSED = {
    "write to the tree": "Read-only file system",
    "write elsewhere": "No such file or directory",
    "read keys": "No such file or directory",
    "read .git": "No such file or directory",
    "read what git ignores": "No such file or directory",
    "read through a link": "No such file or directory",
    "read other users": "No such file or directory",
    "read this machine's keys": "No such file or directory",
    "change the rights of keys": "No such file or directory",
    "change the rights of the tree": "Read-only file system",
    "change the times of the tree": "Read-only file system",
    "reach the network": "Network is unreachable",
    "reach this machine": "Network is unreachable",
    "use a socket of a path": "No such file or directory",
    "use a socket of a name": "Connection refused",
    "kill its parent": "Operation not permitted",
    "kill who waits": "No such process",
    "read its parent's memory": "Permission denied",
    "make its root writable": "Operation not permitted",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a repository of its own, with one commit."""
    tree = copy(tmp_path_factory.mktemp("review") / "tree")
    (tree / ".gitignore").write_text("__pycache__\n.runs\n")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words], cwd=tree, check=True
        )
    return tree


def _review(tree: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "review", "--tree", tree, *words],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"} | env,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_a_program_gets_no_credentials_no_network_no_files_no_sockets_and_no_processes(
    tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("key")
    (tmp_path / "credentials").chmod(0o600)
    attempts = ATTEMPTS.replace("OUTSIDE", str(tmp_path)).replace("ADDRESS", "198.51.100.1")
    main, before = tree / "__main__.py", (tree / "__main__.py").read_text()
    with socket.socket(socket.AF_UNIX) as path, socket.socket(socket.AF_UNIX) as name:
        for one, address in ((path, f"{tmp_path}/socket"), (name, f"\0{tmp_path}")):
            one.bind(address)
            one.listen()
        main.write_text(attempts.replace("WAITS", str(os.getpid())) + before)
        (tree / ".runs").mkdir()
        (tree / ".runs" / "masks").write_text("secret")
        (tree / "link").symlink_to(tmp_path / "credentials")
        try:
            done = _review(
                tree, "HEAD", "--stack", "dev", AWS_SECRET_ACCESS_KEY="planted-key", GITHUB_TOKEN="planted"
            )
        finally:
            main.write_text(before)
            (tree / "link").unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    said = next(line for line in done.stdout.splitlines() if "write to the tree" in line)
    for name, why in REFUSED.items():
        assert f"{name}: {why}" in said
    assert "possible" not in done.stdout
    assert "sees" not in done.stdout
    assert not (tree / "planted").exists()
    assert not (tmp_path / "planted").exists()
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_where_the_network_stays_open_isolated_runs_nothing(tree: Path, tmp_path: Path) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", sys.executable, "-m", "review"]
    done = subprocess.run(
        [*words, "--tree", tree, "HEAD", "--isolated", "--output", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "error: --isolated, and this machine cannot. Not isolated: files, network, sockets and processes "
        "are open to the program. That takes Linux with bubblewrap and user namespaces; .ci/namespaces gets "
        "both.\n"
    ) in done.stderr
    assert "evaluat" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_far_it_is(tree: Path) -> None:
    done = _review(tree, "HEAD", "--stack", "foundation")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.splitlines() == [
        "foundation: evaluating the base, then the head on its state",
        "foundation: base evaluated",
        "foundation: head evaluated",
    ]


def test_a_program_that_never_ends_is_stopped_and_leaves_nothing_behind(tree: Path, tmp_path: Path) -> None:
    main, before = tree / "__main__.py", (tree / "__main__.py").read_text()
    main.write_text(
        "import time, subprocess\nsubprocess.Popen(['sleep', '7316'])\ntime.sleep(7316)\n" + before
    )
    (tmp_path / "tmp").mkdir()
    try:
        done = _review(tree, "HEAD", "--stack", "dev", "--minutes", "0.6", TMPDIR=str(tmp_path / "tmp"))
    finally:
        main.write_text(before)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the time limit" in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []
    assert subprocess.run(["pgrep", "-f", "sleep 7316"], capture_output=True).returncode == 1


def test_make_review_in_a_fresh_clone_says_what_a_commit_changes_in_each_stack(tmp_path: Path) -> None:
    tree = repository(tmp_path)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-a", "-m", "change"]
    subprocess.run(git, cwd=tree, check=True)
    os.utime(tree / "requirements-dev.txt", (0, 0))  # its packages are installed already
    words = ["make", "review", "BASE=HEAD~1", f"VENV={sys.prefix}"]
    # Nothing of the make that runs the tests.
    env = os.environ | {"NO_COLOR": "1", "MAKEFLAGS": "", "MAKELEVEL": "0", "FLAGS": ""}
    done = subprocess.run(words, cwd=tree, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Nothing blocks: 3 updated."
    assert re.fullmatch(r"base to head: HEAD~1 \(\w{9}\) → working tree \(\w{9}\)", lines[1])
    assert [line.split()[:5] for line in lines[4:7]] == [[stack, "0", "1", "0", "0"] for stack in STACKS]
    assert re.search(
        r"~ update api \(kubernetes:apps:Deployment\) \[dev, stg, prod\]  components/\S+:\d+", done.stdout
    )


def test_it_writes_every_rendering(tree: Path, tmp_path: Path) -> None:
    done = _review(tree, "HEAD", "--stack", "dev", "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Nothing changes")
    for name in ("review.md", "review.html", "review.sarif", "review.json"):
        assert "Nothing changes" in (tmp_path / name).read_text()
    assert json.loads((tmp_path / "review.json").read_text())["trees"] == []


def test_in_a_workflow_places_lead_to_the_head_and_the_base(tree: Path, tmp_path: Path) -> None:
    place = {"GITHUB_SERVER_URL": "https://example.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "f" * 40}
    done = _review(tree, "HEAD", "--stack", "foundation", "--output", str(tmp_path), **place)
    assert done.returncode == 0, done.stdout + done.stderr
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tree, capture_output=True, text=True)
    assert json.loads((tmp_path / "review.json").read_text())["trees"] == [
        f"https://example.com/o/r/blob/{'f' * 40}",
        f"https://example.com/o/r/blob/{base.stdout.strip()}",
    ]


@pytest.mark.parametrize("words", [("nowhere",), ("HEAD", "--stack", "qa")])
def test_what_could_not_run_leaves_no_empty_report(
    tree: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "review.md").write_text("of an earlier run")
    assert _review(tree, *words, "--output", str(tmp_path)).returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "BASE=nowhere is no commit here"),
        (("HEAD", "--stack", "qa"), "no stack is called 'qa'. Stacks: dev, stg, prod, foundation"),
        (
            ("--events", "requirements.in"),
            "requirements.in is neither an event log nor `--json` of a preview",
        ),
    ],
)
def test_what_cannot_run_says_why(tree: Path, words: tuple[str, ...], said: str) -> None:
    done = _review(tree, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_base_it_is_where_the_branch_left_main(tree: Path) -> None:
    commit, name = command.find(tree, "")
    assert name == f"merge base with main ({commit[:9]})"


def test_a_tree_without_main_has_to_name_its_base(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "other", tmp_path], check=True)
    with pytest.raises(Fault, match="make review BASE="):
        command.find(tmp_path, "")
