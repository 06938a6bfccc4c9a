"""Tests with long and deeply nested values that try to exhaust the pack."""

import importlib
import json
import pkgutil
import re
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

import policies
from policies.engine.catalog import BY_NAME
from policies.engine.evaluation import evaluate
from policies.engine.pack import ALL
from policies.engine.patterns import patterns
from policies.engine.waivers import load
from policies.model.datadog_monitors import handles, parse_query
from tests.support.policies.pytest_fixtures import MessagesOf, resource
from tests.support.policies.sizes import milliseconds, mutations

SECONDS = 5.0
LENGTH = 1_000_000
SHORTER = 100_000
"""A length at which quadratic time is noticeable, but which is short enough for tests of many strings."""
LEVELS = ("advisory", "mandatory", "disabled", "remediate")
ROLE = "aws:iam/role:Role"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
POD = "kubernetes:core/v1:Pod"


def repeated(text: str, end: str = "", length: int = LENGTH) -> str:
    return text * (length // len(text)) + end


LONG = {
    "hexadecimal digits": repeated("0123456789abcdef"),
    "blanks": repeated(" ", "!"),
    "line breaks": repeated("\n", "!"),
    "colons": repeated(":"),
    "wildcards": repeated("*:", "\n"),
    "opening tags": repeated("{{#is_a"),
    "conditions in conditions": repeated("{{#is_alert}}"),
    "addresses": repeated("a://a:"),
    "folders": repeated("/a.", "!"),
    "handles": repeated("@a-", "!"),
}


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    """Raise TimeoutError if the block takes more than this CPU time of the process."""

    def stop(number: int, frame: object) -> NoReturn:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def compiled() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the regular expressions of the pack, of the options' defaults and of the stacks' settings."""
    for module in pkgutil.walk_packages(policies.__path__, "policies."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value
                if isinstance(value, dict):
                    for key, pattern in cast("dict[object, object]", value).items():
                        if isinstance(pattern, re.Pattern):
                            yield f"{module.name}.{name}[{key}]", pattern
    files = sorted((Path(policies.__path__[0]) / "config").glob("*.json"))
    configured = [rule.defaults() for rule in ALL]
    configured += [
        options
        for file in files
        for options in json.loads(file.read_text()).values()
        if options not in LEVELS
    ]
    for options in configured:
        for pattern in patterns(options.get("targets", [])) or []:
            yield pattern.pattern, pattern
        for pattern in patterns([*options.get("measures", {}).values(), options.get("pattern", "")]) or []:
            yield pattern.pattern, pattern


def attacks(pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield, for each repeatable part of a pattern, a string with many copies of that part."""
    parsed: Any = re._parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)  # type: ignore[attr-defined]
    for before, part in repeats(parsed, ""):
        for end in ("", "!", "\n"):
            yield before + repeated(part, end, SHORTER)
            yield repeated(before + part, end, SHORTER)


def repeats(items: Any, before: str) -> Iterator[tuple[str, str]]:
    """Yield the string before each unlimited repetition, and the repeated string."""
    for item in items:
        operation, argument = item
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, inner = argument
            if most > SHORTER and (part := sample(inner)):
                yield before, part
            yield from repeats(inner, before)
        elif name == "SUBPATTERN":
            yield from repeats(argument[3], before)
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from repeats(branch, before)
        before += sample([item])


def sample(items: Any) -> str:
    """Return a short string that a part of a pattern matches."""
    return "".join(_sample(str(operation), argument) for operation, argument in items)


def _sample(name: str, argument: Any) -> str:
    if name == "LITERAL":
        return chr(argument)
    if name in ("ANY", "NOT_LITERAL", "CATEGORY"):
        return "a"
    if name == "IN":
        return next(character for character in map(chr, range(32, 127)) if _is_in(character, argument))
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        return sample(inner) * max(least, min(1, most))
    if name == "SUBPATTERN":
        return sample(argument[3])
    if name == "BRANCH":
        return max(map(sample, argument[1]), key=len)
    return ""


def _is_in(character: str, choices: Any) -> bool:
    negated = str(choices[0][0]) == "NEGATE"
    holds = any(_is_one_of(character, str(name), argument) for name, argument in choices[negated:])
    return holds != negated


def _is_one_of(character: str, name: str, argument: Any) -> bool:
    if name == "RANGE":
        return argument[0] <= ord(character) <= argument[1]
    if name == "CATEGORY":
        category = str(argument).removeprefix("CATEGORY_")
        holds = {
            "DIGIT": character.isdigit(),
            "SPACE": character.isspace(),
            "WORD": character.isalnum() or character == "_",
        }
        return holds[category.removeprefix("NOT_")] != category.startswith("NOT_")
    return name == "LITERAL" and ord(character) == argument


PATTERNS = dict(compiled())


def test_the_regular_expressions_of_the_pack_are_found() -> None:
    assert len(PATTERNS) > 25
    assert {"policies.model.secrets.FORMS[://]", r"https://\S+", "@.+"} <= set(PATTERNS)


@pytest.mark.engine
@pytest.mark.parametrize("name", PATTERNS)
def test_a_regular_expression_takes_time_in_proportion_to_the_text(name: str) -> None:
    pattern = PATTERNS[name]
    for text in chain(LONG.values(), attacks(pattern)):
        try:
            with at_most(SECONDS):
                pattern.search(text)
                pattern.fullmatch(text)
                sum(1 for _ in pattern.finditer(text))
        except TimeoutError:
            pytest.fail(f"{pattern.pattern!r} takes more than {SECONDS} s for {text[:60]!r}…{text[-20:]!r}")


@pytest.mark.engine
def test_a_slow_regular_expression_is_stopped() -> None:
    with pytest.raises(TimeoutError), at_most(0.05):
        re.compile("b+a").search(repeated("b", length=SHORTER))


@pytest.mark.parametrize("text", [*LONG.values(), repeated("1", "!")], ids=[*LONG, "digits"])
def test_a_long_value_is_checked_in_time(text: str) -> None:
    text = text[-SHORTER:]
    env = [{"name": "A", "value": text}, {"name": text, "value": "b"}]
    pod = {"spec": {"containers": [{"name": "a", "env": env, "resources": {"limits": {"cpu": text}}}]}}
    statement = {
        "Effect": "Allow",
        "Action": [text, "[" * SHORTER, "*a" * SHORTER],
        "Principal": {"Federated": text, "AWS": text},
        "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": text, "a:sub": text}},
    }
    monitor = {"name": text, "type": "query alert", "message": text, "query": f"avg(last_5m):{text} > {text}"}
    subjects = [
        resource(POD, pod),
        resource(ROLE, {"assumeRolePolicy": json.dumps({"Statement": statement})}),
        resource("datadog:index/monitor:Monitor", monitor),
    ]
    for subject in subjects:
        rules = [rule for rule in ALL if subject.type in rule.types]
        assert rules
        for rule in rules:
            began = time.process_time()
            evaluation = evaluate(rule, subject)
            assert time.process_time() - began < SECONDS, rule.name
            assert not evaluation.crash, (rule.name, evaluation.crash)


@pytest.mark.parametrize(
    "message",
    [
        "{{#is_alert}}" * 80_000 + "@a-b" + "{{/is_alert}}" * 80_000,
        "{{#is_alert}}{{else}}" * 40_000 + "{{/is_warning}}" * 40_000 + "@a-b",
    ],
)
def test_conditions_in_conditions_are_read_in_one_pass(message: str) -> None:
    began = time.process_time()
    assert handles(message) == ["@a-b"]
    assert time.process_time() - began < SECONDS


def test_no_rule_crashes_on_a_large_value() -> None:
    for large in mutations(seed=2, count=30):
        milliseconds(large)  # raises AssertionError if a rule crashes; make bench limits the times


def test_a_query_of_numbers_is_read_in_one_pass() -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="it ends without a comparison"):
        parse_query("a > " + repeated("1", "!"))
    assert parse_query(f"avg(last_{'1' * 5000}m):a > 1").window == 0
    assert time.process_time() - began < SECONDS


def test_no_rule_crashes_on_a_document_that_is_too_deep() -> None:
    text = "[" * 5000
    for rule in ALL:
        for kind in sorted(rule.types - {"*"}):
            keys = ("policy", "assumeRolePolicy", "repositoryPolicy", "accessPolicies", "monitor", "data")
            documents: dict[str, Any] = dict.fromkeys(keys, text)
            for props in (documents, {"data": {"nginx.conf": text}}):
                assert not evaluate(rule, resource(kind, props)).crash, (rule.name, kind)


@pytest.mark.parametrize(
    "text", ["server {" * 5000, "server {" * 5000 + "}" * 5000, "server {" * 100 + "}" * 100]
)
def test_blocks_that_are_too_deep_are_a_finding(messages_of: MessagesOf, text: str) -> None:
    assert messages_of("tls-nginx-old-version", CONFIG_MAP, {"data": {"nginx.conf": text}}) == [
        'data["nginx.conf"] is not a valid nginx configuration (blocks nested more than 64 deep); '
        "correct it, so that"
        " it can be checked"
    ]


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({f"{n}.conf": "include *.conf;" for n in range(30)}, "100000 directives"),
        (
            {
                "0.conf": "server { listen 1; include 1.conf; }",
                "1.conf": "location / { include 2.conf; }",
                "2.conf": "location / { include 1.conf; }",
            },
            "64 levels",
        ),
        (
            {f"{n}.conf": f"server {{ }} include {n + 1}.conf; include {n + 1}.conf;" for n in range(60)},
            "100000 directives",
        ),
        ({f"{n:03}.conf": f"server {{ }} include {n + 1:03}.conf;" for n in range(300)}, "64 levels"),
    ],
)
def test_files_that_include_each_other_without_end_are_a_finding(
    messages_of_stack: MessagesOf, files: dict[str, str], limit: str
) -> None:
    began = time.process_time()
    data = {name: f"{text} ssl_certificate a;" for name, text in files.items()}
    assert messages_of_stack("tls-nginx-version-missing", resource(CONFIG_MAP, {"data": data})) == [
        f"data is nginx configuration whose includes exceed {limit}; include each file in one place, so that"
        " it can be checked"
    ]
    assert time.process_time() - began < 2 * SECONDS


def test_waivers_that_are_too_deep_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text("[" * 5000)
    assert load(BY_NAME, file=file).faults == ("waivers.yaml: nested too deeply",)
