"""Tests of secrets in build specifications that are too long to be read."""

from tests.support.policies.pytest_fixtures import resource, verdicts

COMMENT = f"# {'x' * 12_000}\n"
VARIABLES = "env:\n  variables:\n    DB_PASSWORD: 'hunter2-prod'\n"
NAMES = "env:\n  secrets-manager:\n    DB_PASSWORD: shop:password\n"


def violations(specification: str) -> list[str]:
    project = resource("aws:codebuild/project:Project", {"source": {"buildspec": specification}})
    return list(verdicts("codebuild-secret-in-project", project, {}))


def test_each_line_of_a_long_text_counts() -> None:
    assert violations(COMMENT + VARIABLES)
    assert violations(f'{COMMENT}{{"env": {{"variables": {{"DB_PASSWORD": "hunter2-prod"}}}}}}\n')
    assert violations(f"{COMMENT}phases:\n  build:\n    commands:\n    - make; API_TOKEN=hunter2-prod ./x\n")


def test_the_names_of_secrets_in_a_long_text_are_no_secrets() -> None:
    assert violations(COMMENT + NAMES) == []
    assert violations(COMMENT + NAMES + VARIABLES.removeprefix("env:\n"))
