"""What a pull request would change, and what breaks a rule: python -m review [BASE]."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from review import checkout, isolation, looking, render, sarif
from review.model import Report
from sandbox import engine
from sandbox.fault import Fault
from sandbox.progress import Progress

TREE = Path(__file__).resolve().parents[1]

FILES: dict[str, Callable[[Report], str]] = {
    "review.md": render.markdown,
    "review.html": render.html,
    "review.sarif": sarif.render,
    "review.json": render.as_json,
}
"""What --output gets; the terminal's form goes to the standard output."""

Opened = Mapping[str, TextIO]
"""The files of --output by name."""

NOT_RUN, STOPPED = 2, 130
CODES = """\
exit codes:
  0  clean
  1  something blocks: a new mandatory violation, a stateful resource that goes away, prod weaker than stg,
     a program that does not evaluate
  2  could not run
"""


def main(words: Sequence[str] | None = None) -> int:
    """Make the report; the exit code."""
    args = _parser().parse_args(words)
    if args.schema:
        print(render.schema(), end="")
        return 0
    try:
        out = Path(args.output).resolve() if args.output else None
        # Opened now: what runs later may write nowhere but into its own folder.
        opened = {name: _open(out / name) for name in FILES} if out else {}
        if args.events:
            return _show(_of_events(args), opened)
        return _compare(args, opened)
    except (checkout.NotRun, OSError, ValueError, Fault) as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_RUN


def _compare(args: argparse.Namespace, opened: Opened) -> int:
    tree = Path(args.tree).resolve()
    base = checkout.find(tree, args.base)
    names = base.name, checkout.head_name(tree)
    program = engine.find(Progress())
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        place = Path(folder).resolve()
        checkout.extract(tree, base, place / "base")
        looking.chosen(tree, place / "base", args.stack)
        (place / "work").mkdir()
        sides = looking.Sides(place / "base", tree, names, program)

        def work() -> int:
            try:
                return _show(looking.trees(sides, place / "work", args.stack, args.minutes, _tell), opened)
            except KeyboardInterrupt:
                return STOPPED

        return isolation.apart(work)


def _of_events(args: argparse.Namespace) -> Report:
    masked = Path(args.mask).read_text().splitlines() if args.mask else []
    tree = Path(args.tree).resolve()
    return looking.events(map(Path, args.events), tree, masked, checkout.head_name(tree))


def _open(file: Path) -> TextIO:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("w", encoding="utf-8")


def _show(report: Report, opened: Opened) -> int:
    for name, file in opened.items():
        with file:
            file.write(FILES[name](report))
        _tell(f"wrote {file.name}")
    print(render.terminal(report, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")), end="")
    return report.code


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m review",
        description=__doc__,
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "base", nargs="?", default="", help="git ref to compare with (default: the merge base with main)"
    )
    parser.add_argument(
        "--stack", action="append", default=[], metavar="NAME", help="only this one; can be repeated"
    )
    parser.add_argument("--output", metavar="DIR", help=f"also write {', '.join(FILES)} there")
    parser.add_argument(
        "--events",
        nargs="+",
        metavar="FILE",
        help="instead, report a real preview: its event log, its --json, the pack's ledger, of any number of stacks",
    )
    parser.add_argument("--mask", metavar="FILE", help="with --events: secret values to hide, one a line")
    parser.add_argument("--minutes", type=float, default=10, help="time limit (default: 10)")
    parser.add_argument("--tree", default=TREE, metavar="DIR", help="the working tree (default: this one)")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of review.json, and nothing else"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
