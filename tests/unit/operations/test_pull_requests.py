"""What the workflows do with GitHub; gh writes down what it is told."""

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

from review.render import renderings
from tests.support.review import made
from tools import comment

ROOT = Path(__file__).parents[3]
SHA = "1234567890abcdef1234567890abcdef12345678"
GH = """\
#!/usr/bin/python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
words, typed = sys.argv[1:], sys.stdin.read()
with open(os.path.join(here, "asked"), "a") as log:
    log.write(json.dumps([words, typed]) + "\\n")
answers = json.load(open(os.path.join(here, "answers.json")))
print(next((answer for part, answer in answers.items() if part in " ".join(words)), ""))
"""


class GitHub:
    """A `gh` that answers by what its command line holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "gh").write_text(GH)
        (folder / "gh").chmod(0o755)

    def run(
        self, module: str, *words: str, answers: dict[str, Any], **more: str
    ) -> "subprocess.CompletedProcess[str]":
        (self.folder / "answers.json").write_text(json.dumps({k: json.dumps(v) for k, v in answers.items()}))
        (self.folder / "asked").write_text("")
        return subprocess.run(
            ["/usr/bin/python3", "-m", f"tools.{module}", *words],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={"PATH": f"{self.folder}{os.pathsep}/usr/bin:/bin", "PYTHONPATH": str(ROOT), **more},
        )  # fmt: skip

    def asked(self) -> list[tuple[str, str]]:
        lines = (self.folder / "asked").read_text().splitlines()
        return [(" ".join(words), typed) for words, typed in map(json.loads, lines)]


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path / "bin")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "review.md").write_text("# Review\n\nAll is well.\n")
    (folder / "review.sarif").write_text(renderings.sarif(made.report()))
    return folder


def event(tmp_path: Path, **more: Any) -> dict[str, str]:
    run = {
        "head_sha": SHA,
        "head_branch": "change",
        "head_repository": {"owner": {"login": "stranger"}},
    } | more
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"workflow_run": run}))
    return {
        "GITHUB_EVENT_PATH": str(file), "GITHUB_REPOSITORY": "pipe-dev/infrastructure",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }  # fmt: skip


def ours(ident: int, body: str, login: str = "github-actions[bot]") -> dict[str, Any]:
    return {"id": ident, "body": body, "user": {"login": login}}


OPEN = {"/pulls": [{"number": 7, "head": {"sha": SHA}}]}


def test_the_first_review_makes_a_comment_and_says_whose_lines_to_annotate(
    github: GitHub, report: Path, tmp_path: Path
) -> None:
    done = github.run("comment", str(report), answers={**OPEN, "--paginate": [[]]}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    asked = github.asked()
    assert "head=stranger:change" in asked[0][0]
    words, typed = asked[-1]
    assert words == "api --method POST repos/pipe-dev/infrastructure/issues/7/comments --input -"
    body = json.loads(typed)["body"]
    assert body.startswith(comment.MARK) and SHA in body and body.endswith("All is well.\n")
    output = (tmp_path / "output").read_text()
    assert output == f"ref=refs/pull/7/head\nsha={SHA}\nsarif=annotations.sarif\n"
    [run] = json.loads((github.folder / "annotations.sarif").read_text())["runs"]
    assert run["tool"]["driver"]["name"] == "pipe-review"


def test_the_next_review_changes_the_same_comment_and_nobody_elses(
    github: GitHub, report: Path, tmp_path: Path
) -> None:
    faked = ours(1, f"{comment.MARK} of somebody else", login="stranger")
    pages = [[faked, ours(2, "another bot's word")], [ours(3, f"{comment.MARK}\nold")]]
    done = github.run("comment", str(report), answers={**OPEN, "--paginate": pages}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    assert github.asked()[-1][0].startswith(
        "api --method PATCH repos/pipe-dev/infrastructure/issues/comments/3 "
    )


def test_a_review_of_an_older_commit_is_not_shown(github: GitHub, report: Path, tmp_path: Path) -> None:
    newer = {"/pulls": [{"number": 7, "head": {"sha": "f" * 40}}]}
    done = github.run("comment", str(report), answers=newer, **event(tmp_path))
    assert done.returncode == 0 and "not the newest commit" in done.stdout
    assert len(github.asked()) == 1
    assert not (tmp_path / "output").exists()


def test_a_pull_request_of_a_fork_that_was_deleted_gets_no_comment(
    github: GitHub, report: Path, tmp_path: Path
) -> None:
    done = github.run("comment", str(report), answers=OPEN, **event(tmp_path, head_repository=None))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{SHA} is not the newest commit of an open pull request any more: no comment\n"


@pytest.mark.parametrize("there", ["no folder", "no file", "an empty file", "a link"])
def test_a_report_that_is_missing_is_said_to_be_so(github: GitHub, tmp_path: Path, there: str) -> None:
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
    body = json.loads(github.asked()[-1][1])["body"]
    assert body.endswith("There is no report: the workflow's log says why.")
    assert not (tmp_path / "output").exists(), "there is nothing to annotate"


def test_a_report_that_is_too_long_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "review.md").write_text("x" * 65_000)
    assert comment.text(tmp_path / "review.md", SHA).endswith("x")
    (tmp_path / "review.md").write_text("x" * 70_000)
    said = comment.text(tmp_path / "review.md", SHA)
    assert "longer than a comment can be" in said and len(said) < 1000


@pytest.mark.parametrize("sign", ["@", "&#64;", "&#x40;", "&COMMAT;", "\\@", "`` ` ``@", "_x_@"])
def test_a_comment_mentions_nobody(sign: str) -> None:
    said = html.unescape(comment.neutral(f"thanks {sign}octocat and {sign}org/team").replace("\\@", "@"))
    assert not re.search("@[a-z]", said) and "@\u200boctocat" in said


def test_a_comment_refers_to_no_issue_and_leaves_digests_and_lines_as_they_are() -> None:
    assert comment.neutral("fixes #12, &#35;13") == "fixes #\u200b12, #\u200b13"
    kept = "`api@sha256:05e2` [a](https://example.com/a.py#L12) `#64;`"
    assert comment.neutral(kept) == kept


def sarif(**changes: Any) -> dict[str, Any]:
    """A report's SARIF whose first result is changed."""
    text = json.loads(renderings.sarif(made.report(findings=[made.finding()])))
    text["runs"][0]["results"][0] |= changes
    return text


def test_only_what_is_open_is_annotated() -> None:
    waived = dataclasses.replace(made.finding(3), waiver="waived until 2027-01-31", verdict="waived")
    unknown = dataclasses.replace(made.finding(4), verdict="unknown")
    told = [made.finding(0), made.finding(1, status="existing"), made.finding(2, status="fixed")]
    report = made.report(findings=[*told, waived, unknown])
    [run] = comment.annotations(renderings.sarif(report))["runs"]
    assert [each["message"]["text"].partition(" ")[0] for each in run["results"]] == ["thing-0", "thing-1"]
    Sarif.model_validate(comment.annotations(renderings.sarif(report)))


def test_a_line_is_annotated_with_what_the_report_says_and_nothing_else() -> None:
    text = sarif(
        message={"text": "ask @octocat", "markdown": "![x](https://evil.example)"}, hostedViewerUri="x"
    )
    [run] = comment.annotations(json.dumps(text))["runs"]
    [result] = run["results"]
    assert result["message"] == {"text": "ask @\u200boctocat"}
    assert set(result) == {
        "ruleId", "level", "message", "partialFingerprints", "locations", "relatedLocations",
    }  # fmt: skip


def _of_another_tool(text: dict[str, Any]) -> None:
    text["runs"][0]["tool"]["driver"]["name"] = "CodeQL"


def _of_two_runs(text: dict[str, Any]) -> None:
    text["runs"] *= 2


def _of_many_results(text: dict[str, Any]) -> None:
    text["runs"][0]["results"] *= 5001


def _of_another_place(text: dict[str, Any]) -> None:
    place = text["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    place["artifactLocation"]["uri"] = "https://evil.example/x"


def _of_a_level_that_is_none(text: dict[str, Any]) -> None:
    text["runs"][0]["results"][0]["level"] = ["error"]


FORGED = (_of_another_tool, _of_two_runs, _of_many_results, _of_another_place, _of_a_level_that_is_none)


@pytest.mark.parametrize("forge", FORGED)
def test_what_our_review_did_not_write_annotates_nothing(
    github: GitHub, report: Path, tmp_path: Path, forge: Callable[[dict[str, Any]], None]
) -> None:
    text = sarif()
    forge(text)
    (report / "review.sarif").write_text(json.dumps(text))
    done = github.run("comment", str(report), answers={**OPEN, "--paginate": [[]]}, **event(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no annotations: review.sarif is not from this review" in done.stdout
    assert not (tmp_path / "output").exists() and not (github.folder / "annotations.sarif").exists()


@pytest.mark.parametrize("words", [("comment",), ("drift_issue", "nowhere")])
def test_what_is_no_folder_is_wrong_usage(github: GitHub, words: tuple[str, ...]) -> None:
    done = github.run(*words, answers={})
    assert done.returncode == 2 and "usage: python -m" in done.stderr


def test_a_summary_goes_where_github_shows_it(tmp_path: Path) -> None:
    out, file = tmp_path / "summary", tmp_path / "review.md"
    file.write_text("# Review\n")
    words = [sys.executable, "-m", "tools.job_summary", str(file), str(tmp_path / "none.md")]
    environment = os.environ | {"GITHUB_STEP_SUMMARY": str(out)}
    assert subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode == 0
    assert out.read_text() == f"# Review\n\nThere is no {tmp_path}/none.md.\n\n"
