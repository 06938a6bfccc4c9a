"""Tests of the documents: links, runbooks, generated parts, and facts about the program."""

import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from components.datadog.alert import runbook
from components.settings.models.api import Egress
from operations.lib.kubernetes import releases
from review.model import SECTIONS
from sandbox import cli as sandbox_command
from sandbox import console
from sandbox.workspace.stacks import Stack
from tests.support.docs import commands
from tests.support.rows import each_row
from tools.documents import generate_docs

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
SANDBOX_FLAG = re.compile(r"make (?:sandbox|preview|down|refresh|console)(?: [^`\n]*)? FLAGS=(--[\w-]+)")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")

HEADINGS = """\
概要
デプロイメント環境
環境構成
インフラストラクチャ
クラウドプロバイダー
Kubernetes構成
デプロイメントプロセス
1.フロントエンド
2.バックエンドAPI
3.データベースマイグレーション
CI/CDパイプライン
GitHubActionsワークフロー
ロールバック手順
1.アプリケーションロールバック
2.データベースロールバック
モニタリングとアラート
1.メトリクス監視
2.アラート設定
セキュリティ対策
1.SSL/TLS設定
2.ファイアウォール設定
障害復旧手順
1.システム障害時
2.データ復旧
運用チェックリスト
デプロイ前
デプロイ後
トラブルシューティング
よくある問題と解決策
""".splitlines()
"""Headings of the original guide, in order, without spaces."""


def documents() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield ROOT / "CHANGELOG.md"
    yield ROOT / "CONTRIBUTING.md"
    # tests/unit/policies/engine/test_documentation.py compares the pages of the rules with their source.
    pages = DOCS / "policies"
    yield from sorted(file for file in DOCS.rglob("*.md") if file.parent != pages or file.name == "README.md")


def headings(document: Path) -> list[str]:
    """Return the names of a document's headings in addresses, as GitHub writes them."""
    texts = re.findall(r"^#+ (.+)", document.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts]


@each_row("document", list(documents()), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_to_a_file_has_a_target(document: Path) -> None:
    links = [file for file, _ in LINK.findall(document.read_text()) if "://" not in file]
    assert [link for link in links if not (document.parent / link).exists()] == []


@each_row("document", list(documents()), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_to_a_heading_has_a_target(document: Path) -> None:
    links = [(file, name) for file, name in LINK.findall(document.read_text()) if name and "://" not in file]
    targets = {file: document.parent / file if file else document for file, _ in links}
    assert [(file, name) for file, name in links if name not in headings(targets[file])] == []


def test_each_finding_of_the_review_is_explained() -> None:
    assert SECTIONS.keys() <= set(headings(DOCS / "review" / "findings.md"))
    linked = {name for _, name in LINK.findall((DOCS / "review.md").read_text())}
    assert SECTIONS.keys() <= linked


@each_row("folder", [DOCS / "runbooks", DOCS / "ja" / "runbooks"], ids=["English", "Japanese"])
def test_monitors_and_runbooks_correspond(folder: Path) -> None:
    messages = [
        str(resource.inputs.get("message", "")) for resource in generate_docs.evaluate_program("prod")
    ]
    linked = {name for text in messages for name in re.findall(r"/docs/runbooks/([\w-]+\.md)", text)}
    assert len(linked) > 10
    assert {file.name for file in folder.glob("*.md")} == linked


@each_row("folder", [DOCS / "runbooks", DOCS / "ja" / "runbooks"], ids=["English", "Japanese"])
def test_the_title_of_a_runbook_is_the_name_of_its_alert(folder: Path) -> None:
    titles = {file.name: file.read_text().splitlines()[0].removeprefix("# ") for file in folder.glob("*.md")}
    assert {runbook(title) for title in titles.values()} == titles.keys()


def test_the_doctor_checks_the_origin_certificate_and_names_its_runbook() -> None:
    source = (ROOT / "operations" / "lib" / "diagnosis" / "findings.py").read_text()
    [path] = re.findall(r"origin certificate: .*\(docs/(runbooks/.*\.md)\)", source)
    assert path == f"runbooks/{runbook('OriginCertificateExpiry')}" and (DOCS / path).exists()
    assert '["originCertificateDays"]' in (ROOT / "operations" / "doctor.py").read_text()


@each_row(
    "document",
    [ROOT / "README.md", DOCS / "deployment.md", DOCS / "ja" / "deployment.md"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_the_documents_start_the_first_backup_by_hand(document: Path) -> None:
    text = document.read_text()
    command = "kubectl -n pipe create job --from=cronjob/pipe-backup first-backup"
    assert command in text and "kubectl -n pipe wait --for=condition=complete" in text
    if document.name == "README.md":
        assert text.index("pulumi up      --policy-pack") < text.index(command)


def test_the_japanese_guide_has_the_headings_of_the_original_guide() -> None:
    lines = (DOCS / "ja" / "deployment.md").read_text().splitlines()
    headings = [line.lstrip("#").replace(" ", "") for line in lines if line.startswith("##")]
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS


def twins() -> Iterator[tuple[Path, Path]]:
    """Yield each Japanese page with its English one; README.md is at the root."""
    for japanese in sorted((DOCS / "ja").rglob("*.md")):
        name = japanese.relative_to(DOCS / "ja")
        yield (ROOT if str(name) == "README.md" else DOCS) / name, japanese


def test_a_japanese_page_has_the_headings_levels_and_commands_of_the_english_one() -> None:
    for english, japanese in twins():
        levels, lines = list[list[str]](), list[list[str]]()
        for page in (english, japanese):
            text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
            levels.append(re.findall(r"^#+(?= )", text, re.MULTILINE))
            lines.append([re.sub(r"\s+#.*", "", command) for command in commands.in_blocks(page)])
        assert levels[0] == levels[1], japanese
        assert lines[0] == lines[1], japanese


def names(page: Path) -> set[str]:
    """Return the names in a page's sentences and tables: of settings, secrets, files, roles, placeholders."""
    sentences = re.sub(r"\n +(?=\S)", " ", re.sub(r"(?m)^ {4,}.*$", "", page.read_text()))
    return set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|`[^`\n]+`", sentences, re.ASCII))


def test_the_japanese_readme_has_the_names_of_the_english_one() -> None:
    only_japanese = {"`docs/ja/`"}
    assert names(DOCS / "ja" / "README.md") - only_japanese == names(ROOT / "README.md")


def test_generated_parts_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    code = generate_docs.main(["--check"])
    assert code == 0, capsys.readouterr().err


def test_the_schema_of_the_report_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("tools.report_schema")
    schema = (ROOT / "schemas" / "review-report.schema.json").read_text()
    assert capsys.readouterr().out == schema, "run: make schema"


COVERAGE = (DOCS / "guide-coverage.md").read_text().splitlines()
ROWS = [row.split(" | ") for row in COVERAGE if row.startswith("| ") and not row.startswith("| in the guide")]


@each_row("row", ROWS, ids=lambda row: row[0].lstrip("| "))
def test_every_row_of_the_coverage_names_existing_files_tasks_and_tests(row: list[str]) -> None:
    _, here, tests = row
    files = re.findall(r"`((?:components|docs|scripts|\.github|Pulumi)[^`]*)`", here)
    tasks = re.findall(r"`make ([a-z-]+)`", here)
    assert files or tasks or "pipe:" in here
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert set(tasks) <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert named
    assert [test for test in named if f"def {test[1]}(" not in (ROOT / test[0]).read_text()] == []


def test_every_command_of_the_original_guide_has_a_row() -> None:
    """Compare the guide's programs, and the verbs of programs with several verbs."""
    guide = "npm run build, vercel deploy, docker build, docker push, kubectl apply, migrate:prod, deploy.sh,"
    guide += "rollout undo, --to-revision, migrate:rollback, --to 20240301, authorize-security-group-ingress,"
    guide += "aws s3 cp, pg_restore, kubectl logs, describe, top, datadog-trace-agent status, HighErrorRate"
    listed = "\n".join(row[0] for row in ROWS)
    assert [command for command in map(str.strip, guide.split(",")) if command not in listed] == []


def test_the_readme_describes_every_folder() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    folders = {name.partition("/")[0] for name in listed.stdout.splitlines() if "/" in name}
    section = (ROOT / "README.md").read_text().partition("## Where things are")[2].partition("\n## ")[0]
    assert {
        folder for folder in folders if not folder.startswith(".") and f"`{folder}/" not in section
    } == set()


def test_every_measured_number_names_its_drill() -> None:
    section = (DOCS / "scaling.md").read_text().partition("## Measurements")[2]
    rows = [row.split("|")[2:4] for row in section.splitlines() if row.startswith("| ")][1:]
    assert len(rows) >= 4
    for measured, by in rows:
        assert re.search(r"\d", measured), measured
        drills = re.findall(r"`(tests/\S+\.py)`", by)
        assert drills or "`make bench`" in by
        assert all(" measured(" in (ROOT / file).read_text() for file in drills), by


def test_flags_of_the_sandbox_in_the_documents_exist() -> None:
    flags = [flag for command in commands.documents() for flag in SANDBOX_FLAG.findall(command.read_text())]
    assert "--yes" in flags
    assert {flag for flag in flags if flag not in sandbox_command.COMMAND_LINE["arguments"]} == set()


@each_row("guide", ["deployment.md", "ja/deployment.md"])
def test_the_guide_shows_the_prompt_of_the_console(guide: str) -> None:
    stack = Stack("dev", ROOT, ROOT, "pipe", ROOT / ".sandbox" / "dev")
    assert f"`{console.mark(stack).strip()}`" in (DOCS / guide).read_text()


@each_row("guide", ["deployment.md", "ja/deployment.md"])
def test_the_guide_explains_each_choice_of_the_apis_egress(guide: str) -> None:
    text = (DOCS / guide).read_text()
    explained = re.findall(r"^\| `(\w+)` \|", text.partition("| `to` |")[2], re.MULTILINE)
    assert explained == list(get_args(Egress.model_fields["to"].annotation))


@each_row(
    ("guide", "order"),
    [
        ("docs/deployment.md", "the most recent earlier version that was good"),
        ("docs/ja/deployment.md", "以前のバージョンのうち、正常だった最新のもの"),
    ],
)
def test_the_guide_explains_the_version_that_a_rollback_chooses_and_its_record(
    guide: str, order: str
) -> None:
    text = (commands.ROOT / guide).read_text()
    assert order in text and f"`{releases.NAME}`" in text


def test_no_output_of_the_program_is_a_list_of_ids() -> None:
    names = re.findall(r'pulumi\.export\("(\w+)"', (ROOT / "__main__.py").read_text())
    assert "url" in names and not [name for name in names if name.endswith("Ids")]
