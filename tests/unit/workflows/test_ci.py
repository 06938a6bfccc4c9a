"""What jobs run before the tests and the review: scripts that change the machine, on a made-up one."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[3] / ".ci"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that come first; `sudo` is one."""
    program(tmp_path, "sudo", 'exec "$@"')
    return tmp_path


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def namespaces(machine: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [CI / "namespaces", machine / "setting"], capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip


@pytest.mark.drill
def test_namespaces_are_allowed_where_the_system_forbids_them(machine: Path) -> None:
    (machine / "setting").write_text("1\n")
    done = namespaces(machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert (machine / "setting").read_text() == "0\n"


@pytest.mark.drill
def test_a_system_without_the_setting_is_left_as_it_is(machine: Path) -> None:
    program(machine, "sudo", "exit 9")
    assert namespaces(machine).returncode == 0
    assert not (machine / "setting").exists()


def test_bubblewrap_is_installed_from_lists_of_today(machine: Path) -> None:
    """On a machine that has nothing else; its program then comes from the package."""
    (bin := machine / "bin").mkdir()
    for name in ("bash", "sh"):
        (bin / name).symlink_to(f"/bin/{name}")
    program(bin, "sudo", 'exec "$@"')
    came = f"printf '#!/bin/sh\\n' > {bin}/bwrap; /bin/chmod +x {bin}/bwrap"
    program(bin, "apt-get", f'echo "$*" >> {machine}/asked; [ "$2" = update ] || {{ {came}; }}')
    words = [bin / "bash", CI / "namespaces", machine / "setting"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": str(bin)})
    assert (done.returncode, done.stderr) == (0, "")
    asked = (machine / "asked").read_text().splitlines()
    assert asked == ["-qq update", "-qq install --no-install-recommends bubblewrap"]


def test_where_a_program_could_not_be_cut_off_it_does_not_run(machine: Path) -> None:
    program(machine, "bwrap", "exit 1")
    done = namespaces(machine)
    assert done.returncode == 2 and "would have files and the network open" in done.stderr


PACKAGES = (CI / "packages").read_text().split()


def install(
    machine: Path, *packages: str, user: int = 0, there: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run the installation as a user of a machine that has one package already."""
    path = f"{machine}{os.pathsep}{os.environ['PATH']}"
    known = f'[ "$2" = "{there}" ] && echo "Status: install ok installed" || exit 1'
    program(machine, "dpkg", known)
    program(machine, "id", f"echo {user}")
    asked = f'echo "$DEBIAN_FRONTEND $*" >> "{machine}/asked"'
    program(machine, "apt-get", f'{asked}\n[ -x "{machine}/policy" ] && "{machine}/policy"\n[ $? = 101 ]')
    return subprocess.run(
        [CI / "install", *packages],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path, "POLICY_RC_D": str(machine / "policy")},
    )


def test_missing_packages_are_installed_and_none_of_them_may_start_a_service(machine: Path) -> None:
    done = install(machine, there=PACKAGES[0])
    assert (done.returncode, done.stderr) == (0, "")
    names = " ".join(PACKAGES[1:])
    assert done.stdout == f"installing {names}\n"
    assert (machine / "asked").read_text().splitlines() == [
        "noninteractive -qq update",
        f"noninteractive -qq install --no-install-recommends {names}",
    ]
    assert not (machine / "policy").exists()


def test_packages_that_are_named_are_installed_alone(machine: Path) -> None:
    done = install(machine, "nginx-light", "nodejs")
    assert (done.returncode, done.stdout) == (0, "installing nginx-light nodejs\n")


def test_a_policy_of_the_machines_own_stays(machine: Path) -> None:
    program(machine, "policy", "exit 101")
    assert install(machine).returncode == 0
    assert (machine / "policy").exists()


def test_who_is_not_root_installs_nothing(machine: Path) -> None:
    done = install(machine, user=1000)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (machine / "asked").exists()


def test_vercels_cli_is_installed_in_one_version(machine: Path) -> None:
    program(machine, "npm", f'echo "$*" > "{machine}/asked"')
    path = {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["make", "vercel"], cwd=CI.parent, env=os.environ | path, check=False)
    assert done.returncode == 0
    asked = (machine / "asked").read_text()
    assert re.fullmatch(r"install --global --no-fund --no-audit vercel@\d+\.\d+\.\d+\n", asked)


@pytest.mark.skipif(os.getuid() != 0, reason="gives a folder away, as a container's root can")
def test_git_works_in_a_checkout_that_was_somebody_elses(tmp_path: Path) -> None:
    def git(*words: str) -> int:
        return subprocess.run(["git", "-C", tmp_path, *words], capture_output=True, check=False).returncode

    (tmp_path / ".ci").mkdir()
    shutil.copy(CI / "own", tmp_path / ".ci" / "own")
    assert git("init") == 0
    os.chown(tmp_path, 65534, 65534)
    assert git("status") != 0
    subprocess.run([tmp_path / ".ci" / "own"], check=True)
    assert git("status") == 0
