"""What a pull request would change, and what breaks a rule: python -m review [BASE]."""

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from review import checkout, isolation, looking, phrases, render, runner
from review.model import Report
from sandbox import engine
from sandbox.fault import Fault
from sandbox.progress import Progress

# What --output gets; the terminal's form goes to the standard output.
FILES: dict[str, Callable[[Report], str]] = {
    "review.md": render.markdown,
    "review.html": render.html,
    "review.sarif": render.sarif,
    "review.json": render.as_json,
}
NOT_RUN, STOPPED = 2, 130
REMEDY = "It needs Linux 5.12 or newer with user namespaces (.ci/namespaces allows them)."
CODES = """\
exit codes:
  0    clean
  1    something blocks: a new mandatory violation, a stateful resource that goes away, prod weaker than stg,
       a program that does not evaluate
  2    could not run
  130  stopped by Ctrl-C
"""


def main(words: Sequence[str] | None = None) -> int:
    """Make the report; the exit code."""
    args = _parser().parse_args(words)
    if args.schema:
        print(render.schema(), end="")
        return 0
    tree, out = Path(args.tree).resolve(), Path(args.output).resolve() if args.output else None
    opened: dict[str, TextIO] = {}
    hub = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    try:
        if out:
            out.mkdir(parents=True, exist_ok=True)
        # Opened now: what runs later may write nowhere but into its own folder.
        opened |= {name: (out / name).open("w", encoding="utf-8") for name in FILES} if out else {}

        def show(report: Report, base: str = "") -> int:
            trees = [f"{hub[0]}/{hub[1]}/blob/{commit}" if commit else "" for commit in (hub[2], base)]
            report = replace(report, trees=trees if all(hub) else [])
            for name, file in opened.items():
                with file:
                    file.write(FILES[name](report))
                _tell(f"wrote {file.name}")
            print(render.terminal(report), end="")
            return report.code

        if args.events:
            masked = Path(args.mask).read_text().splitlines() if args.mask else []
            return show(looking.events(map(Path, args.events), tree, masked, checkout.head_name(tree)))
        return _compare(args, tree, show)
    except (OSError, ValueError, Fault) as error:
        _tell(f"error: {error}")
        return NOT_RUN
    finally:
        for file in (Path(each.name) for each in opened.values()):
            if not file.stat().st_size:
                file.unlink()  # an empty file is no report


def _compare(args: argparse.Namespace, tree: Path, show: Callable[[Report, str], int]) -> int:
    commit, base = checkout.find(tree, args.base)
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        trees, work = (Path(folder).resolve() / "base", tree), Path(folder).resolve() / "work"
        trees[0].mkdir()
        work.mkdir()
        checkout.extract(tree, commit, trees[0])
        names, program = (base, checkout.head_name(tree)), engine.find(Progress())
        projects = looking.stacks(trees, args.stack)

        def look() -> int:
            """Isolated from its first line on: it writes below `work` only."""
            try:
                isolation.scrub(work)
                code = {Path(entry).resolve() for entry in sys.path if Path(entry).is_dir()}
                notes = isolation.isolate(work, {*trees, *code}, (program.parent,))
                if notes and args.isolated:
                    _tell("\n".join(("error: --isolated, and this machine cannot:", *notes, REMEDY)))
                    return NOT_RUN
                hidden = runner.Secrets()
                run = partial(runner.run, engine=program, hidden=hidden, minutes=args.minutes, tell=_tell)
                return show(looking.report(trees, names, projects, work, hidden, run, notes), commit)
            except KeyboardInterrupt:
                return STOPPED
            except Exception:
                traceback.print_exc()
                return NOT_RUN

        return isolation.apart(look)


def _tell(text: str) -> None:
    print(phrases.visible(text), file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m review", None, __doc__, CODES, formatter_class=form)
    add, here = parser.add_argument, Path(__file__).parents[1]
    add("base", nargs="?", default="", help="git ref to compare with (default: the merge base with main)")
    add("--stack", action="append", default=[], metavar="NAME", help="only this one; can be repeated")
    add("--output", metavar="DIR", help=f"also write {', '.join(FILES)} there")
    add("--events", nargs="+", metavar="FILE", help="report a real preview: event logs, --json, ledgers")
    add("--mask", metavar="FILE", help="with --events: secret values to hide, one a line")
    add("--isolated", action="store_true", help="run nothing where files or network would be open to it")
    add("--minutes", type=float, default=10, help="time limit (default: 10)")
    add("--tree", default=here, metavar="DIR", help="the working tree (default: this one)")
    add("--schema", action="store_true", help="print the JSON Schema of review.json, and nothing else")
    return parser


if __name__ == "__main__":
    sys.exit(main())
