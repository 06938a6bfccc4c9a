"""Tests of the downloads of published releases, from a server on 127.0.0.1."""

import hashlib
import io
import re
import tarfile
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sandbox.progress import Progress
from sandbox.toolchain import downloads, pulumi_cli
from sandbox.toolchain.builds import RECIPES, Recipe
from sandbox.toolchain.downloads import Release, this_platform
from tests.support.rows import check_rows

PINNED = pulumi_cli.RECIPE.version

GO = """\
for word; do [ "$before" = -o ] && out=$word; before=$word; done
printf '#!/bin/sh\\necho built\\n' > "$out"
chmod +x "$out"
"""


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a machine with Go, an empty cache, and downloads."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\n{GO}")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "PULUMI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(downloads.VARIABLE)
    return tmp_path


@pytest.fixture
def site(machine: Path) -> Generator[tuple[Path, str]]:
    """Serve a folder; yield the folder and its address."""
    folder = machine / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def write_archive(folder: Path, member: str = "pulumi/pulumi") -> str:
    """Write a release's archive; return its digest."""
    content = b"#!/bin/sh\necho downloaded\n"
    with tarfile.open(folder / "release.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo(member)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return f"sha256:{hashlib.sha256((folder / 'release.tar.gz').read_bytes()).hexdigest()}"


def recipe(url: str, digest: str = "", checksums: str = "") -> Recipe:
    machine = this_platform()
    release = Release(
        url=f"{url}/release.tar.gz",
        member="pulumi/{program}",
        digests={machine: digest} if digest else {},
        checksums=checksums,
        platforms={} if digest else {machine: machine},
    )
    return replace(pulumi_cli.RECIPE, download=release)


def origin(recipe: Recipe) -> str:
    """Return the origin of the program that the recipe provides: `downloaded` or `built`."""
    program = recipe.build(Progress())["pulumi"]
    assert sorted(file.name for file in program.parent.iterdir()) == ["lock", "pulumi"]
    assert program.stat().st_mode & 0o777 == 0o755
    return program.read_text().split()[-1]


def test_a_release_with_the_pinned_digest_is_used_and_go_builds_nothing(
    site: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = site
    assert origin(recipe(url, write_archive(folder))) == "downloaded"
    expected = f"downloaded pulumi {PINNED} from {url}/release.tar.gz; its checksum is right"
    assert expected in capsys.readouterr().out


def test_a_release_without_a_pinned_digest_is_compared_with_the_published_one(site: tuple[Path, str]) -> None:
    folder, url = site
    digest = write_archive(folder).removeprefix("sha256:")
    (folder / "sums.txt").write_text(f"{64 * '0'}  other.tar.gz\n{digest}  release.tar.gz\n")
    assert origin(recipe(url, checksums=f"{url}/sums.txt")) == "downloaded"


def test_a_release_that_cannot_be_used_is_named_with_the_reason_and_built_instead(
    site: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = site
    digest = write_archive(folder)
    (folder / "sums.txt").write_text(f"{64 * '0'}  other.tar.gz\n")
    (folder / "wrong.txt").write_text(f"{64 * '0'}  release.tar.gz\n")
    wrong = f"sha256:{64 * '1'}"
    (folder / "broken").mkdir()
    (folder / "broken" / "release.tar.gz").write_bytes(b"text")
    (folder / "empty").mkdir()
    other = write_archive(folder / "empty", "other/pulumi")
    text = f"sha256:{hashlib.sha256(b'text').hexdigest()}"
    rows = [
        ("wrong pin", (recipe(url, wrong), f"has the checksum {digest}, not {wrong}")),
        (
            "wrong published digest",
            (recipe(url, checksums=f"{url}/wrong.txt"), f"has the checksum {digest}, not sha256:{64 * '0'}"),
        ),
        ("no published digest", (recipe(url, checksums=f"{url}/sums.txt"), f"is not in {url}/sums.txt")),
        ("no such file", (recipe(f"{url}/absent", digest), "answers with status 404")),
        ("no answer", (recipe("http://127.0.0.1:9", digest), "does not answer (NewConnectionError)")),
        ("no archive", (recipe(f"{url}/broken", text), "cannot be unpacked: ")),
        ("no such member", (recipe(f"{url}/empty", other), "cannot be unpacked: ")),
    ]

    def check(row: tuple[Recipe, str]) -> None:
        case, reason = row
        (case.folder / "pulumi").unlink(missing_ok=True)
        assert origin(case) == "built"
        output = capsys.readouterr().out
        assert case.download is not None
        assert f"{case.download.url} {reason}" in output
        assert "; building from Go modules instead" in output

    check_rows(rows, check)


def test_no_server_is_asked_for_another_platform_or_if_downloads_are_switched_off(
    site: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = site
    digest = write_archive(folder)
    release = Release(url=f"{url}/release.tar.gz", member="pulumi/pulumi", digests={"plan9-mips": digest})
    assert origin(replace(pulumi_cli.RECIPE, download=release)) == "built"
    (pulumi_cli.RECIPE.folder / "pulumi").unlink()
    monkeypatch.setenv(downloads.VARIABLE, "never")
    assert origin(recipe(url, digest)) == "built"
    assert url not in capsys.readouterr().out


def test_the_digests_of_the_releases_have_the_length_of_their_algorithm() -> None:
    releases = [recipe.download for recipe in RECIPES.values() if recipe.download]
    assert len(releases) >= 3
    for release in releases:
        for digest in release.digests.values():
            algorithm, _, text = digest.partition(":")
            length = 2 * hashlib.new(algorithm).digest_size
            assert re.fullmatch(rf"[0-9a-f]{{{length}}}", text)
        assert release.digests or release.checksums
        assert all(text.startswith("https://") for text in (release.url, release.checksums) if text)
