"""Report on the changes in a pull request and the rules that it breaks: python -m review [BASE].

exit codes:
  0    nothing blocks
  1    something blocks: a new mandatory violation, the loss of a stateful resource, prod weaker than stg,
       a program that fails during its evaluation
  2    there is no report, or an incomplete one: the review could not run, or a limit stopped it
  130, 143, 129  stopped by Ctrl-C, SIGTERM or SIGHUP

make exits with 2 whenever a command fails, so `make review` never exits with 1.
"""

import argparse
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from review import output
from review.comparison import Options, compare, describe_head
from review.jail import isolation
from review.jail.supervisor import Stopped, memory_limit, stop_on_signals, time_limit
from review.model import Report
from review.render import renderings
from review.status import Status
from sandbox.errors import CommandError

NOT_RUN, STOPPED = 2, 128 + signal.SIGINT
NO_ISOLATION_HELP = (
    "run the program without isolation, with access to this machine's files, network, sockets and processes; "
    "only for code that you trust like your own"
)
GRACE_MINUTES = 2.0
"""Minutes for the rest of the review: copying the trees, and building and rendering the report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Create the report, and return the exit code; on a failure, print the reason."""
    args = _parser().parse_args(arguments)
    try:
        with stop_on_signals():
            return _run(args)
    except (KeyboardInterrupt, Stopped) as stopped:
        isolation.end_all()  # The signal may arrive when a process has just started.
        return stopped.code if isinstance(stopped, Stopped) else STOPPED
    except (OSError, ValueError, CommandError) as error:
        renderings.print_message(f"error: {error}")
        return NOT_RUN
    except Exception:
        # Python would exit with 1, which means that there is a report and that something blocks.
        renderings.print_message(traceback.format_exc())
        return NOT_RUN


def _run(args: argparse.Namespace) -> int:
    tree = Path(args.tree).resolve()
    repository = Path(args.repository).resolve()
    folder = output.prepare(Path(args.output), tree) if args.output else None
    with (
        Status() as status,
        memory_limit(),
        # Its removal takes longer than the time limit waits before its signal comes again.
        tempfile.TemporaryDirectory(prefix="review-") as temporary,
        time_limit((args.minutes + GRACE_MINUTES) * 60),
    ):
        if args.events:
            # The import takes half a second, and the evaluation of two trees is another process.
            from review import evaluate

            # Other line breaks, such as U+2028, are parts of a value.
            text = Path(args.mask).read_text() if args.mask else ""
            secrets = [line for line in text.split("\n") if line]
            head = describe_head(tree, repository)
            report = evaluate.report_preview(map(Path, args.events), tree, secrets, head)
        else:
            options = Options(
                tree,
                repository,
                args.base,
                args.stack,
                args.minutes,
                isolated=not args.no_isolation,
                merge=args.merge,
                approved_by=args.approved_by,
            )
            report = compare(options, status, Path(temporary))
        status.activity("writing the report")
        report = replace(report, seconds=status.end())
        text = renderings.render_terminal(report)
        files = output.write(report, folder) if folder else []
    print(text, end="", flush=True)
    renderings.print_message("\n".join(f"wrote {file}" for file in files))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """Return the exit code in a report, or 2 if that code is neither 0 nor 1."""
    return report.code if report.code in (0, 1) else NOT_RUN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m review",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    files = ", ".join(renderings.FILES)
    tree = Path(__file__).parents[1]
    add("base", nargs="?", default="", help="git ref to compare with (default: the merge base with main)")
    add(
        "--stack", action="append", default=[], metavar="NAME", help="review only this stack; can be repeated"
    )
    add("--output", metavar="DIR", help=f"also write {files} there")
    add(
        "--events",
        nargs="+",
        metavar="FILE",
        help="report on real previews, from their event logs, --json outputs and ledgers",
    )
    add("--mask", metavar="FILE", help="with --events: file of secret values to hide, one per line")
    add("--no-isolation", action="store_true", help=NO_ISOLATION_HELP)
    add("--minutes", type=float, default=10, help="minutes that the evaluation may take (default: 10)")
    add(
        "--approved-by",
        default="",
        metavar="OWNER",
        help="owner who has approved weaker policies and new waivers: they apply, and the report says so",
    )
    add(
        "--repository",
        default=tree,
        metavar="DIR",
        help="trusted repository that has the base (default: this program's)",
    )
    add(
        "--merge",
        default="",
        metavar="COMMIT",
        help="review the merge of this commit into the base instead of a working tree",
    )
    add("--tree", default=tree, metavar="DIR", help="working tree to review (default: this program's)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
