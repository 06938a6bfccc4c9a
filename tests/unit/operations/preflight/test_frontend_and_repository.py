"""Tests of the questions to Vercel and GitHub, with a local server that answers as they document."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from operations.preflight import github_repository, vercel_project
from tests.support.operations.preflight import ZONE, Stack
from tests.unit.operations.lib.diagnosis.test_github_rules import ANSWERS as RULES

REPOSITORY = "/repos/acme/infrastructure"
ENVIRONMENT = f"{REPOSITORY}/environments/prod"
PROJECT = "/v9/projects/project"
DOMAIN = f"{PROJECT}/domains/app.{ZONE}?teamId=team"
PAGE = "?per_page=100"
SECRETS = ["CLOUDFLARE_API_TOKEN", "DATADOG_API_KEY", "DATADOG_APP_KEY", "VERCEL_TOKEN"]
READING = ["READ_CLOUDFLARE_API_TOKEN", "READ_DATADOG_API_KEY", "READ_DATADOG_APP_KEY"]


def listed(kind: str, names: list[str]) -> dict[str, Any]:
    return {"total_count": len(names), kind: [{"name": name} for name in names]}


class Server:
    """Local server with answers by path; another path is not found."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            # https://vercel.com/docs/rest-api/projects/find-a-project-by-id-or-name
            f"{PROJECT}?teamId=team": {"id": "project", "name": "frontend"},
            # https://vercel.com/docs/rest-api/projects/get-a-project-domain
            DOMAIN: {"name": f"app.{ZONE}", "verified": True},
            # https://docs.github.com/en/rest/actions/secrets and …/variables
            f"{ENVIRONMENT}/secrets{PAGE}": listed("secrets", SECRETS),
            f"{ENVIRONMENT}/variables{PAGE}": listed("variables", ["VERCEL_ORG_ID", "VERCEL_PROJECT_ID"]),
            f"{REPOSITORY}/actions/secrets{PAGE}": listed("secrets", []),
            f"{REPOSITORY}/environments/drift/secrets{PAGE}": listed("secrets", READING),
            f"{REPOSITORY}/environments/preview/secrets{PAGE}": listed("secrets", READING),
            f"{REPOSITORY}/actions/variables{PAGE}": listed("variables", ["APP_REPOSITORY"]),
            f"{REPOSITORY}/actions/organization-variables{PAGE}": listed(
                "variables", ["FRONTEND_REPOSITORY"]
            ),
            f"{REPOSITORY}/actions/organization-secrets{PAGE}": listed("secrets", []),
        }
        self.statuses: dict[str, int] = {}
        self.tokens: set[str] = set()
        for path, answer in RULES.items():
            text = json.dumps(answer).replace("pipe-dev/", "acme/")
            self.answers[path.replace("pipe-dev", "acme")] = json.loads(text)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.tokens.add(self.headers["Authorization"])
                status = server.statuses.get(self.path, 200 if self.path in server.answers else 404)
                body = json.dumps(server.answers.get(self.path, {})).encode()
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()


@pytest.fixture
def server(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setattr(vercel_project, "ADDRESS", server.url)
    variables = {"VERCEL_TOKEN": "v", "VERCEL_ORG_ID": "team", "VERCEL_PROJECT_ID": "project"}
    for name, value in {**variables, "GITHUB_TOKEN": "g", "GITHUB_API_URL": server.url}.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


def frontend(stack: Stack, title: str) -> list[str]:
    return stack.lines(vercel_project.questions, title)


def repository(stack: Stack, title: str) -> list[str]:
    return stack.lines(github_repository.questions, title)


def test_missing_variables_of_vercel_are_named(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERCEL_TOKEN", "v")
    names = "VERCEL_ORG_ID, VERCEL_PROJECT_ID"
    assert frontend(stack, "project") == [
        f"?: not set: {names}; fix: set {names} (README.md, section GitHub, lists the variables)"
    ]


def test_a_project_with_the_frontends_domain_is_a_yes(stack: Stack, server: Server) -> None:
    assert frontend(stack, "project") == ["✓: frontend exists"]
    assert frontend(stack, "domain") == [f"✓: the project has app.{ZONE}"]
    assert server.tokens == {"Bearer v"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_project_that_the_token_does_not_see_is_a_no(stack: Stack, server: Server, status: int) -> None:
    server.statuses[f"{PROJECT}?teamId=team"] = status
    assert frontend(stack, "project") == [
        f"✗: the token does not see the project of VERCEL_PROJECT_ID: Vercel answered {status}; fix: set"
        " VERCEL_TOKEN, VERCEL_ORG_ID, VERCEL_PROJECT_ID for the stack's project (README.md, section"
        " GitHub, lists the variables)"
    ]


def test_an_error_of_vercel_is_no_answer(stack: Stack, server: Server) -> None:
    server.statuses |= {f"{PROJECT}?teamId=team": 500, DOMAIN: 403}
    fix = "fix: check the network, and ask again"
    assert frontend(stack, "project") == [f"?: Vercel answered 500; {fix}"]
    assert frontend(stack, "domain") == [f"?: Vercel answered 403; {fix}"]


def test_a_missing_or_unverified_domain_is_a_no(stack: Stack, server: Server) -> None:
    server.answers[DOMAIN]["verified"] = False
    assert frontend(stack, "domain") == [
        f"✗: app.{ZONE} is not verified; fix: verify it in the project's settings (Domains)"
    ]
    del server.answers[DOMAIN]
    assert frontend(stack, "domain") == [
        f"✗: the project does not have app.{ZONE}; fix: vercel domains add app.{ZONE}"
    ]


def test_without_a_token_github_is_not_asked(stack: Stack) -> None:
    for question in github_repository.questions(stack.subject):
        assert repository(stack, question.title) == [
            "?: GITHUB_TOKEN is not set; fix: export GITHUB_TOKEN=$(gh auth token)"
        ]


def test_rules_that_are_set_are_a_yes(stack: Stack, server: Server) -> None:
    answers = repository(stack, "rule")
    assert "✓ environment prod: required reviewers: set" in answers
    assert "✓ runner group stacks: only workflows of main: set" in answers
    assert {line[0] for line in answers} == {"✓"}


def test_a_rule_that_is_not_set_is_a_no(stack: Stack, server: Server) -> None:
    server.answers[ENVIRONMENT]["can_admins_bypass"] = True
    del server.answers["/orgs/acme/actions/runner-groups/2"]
    assert [line for line in repository(stack, "rule") if line[0] != "✓"] == [
        "✗ environment prod: no bypass for administrators: administrators can bypass the rules; fix: set it"
        " on"
        " GitHub: README.md, section GitHub",
        "? runner group 2: GET /orgs/acme/actions/runner-groups/2: HTTP 404; the token needs the"
        " organization's"
        " permission to read self-hosted runners; fix: use a token of an administrator, which may read the"
        " rule",
    ]


def test_names_of_secrets_and_variables_are_read_from_the_workflows(stack: Stack, server: Server) -> None:
    assert repository(stack, "secrets of the environment") == [f"✓: {', '.join(SECRETS)}"]
    assert repository(stack, "variables of the environment") == ["✓: VERCEL_ORG_ID, VERCEL_PROJECT_ID"]
    assert repository(stack, "secrets of the repository") == ["✓: none is needed"]
    for environment in ("drift", "preview"):
        assert repository(stack, f"secrets of the environment {environment}") == [f"✓: {', '.join(READING)}"]
    assert repository(stack, "variables of the repository") == ["✓: APP_REPOSITORY, FRONTEND_REPOSITORY"]


def test_missing_secrets_and_variables_are_named_with_commands(stack: Stack, server: Server) -> None:
    server.answers[f"{ENVIRONMENT}/secrets{PAGE}"] = listed("secrets", SECRETS[:2])
    server.answers[f"{REPOSITORY}/actions/organization-variables{PAGE}"] = listed("variables", [])
    server.answers[f"{REPOSITORY}/environments/drift/secrets{PAGE}"] = listed("secrets", READING[1:])
    assert repository(stack, "secrets of the environment") == [
        "✗: not set: DATADOG_APP_KEY, VERCEL_TOKEN; fix: gh secret set --env prod DATADOG_APP_KEY && gh"
        " secret set"
        " --env prod VERCEL_TOKEN"
    ]
    assert repository(stack, "secrets of the environment drift") == [
        "✗: not set: READ_CLOUDFLARE_API_TOKEN; fix: gh secret set --env drift READ_CLOUDFLARE_API_TOKEN"
    ]
    assert repository(stack, "variables of the repository") == [
        "✗: not set: FRONTEND_REPOSITORY; fix: gh variable set FRONTEND_REPOSITORY"
    ]


def test_a_token_that_may_not_read_secrets_is_no_answer(stack: Stack, server: Server) -> None:
    path = f"{ENVIRONMENT}/secrets{PAGE}"
    server.statuses[path] = 403
    assert repository(stack, "secrets of the environment") == [
        f"?: GET {path}: HTTP 403; fix: give GITHUB_TOKEN the permission"
    ]
