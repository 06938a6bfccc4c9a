"""The command: what it says, what it exits with, and what a pull request's program cannot do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.review import STACKS, repository
from review import checkout
from sandbox.fault import Fault
from tests.review.pairs import copy

ROOT = Path(__file__).parents[2]

ATTEMPTS = """
import os, pathlib, socket
tree = pathlib.Path(__file__).parent
def reach(host):
    socket.create_connection((host, 53), timeout=2).close()
tried = {
    "write to the tree": lambda: (tree / "planted").write_text("x"),
    "write elsewhere": lambda: pathlib.Path("OUTSIDE/planted").write_text("x"),
    "read keys": lambda: pathlib.Path("OUTSIDE/credentials").read_text(),
    "read .git": lambda: (tree / ".git" / "config").read_text(),
    "reach the network": lambda: reach("192.0.2.1"),
    "reach this machine": lambda: reach("ADDRESS"),
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


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a repository of its own, with one commit."""
    tree = copy(tmp_path_factory.mktemp("review") / "tree")
    (tree / ".gitignore").write_text("__pycache__\n")
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


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock and network namespaces are Linux's")
def test_a_program_gets_no_credentials_no_network_and_no_files(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("key")
    main, before = tree / "__main__.py", (tree / "__main__.py").read_text()
    main.write_text(ATTEMPTS.replace("OUTSIDE", str(tmp_path)).replace("ADDRESS", "198.51.100.1") + before)
    try:
        done = _review(
            tree, "HEAD", "--stack", "dev", AWS_SECRET_ACCESS_KEY="planted-key", GITHUB_TOKEN="planted-token"
        )
    finally:
        main.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "possible" not in done.stdout
    for refused in ("write to the tree", "write elsewhere", "read keys", "read .git"):
        assert f"{refused}: Permission denied" in done.stdout
    for refused in ("reach the network", "reach this machine"):
        assert f"{refused}: Network is unreachable" in done.stdout
    assert "sees" not in done.stdout
    assert not (tree / "planted").exists()
    assert not (tmp_path / "planted").exists()


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
    assert "error: --isolated, and this machine cannot:\nNot isolated: the network is open" in done.stderr
    assert ".ci/namespaces" in done.stderr
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
    done = subprocess.run(words, cwd=tree, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True)
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
    commit, name = checkout.find(tree, "")
    assert name == f"merge base with main ({commit[:9]})"


def test_a_tree_without_main_has_to_name_its_base(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "other", tmp_path], check=True)
    with pytest.raises(Fault, match="make review BASE="):
        checkout.find(tmp_path, "")
