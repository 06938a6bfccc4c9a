"""What a pull request would change, and what breaks a rule: python -m review [BASE].

exit codes:
  0    clean
  1    something blocks: a new mandatory violation, a stateful resource that goes away, prod weaker than stg,
       a program that does not evaluate
  2    could not run
  130  stopped by Ctrl-C
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from review import isolation, looking, render
from sandbox import engine
from sandbox.fault import Fault
from sandbox.progress import Progress

NOT_RUN, STOPPED = 2, 130
OPEN = ("Not isolated: files, network, sockets and processes are open to the program. "
        "That takes Linux with bubblewrap and user namespaces; .ci/namespaces gets both.")  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Make the report; the exit code."""
    args = _parser().parse_args(words)
    tree, out = Path(args.tree).resolve(), Path(args.output).resolve() if args.output else None
    try:
        for old in (out / name for name in render.FILES) if out else ():
            old.unlink(missing_ok=True)
        if args.events:
            masked = Path(args.mask).read_text().splitlines() if args.mask else []
            report = looking.events(map(Path, args.events), tree, masked, _head(tree))
            render.write(report, out)
            return report.code
        return _compare(args, tree, out)
    except KeyboardInterrupt:
        return STOPPED
    except (OSError, ValueError, Fault) as error:
        render.tell(f"error: {error}")
        return NOT_RUN


def _compare(args: argparse.Namespace, tree: Path, out: Path | None) -> int:
    commit, base = find(tree, args.base)
    hub = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        trees, work = (Path(folder).resolve() / "base", tree), Path(folder).resolve() / "work"
        work.mkdir()
        with tarfile.open(fileobj=io.BytesIO(_git(tree, "archive", commit))) as archive:
            archive.extractall(trees[0], filter="data")
        program = engine.find(Progress())
        code = {Path(entry).resolve() for entry in sys.path if Path(entry).is_dir()}
        shut = isolation.shut(work, {*trees, *code}, (program.parent,))
        if args.isolated and not shut:
            raise Fault(f"--isolated, and this machine cannot. {OPEN}")
        asked = {
            "trees": [*map(str, trees)], "names": (base, _head(tree)), "stacks": args.stack,
            "minutes": args.minutes, "notes": [] if shut else [OPEN],
            "links": [f"{hub[0]}/{hub[1]}/blob/{each}" for each in (hub[2], commit)] if all(hub) else [],
        }  # fmt: skip
        (work / "asked.json").write_text(json.dumps(asked))
        env = isolation.environment(work) | {"PULUMI": str(program)}
        words = [*shut, sys.executable, "-m", "review.looking", str(work)]
        done = subprocess.run(words, cwd=Path(__file__).parents[1], env=env)
        if out and (reports := work / "reports").is_dir() and not reports.is_symlink():
            shutil.copytree(reports, out, symlinks=True, dirs_exist_ok=True)
            render.tell("\n".join(f"wrote {out / each.name}" for each in sorted(reports.iterdir())))
    return done.returncode if done.returncode in (0, 1) else NOT_RUN


def find(tree: Path, ref: str) -> tuple[str, str]:
    """The commit of a ref, and how people call it; without a ref, where this branch left main."""
    for name in (ref,) if ref else ("main", "origin/main"):
        words = ("rev-parse", "-q", "--verify", f"{ref}^{{commit}}") if ref else ("merge-base", name, "HEAD")
        if commit := _git(tree, *words).decode().strip():
            return commit, f"{name if ref else f'merge base with {name}'} ({commit[:9]})"
    if not ref:
        raise Fault("there is no main to compare with. Name the base: make review BASE=<git ref>")
    more = "in a shallow clone, first: git fetch --unshallow"
    raise Fault(f"BASE={ref} is no commit here. Name a branch, a tag or a commit; {more}")


def _head(tree: Path) -> str:
    changed = ", with changes" if _git(tree, "status", "--porcelain") else ""
    return f"working tree ({_git(tree, 'rev-parse', 'HEAD').decode()[:9]}{changed})"


def _git(tree: Path, *words: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", tree, *words], capture_output=True).stdout
    except FileNotFoundError:
        raise Fault("git is not installed; the base is read from it.") from None


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m review", description=__doc__, formatter_class=form)
    add, here = parser.add_argument, Path(__file__).parents[1]
    add("base", nargs="?", default="", help="git ref to compare with (default: the merge base with main)")
    add("--stack", action="append", default=[], metavar="NAME", help="only this one; can be repeated")
    add("--output", metavar="DIR", help=f"also write {', '.join(render.FILES)} there")
    add("--events", nargs="+", metavar="FILE", help="report a real preview: event logs, --json, ledgers")
    add("--mask", metavar="FILE", help="with --events: secret values to hide, one a line")
    add("--isolated", action="store_true", help="run nothing where files or network would be open to it")
    add("--minutes", type=float, default=10, help="time limit (default: 10)")
    add("--tree", default=here, metavar="DIR", help="the working tree (default: this one)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
