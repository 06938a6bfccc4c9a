"""Questions to providers, their answers, and the threads that ask all questions at once."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Verdict(Enum):
    """The result of a question, with its sign on the terminal."""

    YES = "✓"
    NO = "✗"
    UNKNOWN = "?"
    SKIPPED = "–"


@dataclass(frozen=True)
class Answer:
    """The response to a question, or to one part of it."""

    verdict: Verdict
    text: str
    """The state that the provider reported, without secrets."""
    fix: str = ""
    """The command or action after which the answer would be yes; empty for a yes or a skipped question."""
    part: str = ""
    """The part of the question that is answered, such as the name of a bucket; empty for the whole."""


Answers = Answer | Iterable[Answer]


@dataclass(frozen=True)
class Question:
    """A read-only question to a provider."""

    provider: str
    """Name of the provider, such as AWS."""
    topic: str
    """Word with which `--skip` leaves the question out, such as `quotas`."""
    title: str
    """Subject of the question in the report, such as `availability zones`."""
    ask: Callable[[], Answers]
    """Function that asks the provider."""


@dataclass(frozen=True)
class Reply:
    """A question with one of its answers, for the report."""

    question: Question
    answer: Answer

    def __str__(self) -> str:
        answer, question = self.answer, self.question
        title = f"{question.title} {answer.part}".rstrip()
        fix = f"; fix: {answer.fix}" if answer.fix else ""
        return f"{answer.verdict.value} {question.provider}: {title}: {answer.text}{fix}"

    def plain(self) -> dict[str, str]:
        """Return the reply as the members of a JSON object."""
        return {
            "provider": self.question.provider,
            "topic": self.question.topic,
            "question": self.question.title,
            "part": self.answer.part,
            "verdict": self.answer.verdict.name.lower(),
            "answer": self.answer.text,
            "fix": self.answer.fix,
        }


def yes(text: str, *, part: str = "") -> Answer:
    """Return the answer that the stack has what it needs."""
    return Answer(Verdict.YES, text, part=part)


def no(text: str, fix: str, *, part: str = "") -> Answer:
    """Return the answer that something is missing or wrong, with the fix."""
    return Answer(Verdict.NO, text, fix, part)


def unknown(text: str, fix: str, *, part: str = "") -> Answer:
    """Return the answer to a question that could not be asked, with the remedy."""
    return Answer(Verdict.UNKNOWN, text, fix, part)


def skipped(text: str, *, part: str = "") -> Answer:
    """Return the answer to a question that does not apply to the stack."""
    return Answer(Verdict.SKIPPED, text, part=part)


class NotAsked(Exception):
    """A question that cannot be asked, for example because a credential is missing; `fix` is the remedy."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.fix = fix


class Asking:
    """A set of questions that are asked at once, each in a thread of its own.

    `explain` returns the answer for an exception of a provider's client, or None for an error in this
    program, which `replies` raises again. `seconds` is the time limit for all answers. A thread that is
    still running then ends with the process.
    """

    def __init__(
        self, questions: Sequence[Question], explain: Callable[[Exception], Answer | None], seconds: float
    ) -> None:
        self._explain = explain
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._results: dict[int, list[Answer] | Exception] = {}
        self._questions = list(questions)
        self._threads = [
            threading.Thread(target=self._ask, args=(index, question), daemon=True)
            for index, question in enumerate(questions)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, index: int, question: Question) -> None:
        try:
            answers: Any = question.ask()
            self._results[index] = [answers] if isinstance(answers, Answer) else list(answers)
        except Exception as error:
            # An error in this program is raised again by `replies`, in the main thread.
            answer = self._explain(error)
            self._results[index] = error if answer is None else [answer]

    def replies(self, provider: str) -> list[Reply]:
        """Return the answers to a provider's questions, in order.

        Wait until the deadline; a question without an answer by then gets an unknown one.
        """
        replies: list[Reply] = []
        for index, question in enumerate(self._questions):
            if question.provider != provider:
                continue
            self._threads[index].join(max(0.0, self._end - time.monotonic()))
            result = self._results.get(index)
            if isinstance(result, Exception):
                raise result
            if result is None:
                late = f"no answer within {self._seconds:.0f} s"
                result = [unknown(late, "check the network and the provider's status, and ask again")]
            replies += [Reply(question, answer) for answer in result]
        return replies

    @property
    def providers(self) -> list[str]:
        """Names of the providers, in the order of their first questions."""
        return list(dict.fromkeys(question.provider for question in self._questions))
