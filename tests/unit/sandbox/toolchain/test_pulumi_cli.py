"""Which engine is taken, and how it is built, with a `go` and a `pulumi` of the tests' own."""

import re
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.cli import main
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds, pulumi_cli

WANTED = pulumi_cli.RECIPE.version

GO = """\
for word; do [ "$before" = -o ] && out=$word; before=$word; done
echo "$*" >> "$FAKE_LOG"; echo "$GOFLAGS in $PWD" >> "$FAKE_LOG"
echo 'go: downloading github.com/spf13/cobra v1.8.0' >&2
echo 'github.com/spf13/cobra' >&2
printf '#!/bin/sh\\necho v%s\\n' "$FAKE_VERSION" > "$out"
chmod +x "$out"
"""


class Machine:
    """A PATH of the tests' own and an empty cache."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache, self.log = folder / "bin", folder / "cache", folder / "log"
        self.bin.mkdir()
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setenv("FAKE_LOG", str(self.log))
        monkeypatch.setenv("FAKE_VERSION", WANTED)
        monkeypatch.delenv("PULUMI", raising=False)

    def program(self, name: str, script: str) -> Path:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{script}")
        file.chmod(0o755)
        return file

    def pulumi(self, version: str, name: str = "pulumi") -> Path:
        return self.program(name, f"echo v{version}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def fault() -> str:
    with pytest.raises(CommandError) as found:
        pulumi_cli.find(Progress())
    return str(found.value)


def test_the_sdk_is_of_the_engines_version() -> None:
    assert version("pulumi") == WANTED


@pytest.mark.parametrize("version", [WANTED, "3.300.0", "3.259.1-alpha.4"])
def test_a_pulumi_on_path_that_is_new_enough_is_used(machine: Machine, version: str) -> None:
    mine = machine.pulumi(version)
    assert pulumi_cli.find(Progress()) == mine


@pytest.mark.parametrize("version", ["3.258.0", "2.900.0", "4.0.0"])
def test_another_pulumi_on_path_gives_way_to_the_pinned_one(
    machine: Machine, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.pulumi(version)
    machine.program("go", GO)
    assert pulumi_cli.find(Progress()).is_relative_to(machine.cache)
    expected = (
        f"pulumi {version} on PATH will not do, {WANTED} or a newer 3.x is needed: the pinned one is used"
    )
    assert expected in capsys.readouterr().out


def test_pulumi_names_the_engine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.pulumi("3.1.0")
    mine = machine.pulumi("3.400.0", "mine")
    monkeypatch.setenv("PULUMI", str(mine))
    assert pulumi_cli.find(Progress()) == mine


@pytest.mark.parametrize(
    ("script", "found"), [("echo v3.1.0\n", "3.1.0"), ("exit 1\n", "no pulumi that runs")]
)
def test_a_named_engine_that_will_not_do_is_a_fault(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, script: str, found: str
) -> None:
    mine = machine.program("mine", script)
    monkeypatch.setenv("PULUMI", str(mine))
    assert fault() == f"PULUMI={mine} is {found}; {WANTED} or a newer 3.x is needed. Or unset PULUMI."


def test_the_engine_is_built_once(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.program("go", GO)
    made = pulumi_cli.find(Progress())
    assert re.fullmatch(
        rf"pulumi-{WANTED}-[0-9a-f]{{12}}/pulumi", str(made.relative_to(builds.cache_folder()))
    )
    assert pulumi_cli.find(Progress()) == made
    words, where = machine.log.read_text().splitlines()
    flags, package = pulumi_cli.RECIPE.flags.format(version=WANTED), pulumi_cli.RECIPE.packages["pulumi"]
    assert words.startswith("build -v -o ") and words.endswith(f"-ldflags -s -w {flags} {package}")
    assert where == f"-mod=readonly -buildvcs=false in {pulumi_cli.RECIPE.source}"
    assert sorted(file.name for file in made.parent.iterdir()) == ["lock", "pulumi"]
    said = capsys.readouterr().out
    assert f"building pulumi {WANTED} from Go modules, once; some five minutes on two cores" in said
    assert f"pulumi {WANTED} is built: {made}" in said


def test_a_command_says_which_engine_runs(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    mine = machine.pulumi(WANTED)
    assert main(["engine"]) == 0
    assert capsys.readouterr().out == f"{mine}\n"


def test_a_slow_build_says_how_far_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sandbox.progress.QUIET_AT_FIRST", 0.1)
    machine.program("go", GO.replace("chmod", "sleep 1; chmod"))
    pulumi_cli.find(Progress())
    assert "… pulumi: modules downloaded: 1, packages compiled: 1" in capsys.readouterr().out


def test_two_builds_at_once_are_one(machine: Machine) -> None:
    machine.program("go", GO.replace("chmod", "sleep 1; chmod"))
    found: list[Path] = []
    both = [threading.Thread(target=lambda: found.append(pulumi_cli.find(Progress()))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert found[0] == found[1]
    assert machine.log.read_text().count("build -v") == 1


def test_without_go_it_says_what_to_install(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.bin))
    assert fault() == (
        f"no pulumi {WANTED} or newer on PATH, and no Go to build it with. Install Go 1.26 or newer "
        "(https://go.dev/dl/) or pulumi (https://www.pulumi.com/docs/install/), and run this again."
    )


@pytest.mark.parametrize(
    "said",
    [
        "go: go.mod requires go >= 1.26 (running go 1.22.1; GOTOOLCHAIN=local)",
        "go: errors parsing go.mod:\ngo.mod:5: unknown directive: tool",
        "go: download go1.26 for linux/amd64: toolchain not available",
    ],
)
def test_a_go_that_is_too_old_is_named(machine: Machine, said: str) -> None:
    machine.program("go", f"cat >&2 <<'SAID'\n{said}\nSAID\nexit 1\n")
    cause = "Go is too old. Install Go 1.26 or newer (https://go.dev/dl/), or put pulumi itself on PATH."
    assert fault() == f"pulumi cannot be built: {cause}\nGo says:\n{said}"


@pytest.mark.parametrize(
    "said",
    [
        'github.com/x/y@v1.0.0: Get "https://proxy/x": dial tcp: lookup proxy: no such host',
        "github.com/x/y@v1.0.0: reading https://proxy/x/@v/v1.0.0.zip: 503 Service Unavailable",
        'github.com/x/y@v1.0.0: Get "https://proxy/x": net/http: TLS handshake timeout',
    ],
)
def test_a_registry_that_cannot_be_reached_is_named(machine: Machine, said: str) -> None:
    machine.program("go", f"cat >&2 <<'SAID'\n{said}\nSAID\nexit 1\n")
    assert fault() == (
        "pulumi cannot be built: the Go module registry cannot be reached. Check the network and GOPROXY "
        "(go env GOPROXY), or put pulumi itself on PATH. What is downloaded already is kept.\n"
        f"Go says:\n{said}"
    )


def test_a_full_disk_under_go_is_named(machine: Machine) -> None:
    machine.program("go", "echo 'write /go/x: no space left on device' >&2; exit 1\n")
    assert fault().startswith("pulumi cannot be built: the disk is full. Free about 4 GB for Go's caches ")
    assert list(machine.cache.rglob("build-*")) == []


def test_any_other_failure_shows_what_go_says(machine: Machine) -> None:
    machine.program("go", "echo 'x.go:3:1: syntax error' >&2; exit 2\n")
    assert fault() == "pulumi cannot be built: see what Go says.\nGo says:\nx.go:3:1: syntax error"


def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.program("go", GO)
    machine.cache.write_text("a file where the folder belongs")
    cache = machine.cache / "pipe-infrastructure"
    assert fault().startswith(f"{cache}/pulumi-{WANTED}-")
    assert fault().endswith(
        f": Not a directory. Make {cache} writable for this user, or set XDG_CACHE_HOME to another place, "
        "and run this again."
    )


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert builds.cache_folder() == Path("/home/somebody/.cache/pipe-infrastructure")


def test_what_a_killed_build_left_is_removed(machine: Machine) -> None:
    machine.program("go", GO)
    made = pulumi_cli.find(Progress())
    made.unlink()
    (made.parent / "build-left").mkdir()
    assert pulumi_cli.find(Progress()) == made
    assert sorted(file.name for file in made.parent.iterdir()) == ["lock", "pulumi"]


def test_a_build_that_is_stopped_leaves_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.program("go", GO.replace("chmod", "exec sleep 30; chmod"))

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "tick", press)
    with pytest.raises(KeyboardInterrupt):
        pulumi_cli.find(Progress())
    assert list(machine.cache.rglob("pulumi")) == list(machine.cache.rglob("build-*")) == []
