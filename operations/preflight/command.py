"""Check that AWS, Cloudflare, Datadog, Vercel and GitHub have everything that a stack needs.

The script asks all questions at once, with the caller's credentials, and changes nothing. It prints a line
for each answer: the subject, the state, and the command that fixes a problem. Before it asks, it refuses
placeholders in the stack files. A sandbox has its own accounts, so it accepts placeholders.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import DONE, FAILED, REFUSED, Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog, perform
from operations.preflight import placeholders
from operations.preflight.answers import Question, Reply, Verdict, no

if TYPE_CHECKING:
    from operations.preflight.answers import Asking

TOPICS = (
    "account",
    "buckets",
    "cluster",
    "database",
    "dnssec",
    "foundation",
    "frontend",
    "github",
    "images",
    "keys",
    "metrics",
    "notifications",
    "quotas",
    "records",
    "rulesets",
    "runner",
    "state",
    "token",
    "zone",
    "zones",
)
"""Words that `--skip` accepts: the topics of the questions."""
SIGNS = """\
signs:
  ✓  yes
  ✗  no; the line ends with the fix
  ?  could not be asked; the line ends with what to set
  –  not asked, since it does not apply to this stack
"""
EXIT_CODES = """\
exit codes:
  0    every answer is ✓ (or –)
  1    at least one answer is ✗
  2    no answer is ✗, but something could not be asked (?); or wrong usage
  130  stopped by Ctrl-C
"""
CREDENTIALS = """\
  AWS_PROFILE, or other AWS credentials; CLOUDFLARE_API_TOKEN; DATADOG_API_KEY, DATADOG_APP_KEY;
  VERCEL_TOKEN, VERCEL_ORG_ID, VERCEL_PROJECT_ID; GITHUB_TOKEN: the credentials to ask with
"""


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("preflight", __doc__ or "")
    environment = command_line.TEXT.partition("exit codes:")[0].rstrip("\n")
    parser.epilog = f"{environment}\n{CREDENTIALS}\n{SIGNS}\n{EXIT_CODES}"
    parser.add_argument("--json", action="store_true", help="print the answers as JSON, and nothing else")
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        choices=TOPICS,
        metavar="TOPIC",
        help=f"leave the questions about a topic out; may be repeated; one of: {', '.join(TOPICS)}",
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.json:
        sandbox_targets.check(options)
        replies = _placeholder_replies(options) or _ask(options, arguments.skip)
        code = exit_code(replies)
        report: dict[str, Any] = {"stack": options.stack, "target": options.target, "exitCode": code}
        print(
            json.dumps(
                report | {"answers": [reply.plain() for reply in replies]}, indent=2, ensure_ascii=False
            )
        )
        return code
    return perform("preflight", options, lambda log: work(log, options, arguments.skip))


def work(log: RunLog, options: Options, skip: Collection[str] = ()) -> str:
    """Ask all questions and show the answers; raise FailedError for a ✗, else RefusedError for a ?.

    Returns the final message.
    """
    replies = _show_placeholders(log, options) or _show_answers(log, options, skip)
    counts = Counter(reply.answer.verdict for reply in replies)
    log.results |= {verdict.name.lower(): counts[verdict] for verdict in Verdict}
    if counts[Verdict.NO]:
        raise FailedError(
            f"{options.stack}: {_count(counts[Verdict.NO], 'answer')} with ✗; each line ends with the fix"
        )
    if counts[Verdict.UNKNOWN]:
        number = _count(counts[Verdict.UNKNOWN], "answer")
        raise RefusedError(
            f"{options.stack}: {number} with ?, and none with ✗; each line ends with the remedy"
        )
    return f"{options.stack}: {_count(counts[Verdict.YES], 'answer')}, each ✓"


def exit_code(replies: Sequence[Reply]) -> int:
    """Return 1 if an answer is no, 2 if none is no and one is unknown, and 0 otherwise."""
    verdicts = {reply.answer.verdict for reply in replies}
    return FAILED if Verdict.NO in verdicts else REFUSED if Verdict.UNKNOWN in verdicts else DONE


def _step_result(replies: Sequence[Reply]) -> str:
    """Return the result of a step that shows answers: failed for a no, else skipped for an unknown."""
    return {FAILED: "failed", REFUSED: "skipped", DONE: "done"}[exit_code(replies)]


def _show_placeholders(log: RunLog, options: Options) -> list[Reply]:
    if options.target == "sandbox":
        return []
    with log.step("placeholders") as step:
        replies = _placeholder_replies(options)
        for reply in replies:
            log.line(str(reply))
        if not replies:
            log.line("the stack files have no placeholders")
        step.result = _step_result(replies)
    return replies


def _show_answers(log: RunLog, options: Options, skip: Collection[str]) -> list[Reply]:
    replies: list[Reply] = []
    asking = _start(options, skip)
    for provider in asking.providers:
        with log.step(provider) as step:
            answers = asking.replies(provider)
            for reply in answers:
                log.line(str(reply))
            step.result = _step_result(answers)
            replies += answers
    return replies


def _ask(options: Options, skip: Collection[str]) -> list[Reply]:
    asking = _start(options, skip)
    return [reply for provider in asking.providers for reply in asking.replies(provider)]


def _start(options: Options, skip: Collection[str]) -> "Asking":
    # Imported here, since importing the providers' SDKs takes a second.
    from operations.preflight import questions
    from operations.preflight.subject import load_subject

    return questions.ask(load_subject(options), skip)


def _placeholder_replies(options: Options) -> list[Reply]:
    """Return an answer for each placeholder in the stack files; empty for a sandbox.

    With placeholders, the questions would be about other people's accounts.
    """
    if options.target == "sandbox":
        return []
    files = [f"Pulumi.{options.stack}.yaml", f"foundation/Pulumi.{options.stack}.yaml"]
    listed = placeholders.find(command_line.ROOT, files)
    return [
        Reply(
            Question(placeholder.file, "placeholders", placeholder.name, lambda: ()),
            no(f"{placeholder.value} is a placeholder ({placeholders.README})", placeholder.fix),
        )
        for placeholder in listed
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
