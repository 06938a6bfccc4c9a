"""Tests of names in contributor pages, the index of decisions, CODEOWNERS and Renovate's configuration."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "contributing").glob("*.md"))]
DECISIONS = ROOT / "docs" / "decisions"
FOLDERS = "components|docs|foundation|operations|policies|review|sandbox|schemas|scripts|tests|tools"
PATH = re.compile(rf"`((?:{FOLDERS})/[^`<…]*)`")
INDEX_ROW = re.compile(r"\| \[(\d{4})\]\((\S+)\) \| (.+) \| (\w+) \| (\d{4}-\d\d-\d\d) \|")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_contributor_page_names_exists(page: Path) -> None:
    named = {name.partition("::")[0].split()[0] for name in PATH.findall(page.read_text())}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_task_that_a_contributor_page_names_exists(page: Path) -> None:
    tasks = set(re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE))
    defined = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert tasks - defined == set()


def test_the_index_lists_every_decision_with_its_title_status_and_date() -> None:
    indexed = {
        file: (number, title, status, date)
        for number, file, title, status, date in INDEX_ROW.findall((DECISIONS / "README.md").read_text())
    }
    expected: dict[str, tuple[str, ...]] = {}
    for file in DECISIONS.glob("0*.md"):
        heading, _, status_line = file.read_text().splitlines()[:3]
        status = re.fullmatch(r"Status: (\w+)[^.]*\. Date: (\d{4}-\d\d-\d\d)\.", status_line)
        assert status, f"{file.name}: the third line is {status_line!r}; expected Status: …. Date: …."
        title = heading.partition(". ")[2]
        expected[file.name] = (file.name[:4], title, status[1], status[2])
    assert indexed == expected


def test_renovate_finds_every_image_that_a_stack_file_names_by_tag() -> None:
    configuration: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text())
    [manager] = configuration["customManagers"]
    [pattern] = manager["matchStrings"]
    pattern = pattern.replace("(?<", "(?P<")
    for stack in ("dev", "stg", "prod"):
        text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
        images = [line for line in text.splitlines() if re.search(r"[iI]mage: public", line)]
        assert len(images) >= 3
        assert [line for line in images if not re.search(pattern, line)] == []
