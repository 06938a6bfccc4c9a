"""Tests of the scripts in .ci that prepare a machine; fake programs stand in for the machine's."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[3] / ".ci"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Provide a folder for fake programs, with a fake `sudo`, that comes first in PATH."""
    program(tmp_path, "sudo", 'exec "$@"')
    return tmp_path


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def namespaces(machine: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [CI / "namespaces", machine / "setting"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"},
    )


@pytest.mark.drill
def test_namespaces_are_allowed_where_the_system_forbids_them(machine: Path) -> None:
    (machine / "setting").write_text("1\n")
    done = namespaces(machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert (machine / "setting").read_text() == "0\n"


@pytest.mark.drill
def test_a_system_without_the_setting_is_not_changed(machine: Path) -> None:
    program(machine, "sudo", "exit 9")
    assert namespaces(machine).returncode == 0
    assert not (machine / "setting").exists()


def test_bubblewrap_is_installed_after_an_update_of_the_lists(machine: Path) -> None:
    """Use a machine without other programs, on which the package provides `bwrap`."""
    (bin := machine / "bin").mkdir()
    for name in ("bash", "sh"):
        (bin / name).symlink_to(f"/bin/{name}")
    program(bin, "sudo", 'exec "$@"')
    create_program = f"printf '#!/bin/sh\\n' > {bin}/bwrap; /bin/chmod +x {bin}/bwrap"
    program(bin, "apt-get", f'echo "$*" >> {machine}/calls; [ "$2" = update ] || {{ {create_program}; }}')
    command = [bin / "bash", CI / "namespaces", machine / "setting"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": str(bin)})
    assert (done.returncode, done.stderr) == (0, "")
    calls = (machine / "calls").read_text().splitlines()
    assert calls == ["-qq update", "-qq install --no-install-recommends bubblewrap"]


def test_without_isolation_the_program_is_not_run(machine: Path) -> None:
    program(machine, "bwrap", "exit 1")
    done = namespaces(machine)
    assert done.returncode == 2 and "would have files and the network open" in done.stderr


PACKAGES = (CI / "packages").read_text().split()


def install(
    machine: Path, *packages: str, user: int = 0, there: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run the installation as a user of a machine on which one package is already installed."""
    path = f"{machine}{os.pathsep}{os.environ['PATH']}"
    known = f'[ "$2" = "{there}" ] && echo "Status: install ok installed" || exit 1'
    program(machine, "dpkg", known)
    program(machine, "id", f"echo {user}")
    record = f'echo "$DEBIAN_FRONTEND $*" >> "{machine}/calls"'
    program(machine, "apt-get", f'{record}\n[ -x "{machine}/policy" ] && "{machine}/policy"\n[ $? = 101 ]')
    return subprocess.run(
        [CI / "install", *packages],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path, "POLICY_RC_D": str(machine / "policy")},
    )


def test_missing_packages_are_installed_without_starting_services(machine: Path) -> None:
    done = install(machine, there=PACKAGES[0])
    assert (done.returncode, done.stderr) == (0, "")
    names = " ".join(PACKAGES[1:])
    assert done.stdout == f"installing {names}\n"
    assert (machine / "calls").read_text().splitlines() == [
        "noninteractive -qq update",
        f"noninteractive -qq install --no-install-recommends {names}",
    ]
    assert not (machine / "policy").exists()


def test_only_named_packages_are_installed(machine: Path) -> None:
    done = install(machine, "nginx-light", "nodejs")
    assert (done.returncode, done.stdout) == (0, "installing nginx-light nodejs\n")


def test_an_existing_policy_of_the_machine_stays(machine: Path) -> None:
    program(machine, "policy", "exit 101")
    assert install(machine).returncode == 0
    assert (machine / "policy").exists()


def test_a_user_other_than_root_installs_nothing(machine: Path) -> None:
    done = install(machine, user=1000)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (machine / "calls").exists()


def run_make(machine: Path, *arguments: str) -> list[str]:
    """Run make with a fake npm and a fake Python; return their command lines."""
    for name in ("npm", "python3"):
        program(machine, name, f'echo "{name} $*" >> "{machine}/calls"')
    path = {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"}
    command = ["make", *arguments, f"PYTHON={machine}/python3"]
    done = subprocess.run(command, cwd=CI.parent, env=os.environ | path, check=False)
    assert done.returncode == 0
    return (machine / "calls").read_text().splitlines()


def test_vercels_cli_is_installed_from_its_lock_file_without_install_scripts(machine: Path) -> None:
    assert run_make(machine, "vercel") == [
        "npm ci --prefix tools/vercel --ignore-scripts --no-fund --no-audit"
    ]


def test_only_wheels_are_downloaded_and_by_hash(machine: Path) -> None:
    [line] = run_make(machine, "wheels")
    arguments = line.split()
    assert arguments[:4] == ["python3", "-m", "pip", "download"]
    assert {"--require-hashes", "--only-binary", ":all:", "--no-deps"} <= set(arguments)
    assert arguments[-4:] == ["--dest", "wheels", "-r", "requirements-dev.txt"]


def test_packages_are_installed_from_a_folder_without_a_registry(machine: Path, tmp_path: Path) -> None:
    """Run the installation in a copy of the Makefile, whose .venv has a fake Python."""
    shutil.copy(CI.parent / "Makefile", tmp_path)
    (tmp_path / "requirements-dev.txt").write_text("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    program(tmp_path / ".venv" / "bin", "python", f'echo "$*" >> "{tmp_path}/calls"')
    command = ["make", "packages", "WHEELS=wheels"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    install, compilation = (tmp_path / "calls").read_text().splitlines()
    arguments = install.split()
    assert arguments[-3:] == ["--no-index", "--find-links", "wheels"]
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(arguments)
    assert compilation == "-m compileall -qq -j 0 .venv/lib"


@pytest.mark.skipif(os.getuid() != 0, reason="changes the owner of a folder, as a container's root can")
def test_git_works_in_a_checkout_of_another_user(tmp_path: Path) -> None:
    def git(*arguments: str) -> int:
        return subprocess.run(
            ["git", "-C", tmp_path, *arguments], capture_output=True, check=False
        ).returncode

    (tmp_path / ".ci").mkdir()
    shutil.copy(CI / "own", tmp_path / ".ci" / "own")
    assert git("init") == 0
    os.chown(tmp_path, 65534, 65534)
    assert git("status") != 0
    subprocess.run([tmp_path / ".ci" / "own"], check=True)
    assert git("status") == 0


def test_a_fetched_commit_is_named_and_its_words_are_not_in_the_log(tmp_path: Path) -> None:
    """Fetch a commit that no branch has, whose subject and attributes are workflow commands."""

    def run(*command: str, folder: Path) -> str:
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        author = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "name")
        author |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "name@example.com")
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | settings | author,
        )
        return done.stdout + done.stderr

    origin, clone = tmp_path / "origin", tmp_path / "clone"
    run("git", "init", "--quiet", "--initial-branch=main", str(origin), folder=tmp_path)
    run("git", "commit", "--quiet", "--allow-empty", "--message=main", folder=origin)
    run("git", "clone", "--quiet", str(origin), str(clone), folder=tmp_path)
    (origin / ".gitattributes").write_text("* ##[error]text\n")
    run("git", "add", ".gitattributes", folder=origin)
    run("git", "commit", "--quiet", "--message=##[add-mask]blocks", folder=origin)
    head = run("git", "rev-parse", "HEAD", folder=origin).strip()
    run("git", "update-ref", "refs/pull/7/head", head, folder=origin)
    run("git", "reset", "--quiet", "--hard", "HEAD~", folder=origin)

    assert run(str(CI / "fetch"), head, folder=clone) == ""
    assert run("git", "cat-file", "-t", head, folder=clone) == "commit\n"
    assert run("git", "status", "--short", "--branch", folder=clone) == "## main...origin/main\n"
    printed = run("git", "checkout", head, folder=clone)
    assert "##[add-mask]blocks" in printed and "##[error]text" in printed


@pytest.mark.parametrize("name", ["", "main", "--upload-pack=true", "refs/pull/7/head", "a" * 39])
def test_only_the_whole_id_of_a_commit_is_fetched(tmp_path: Path, name: str) -> None:
    command = [CI / "fetch", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: .ci/fetch takes the whole ID of a commit\n")
