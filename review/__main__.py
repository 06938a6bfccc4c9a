"""What a pull request would change, and what breaks a rule: python -m review [BASE]."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from review import checkout, isolation, looking, render, sarif
from review.model import Report
from sandbox import engine
from sandbox.fault import Fault
from sandbox.progress import Progress

FILES: dict[str, Callable[[Report], str]] = {
    "review.md": render.markdown,
    "review.html": render.html,
    "review.sarif": sarif.render,
    "review.json": render.as_json,
}
"""What --output gets; the terminal's form goes to the standard output."""

NOT_RUN, STOPPED = 2, 130
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
    try:
        if out:
            out.mkdir(parents=True, exist_ok=True)
        # Opened now: what runs later may write nowhere but into its own folder.
        opened = {name: (out / name).open("w", encoding="utf-8") for name in FILES} if out else {}

        def show(report: Report) -> int:
            for name, file in opened.items():
                with file:
                    file.write(FILES[name](report))
                _tell(f"wrote {file.name}")
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            print(render.terminal(report, colour=colour), end="")
            return report.code

        if args.events:
            masked = Path(args.mask).read_text().splitlines() if args.mask else []
            return show(looking.events(map(Path, args.events), tree, masked, checkout.head_name(tree)))
        return _compare(args, tree, show)
    except (checkout.NotRun, OSError, ValueError, Fault) as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_RUN


def _compare(args: argparse.Namespace, tree: Path, show: Callable[[Report], int]) -> int:
    commit, base = checkout.find(tree, args.base)
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        place = Path(folder).resolve()
        for name in ("base", "work"):
            (place / name).mkdir()
        checkout.extract(tree, commit, place / "base")
        names = base, checkout.head_name(tree)
        trees = looking.Trees(place / "base", tree, names, engine.find(Progress()))
        looking.chosen(trees, args.stack)

        def work() -> int:
            try:
                return show(looking.compare(trees, place / "work", args.stack, args.minutes, _tell))
            except KeyboardInterrupt:
                return STOPPED

        return isolation.apart(work)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m review", description=__doc__, epilog=CODES, formatter_class=form
    )
    add = parser.add_argument
    add("base", nargs="?", default="", help="git ref to compare with (default: the merge base with main)")
    add("--stack", action="append", default=[], metavar="NAME", help="only this one; can be repeated")
    add("--output", metavar="DIR", help=f"also write {', '.join(FILES)} there")
    add(
        "--events",
        nargs="+",
        metavar="FILE",
        help="instead, report a real preview: event logs, --json, ledgers",
    )
    add("--mask", metavar="FILE", help="with --events: secret values to hide, one a line")
    add("--minutes", type=float, default=10, help="time limit (default: 10)")
    add(
        "--tree",
        default=Path(__file__).parents[1],
        metavar="DIR",
        help="the working tree (default: this one)",
    )
    add("--schema", action="store_true", help="print the JSON Schema of review.json, and nothing else")
    return parser


if __name__ == "__main__":
    sys.exit(main())
