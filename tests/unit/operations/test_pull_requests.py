"""Tests of the workflows' calls of GitHub's API, which a fake gh records."""

import dataclasses
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from review.model import DECLARES, SourceLocation
from review.render import filters, renderings
from tests.support.review import samples
from tools import comment

ROOT = Path(__file__).parents[3]
SHA = "1234567890abcdef1234567890abcdef12345678"
GH = """\
#!/usr/bin/python3 -ES
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
arguments, typed = sys.argv[1:], sys.stdin.read()
with open(os.path.join(here, "calls"), "a") as log:
    log.write(json.dumps([arguments, typed]) + "\\n")
answers = json.load(open(os.path.join(here, "answers.json")))
print(next((answer for part, answer in answers.items() if part in " ".join(arguments)), ""))
"""


class GitHub:
    """A fake `gh` whose responses depend on parts of the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "gh").write_text(GH)
        (folder / "gh").chmod(0o755)

    def run(
        self, module: str, *arguments: str, answers: dict[str, Any], **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a tool; an answer that is a string is printed as it is, and any other answer as JSON."""
        texts = {part: text if isinstance(text, str) else json.dumps(text) for part, text in answers.items()}
        (self.folder / "answers.json").write_text(json.dumps(texts))
        (self.folder / "calls").write_text("")
        return subprocess.run(
            ["/usr/bin/python3", "-S", "-m", f"tools.{module}", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{self.folder}{os.pathsep}/usr/bin:/bin", "PYTHONPATH": str(ROOT), **more},
        )

    def calls(self) -> list[tuple[str, str]]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [(" ".join(arguments), typed) for arguments, typed in map(json.loads, lines)]


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path / "bin")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "review.md").write_text("# Review\n\nAll is well.\n")
    (folder / "review.sarif").write_text(renderings.render_sarif(samples.report()))
    return folder


def event(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": SHA}}}))
    return {
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_REPOSITORY": "pipe-dev/infrastructure",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }


def issue_comment(ident: int, body: str, login: str = "github-actions[bot]") -> dict[str, Any]:
    return {"id": ident, "body": body, "user": {"login": login}}


OPEN = {"/pulls/7": {"state": "open", "head": {"sha": SHA}}}


def test_the_first_review_creates_a_comment_and_annotations(
    github: GitHub, report: Path, tmp_path: Path
) -> None:
    done = github.run("comment", str(report), answers={**OPEN, "--paginate": [[]]}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    command, typed = github.calls()[-1]
    assert command == "api --method POST repos/pipe-dev/infrastructure/issues/7/comments --input -"
    body = json.loads(typed)["body"]
    assert body.startswith(comment.MARK) and SHA in body and body.endswith("All is well.\n")
    output = (tmp_path / "output").read_text()
    assert output == f"ref=refs/pull/7/head\nsha={SHA}\nsarif=annotations.sarif\n"
    [run] = json.loads((github.folder / "annotations.sarif").read_text())["runs"]
    assert run["tool"]["driver"]["name"] == "pipe-review"


def test_the_next_review_updates_its_own_comment_and_no_other(
    github: GitHub, report: Path, tmp_path: Path
) -> None:
    faked = issue_comment(1, f"{comment.MARK} of somebody else", login="stranger")
    pages = [[faked, issue_comment(2, "another bot's word")], [issue_comment(3, f"{comment.MARK}\nold")]]
    done = github.run("comment", str(report), answers={**OPEN, "--paginate": pages}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    assert github.calls()[-1][0].startswith(
        "api --method PATCH repos/pipe-dev/infrastructure/issues/comments/3 "
    )


@pytest.mark.parametrize("change", [{"head": {"sha": "f" * 40}}, {"state": "closed"}], ids=str)
def test_a_review_of_an_older_commit_or_a_closed_pull_request_is_not_shown(
    github: GitHub, report: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    answers = {"/pulls/7": OPEN["/pulls/7"] | change}
    done = github.run("comment", str(report), answers=answers, **event(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"no comment: {SHA} is no longer the newest commit of an open pull request\n"
    assert len(github.calls()) == 1
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("there", ["no folder", "no file", "an empty file", "a link"])
def test_the_comment_says_that_a_report_is_missing(github: GitHub, tmp_path: Path, there: str) -> None:
    folder = tmp_path / "report"
    if there != "no folder":
        folder.mkdir()
    if there == "an empty file":
        (folder / "review.md").write_text("\n")
        (folder / "review.sarif").write_text("")
    if there == "a link":
        (tmp_path / "secret").write_text("token")
        (folder / "review.md").symlink_to(tmp_path / "secret")
    done = github.run("comment", str(folder), answers={**OPEN, "--paginate": [[]]}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    body = json.loads(github.calls()[-1][1])["body"]
    assert body.endswith("There is no report; see the workflow's log for the reason.")
    assert not (tmp_path / "output").exists(), "there is nothing to annotate"


def test_the_comment_says_that_a_report_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "review.md").write_text("x" * 65_000)
    assert comment.text(tmp_path / "review.md", SHA).endswith("x")
    (tmp_path / "review.md").write_text("x" * 70_000)
    message = comment.text(tmp_path / "review.md", SHA)
    assert "longer than a comment can be" in message and len(message) < 1000
    (tmp_path / "review.md").write_text(f"## ⛔ 1 finding blocks: a\n\n### At risk\n\n{'x' * 70_000}")
    message = comment.text(tmp_path / "review.md", SHA)
    assert "## ⛔ 1 finding blocks: a\n" in message and "At risk" not in message
    assert "longer than a comment can be" in message


def test_a_report_full_of_mentions_is_published_whole(tmp_path: Path) -> None:
    changes = [samples.change(number, value="-#1" * 130) for number in range(400)]
    finding = samples.finding(message="-@a-GH-1" * 60)
    text = renderings.render_markdown(samples.report(changes=changes, findings=[finding]))
    assert 60_000 < len(text) <= renderings.LIMIT
    (tmp_path / "review.md").write_text(text)
    assert text in comment.text(tmp_path / "review.md", SHA)


ENTITIES = ("&#64;", "&#0064;", "&#x40;", "&#X040;", "&commat;", "&#35;", "&#x23;", "&num;")


@pytest.mark.parametrize("sign", ["@", *ENTITIES, "\\@", "`` ` ``@", "_x_@"])
def test_a_comment_mentions_nobody(sign: str) -> None:
    text = f"thanks {sign}octocat and {sign}org/team, {sign}12"
    message = comment.neutral(text)
    assert not re.search(r"@[a-z]|#\d", html.unescape(message.replace("\\@", "@")))
    assert message.replace("\u200b", "") == text, "an entity in code is the program's own text"


@pytest.mark.parametrize("entity", ENTITIES)
def test_code_in_a_report_with_an_entity_is_published_as_it_is(entity: str) -> None:
    for show in (filters.code_span, filters.code_block):
        code = show(f"/app/check {entity} curl -s https://example.com | sh")
        assert comment.neutral(code) == code
        assert entity in code.replace("\u200b", "")


def test_a_comment_refers_to_no_issue_and_keeps_digests_and_line_numbers() -> None:
    assert comment.neutral("fixes #12, &#35;13") == "fixes #\u200b12, &#\u200b35;13"
    # Only the digits and letters of ASCII count.
    assert comment.neutral("#1\u0663; ſ@a") == "#\u200b1\u0663; ſ@\u200ba"
    for before in ("", "予備", "é", "_", "ſ", "-"):
        message = comment.neutral(f"{before}GH-12 or {before}gh-1")
        assert message == f"{before}GH\u200b-12 or {before}gh\u200b-1"
    unchanged = "`api@sha256:05e2` [a](https://example.com/a.py#L12) `#64;` high-16"
    assert comment.neutral(unchanged) == unchanged


def test_the_locations_of_a_file_with_the_name_of_an_issue_are_published() -> None:
    location = SourceLocation("components/GH-17.py", 10, DECLARES)
    finding = dataclasses.replace(samples.finding(), locations=[location], setting=None)
    report = samples.report(findings=[finding], changes=[], trees=["https://example.com/o/r/blob/head", ""])
    published = comment.neutral(renderings.render_markdown(report))
    assert "(https://example.com/o/r/blob/head/components/%47H-17.py#L10)" in published
    [run] = comment.annotations(renderings.render_sarif(report))["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "components/GH-17.py"


def test_a_line_with_a_very_large_number_hides_no_annotation() -> None:
    assert renderings.MOST_LINES == comment.MOST_LINES
    location = SourceLocation("big.py", 10**6 + 1, DECLARES)
    finding = dataclasses.replace(samples.finding(), locations=[location], setting=None)
    text = renderings.render_sarif(samples.report(findings=[finding], changes=[]))
    [run] = comment.annotations(text)["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 10**6}


def sarif(**changes: Any) -> dict[str, Any]:
    """Return the SARIF of a report, with changes to the first result."""
    text = json.loads(renderings.render_sarif(samples.report(findings=[samples.finding()])))
    text["runs"][0]["results"][0] |= changes
    return text


def test_only_open_findings_are_annotated() -> None:
    waived = dataclasses.replace(samples.finding(3), waiver="waived until 2027-01-31", verdict="waived")
    unknown = dataclasses.replace(samples.finding(4), verdict="unknown")
    findings = [samples.finding(0), samples.finding(1, status="existing"), samples.finding(2, status="fixed")]
    report = samples.report(findings=[*findings, waived, unknown])
    [run] = comment.annotations(renderings.render_sarif(report))["runs"]
    assert [result["message"]["text"].partition(" ")[0] for result in run["results"]] == [
        "thing-0",
        "thing-1",
    ]
    Sarif.model_validate(comment.annotations(renderings.render_sarif(report)))


def test_an_annotation_contains_only_known_fields_of_the_report() -> None:
    text = sarif(
        message={"text": "ask @octocat", "markdown": "![x](https://evil.example)"}, hostedViewerUri="x"
    )
    [run] = comment.annotations(json.dumps(text))["runs"]
    [result] = run["results"]
    assert result["message"] == {"text": "ask @\u200boctocat"}
    assert set(result) == {
        "ruleId",
        "level",
        "message",
        "partialFingerprints",
        "locations",
        "relatedLocations",
    }


def test_the_name_of_a_file_may_have_two_dots() -> None:
    text = sarif()
    place = text["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    for uri, is_file in (("components/a..b.py", True), ("components/../b.py", False), ("..", False)):
        place["uri"] = uri
        if is_file:
            assert comment.annotations(json.dumps(text))["runs"]
        else:
            with pytest.raises(ValueError, match="is not a line of a file"):
                comment.annotations(json.dumps(text))


@pytest.mark.parametrize("line", [0, 10**9, "1"])
def test_a_line_is_a_number_that_a_file_may_have(line: Any) -> None:
    text = sarif()
    text["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = line
    with pytest.raises(ValueError, match="is not a line of a file"):
        comment.annotations(json.dumps(text))


def _of_another_tool(text: dict[str, Any]) -> None:
    text["runs"][0]["tool"]["driver"]["name"] = "CodeQL"


def _of_two_runs(text: dict[str, Any]) -> None:
    text["runs"] *= 2


def _of_many_results(text: dict[str, Any]) -> None:
    text["runs"][0]["results"] *= 5001


def _of_another_location(text: dict[str, Any]) -> None:
    location = text["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    location["artifactLocation"]["uri"] = "https://evil.example/x"


def _of_an_unknown_level(text: dict[str, Any]) -> None:
    text["runs"][0]["results"][0]["level"] = ["error"]


FORGED = (_of_another_tool, _of_two_runs, _of_many_results, _of_another_location, _of_an_unknown_level)


@pytest.mark.parametrize("forge", FORGED)
def test_a_forged_report_has_no_annotations(
    github: GitHub, report: Path, tmp_path: Path, forge: Callable[[dict[str, Any]], None]
) -> None:
    text = sarif()
    forge(text)
    (report / "review.sarif").write_text(json.dumps(text))
    done = github.run("comment", str(report), answers={**OPEN, "--paginate": [[]]}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no annotations: review.sarif is missing or is not the SARIF of a review" in done.stdout
    assert "The annotations on the lines" in json.loads(github.calls()[-1][1])["body"]
    assert not (tmp_path / "output").exists() and not (github.folder / "annotations.sarif").exists()


@pytest.mark.parametrize("command", [("comment",), ("drift_issue", "nowhere")])
def test_a_missing_folder_is_wrong_usage(github: GitHub, command: tuple[str, ...]) -> None:
    done = github.run(*command, answers={})
    assert done.returncode == 2 and "usage: python -m" in done.stderr


def test_a_summary_is_written_to_githubs_file(tmp_path: Path) -> None:
    out, file = tmp_path / "summary", tmp_path / "review.md"
    file.write_text("# Review\n")
    command = [sys.executable, "-m", "tools.job_summary", str(file), str(tmp_path / "none.md")]
    environment = os.environ | {"GITHUB_STEP_SUMMARY": str(out)}
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
    assert out.read_text() == f"# Review\n\n{tmp_path}/none.md does not exist.\n\n"
