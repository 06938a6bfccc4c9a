"""Tests of the review's command: output, exit codes, and isolation of a pull request's program."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from review import comparison
from review.jail.system_calls.filter import ARCHITECTURES, DENIED
from review.status import INTERVAL
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from tests.support.review.pairs import copy
from tools.bench.review import STACKS, copy_repository

ROOT = Path(__file__).parents[3]
COLUMN = ARCHITECTURES[os.uname().machine].column

ATTEMPTS = """
import ctypes, os, pathlib, signal, socket
tree, outside = pathlib.Path(__file__).parent, pathlib.Path("OUTSIDE")
settings = pathlib.Path("/proc/sys")
services = tree.parent.glob("sockets/*/services")
def reach(host, port=53):
    socket.create_connection((host, port), timeout=2).close()
def connect(address):
    socket.socket(socket.AF_UNIX).connect(address)
def remount():
    if ctypes.CDLL(None).mount(None, b"/", None, 1 << 5, None):
        raise OSError("Operation not permitted")
def system_call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
libc = ctypes.CDLL(None, use_errno=True)
attempts = {
    "open a socket of the hypervisor": lambda: socket.socket(40, socket.SOCK_STREAM),
    "search the session keyring": lambda: system_call(KEYCTL, 10, -3, b"user", b"token", 0),
    "change a setting of the kernel": lambda: (settings / "kernel/core_pattern").write_text("PATTERN"),
    "read an untracked file": lambda: (tree / "notes.txt").read_text(),
    "write to the tree": lambda: (tree / "planted").write_text("x"),
    "write elsewhere": lambda: (outside / "planted").write_text("x"),
    "read keys": lambda: (outside / "credentials").read_text(),
    "read .git": lambda: (tree / ".git" / "config").read_text(),
    "read an ignored file": lambda: (tree / ".runs" / "masks").read_text(),
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
    "reach a listener on loopback": lambda: reach("127.0.0.1", PORT),
    "kill the test": lambda: os.kill(TEST_PID, signal.SIGKILL),
    "write beside the sockets of the engine": lambda: next(services).joinpath("monitor").unlink(),
    "make its root writable": remount,
}
results = []
for name, attempt in attempts.items():
    try:
        attempt()
        results.append(f"{name}: possible")
    except OSError as error:
        results.append(f"{name}: {error.strerror or error}")
results += [f"sees {name}" for name in os.environ if "TOKEN" in name or "AWS" in name]
own = ("1", str(os.getpid()))
results += [f"sees process {name}" for name in os.listdir("/proc") if name.isdigit() and name not in own]
results += [f"sees {path}" for path in tree.parent.glob("sockets/*/*") if path.name != "services"]
raise RuntimeError(chr(10).join(results))
"""
REFUSED = {
    "open a socket of the hypervisor": "Operation not permitted",
    "search the session keyring": "Operation not permitted",
    "change a setting of the kernel": "Read-only file system",
    "read an untracked file": "No such file or directory",
    "write to the tree": "Read-only file system",
    "write elsewhere": "No such file or directory",
    "read keys": "No such file or directory",
    "read .git": "No such file or directory",
    "read an ignored file": "No such file or directory",
    "read through a link": "No such file or directory",
    "read other users": "No such file or directory",
    "read this machine's keys": "No such file or directory",
    "change the rights of keys": "No such file or directory",
    "change the rights of the tree": "Read-only file system",
    "change the times of the tree": "Read-only file system",
    "reach the network": "Operation not permitted",
    "reach this machine": "Operation not permitted",
    "use a socket of a path": "No such file or directory",
    "use a socket of a name": "Connection refused",
    "reach a listener on loopback": "Operation not permitted",
    "kill the test": "No such process",
    "write beside the sockets of the engine": "Read-only file system",
    "make its root writable": "Operation not permitted",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the program in a separate repository with one commit."""
    tree = copy(tmp_path_factory.mktemp("review") / "tree")
    (tree / ".gitignore").write_text("__pycache__\n.runs\n")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments], cwd=tree, check=True
        )
    return tree


def _review(tree: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "review", "--tree", tree, "--repository", tree, *arguments],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"} | env,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_a_program_gets_no_credentials_no_network_no_files_no_sockets_and_no_processes(
    tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("key")
    (tmp_path / "credentials").chmod(0o600)
    attempts = ATTEMPTS.replace("OUTSIDE", str(tmp_path)).replace("ADDRESS", "198.51.100.1")
    # If the program can write the kernel's setting, it writes the current value.
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    attempts = attempts.replace("PATTERN", pattern).replace("KEYCTL", str(DENIED["keyctl"][COLUMN]))
    main, before = tree / "__main__.py", (tree / "__main__.py").read_text()
    with (
        socket.socket(socket.AF_UNIX) as path,
        socket.socket(socket.AF_UNIX) as name,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        for server, address in ((path, f"{tmp_path}/socket"), (name, f"\0{tmp_path}")):
            server.bind(address)
            server.listen()
        attempts = attempts.replace("PORT", str(listener.getsockname()[1]))
        main.write_text(attempts.replace("TEST_PID", str(os.getpid())) + before)
        (tree / ".runs").mkdir()
        (tree / ".runs" / "masks").write_text("secret")
        (tree / "link").symlink_to(tmp_path / "credentials")
        (tree / "notes.txt").write_text("a draft")
        try:
            done = _review(
                tree, "HEAD", "--stack", "dev", AWS_SECRET_ACCESS_KEY="planted-key", GITHUB_TOKEN="planted"
            )
        finally:
            main.write_text(before)
            (tree / "link").unlink()
            (tree / "notes.txt").unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    for name, reason in REFUSED.items():
        assert f"{name}: {reason}" in done.stdout
    assert "possible" not in done.stdout
    assert (
        "Not reviewed, because git does not track them: link, notes.txt. To include them: git add."
        in done.stdout
    )
    assert "sees" not in done.stdout
    assert not (tree / "planted").exists()
    assert not (tmp_path / "planted").exists()
    assert Path("/proc/sys/kernel/core_pattern").read_text().strip() == pattern
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o600


def without_progress(output: str) -> list[str]:
    """Return the lines of an output without those that report progress, which only slow runs have."""
    return [line for line in output.splitlines() if not re.match(r" *[0-9.]+s  … ", line)]


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_without_network_namespaces_nothing_is_run(tree: Path, tmp_path: Path) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    arguments = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        forbid,
        "sh",
        sys.executable,
        "-m",
        "review",
    ]
    done = subprocess.run(
        [*arguments, "--tree", tree, "--repository", tree, "HEAD", "--output", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "error: the program under review was not run: bubblewrap cannot isolate here (bwrap: " in done.stderr
    )
    assert ".ci/namespaces" in done.stderr
    assert not any("evaluat" in line for line in without_progress(done.stderr))
    assert list(tmp_path.iterdir()) == []


WITNESS = """
import pathlib
pathlib.Path("OUTSIDE/ran").write_text("it ran on this machine")
"""


@pytest.mark.parametrize("flags", [(), ("--no-isolation",)], ids=["by default", "with the flag"])
def test_without_bubblewrap_a_program_is_run_only_with_the_flag(
    flags: tuple[str, ...], tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(str(shutil.which("git")))
    pulumi = pulumi_cli.find(Progress())
    main, before = tree / "__main__.py", (tree / "__main__.py").read_text()
    main.write_text(WITNESS.replace("OUTSIDE", str(tmp_path)) + "raise SystemExit('enough')\n")
    try:
        path = {"PATH": str(tmp_path / "bin"), "PULUMI": str(pulumi)}
        done = _review(tree, "HEAD", "--stack", "dev", *flags, **path)
    finally:
        main.write_text(before)
    assert (tmp_path / "ran").exists() == bool(flags)
    assert done.returncode == (1 if flags else 2), done.stdout + done.stderr
    if flags:
        assert "Not isolated (--no-isolation): files, network, sockets and processes were open" in done.stdout
        assert "Not isolated (--no-isolation)" in without_progress(done.stderr)[0]
    else:
        assert (
            "bubblewrap (bwrap) is not installed.\nInstall it: sudo apt-get install bubblewrap" in done.stderr
        )
        assert done.stdout == ""


FORGERY = """
import os, pathlib, signal, time
work = pathlib.Path(os.environ["TMPDIR"])
(work / "reports").mkdir()
(work / "reports" / "review.md").write_text("Nothing changes, says the program")
(work / "reports" / "review.html").symlink_to("OUTSIDE/.bashrc")
(work / "reports" / "extra").write_text("x")
(work / "reports" / "extra").chmod(0o4777)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    os.kill(1, number)
time.sleep(1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_a_program_cannot_interrupt_the_review_or_forge_a_report(tree: Path, tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("mine")
    main, before = tree / "__main__.py", (tree / "__main__.py").read_text()
    main.write_text(FORGERY.replace("OUTSIDE", str(tmp_path)) + "raise RuntimeError('the truth')\n")
    try:
        done = _review(tree, "HEAD", "--stack", "dev", "--output", str(tmp_path / "out"))
    finally:
        main.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "RuntimeError: the truth" in done.stdout
    files = {file.name: file for file in (tmp_path / "out").iterdir()}
    assert files.keys() == {"review.md", "review.html", "review.sarif", "review.json"}
    assert "says the program" not in files["review.md"].read_text()
    assert {file.lstat().st_mode for file in files.values()} == {0o100644}
    assert (tmp_path / ".bashrc").read_text() == "mine"


def test_a_tracked_file_that_is_a_fifo_is_left_out_and_blocks(tree: Path) -> None:
    file = tree / "Pulumi.stg.yaml"
    before = file.read_text()
    file.unlink()
    os.mkfifo(file)
    try:
        done = _review(tree, "HEAD", "--stack", "foundation/dev")
    finally:
        file.unlink()
        file.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Left out of the head: 'Pulumi.stg.yaml' (a FIFO)." in done.stdout
    assert "guard-weakened" in done.stdout


def test_it_reports_its_progress_is_never_silent_for_long_and_writes_every_rendering(
    tree: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "review", "--tree", str(tree), "--repository", str(tree)]
    command += ["HEAD", "--stack", "foundation/dev", "--output", str(tmp_path)]
    names = ("review.md", "review.html", "review.sarif", "review.json")
    times, texts = [time.monotonic()], list[str]()
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            times.append(time.monotonic())
            texts.append(re.sub(r"^ *[\d.]+s  ", "", line.rstrip()))
    assert process.returncode == 0
    assert [text for text in texts if not text.startswith("…")] == [
        "foundation/dev: evaluating the base, then the head on its state",
        "foundation/dev: base evaluated",
        "foundation/dev: head evaluated",
        *(f"wrote {tmp_path / name}" for name in names),
    ]
    # A line is due every 4 seconds. Other drills keep the processors busy, so the start of Python does not
    # count, and a line may be late.
    assert max(after - before for before, after in pairwise(times[1:])) < 4 * INTERVAL
    for name in names:
        assert "Nothing changes" in (tmp_path / name).read_text()
    assert json.loads((tmp_path / "review.json").read_text())["trees"] == []


def test_its_exit_codes_equal_those_of_the_document() -> None:
    document = " ".join((ROOT / "docs" / "review.md").read_text().split())
    text = subprocess.run(
        [sys.executable, "-m", "review", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    for code, meaning in (("0", "nothing blocks"), ("1", "something blocks"), ("2", "there is no report")):
        assert re.search(rf"^ +{code} +{meaning}", text.stdout, re.MULTILINE)
        assert re.search(rf"\| {code} \| {meaning}", document)
    assert "so `make review` never exits with 1" in text.stdout
    assert "so `make review` never exits with 1" in document


def test_an_endless_program_is_stopped_and_leaves_no_files(tree: Path, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGALRM, 2)],
    ids=str,
)
def test_a_signal_or_the_outer_limit_ends_the_review_and_leaves_no_folder(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    repository = tmp_path / "tree"
    (tmp_path / "tmp").mkdir()
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "init", "-q", "-b", "main", repository], check=True)
    (repository / "Pulumi.yaml").write_text("name: pipe")
    subprocess.run([*git, "add", "-A"], cwd=repository, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "base"], cwd=repository, check=True)
    (tmp_path / "evaluation").write_text("#!/bin/sh\nsleep 7320\n")  # in place of an endless evaluation
    (tmp_path / "evaluation").chmod(0o755)
    program = """
        import sys
        from pathlib import Path
        from review import __main__, comparison
        comparison.pulumi_cli.find = lambda _: Path("/usr/bin/true")
        sys.executable = sys.argv[2]
        sys.exit(__main__.main(["HEAD", "--no-isolation", "--tree", sys.argv[1]]))
    """
    # A shell's background job ignores Ctrl-C, and so do the processes that it starts.
    command = ["env", "--default-signal=INT", sys.executable, "-c", textwrap.dedent(program)]
    command += [str(repository), str(tmp_path / "evaluation")]
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    messages = tmp_path / "messages"
    with messages.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=file)
    try:
        assert _becomes(True, "sleep", "7320"), f"exit code {process.poll()}: {messages.read_text()}"
        assert list((tmp_path / "tmp").iterdir()) != []
        process.send_signal(number)
        assert process.wait(timeout=120) == code
    finally:
        process.kill()
        process.wait()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert _becomes(False, "sleep", "7320")


def test_make_review_in_a_fresh_clone_lists_the_changes_of_each_stack(tmp_path: Path) -> None:
    tree = copy_repository(tmp_path)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-a", "-m", "change"]
    subprocess.run(git, cwd=tree, check=True)
    os.utime(tree / "requirements-dev.txt", (0, 0))  # its packages are installed
    arguments = ["make", "review", "BASE=HEAD~1", f"VENV={sys.prefix}"]
    # Variables of the make that runs the tests are removed.
    env = os.environ | {"NO_COLOR": "1", "MAKEFLAGS": "", "MAKELEVEL": "0", "FLAGS": ""}
    done = subprocess.run(arguments, cwd=tree, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Nothing blocks: 3 updated."
    assert re.fullmatch(r"base to head: HEAD~1 \(\w{9}\) → working tree \(\w{9}\)", lines[1])
    assert [line.split()[:5] for line in lines[4:7]] == [[stack, "0", "1", "0", "0"] for stack in STACKS]
    assert re.search(
        r"~ update api \(kubernetes:apps:Deployment\) \[dev, stg, prod\]  components/\S+:\d+", done.stdout
    )


def test_in_a_workflow_locations_link_to_the_head_and_the_base(tree: Path, tmp_path: Path) -> None:
    place = {"GITHUB_SERVER_URL": "https://example.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "f" * 40}
    done = _review(tree, "HEAD", "--stack", "foundation/dev", "--output", str(tmp_path), **place)
    assert done.returncode == 0, done.stdout + done.stderr
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tree, capture_output=True, text=True)
    assert json.loads((tmp_path / "review.json").read_text())["trees"] == [
        f"https://example.com/o/r/blob/{'f' * 40}",
        f"https://example.com/o/r/blob/{base.stdout.strip()}",
    ]


@pytest.mark.parametrize("arguments", [("nowhere",), ("HEAD", "--stack", "qa")])
def test_a_review_that_could_not_run_leaves_no_files(
    tree: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "review.md").write_text("of an earlier run")
    assert _review(tree, *arguments, "--output", str(tmp_path)).returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "BASE=nowhere is not a commit of"),
        (("HEAD", "--stack", "qa"), "no stack is called 'qa'. Stacks: dev, stg, prod, foundation"),
        (
            ("--events", "requirements.in"),
            "requirements.in is not an event log, `--json` output or ledger of a preview",
        ),
    ],
)
def test_a_review_that_cannot_run_gives_the_reason(
    tree: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = _review(tree, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_default_base_is_the_merge_base_with_main(tree: Path) -> None:
    commit, name = comparison.find_base(tree, "")
    assert name == f"merge base with main ({commit[:9]})"


def test_a_tree_without_main_needs_a_base(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "other", tmp_path], check=True)
    with pytest.raises(CommandError, match="make review BASE="):
        comparison.find_base(tmp_path, "")


def _becomes(running: bool, *arguments: str) -> bool:
    """Return True if a command begins or stops to run within two minutes, on a machine with other drills."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if running == any(
            process.info["cmdline"] == [*arguments] for process in psutil.process_iter(["cmdline"])
        ):
            return True
        time.sleep(0.1)
    return False
