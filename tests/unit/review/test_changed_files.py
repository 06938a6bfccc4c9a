"""Tests of the changed files that are not part of an evaluated program."""

from pathlib import Path

import pytest

from review.build import build
from review.changed_files import (
    OF_NO_PROGRAM,
    OF_THE_PACK,
    find_changed,
    find_changed_commands,
    find_outside,
    find_run,
    find_without_effect,
    is_run_document,
)
from review.model import BASE_TO_HEAD
from review.plain_data import build_mask
from review.project_selection import Trees
from review.render.renderings import render_markdown, render_terminal
from review.stacks.engine_run import EngineRun
from review.stacks.stack import Stack
from tests.support.docs.commands import ROOT, documents
from tests.support.rows import each_row

FILES = {
    "Pulumi.yaml": "name: pipe",
    "Pulumi.dev.yaml": "config:",
    "Pulumi.stg.yaml": "config:",
    "__main__.py": "import shop.api",
    "shop/__init__.py": "",
    "shop/api.py": "",
    "shop/files/api.sql": "SELECT 1",
    "unused/module.py": "",
    "foundation/Pulumi.yaml": "name: base",
    "foundation/Pulumi.dev.yaml": "config:",
    "foundation/__main__.py": "",
    "foundation/notes.txt": "",
    "operations/__main__.py": "",
    ".github/workflows/deploy.yml": "",
    "Makefile": "",
    "review/build.py": "",
    "review/waivers.yaml": "",
    "policies/__main__.py": "",
    "requirements.txt": "",
    "docs/example.py": "",
    "tests/conftest.py": "",
    "README.md": "",
}


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Provide a base and a head with the same files."""
    for tree in ("base", "head"):
        for name, content in FILES.items():
            file = tmp_path / tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    return tmp_path / "base", tmp_path / "head"


def outside(stacks: list[str], trees: Trees) -> list[str]:
    """Return the changed files that neither a program nor a command of a deployment has."""
    return find_outside(stacks, find_changed(trees) - {Path(file) for file in run(trees)}, trees)


def run(trees: Trees) -> list[str]:
    """Return the changed files that the commands of a deployment run or read."""
    return [f"{file}" for file, way in find_run(find_changed(trees), trees).items() if way != OF_NO_PROGRAM]


def test_files_that_a_deployment_runs_come_first(trees: Trees) -> None:
    assert outside(["dev"], trees) == []
    for name in FILES.keys() - {"__main__.py"}:
        (trees[1] / name).write_text("# another content")
    (trees[0] / "unused" / "module.py").unlink()
    assert run(trees) == [
        "policies/__main__.py",
        ".github/workflows/deploy.yml",
        "Makefile",
        "operations/__main__.py",
        "requirements.txt",
        "review/build.py",
    ]
    assert outside(["dev"], trees) == [
        "Pulumi.stg.yaml",
        "foundation/Pulumi.dev.yaml",
        "foundation/Pulumi.yaml",
        "foundation/__main__.py",
        "foundation/notes.txt",
        "unused/module.py",
    ]
    assert "foundation/__main__.py" not in outside(["dev", "stg", "foundation/dev"], trees)


def test_a_document_has_no_effect_only_where_the_base_has_it(trees: Trees) -> None:
    (trees[1] / "README.md").write_text("another content")
    (trees[1] / "docs" / "new.md").write_text("")
    assert find_changed(trees) == set()
    new = [".runs/dev/preview/review.md", "AGENTS.md", "app/README.md", "review-report/review.md"]
    for name in new:
        (trees[1] / name).parent.mkdir(parents=True, exist_ok=True)
        (trees[1] / name).write_text("")
    assert outside(["dev", "stg", "foundation/dev"], trees) == new
    assert {
        f"{file}" for file, way in find_run(find_changed(trees), trees).items() if way == OF_NO_PROGRAM
    } == {*new}


def test_files_of_a_program_count_on_either_side(trees: Trees) -> None:
    (trees[1] / "__main__.py").write_text("import shop.api, shop.new.part")
    (trees[1] / "shop" / "new").mkdir(parents=True)
    (trees[1] / "shop" / "new" / "part.py").write_text("VALUE = 1")
    (trees[1] / "shop" / "files" / "part.sql").write_text("SELECT 1")
    (trees[1] / "shop" / "api.py").write_text("not Python")
    (trees[1] / "shop" / "files" / "api.sql").unlink()
    assert outside(["dev"], trees) == []


def test_a_changed_module_that_the_head_no_longer_imports_by_a_statement_counts(trees: Trees) -> None:
    for tree in trees:
        (tree / "__main__.py").write_text("import shop.api, shop.names, shop.sizes")
        for name in ("names", "sizes"):
            (tree / "shop" / f"{name}.py").write_text("")
    (trees[1] / "__main__.py").write_text("import shop.api\n__import__('shop.' + 'names')")
    (trees[1] / "shop" / "names.py").write_text("NAME = 1")
    (trees[1] / "shop" / "sizes.py").unlink()
    (trees[1] / "shop" / "files" / "api.sql").write_text("SELECT 2")
    assert run(trees) == []
    assert outside(["dev"], trees) == ["shop/names.py"]
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert [finding.name for finding in report.findings] == ["shop/names.py"]
    assert report.code == 1


def test_files_that_tools_may_read_in_the_folder_of_a_project_count(trees: Trees) -> None:
    for tree in trees:
        (tree / "foundation" / "__main__.py").write_text("import names\nimport registry")
        (tree / "foundation" / "names.py").write_text("NAME = 1")
        (tree / "foundation" / "registry").mkdir()
        (tree / "foundation" / "registry" / "__init__.py").write_text("")
        (tree / "foundation" / "registry" / "names.json").write_text("")
    new = [".python-version", "Makefile", "pyproject.toml", "requirements.txt", "up.sh"]
    for name in (*new, "registry/rules.json"):
        (trees[1] / "foundation" / name).write_text("")
    (trees[1] / "foundation" / "notes.txt").write_text("another content")
    named = ["foundation/notes.txt", *(f"foundation/{name}" for name in new)]
    assert outside(["dev", "stg", "foundation/dev"], trees) == named


@pytest.mark.parametrize(
    "name",
    [
        "files/HEAD",
        "files/config",
        "files/objects/api.sql",
        "AGENTS.md",
        "files/CLAUDE.md",
        "Dockerfile",
        "api.pyi",
        "files/pytest.toml",
        "files/docker-compose.yml",
        "files/Docker-Compose.override.yml",
        "api.sql",
        "files/api.sh",
        "new/part.sql",
    ],
)
def test_a_new_file_is_no_data_unless_it_lies_beside_data_with_its_ending(trees: Trees, name: str) -> None:
    for tree in trees:
        for file in ("names", "README.md", "ruff.pyi", "rows.toml", "rows.yml"):
            (tree / "shop" / "files" / file).write_text("")
    (trees[1] / "__main__.py").write_text("import shop.api, shop.new.part")
    for file in ("new/part.py", name, "files/new.sql", "files/new.toml", "files/new.yml"):
        (trees[1] / "shop" / file).parent.mkdir(exist_ok=True)
        (trees[1] / "shop" / file).write_text("SELECT 2")
    assert outside(["dev", "stg", "foundation/dev"], trees) == [f"shop/{name}"]


def test_an_import_that_only_the_head_has_makes_no_module_of_the_base_a_part_of_the_program(
    trees: Trees,
) -> None:
    imports = "import unused.module, unused.names, review.new"
    (trees[0] / "operations" / "__main__.py").write_text("from unused.names import NAME")
    (trees[1] / "operations" / "__main__.py").write_text("from unused.names import NAME")
    (trees[0] / "unused" / "names.py").write_text("NAME = 1")
    (trees[1] / "unused" / "names.py").write_text("NAME = 1")
    (trees[1] / "unused" / "module.py").write_text("VALUE = 1")
    (trees[1] / "unused" / "names").mkdir()
    (trees[1] / "unused" / "names" / "__init__.py").write_text("NAME = 2  # in place of names.py")
    (trees[1] / "review" / "new.py").write_text("")
    (trees[1] / "__main__.py").write_text(f"if __name__ == 'never':\n    {imports}")
    assert outside(["dev"], trees) == ["unused/module.py"]
    assert run(trees) == ["review/new.py", "unused/names/__init__.py"]
    # A package of a new folder may take the place of a module of Python or of another package.
    (trees[1] / "__main__.py").write_text(f"import other.module\n{imports}")
    (trees[1] / "other").mkdir()
    (trees[1] / "other" / "module.py").write_text("")
    assert "other/module.py" in outside(["dev"], trees)


def test_a_new_file_in_a_folder_of_other_code_counts_even_if_the_program_imports_it(trees: Trees) -> None:
    (trees[1] / "__main__.py").write_text("if __name__ == 'never':\n    import review.build, review.new")
    (trees[1] / "review" / "build").mkdir()
    new = ["review/build/__init__.py", "review/new.py", "review/table.toml"]
    for name in new:
        (trees[1] / name).write_text("# in place of a module, or data beside one")
    assert run(trees) == new


def test_files_that_a_deployment_runs_count_even_if_the_program_imports_them(trees: Trees) -> None:
    (trees[1] / "__main__.py").write_text("if False:\n    import operations.__main__, shop.api")
    (trees[1] / "operations" / "__main__.py").write_text("# another content")
    assert run(trees) == ["operations/__main__.py"]


def test_a_link_in_place_of_an_equal_file_counts(trees: Trees) -> None:
    (trees[1] / "Makefile").unlink()
    (trees[1] / "Makefile").symlink_to("LICENSE")
    assert run(trees) == ["Makefile"]


@pytest.mark.parametrize("linking", [(0,), (1,), (0, 1)])
def test_a_link_in_place_of_a_file_that_the_report_shows_counts(
    trees: Trees, linking: tuple[int, ...]
) -> None:
    for tree in trees:
        (tree / "shop" / "waivers.yaml").write_text("")
    for side in linking:
        waivers = trees[side] / "review" / "waivers.yaml"
        waivers.unlink()
        waivers.symlink_to("../shop/waivers.yaml")
    assert run(trees) == ["review/waivers.yaml"] * (len(linking) == 1)
    (trees[1] / "shop" / "waivers.yaml").write_text("[]\n")
    assert "review/waivers.yaml" in run(trees)


def test_a_module_that_a_command_imports_counts_even_if_the_program_imports_it(trees: Trees) -> None:
    for tree in trees:
        (tree / "shop" / "common").mkdir()
        (tree / "shop" / "common" / "__init__.py").write_text('"""Shared facts."""')
        (tree / "shop" / "common" / "image.py").write_text("from shop.common import digest")
        (tree / "shop" / "common" / "digest.py").write_text("")
        (tree / "__main__.py").write_text("import shop.api\nimport shop.common.image")
        (tree / "operations" / "image.py").write_text("from shop.common.image import parse")
    for name in ("api.py", "files/api.sql", "common/image.py", "common/digest.py", "common/sizes.yaml"):
        (trees[1] / "shop" / name).write_text("from shop.common import digest  # changed")
    changed = find_changed(trees)
    # The package above has no code, so the data below it belongs to other modules.
    assert {f"{file}": way for file, way in find_run(changed, trees).items()} == {
        "shop/common/image.py": "operations/image.py imports it",
        "shop/common/digest.py": "operations/image.py imports it by way of shop/common/image.py",
        "shop/common/sizes.yaml": "operations/image.py may read it by way of shop/common/image.py",
    }
    assert outside(["dev"], trees) == []
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert report.code == 1
    assert report.notes == []
    assert [finding.message for finding in report.findings][1] == (
        "shop/common/image.py: the pull request changes this file; operations/image.py imports it with "
        "credentials, and the review does not evaluate its commands"
    )
    sides = "base", "head"
    approved = build(BASE_TO_HEAD, sides, [unchanged(trees)], build_mask([]), trees, approved_by="an-owner")
    assert approved.code == 0


def test_a_module_that_only_the_commands_of_the_head_import_counts(trees: Trees) -> None:
    (trees[1] / "operations" / "__main__.py").write_text("import shop.api")
    (trees[1] / "shop" / "api.py").write_text("# another content")
    assert run(trees) == ["operations/__main__.py", "shop/api.py"]


@pytest.mark.parametrize("name", ["GNUmakefile", "makefile", "GNUMAKEFILE", "MakeFile"])
def test_a_file_that_make_may_read_counts_in_every_case(trees: Trees, name: str) -> None:
    (trees[1] / name).write_text("packages:")
    (trees[1] / "shop" / name).write_text("packages:")
    assert run(trees) == [name]


def test_what_python_runs_as_a_package_counts_with_what_it_imports(trees: Trees) -> None:
    for tree in trees:
        for file in ("shop/settings/__main__.py", "sandbox/__main__.py", "sandbox/data.toml"):
            (tree / file).parent.mkdir(exist_ok=True)
            (tree / file).write_text("import shop.comparison")
        (tree / "shop" / "comparison.py").write_text("")
    for file in (
        "shop/settings/__main__.py",
        "sandbox/__main__.py",
        "sandbox/data.toml",
        "shop/comparison.py",
    ):
        (trees[1] / file).write_text("# another content")
    (trees[1] / "shop" / "settings" / "Pulumi.yaml").write_text("name: no-command")
    for project in ("", "foundation"):
        (trees[1] / project / "__main__.py").write_text("# another content")
    changed = find_changed(trees)
    assert {f"{file}": way for file, way in find_run(changed, trees).items()} == {
        "sandbox/__main__.py": "a deployment runs or reads it",
        "sandbox/data.toml": "a deployment runs or reads it",
        "shop/settings/__main__.py": "a deployment runs or reads it",
        "shop/comparison.py": "sandbox/__main__.py imports it",
        "shop/settings/Pulumi.yaml": OF_NO_PROGRAM,
    }


def test_packages_around_and_in_place_of_a_module_that_a_command_runs_count(trees: Trees) -> None:
    for tree in trees:
        for file in ("tests/support/__init__.py", "tests/support/pages.py", "shop/settings/__main__.py"):
            (tree / file).parent.mkdir(exist_ok=True, parents=True)
            (tree / file).write_text("")
        (tree / "Makefile").write_text("a:\n\t@$(PY) -m tests.support.pages")
        (tree / "__main__.py").write_text("import shop.settings")
    new = ["shop/settings/__init__.py", "tests/support/pages/__init__.py", "tests/support/pages/__main__.py"]
    for file in (*new, "tests/__init__.py", "tests/support/__init__.py", "tests/support/other.py"):
        (trees[1] / file).parent.mkdir(exist_ok=True)
        (trees[1] / file).write_text("# another content")
    changed = find_changed(trees)
    assert {f"{file}": way for file, way in find_run(changed, trees).items()} == {
        "shop/settings/__init__.py": "`python -m` imports it for shop/settings/__main__.py",
        "tests/__init__.py": "`python -m` imports it for tests/support/pages.py",
        "tests/support/__init__.py": "`python -m` imports it for tests/support/pages.py",
        "tests/support/pages/__init__.py": "Makefile runs it",
        "tests/support/pages/__main__.py": "Makefile runs it",
    }


def test_tests_lead_to_no_module_but_rules_do(trees: Trees) -> None:
    for tree in trees:
        (tree / "policies" / "rules").mkdir()
        (tree / "review" / "build.py").write_text("import tests.conftest, policies.rules.all")
        (tree / "tests" / "conftest.py").write_text("import unused.module")
        (tree / "policies" / "rules" / "all.py").write_text("import shop.api")
    for name in ("policies/rules/all.py", "unused/module.py", "shop/api.py"):
        (trees[1] / name).write_text("# another content")
    assert run(trees) == ["policies/rules/all.py", "shop/api.py"]


def test_every_file_of_the_policies_is_a_finding_but_those_that_have_own_findings(trees: Trees) -> None:
    levels = ["config/dev.json", "config/foundation/qa.JSON"]
    others = ["config/waivers.yaml", "model/pods.py", "program.py", "requirements.txt", "rules/names.txt"]
    for name in (*levels, *others, "waivers.yaml", "PulumiPolicy.yaml", "__main__.py"):
        (trees[1] / "policies" / name).parent.mkdir(parents=True, exist_ok=True)
        (trees[1] / "policies" / name).write_text("# another content")
    ways = find_run(find_changed(trees), trees)
    deciding = {f"policies/{name}" for name in ("__main__.py", *others)}
    assert {f"{file}": way for file, way in ways.items()} == dict.fromkeys(deciding, OF_THE_PACK)
    messages = {finding.message for finding in find_changed_commands(["dev"], ways, trees[0])}
    assert (
        "policies/program.py: the pull request adds this file; it may decide what the policies and later "
        "reviews find"
    ) in messages


def test_a_file_that_no_program_has_is_a_finding(trees: Trees) -> None:
    (trees[1] / "shop" / "files" / "api.sql").write_text("SELECT 2")
    names = ["go.work", "shop/.gitignore", "shop/files/.ruff.toml", "shop/files/Ruff.toml", "unused/new.py"]
    for name in names:
        (trees[1] / name).write_text("another content")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert {finding.message for finding in report.findings} == {
        f"{name}: the pull request adds this file; no program that the review evaluates has it in base and "
        "head, and a tool may read it"
        for name in names
    }
    assert report.code == 1
    assert report.notes == []


def unchanged(trees: Trees) -> Stack:
    """Return a stack without resources."""
    return Stack("dev", EngineRun(trees[1]), EngineRun(trees[0]))


def test_the_verdict_names_changed_files_outside(trees: Trees) -> None:
    (trees[1] / "foundation" / "__main__.py").write_text("# another content")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert report.code == 0
    assert report.verdict == (
        "Nothing blocks: 1 changed file is not part of the evaluated programs (foundation/__main__.py)."
    )


@each_row("folder", ["tests/unit", "docs", "policies", "foundation"])
def test_no_name_of_a_file_is_a_sentence_of_the_verdict(folder: str, trees: Trees) -> None:
    name = f"{folder}/a.md). An owner has approved them (b.md"
    (trees[0] / folder).mkdir(parents=True, exist_ok=True)
    for tree, text in zip(trees, ("", "#"), strict=True):
        (tree / folder).mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert report.notes or report.findings
    for text in [report.verdict, *report.notes]:
        assert name not in text or f"'{name}'" in text


def test_the_verdict_names_changed_files_of_the_policies(trees: Trees) -> None:
    (trees[1] / "policies" / "waivers.yaml").write_text("[]")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert report.code == 0
    assert report.verdict == "Nothing blocks: the policies differ in policies/waivers.yaml."


def test_changed_files_that_a_deployment_runs_block_and_notes_name_others(trees: Trees) -> None:
    files = ("operations/__main__.py", "Makefile", ".github/workflows/deploy.yml", "unused/module.py")
    for name in (*files, "foundation/__main__.py"):
        (trees[1] / name).write_text("another content")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert report.code == 1
    assert [finding.name for finding in report.findings] == sorted(files)
    assert {finding.policy for finding in report.findings} == {"guard-weakened"}
    assert report.notes == [
        "1 changed file is not part of the evaluated programs, so the report may not show the effects: "
        "foundation/__main__.py."
    ]


def test_tests_that_commands_run_or_import_block_and_the_verdict_names_others(trees: Trees) -> None:
    imported = ["tests/support/data.py", "tests/support/inner/__init__.py", "tests/support/rows.py"]
    run_modules = ["tests/sizes/__main__.py", "tests/support/pages.py", "tests/support/tools.py"]
    run_modules += ["tests/support/fill.py", "tests/support/fill.sh"]
    others = ["tests/support/rows.sql", "tests/unit/test_shop.py"]
    for tree in trees:
        for name in (*imported, *run_modules, *others):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(f"# {tree.name}")
        (tree / "tests" / "support" / "data.py").write_text(
            f"import shop.api\nfrom tests.support import inner, rows  # {tree.name}"
        )
        (tree / "operations" / "__main__.py").write_text("from tests.support import data")
        (tree / "Makefile").write_text("a:\n\t@$(PY) -m tests.support.tools\n\t@$(PY) -m pytest -m sizes")
        (tree / ".github" / "workflows" / "deploy.yml").write_text("run: python -m  tests.sizes --all")
        (tree / "review" / "build.py").write_text('run("python", "-m", "tests.support.pages")')
        lines = [
            f"python -m tests.{'a' * 300}",
            "python3 -B tests/support/fill.py",
            "bash ./tests/support/fill.sh",
        ]
        (tree / "scripts").mkdir(exist_ok=True)
        (tree / "scripts" / "fill.sh").write_text("\n".join(lines))
    (trees[1] / "tests" / "support" / "rows").mkdir()
    (trees[1] / "tests" / "support" / "rows" / "__init__.py").write_text("# in place of rows.py")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    messages = {finding.name: finding.message.partition("; ")[2] for finding in report.findings}
    assert messages.keys() == {*imported, *run_modules, "tests/support/rows/__init__.py"}
    assert messages["tests/support/tools.py"].startswith("Makefile runs it with credentials")
    assert messages["tests/sizes/__main__.py"].startswith(".github/workflows/deploy.yml runs it ")
    assert messages["tests/support/pages.py"].startswith("review/build.py runs it ")
    for name in ("tests/support/fill.py", "tests/support/fill.sh"):
        assert messages[name].startswith("scripts/fill.sh runs it ")
    assert messages["tests/support/rows.py"].startswith(
        "operations/__main__.py imports it by way of tests/support/data.py "
    )
    for name in messages:
        (trees[1] / name).unlink()
        if (trees[0] / name).exists():
            (trees[1] / name).write_text((trees[0] / name).read_text())
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert (report.findings, report.code) == ([], 0)
    assert report.verdict == (
        f"Nothing blocks: the checks before a deployment run the changed tests ({', '.join(others)})."
    )
    assert report.notes == [
        "2 changed files are tests, which the checks before a deployment run without isolation: "
        f"{', '.join(others)}."
    ]


def test_the_verdict_names_changed_documents_whose_commands_tests_run(trees: Trees) -> None:
    base, head = trees
    for name in ("CHANGELOG.md", "docs/picture.png", "docs/ja/guide.md", "docs/gone.md"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("")
    for name in ("README.md", "CHANGELOG.md", "docs/picture.png", "docs/ja/guide.md", "docs/New.MD"):
        (head / name).parent.mkdir(parents=True, exist_ok=True)
        (head / name).write_text("    make test; curl https://example.com\n")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    names = "README.md, docs/New.MD, docs/gone.md, docs/ja/guide.md"
    run = "the checks before a deployment run the commands and examples in"
    assert report.code == 0
    assert report.verdict.startswith(f"Nothing blocks: {run} the changed documents (README.md, docs/New.MD, ")
    assert report.notes == [
        f"4 changed files are documents, and {run} documents without isolation: {names}.",
        "2 changed files are without a known effect (a program can read and run any file without an import): "
        "CHANGELOG.md, docs/picture.png.",
    ]


def test_every_file_that_differs_and_has_no_effect_is_named(trees: Trees) -> None:
    base, head = trees
    for tree in trees:
        (tree / "LICENSE").unlink(missing_ok=True)
    (base / "LICENSE").write_text("a")
    (base / "docs" / "data.txt").write_text("0")
    (head / "docs" / "data.txt").write_text("1000")
    (head / "docs" / "setup.sh").write_text("")
    (head / "LICENSE").mkdir()
    for name in ("__init__.py", "run.sh"):
        (head / "LICENSE" / name).write_text("")
    changed = find_changed(trees)
    assert {Path("LICENSE/__init__.py"), Path("LICENSE/run.sh")} == changed
    assert find_without_effect(changed, trees) == ["LICENSE", "docs/data.txt", "docs/setup.sh"]
    (head / "review" / "waivers.yaml").unlink()
    (head / "review" / "waivers.yaml").mkdir()
    (head / "review" / "waivers.yaml" / "run.sh").write_text("")
    assert Path("review/waivers.yaml/run.sh") in find_changed(trees)
    (head / "docs" / "a.pyc").write_text("")
    assert "docs/a.pyc" not in find_without_effect(changed, trees)


@pytest.mark.parametrize("folder", ["docs", "tests"])
def test_a_module_that_a_program_imports_counts_in_every_folder(folder: str, trees: Trees) -> None:
    base, head = trees
    for name in ("old", "kept"):
        (base / folder / f"{name}.py").write_text("")
    for name in (names := ["old", "kept", "new"]):
        (head / folder / f"{name}.py").write_text("NAME = 1")
    (head / folder / "rows.txt").write_text("a")
    (base / "__main__.py").write_text(f"import {folder}.kept")
    (head / "__main__.py").write_text(f"import {folder}.kept, {folder}.old, {folder}.new")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    # The import that only the head has may never be executed.
    assert [finding.name for finding in report.findings] == [f"{folder}/old.py"]
    assert [note.rpartition(": ")[2] for note in report.notes] == [f"{folder}/rows.txt."]
    (base / "__main__.py").write_text("")  # The folder has no code of the base's program.
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    assert [finding.name for finding in report.findings] == [f"{folder}/{name}.py" for name in sorted(names)]
    assert report.code == 1


def test_a_document_s_module_that_a_command_imports_or_runs_counts(trees: Trees) -> None:
    for tree in trees:
        (tree / "operations" / "__main__.py").write_text("import docs.example")
        (tree / "scripts").mkdir()
        (tree / "scripts" / "fill.sh").write_text("python docs/fill.py")
    for name in ("example.py", "fill.py", "other.py"):
        (trees[1] / "docs" / name).write_text("NAME = 1")
    changed = find_changed(trees)
    assert {f"{file}": way for file, way in find_run(changed, trees).items()} == {
        "docs/example.py": "operations/__main__.py imports it",
        "docs/fill.py": "scripts/fill.sh runs it",
    }
    assert find_without_effect(changed, trees) == ["docs/other.py"]


def test_all_documents_whose_commands_tests_run_are_named() -> None:
    """Compare with the documents of tests/drills/docs/test_commands.py, which may not lead elsewhere."""
    run = documents()
    assert [file for file in run if not is_run_document(file.relative_to(ROOT)) or file.is_symlink()] == []
    assert not is_run_document(Path("CHANGELOG.md"))


def test_new_files_displace_neither_changed_ones_nor_new_workflows_and_makefiles(trees: Trees) -> None:
    for number in range(100):
        for name in (f".github/a{number}.txt", f"operations/a{number}.txt", f"{number}.txt"):
            (trees[1] / name).write_text("")
    others = [f"foundation/module{number}.py" for number in range(100)]
    imports = "\n".join(f"import module{number}" for number in range(100))
    for tree in trees:
        (tree / "foundation" / "__main__.py").write_text(imports)
        for name in others:
            (tree / name).write_text(f"# {tree.name}")
    new = "\n".join(f"import parts.new{number}" for number in range(100))
    (trees[1] / "foundation" / "__main__.py").write_text(f"{imports}\n{new}")
    (trees[1] / "foundation" / "parts").mkdir()
    for number in range(100):
        (trees[1] / "foundation" / "parts" / f"new{number}.py").write_text("")
    (trees[1] / "Makefile").write_text("# another content")
    (trees[1] / "operations" / "__main__.py").unlink()
    (trees[1] / ".github" / "workflows" / "x.yml").write_text("")
    (trees[1] / "GNUmakefile").write_text("")
    report = build(BASE_TO_HEAD, ("base", "head"), [unchanged(trees)], build_mask([]), trees)
    names = {finding.name for finding in report.findings}
    assert {"Makefile", "operations/__main__.py", "GNUmakefile", ".github/workflows/x.yml"} <= names
    assert len(names) == 2 + 41
    [rest] = [finding.message for finding in report.findings if " more new ones" in finding.message]
    assert "this file and 261 more new ones; a deployment runs or reads it" in rest
    assert report.notes[0].partition(": ")[2].startswith(f"foundation/__main__.py, {others[0]}")
    assert report.notes[-1].endswith(" and 60 more new ones.")
    comment, text = render_markdown(report), render_terminal(report)
    for note in report.notes:
        assert note in text
    for name in others:
        assert name in comment
