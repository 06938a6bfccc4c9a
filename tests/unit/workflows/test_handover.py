"""Tests of the hand-over of folders between jobs, and of the frontend's build without credentials."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools import build_frontend, handover

ROOT = Path(__file__).parents[3]


FILTERS = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="Python 3.11.4 has tarfile's filters"
)


def run(folder: Path, module: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a tool in a folder, with these environment variables alone."""
    return subprocess.run(
        [sys.executable, "-m", f"tools.{module}", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
    )


def pack(folder: Path, name: str = "wheels") -> str:
    """Pack a folder with a file, a program and a link; return the digest from the step's output."""
    source = folder / name
    (source / "bin").mkdir(parents=True)
    (source / "one.whl").write_text("one")
    (source / "bin" / "program").write_text("#!/bin/sh\n")
    (source / "bin" / "program").chmod(0o755)
    (source / "link").symlink_to("bin/program")
    done = run(folder, "handover", "pack", name, name, GITHUB_OUTPUT=str(folder / "output"))
    assert done.returncode == 0, done.stderr
    output = (folder / "output").read_text()
    assert done.stdout == output
    return output.removeprefix("digest=").strip()


@FILTERS
def test_a_folder_arrives_as_it_was_packed(tmp_path: Path) -> None:
    digest = pack(tmp_path)
    done = run(tmp_path, "handover", "unpack", "wheels", "there/wheels", DIGEST=digest)
    assert (done.returncode, done.stderr) == (0, "")
    there = tmp_path / "there" / "wheels"
    assert (there / "one.whl").read_text() == "one"
    assert os.access(there / "link", os.X_OK) and (there / "link").is_symlink()


def test_an_archive_that_another_job_replaced_is_refused(tmp_path: Path) -> None:
    digest = pack(tmp_path)
    (tmp_path / ".handover" / "wheels.tar").write_bytes(b"other")
    done = run(tmp_path, "handover", "unpack", "wheels", "there", DIGEST=digest)
    actual = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    assert (done.returncode, done.stderr) == (
        1,
        f"error: .handover/wheels.tar has the digest {actual}, but the job that packed it "
        f"reported {digest}\n",
    )
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("digest", ["", "abc", "$DIGEST"])
def test_an_archive_without_a_digest_is_refused(tmp_path: Path, digest: str) -> None:
    pack(tmp_path)
    done = run(tmp_path, "handover", "unpack", "wheels", "there", DIGEST=digest)
    message = f"error: DIGEST is {digest!r}, which cannot be the SHA-256 digest of .handover/wheels.tar\n"
    assert (done.returncode, done.stderr) == (1, message)


def member(name: str, link: str = "") -> tarfile.TarInfo:
    """Return a member of an archive: a file of four bytes, or a symbolic link."""
    info = tarfile.TarInfo(name)
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    else:
        info.size = 4
    return info


@FILTERS
@pytest.mark.parametrize(
    "members",
    [
        [member("../operations/deploy.py")],
        [member("link", "../../operations"), member("link/deploy.py")],
    ],
    ids=["parent", "link"],
)
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "deploy.py").write_text("trusted")
    (tmp_path / ".handover").mkdir()
    with tarfile.open(tmp_path / ".handover" / "frontend.tar", "w") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"evil"))
    digest = handover.digest_of(tmp_path / ".handover" / "frontend.tar")
    done = run(tmp_path, "handover", "unpack", "frontend", "frontend/output", DIGEST=digest)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert (tmp_path / "operations" / "deploy.py").read_text() == "trusted"


def test_an_archive_is_not_mixed_with_files_that_are_there(tmp_path: Path) -> None:
    digest = pack(tmp_path)
    done = run(tmp_path, "handover", "unpack", "wheels", "wheels", DIGEST=digest)
    message = "error: wheels already exists, so .handover/wheels.tar is not extracted into it\n"
    assert (done.returncode, done.stderr) == (1, message)


def archive(folder: Path, *members: tarfile.TarInfo) -> str:
    """Write an archive with these members; return its digest."""
    (folder / ".handover").mkdir()
    with tarfile.open(folder / ".handover" / "checks.tar", "w") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"evil"))
    return handover.digest_of(folder / ".handover" / "checks.tar")


def test_a_file_arrives_without_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / ".runs" / "dev").mkdir(parents=True)
    (tmp_path / ".runs" / "checks.json").write_text("{}")
    (tmp_path / ".runs" / "dev" / "unfinished.json").write_text("planted")
    done = run(tmp_path, "handover", "pack-file", "checks", ".runs/checks.json")
    assert done.returncode == 0, done.stderr
    digest = done.stdout.removeprefix("digest=").strip()
    (tmp_path / ".runs").rename(tmp_path / "of-the-other-job")
    done = run(tmp_path, "handover", "unpack-file", "checks", ".runs/checks.json", DIGEST=digest)
    assert (done.returncode, done.stderr) == (0, "")
    files = [file for file in (tmp_path / ".runs").rglob("*") if file.is_file()]
    assert [(file.name, file.read_text()) for file in files] == [("checks.json", "{}")]
    done = run(tmp_path, "handover", "unpack-file", "checks", ".runs/checks.json", DIGEST=digest)
    assert done.returncode == 1 and "already exists" in done.stderr


@pytest.mark.parametrize(
    "members",
    [
        [member("checks.json"), member("dev/unfinished.json")],
        [member("dev/unfinished.json")],
        [member("../checks.json")],
        [member("checks.json", link="other.json")],
        [],
    ],
    ids=["second", "another", "parent", "link", "none"],
)
def test_an_archive_of_a_file_with_another_member_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    digest = archive(tmp_path, *members)
    done = run(tmp_path, "handover", "unpack-file", "checks", ".runs/checks.json", DIGEST=digest)
    names = ", ".join(repr(info.name) for info in members)
    message = f"error: .handover/checks.tar has the members {names}; allowed: the file checks.json alone\n"
    assert (done.returncode, done.stderr) == (1, message)
    assert not (tmp_path / ".runs").exists()


@pytest.mark.parametrize("kind", ["missing", "folder", "link"])
def test_only_a_file_is_packed_as_a_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").write_text("x")
    if kind == "folder":
        (tmp_path / "file").mkdir()
    elif kind == "link":
        (tmp_path / "file").symlink_to("other")
    done = run(tmp_path, "handover", "pack-file", "checks", "file")
    message = "error: file is not a file, so it cannot be handed over\n"
    assert (done.returncode, done.stderr) == (1, message)


VERCEL = """\
#!/bin/sh
env > "$PWD/environment"
echo "$@" > "$PWD/arguments"
cp frontend/.vercel/project.json frontend/.vercel/.env.production.local .
"""


@pytest.fixture
def frontend(tmp_path: Path) -> Path:
    """Provide a checkout with a frontend and a fake CLI of Vercel."""
    (tmp_path / "frontend").mkdir()
    (tmp_path / "frontend" / "package-lock.json").write_text("{}")
    program = tmp_path / build_frontend.VERCEL
    program.parent.mkdir(parents=True)
    program.write_text(VERCEL)
    program.chmod(0o755)
    return tmp_path


def test_the_frontend_is_built_with_public_variables_and_without_the_jobs_tokens(frontend: Path) -> None:
    done = run(
        frontend,
        "build_frontend",
        VARIABLES='PUBLIC_API=https://dev.pipe.dev\n\n PUBLIC_NAME=a "b"\n',
        ACTIONS_RUNTIME_TOKEN="planted",
        GITHUB_TOKEN="planted",
    )
    assert (done.returncode, done.stderr) == (0, "")
    names = {line.partition("=")[0] for line in (frontend / "environment").read_text().splitlines()}
    assert names <= {*build_frontend.HARMLESS, "PWD", "_", "SHLVL", "LC_CTYPE"}
    arguments = (frontend / "arguments").read_text()
    assert arguments == "--cwd frontend build --prod --standalone\n"  # No --yes, which would ask Vercel.
    variables = (frontend / ".env.production.local").read_text()
    assert variables == 'PUBLIC_API="https://dev.pipe.dev"\nPUBLIC_NAME="a \\"b\\""\n'
    settings = json.loads((frontend / "project.json").read_text())["settings"]
    assert settings == {"installCommand": "npm ci --ignore-scripts"}


def test_a_line_that_is_no_variable_is_refused(frontend: Path) -> None:
    done = run(frontend, "build_frontend", VARIABLES="PUBLIC_API: x")
    message = "error: VARIABLES has the line 'PUBLIC_API: x'; each line must have the form NAME=value\n"
    assert (done.returncode, done.stderr) == (2, message)
    assert not (frontend / "arguments").exists()


def test_a_frontend_without_a_lock_file_is_not_built(frontend: Path) -> None:
    (frontend / "frontend" / "package-lock.json").unlink()
    done = run(frontend, "build_frontend")
    message = "error: frontend/package-lock.json is missing; `npm ci` needs it\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_each_package_of_the_locked_cli_has_a_hash_and_no_address() -> None:
    lock = json.loads((ROOT / "tools" / "vercel" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert lock["packages"][""]["dependencies"]["vercel"] == packages["node_modules/vercel"]["version"]
    assert {
        name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")
    } == set()
    assert not [name for name, entry in packages.items() if "resolved" in entry]
