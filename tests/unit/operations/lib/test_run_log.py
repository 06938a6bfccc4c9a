"""Tests of the log and the record of a run."""

import dataclasses
import json
import time
from pathlib import Path

import pytest

from operations.lib import run_log
from operations.lib.command_line import Options
from operations.lib.errors import CommandStopped, FailedError, RefusedError
from operations.lib.run_log import RunLog, perform

OPTIONS = Options("dev", "sandbox", False, True, {})


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_log, "RECORDS", tmp_path / "runs")
    monkeypatch.setattr(run_log, "ROOT", tmp_path)
    return tmp_path / "runs" / "dev"


def good(run: RunLog) -> str:
    with run.step("look"):
        run.line("seen")
    run.results["found"] = 3
    return "all is well"


def bad(run: RunLog) -> str:
    with run.step("look"):
        pass
    with run.step("break"):
        raise FailedError("it broke")
    return "not reached"


def refused(run: RunLog) -> str:
    raise RefusedError("not today")


def stopped(run: RunLog) -> str:
    with run.step("wait"):
        raise KeyboardInterrupt
    return "not reached"


def test_each_step_is_a_line_with_its_result_and_duration(capsys: pytest.CaptureFixture[str]) -> None:
    assert perform("try", OPTIONS, bad) == 1
    output = capsys.readouterr()
    assert "  ✓ look (0.0 s)\n" in output.out
    assert "  ✗ break (0.0 s)\n" in output.out
    assert output.err == "error: it broke\n"


@pytest.mark.parametrize(
    ("work", "code", "message"),
    [(good, 0, "all is well"), (bad, 1, "it broke"), (refused, 2, "not today"), (stopped, 130, "stopped")],
)
def test_every_run_writes_a_json_and_a_markdown_record(
    records: Path, work: run_log.Callable[[RunLog], str], code: int, message: str
) -> None:
    assert perform("try", OPTIONS, work) == code
    [file] = records.glob("*-try.json")
    record = json.loads(file.read_text())
    assert (record["exitCode"], record["message"], record["target"]) == (code, message, "sandbox")
    text = file.with_suffix(".md").read_text()
    assert text.startswith(f"# try of dev: {'done' if code == 0 else 'failed'}")
    for step in record["steps"]:
        assert step["title"] in text


def test_a_record_contains_the_lines_and_results_of_each_step(records: Path) -> None:
    perform("try", OPTIONS, good)
    [file] = records.glob("*-try.json")
    record = json.loads(file.read_text())
    assert record["steps"] == [{"title": "look", "result": "done", "seconds": 0.0, "lines": ["seen"]}]
    assert record["results"] == {"found": 3}


def test_a_dry_run_marks_skipped_steps(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(run: RunLog) -> str:
        with run.step("look"):
            pass
        with run.step("change"):
            run.runner.change("false")
        with run.step("follow"):
            run.follow("false")
        return "changed"

    assert perform("try", dataclasses.replace(OPTIONS, dry_run=True), work) == 0
    output = capsys.readouterr().out
    assert "  ✓ look (0.0 s)\n" in output
    assert "  ○ change (0.0 s)\n" in output and "  ○ follow (0.0 s)\n" in output
    [file] = records.glob("*-try.md")
    assert "| ○ | change | 0.0 s |" in file.read_text()


def test_a_stopped_run_reports_the_running_version(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(_: RunLog) -> str:
        raise CommandStopped("stopped; dev runs 1.0.0")

    assert perform("try", OPTIONS, work) == 130
    assert capsys.readouterr().err == "error: stopped; dev runs 1.0.0\n"


def test_a_long_step_prints_progress_that_is_not_recorded(
    records: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_log.QUIET_SECONDS * 1.1 < 5
    monkeypatch.setattr(run_log, "QUIET_SECONDS", 0.1)

    def work(run: RunLog) -> str:
        with run.step("wait for the pods"):
            time.sleep(0.5)
        return "done"

    assert perform("try", OPTIONS, work) == 0
    assert capsys.readouterr().out.count("    | … wait for the pods: 0 s so far\n") >= 2
    [file] = records.glob("*-try.json")
    assert json.loads(file.read_text())["steps"][0]["lines"] == []
