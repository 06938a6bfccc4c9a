"""Tests of the selection and the build of the engine, with fake `go` and `pulumi` programs."""

import re
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.cli import main
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds, pulumi_cli

PINNED = pulumi_cli.RECIPE.version

GO = """\
for word; do [ "$before" = -o ] && out=$word; before=$word; done
echo "$*" >> "$FAKE_LOG"; echo "$GOFLAGS $GOWORK $GOGC $GOMEMLIMIT in $PWD" >> "$FAKE_LOG"
echo 'go: downloading github.com/spf13/cobra v1.8.0' >&2
echo 'github.com/spf13/cobra' >&2
printf '#!/bin/sh\\necho v%s\\n' "$FAKE_VERSION" > "$out"
chmod +x "$out"
"""


class Machine:
    """A machine with an empty cache, and a PATH that begins with a folder of the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache, self.log = folder / "bin", folder / "cache", folder / "log"
        self.bin.mkdir()
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setenv("FAKE_LOG", str(self.log))
        for name in builds.FEWER_COLLECTIONS:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("FAKE_VERSION", PINNED)
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


def find_error() -> str:
    with pytest.raises(CommandError) as error:
        pulumi_cli.find(Progress())
    return str(error.value)


def test_the_sdk_has_the_version_of_the_engine() -> None:
    assert version("pulumi") == PINNED


@pytest.mark.parametrize("version", [PINNED, "3.300.0", "3.259.1-alpha.4"])
def test_a_pulumi_on_path_that_is_new_enough_is_used(machine: Machine, version: str) -> None:
    installed = machine.pulumi(version)
    assert pulumi_cli.find(Progress()) == installed


def test_a_cached_program_is_not_asked_for_its_version(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "another-home" / pulumi_cli.RECIPE.folder.name / "pulumi"
    monkeypatch.setenv("PULUMI", str(cached))
    assert "not a working pulumi" in find_error()
    cached.parent.mkdir(parents=True)
    machine.pulumi("0.0.1").rename(cached)
    assert pulumi_cli.find(Progress()) == cached


@pytest.mark.parametrize("version", ["3.258.0", "2.900.0", "4.0.0"])
def test_the_pinned_engine_replaces_a_pulumi_of_another_version_on_path(
    machine: Machine, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.pulumi(version)
    machine.program("go", GO)
    assert pulumi_cli.find(Progress()).is_relative_to(machine.cache)
    needed = f"{PINNED} or a newer 3.x is needed"
    expected = f"pulumi {version} on PATH cannot be used: {needed}; using the pinned version"
    assert expected in capsys.readouterr().out


def test_the_variable_pulumi_selects_the_engine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.pulumi("3.1.0")
    selected = machine.pulumi("3.400.0", "mine")
    monkeypatch.setenv("PULUMI", str(selected))
    assert pulumi_cli.find(Progress()) == selected


@pytest.mark.parametrize(
    ("script", "problem"), [("echo v3.1.0\n", "3.1.0"), ("exit 1\n", "not a working pulumi")]
)
def test_an_unusable_engine_in_the_variable_pulumi_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, script: str, problem: str
) -> None:
    selected = machine.program("mine", script)
    monkeypatch.setenv("PULUMI", str(selected))
    expected = (
        f"PULUMI={selected} is {problem}, but {PINNED} or a newer 3.x is needed."
        " Set PULUMI to such a program, or unset it."
    )
    assert find_error() == expected


def test_the_engine_is_built_once(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.program("go", GO)
    program = pulumi_cli.find(Progress())
    path = program.relative_to(builds.cache_folder())
    assert re.fullmatch(rf"pulumi-{PINNED}-[0-9a-f]{{12}}/pulumi", str(path))
    assert pulumi_cli.find(Progress()) == program
    arguments, settings = machine.log.read_text().splitlines()
    flags, package = pulumi_cli.RECIPE.flags.format(version=PINNED), pulumi_cli.RECIPE.packages["pulumi"]
    assert arguments.startswith("build -v -o ")
    assert arguments.endswith(f" -gcflags=all=-dwarf=false -ldflags -s -w {flags} {package}")
    assert settings == f"-mod=readonly -buildvcs=false off 400 2GiB in {pulumi_cli.RECIPE.source}"
    assert sorted(file.name for file in program.parent.iterdir()) == ["lock", "pulumi"]
    output = capsys.readouterr().out
    assert f"building pulumi {PINNED} from Go modules, once; some five minutes on two cores" in output
    assert f"pulumi {PINNED} is built: {program}" in output


def test_a_command_prints_the_path_of_the_engine(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    installed = machine.pulumi(PINNED)
    assert main(["engine"]) == 0
    assert capsys.readouterr().out == f"{installed}\n"


def test_a_slow_build_shows_its_progress(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sandbox.progress.QUIET_AT_FIRST", 0.1)
    machine.program("go", GO.replace("chmod", "sleep 1; chmod"))
    pulumi_cli.find(Progress())
    assert "… pulumi: modules downloaded: 1, packages compiled: 1" in capsys.readouterr().out


def test_the_second_of_two_simultaneous_builds_waits_for_the_first(machine: Machine) -> None:
    machine.program("go", GO.replace("chmod", "sleep 1; chmod"))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(pulumi_cli.find, [Progress(), Progress()])
    assert first == second
    assert machine.log.read_text().count("build -v") == 1


def test_without_go_the_error_names_the_programs_to_install(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.bin))
    assert find_error() == (
        f"no pulumi {PINNED} or newer on PATH, and no Go to build it with. Install Go 1.26 or newer "
        "(https://go.dev/dl/) or pulumi (https://www.pulumi.com/docs/install/), and run this again."
    )


@pytest.mark.parametrize(
    "message",
    [
        "go: go.mod requires go >= 1.26 (running go 1.22.1; GOTOOLCHAIN=local)",
        "go: errors parsing go.mod:\ngo.mod:5: unknown directive: tool",
        "go: download go1.26 for linux/amd64: toolchain not available",
    ],
)
def test_the_error_names_a_go_that_is_too_old(machine: Machine, message: str) -> None:
    machine.program("go", f"cat >&2 <<'END'\n{message}\nEND\nexit 1\n")
    cause = "Go is too old. Install Go 1.26 or newer (https://go.dev/dl/), or put pulumi itself on PATH."
    assert find_error() == f"pulumi cannot be built: {cause}\nOutput of Go:\n{message}"


@pytest.mark.parametrize(
    "message",
    [
        'github.com/x/y@v1.0.0: Get "https://proxy/x": dial tcp: lookup proxy: no such host',
        "github.com/x/y@v1.0.0: reading https://proxy/x/@v/v1.0.0.zip: 503 Service Unavailable",
        'github.com/x/y@v1.0.0: Get "https://proxy/x": net/http: TLS handshake timeout',
    ],
)
def test_the_error_names_an_unreachable_registry(machine: Machine, message: str) -> None:
    machine.program("go", f"cat >&2 <<'END'\n{message}\nEND\nexit 1\n")
    assert find_error() == (
        "pulumi cannot be built: the Go module registry cannot be reached. Check the network and GOPROXY "
        "(go env GOPROXY), or put pulumi itself on PATH. The next build reuses the downloaded modules.\n"
        f"Output of Go:\n{message}"
    )


def test_the_error_names_a_full_disk(machine: Machine) -> None:
    machine.program("go", "echo 'write /go/x: no space left on device' >&2; exit 1\n")
    assert find_error().startswith(
        "pulumi cannot be built: the disk is full. Free about 4 GB for Go's caches "
    )
    assert list(machine.cache.rglob("build-*")) == []


def test_any_other_error_shows_the_output_of_go(machine: Machine) -> None:
    machine.program("go", "echo 'x.go:3:1: syntax error' >&2; exit 2\n")
    message = "pulumi cannot be built: see Go's output below.\nOutput of Go:\nx.go:3:1: syntax error"
    assert find_error() == message


def test_the_error_names_a_cache_that_cannot_be_written(machine: Machine) -> None:
    machine.program("go", GO)
    machine.cache.write_text("a file where the folder belongs")
    cache = machine.cache / "pipe-infrastructure"
    assert find_error().startswith(f"{cache}/pulumi-{PINNED}-")
    assert find_error().endswith(
        f": Not a directory. Make {cache} writable for this user, or set XDG_CACHE_HOME to another place, "
        "and run this again."
    )


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert builds.cache_folder() == Path("/home/somebody/.cache/pipe-infrastructure")


def test_the_files_of_a_killed_build_are_removed(machine: Machine) -> None:
    machine.program("go", GO)
    program = pulumi_cli.find(Progress())
    program.unlink()
    (program.parent / "build-left").mkdir()
    assert pulumi_cli.find(Progress()) == program
    assert sorted(file.name for file in program.parent.iterdir()) == ["lock", "pulumi"]


def test_an_interrupted_build_leaves_no_files(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.program("go", GO.replace("chmod", "exec sleep 30; chmod"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "tick", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pulumi_cli.find(Progress())
    assert list(machine.cache.rglob("pulumi")) == list(machine.cache.rglob("build-*")) == []
