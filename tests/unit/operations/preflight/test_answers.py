"""Tests of the threads that ask, of the deadline, and of the explanations of errors."""

import threading
import time

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from datadog_api_client.exceptions import ApiException

from operations.lib.errors import FailedError, RefusedError
from operations.lib.services.github import GitHubError
from operations.preflight import command
from operations.preflight.answers import (
    Answers,
    Asking,
    NotAsked,
    Question,
    Reply,
    no,
    skipped,
    unknown,
    yes,
)
from operations.preflight.unanswered import explain


def question(ask: "Answers | Exception", provider: str = "AWS") -> Question:
    def answer() -> Answers:
        if isinstance(ask, Exception):
            raise ask
        return ask

    return Question(provider, "account", "account", answer)


def replies(*questions: Question, seconds: float = 5) -> list[Reply]:
    asking = Asking(questions, explain, seconds)
    return [reply for provider in asking.providers for reply in asking.replies(provider)]


def test_a_line_has_the_question_the_answer_and_the_fix() -> None:
    parts = [yes("here", part="a"), no("gone", "make it")]
    assert [str(reply) for reply in replies(question(parts))] == [
        "✓ AWS: account a: here",
        "✗ AWS: account: gone; fix: make it",
    ]


def test_all_questions_are_asked_at_once() -> None:
    barrier = threading.Barrier(8, timeout=5)

    def wait() -> Answers:
        barrier.wait()
        return yes("met")

    questions = [Question("AWS", "account", str(number), wait) for number in range(8)]
    assert {str(reply.answer.text) for reply in replies(*questions)} == {"met"}


def test_an_answer_after_the_deadline_is_unknown() -> None:
    def sleep() -> Answers:
        time.sleep(5)
        return yes("late")

    late = Question("AWS", "account", "account", sleep)
    assert [str(reply) for reply in replies(late, question(yes("there"), "GitHub"), seconds=0.05)] == [
        "? AWS: account: no answer within 0 s; fix: check the network and the provider's status, and ask"
        " again",
        "✓ GitHub: account: there",
    ]


def test_an_error_of_this_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        replies(question(ZeroDivisionError()))


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "a message\nof two lines"}}, "DescribeVpcs")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotAsked("no key", "set KEY"), "no key; fix: set KEY"),
        (
            NoCredentialsError(),
            "there are no AWS credentials; fix: set AWS_PROFILE, or log in (aws sso login), for the account"
            " of the"
            " stack",
        ),
        (
            client_error("ExpiredToken"),
            "AWS refuses the credentials: ExpiredToken; fix: set AWS_PROFILE, or log in (aws sso login),"
            " for the"
            " account of the stack",
        ),
        (
            client_error("UnauthorizedOperation"),
            "the caller may not use DescribeVpcs: UnauthorizedOperation; fix: use a role with the policy"
            " pipe-read"
            " (preview, deploy, operators); if it has one, apply the foundation again, which adds new"
            " permissions"
            " to it",
        ),
        (client_error("Throttling"), "DescribeVpcs failed: Throttling a message; fix: ask again"),
        (
            EndpointConnectionError(endpoint_url="https://a.example"),
            'Could not connect to the endpoint URL: "https://a.example"; fix: check the network, and ask'
            " again",
        ),
        (
            GitHubError("GET /a: HTTP 403", 403),
            "GET /a: HTTP 403; fix: give GITHUB_TOKEN the permission",
        ),
        (GitHubError("GET /a: HTTP 500", 500), "GET /a: HTTP 500; fix: ask again"),
        (FailedError("no network\nat all"), "no network; fix: check the network, and ask again"),
        (
            ApiException(status=500, reason="Internal Server Error"),
            "Datadog answered 500: Internal Server Error; fix: ask again",
        ),
        (RefusedError("not set"), "not set; fix: see the message"),
    ],
)
def test_an_error_of_a_client_is_an_unknown_answer_with_a_remedy(error: Exception, line: str) -> None:
    assert [str(reply) for reply in replies(question(error))] == [f"? AWS: account: {line}"]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([yes("a"), skipped("b")], 0),
        ([yes("a"), no("b", "c")], 1),
        ([yes("a"), unknown("b", "c")], 2),
        ([no("a", "b"), unknown("c", "d")], 1),
    ],
)
def test_the_exit_code_follows_from_the_worst_answer(answers: Answers, code: int) -> None:
    assert command.exit_code(replies(question(answers))) == code
