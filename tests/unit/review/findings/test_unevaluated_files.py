"""Tests of findings about project files that a deployment reads and the review does not evaluate."""

import json
import shutil
from pathlib import Path

from review.findings.guard_findings import WEAKENED, apply_approval
from review.findings.unevaluated_files import find_new_secrets, find_omitted, find_unevaluated
from tests.support.rows import each_row

FILES = {
    "Pulumi.yaml": "name: pipe\nruntime: python\nconfig: {a: {default: 1}}\n",
    "Pulumi.dev.yaml": "config:\n  pipe:a: 1\n",
    "Pulumi.prod.yaml": "config:\n  pipe:a: 1\n",
    "base/Pulumi.yaml": "name: base\nruntime: python\n",
    "base/Pulumi.dev.yaml": "config: {}\n",
    "policies/PulumiPolicy.yaml": "runtime: python\nversion: 1.0.0\n",
    "base/poetry.lock": "",
    "docs/caf\u00e9": "",
}
STACKS = ["dev", "prod", "base/dev"]
ROOT = ["dev", "prod"]

COMPILED = "this compiled module, which may take the place of its source"
ATTRIBUTES = "this file, which may change files in a checkout"
OTHER_CASE = "this file, which is the one of a stack if a file system ignores case"
UNKNOWN_PROJECT = "this file of a project of which the review knows no stack"

FORM = "the form of this file, whose lines commands replace"

PACK = "this file, which says how the engine runs the policies"
LOCK = "this file, with which the engine may install other packages"

ROWS: list[tuple[str, str, str, list[str]]] = [
    ("Pulumi.yaml", "name: other\nruntime: python\nconfig: {a: {default: 2}}\n", "", []),
    ("Pulumi.yaml", FILES["Pulumi.yaml"] + "main: elsewhere\n", "`main`", ROOT),
    (
        "Pulumi.yaml",
        FILES["Pulumi.yaml"] + "plugins: {providers: [{name: aws, path: x}]}\n",
        "`plugins`",
        ROOT,
    ),
    ("Pulumi.yaml", FILES["Pulumi.yaml"] + "<<: {main: elsewhere}\n", "`runtime`", ROOT),
    ("Pulumi.yaml", "name: pipe\nruntime: yaml\n", "`runtime`", ROOT),
    ("Pulumi.json", "{}", "this file, which may take the place of Pulumi.yaml", ROOT),
    ("Pulumi.yml", "name: x", "this file, which may take the place of Pulumi.yaml", ROOT),
    ("base/Pulumi.json", "{}", "this file, which may take the place of Pulumi.yaml", ["base/dev"]),
    ("base/Pulumi.yaml", "name: base\nruntime: nodejs\n", "`runtime`", ["base/dev"]),
    ("pulumi.qa.yaml", "config: {}", OTHER_CASE, ROOT),
    ("base/Pulumi.qa.YAML", "config: {}", OTHER_CASE, ["base/dev"]),
    ("docs/Pulumi.json", "{}", "", []),
    ("tests/support/Pulumi.yaml", "name: x", "", []),
    ("infra/deep/Pulumi.yaml", "name: x", UNKNOWN_PROJECT, STACKS),
    (".ops/Pulumi.yaml", "name: x", UNKNOWN_PROJECT, STACKS),
    ("new/Pulumi.yml", "name: x", UNKNOWN_PROJECT, STACKS),
    ("Pulumi.dev.yaml", "config:\n  pipe:a: 2\n", "", []),
    ("Pulumi.dev.yaml", "config: {'pulumi:autonaming': {mode: verbatim}}\n", "`pulumi:autonaming`", ["dev"]),
    (
        "Pulumi.yaml",
        "name: pipe\nruntime: python\nconfig: {'pulumi:autonaming': {value: {pattern: x}}}\n",
        "`pulumi:autonaming`",
        ROOT,
    ),
    ("Pulumi.dev.yaml", "config: {'pulumi:config:autonaming': {}}\n", "`pulumi:autonaming`", ["dev"]),
    (
        "Pulumi.yaml",
        "name: pipe\nruntime: python\nconfig: {<<: {'pulumi:autonaming': {value: {pattern: x}}}}\n",
        "`runtime`",
        ROOT,
    ),
    ("Pulumi.dev.yaml", "environment: [theirs]\nconfig: {}\n", "`environment`", ["dev"]),
    ("Pulumi.dev.yaml", "secretsprovider: awskms://theirs\n", "`secretsprovider`", ["dev"]),
    ("base/Pulumi.dev.yaml", "environment: [theirs]\n", "`environment`", ["base/dev"]),
    ("policies/PulumiPolicy.yaml", "runtime: python\nversion: 2.0.0\n", PACK, STACKS),
    ("policies/PulumiPolicy.yaml", "runtime: python\nmain: elsewhere\n", PACK, STACKS),
    ("Pulumi.yaml", "[", "`runtime`", ROOT),
    ("Pulumi.yaml", "name: pipe\nruntime: python\nconfig: ../dev\n", "`stackConfigDir`", ROOT),
    ("Pulumi.yaml", "name: pipe\nruntime: python\nconfig: on\n", "`stackConfigDir`", ROOT),
    ("Pulumi.yaml", "name: pipe\nruntime: python\nconfig: 1:30\n", "`stackConfigDir`", ROOT),
    ("Pulumi.yaml", "name: pipe\nruntime: python\nconfig: ~\n", "", []),
    ("policies/uv.lock", "", LOCK, STACKS),
    ("Poetry.lock", "x", LOCK, STACKS),
    ("base/poetry.lock", "x", "", []),
    ("docs/example/uv.lock", "x", "", []),
    ("requirements.txt", "x", LOCK, STACKS),
    ("base/Requirements.txt", "x", LOCK, STACKS),
    ("policies/requirements.txt", "x", LOCK, STACKS),
    ("app/requirements.txt", "x", "", []),
    ("docs/x.cpython-311-aarch64-linux-gnu.so", "x", COMPILED, STACKS),
    ("base/__pycache__/x.cpython-312.pyc", "x", COMPILED, STACKS),
    ("docs/.gitattributes", "*.py ident\n", "this file, which may change files in a checkout", STACKS),
    ("pulumi.JSON", "{}", "this file, which may take the place of Pulumi.yaml", ROOT),
    ("infra/pulumi.yaml", "name: x", UNKNOWN_PROJECT, STACKS),
    ("docs/.GitAttributes", "*.py ident\n", "this file, which may change files in a checkout", STACKS),
    ("docs/x.PYC", "x", COMPILED, STACKS),
    ("docs/x.py", "x = 1\n", "", []),
    ("policies/config/dev.json", "{}", "", []),
]
"""A file of the head with its content, the part that is not evaluated, and the stacks with a finding."""


@each_row("file, content, part, stacks", ROWS)
def test_a_change_that_only_a_deployment_reads_is_a_finding(
    file: str, content: str, part: str, stacks: list[str], tmp_path: Path
) -> None:
    for side, files in (("one", FILES), ("two", FILES | {file: content})):
        for name, text in files.items():
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text(text)
    of_all = find_unevaluated(STACKS, tmp_path / "one", tmp_path / "two")
    findings = [finding for finding in of_all if FORM not in finding.message]
    assert [stack for finding in findings for stack in finding.stacks] == stacks
    assert {finding.message for finding in findings} == (
        {
            f"{file}: the pull request changes {part}; a deployment reads it, and the review does not "
            "evaluate it"
        }
        if part
        else set()
    )
    assert all(finding.policy == WEAKENED and finding.blocks for finding in findings)
    assert not any(apply_approval(finding, "owner").blocks for finding in findings)
    shutil.rmtree(tmp_path / "one")
    shutil.rmtree(tmp_path / "two")


SIMILAR = (
    "whose {} differs from {} only in case, in the form of a letter (NFC, NFD) or in invisible characters, "
    "so a checkout may have only one of the two"
)
INVISIBLE = "whose path has an invisible character ({}) that a file system may ignore"
REPOSITORY = "which makes git take its folder for a repository if objects/ and refs/ are beside it"


@each_row(
    "file, fault",
    [
        ("pulumi.dev.yaml", SIMILAR.format("path", "Pulumi.dev.yaml")),
        ("Policies/config/dev.json", SIMILAR.format("folder Policies", "policies")),
        ("docs/cafe\u0301", SIMILAR.format("path", "'docs/caf\u00e9'")),
        (
            "policies/PulumiPolicy\u200c.yaml",
            SIMILAR.format("path", "policies/PulumiPolicy.yaml"),
        ),
        ("docs/Caf\u00e9\ufe0f", SIMILAR.format("path", "'docs/caf\u00e9'")),
        ("docs/a\u2060.txt", INVISIBLE.format("U+2060")),
        ("docs/a\U000e0020.txt", INVISIBLE.format("U+E0020")),
        ("docs/a\u00ad.txt", INVISIBLE.format("U+00AD")),
        ("Pulumi\u200d.json", INVISIBLE.format("U+200D")),
        ("docs/exa\u200bmple/Pulumi.yaml", INVISIBLE.format("U+200B")),
        ("docs/a\ufe0f.md", INVISIBLE.format("U+FE0F")),
        ("docs/a b \u00e9 \u3042.txt", ""),
        ("docs/\u26a0\ufe0f.md", ""),
        ("docs/images/HEAD", REPOSITORY),
        ("tests/head", REPOSITORY),
    ],
)
def test_a_new_file_whose_name_misleads_git_or_a_file_system_is_a_finding(
    file: str, fault: str, tmp_path: Path
) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    for tree, files in ((base, FILES), (head, FILES | {file: "x"})):
        for name, text in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
    findings = [*find_unevaluated(STACKS, base, head)]
    shown = file if file.isascii() else f"{file!r}"
    message = f"{shown}: the pull request adds this file, {fault}; rename it"
    assert {finding.message for finding in findings} == ({message} if fault else set())
    assert [stack for finding in findings for stack in finding.stacks] == (STACKS if fault else [])
    assert all(finding.policy == WEAKENED and finding.blocks for finding in findings)
    shutil.rmtree(base)
    shutil.rmtree(head)


def test_a_changed_head_of_a_repository_is_a_finding(tmp_path: Path) -> None:
    for side in ("one", "two"):
        for name in ("HEAD", "same/HEAD", "a\u2060.txt"):
            (tmp_path / side / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / "docs" / name).write_text("x" if name == "same/HEAD" else side)
    [finding] = find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")
    assert finding.message == f"docs/HEAD: the pull request changes this file, {REPOSITORY}; rename it"


@each_row(
    "before, after, line",
    [
        ("config:\n  pipe:a: 1\n", "config:\n  pipe:a: &a 1\n  pipe:b: *a\n", 2),
        ("config:\n  pipe:a: x\n", "config:\n  pipe:a: >-\n    x\n", 2),
        ("config:\n  pipe:a: x\n", "config:\n  pipe:a:\n    x\n", 3),
        ("config:\n  pipe:a: x\n", 'config:\n  "pipe:a": x\n', 2),
        ("config:\n  pipe:a: x\n", "config: {pipe:a: x}\n", 1),
        (None, "config: &all\n  pipe:a: x\n", 1),
        (None, "config:\n  pipe:a: x # y\u0085  pipe:b: x\n", None),
        (None, "config: [\n", None),
        ("config:\n  pipe:a: &a 1\n", "config:\n  pipe:a: &a 2\n", None),
        (
            "config:\n  pipe:a: x\n",
            "config:\n  # caf\u00e9\n  pipe:a: [x, 'y z']\n  pipe:b: {c: d} # e\n",
            None,
        ),
        ("config:\n  pipe:a: x\n", None, None),
    ],
)
def test_a_stack_file_whose_lines_no_command_can_replace_is_a_finding(
    before: str | None, after: str | None, line: int | None, tmp_path: Path
) -> None:
    for side, text in (("one", before), ("two", after)):
        (tmp_path / side).mkdir()
        (tmp_path / side / "Pulumi.yaml").write_text(FILES["Pulumi.yaml"])
        if text is not None:
            (tmp_path / side / "Pulumi.dev.yaml").write_text(text)
    all_findings = find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")
    findings = [finding for finding in all_findings if "invisible character" not in finding.message]
    assert len(findings) == bool(line)
    for finding in findings:
        assert f"Pulumi.dev.yaml: the pull request changes {FORM} (line {line} " in finding.message
        assert (finding.policy, finding.blocks) == (WEAKENED, True)
    for side in ("one", "two"):
        shutil.rmtree(tmp_path / side)


@each_row("file", ["Pulumi.yaml", "Pulumi.dev.yaml"])
def test_a_link_in_place_of_a_stack_file_is_a_finding(file: str, tmp_path: Path) -> None:
    for side in ("one", "two"):
        (tmp_path / side / "app").mkdir(parents=True)
        for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
            (tmp_path / side / name).write_text(FILES[name])
    (tmp_path / "two" / file).rename(tmp_path / "two" / "app" / "values.yaml")
    (tmp_path / "two" / file).symlink_to("app/values.yaml")
    [finding] = find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")
    assert finding.message.startswith(f"{file}: the pull request makes this path a link to 'app/values.yaml'")
    assert finding.blocks
    for side in ("one", "two"):
        shutil.rmtree(tmp_path / side)


@each_row(
    "file, part",
    [
        (".gitattributes", ATTRIBUTES),
        ("app/levels.so", COMPILED),
        ("app/__pycache__/levels.cpython-311.pyc", ""),
        ("levels.py", ""),
        ("docs/HEAD", ""),
        ("docs/a\u2060.txt", ""),
    ],
)
def test_the_removal_of_a_file_that_changes_others_is_a_finding(file: str, part: str, tmp_path: Path) -> None:
    for side in ("one", "two"):
        (tmp_path / side / "app" / "__pycache__").mkdir(parents=True, exist_ok=True)
        (tmp_path / side / "docs").mkdir(exist_ok=True)
    (tmp_path / "one" / file).write_text("x")
    findings = [*find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")]
    assert [finding.message.partition(";")[0] for finding in findings] == (
        [f"{file}: the pull request changes {part}"] if part else []
    )
    (tmp_path / "one" / file).unlink()


def test_a_virtual_environment_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    packages = tmp_path / "two" / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "evil.pth").write_text("import evil\n")
    [finding] = find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")
    assert finding.message.startswith(".venv: the pull request changes this virtual environment")


def test_a_folder_with_the_name_of_a_lock_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two" / "policies" / "uv.lock").mkdir(parents=True)
    [finding] = find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")
    assert finding.message.startswith(f"policies/uv.lock: the pull request changes {LOCK}")


SCHEMA = "schemas/stack-file.schema.json"


def _schema(*secrets: str) -> str:
    keys = {name: {"writeOnly": True} for name in secrets}
    return json.dumps({"properties": {"config": {"properties": {**keys, "pipe:plain": {}}}}})


@each_row(
    "before, after, change",
    [
        (_schema("pipe:a"), _schema("pipe:a"), ""),
        (_schema("pipe:a"), _schema(), ""),
        (_schema("pipe:a"), None, ""),
        (_schema("pipe:a"), _schema("pipe:a", "pipe:b"), "makes pipe:b a secret setting"),
        (None, _schema("pipe:a"), "makes pipe:a a secret setting"),
        (_schema("pipe:a"), "[", "leaves no schema that a review can read"),
    ],
)
def test_a_secret_setting_that_only_the_schema_of_the_head_has_needs_an_owner(
    before: str | None, after: str | None, change: str, tmp_path: Path
) -> None:
    for side, text in (("one", before), ("two", after)):
        (tmp_path / side / SCHEMA).parent.mkdir(parents=True)
        if text is not None:
            (tmp_path / side / SCHEMA).write_text(text)
    findings = [*find_new_secrets(["dev"], tmp_path / "one", tmp_path / "two")]
    assert len(findings) == bool(change)
    assert all(f"{SCHEMA}: the pull request {change}" in finding.message for finding in findings)
    assert all(finding.policy == WEAKENED and finding.blocks for finding in findings)
    for side in ("one", "two"):
        shutil.rmtree(tmp_path / side)


def test_a_changed_file_that_the_review_omits_is_a_finding() -> None:
    [finding] = find_omitted(["dev"], ["'rules/x.json' (a submodule)"])
    assert (finding.policy, finding.blocks, finding.stacks) == (WEAKENED, True, ["dev"])
    assert finding.message == (
        "'rules/x.json' (a submodule): the pull request changes this file; a deployment may read it, and the "
        "review omits it"
    )


@each_row(
    "link, before, after, is_found",
    [
        ("rules.json", None, "app/rules.json", True),
        ("rules.json", "app/rules.json", "app/rules.json", False),
        ("rules.json", "app/a.json", "app/rules.json", True),
        ("rules.json", "Pulumi.yaml", None, False),
        ("rules.json", None, "Pulumi.yaml", True),
        ("policies/rules", "../base", "../base", False),
        ("policies/waivers.yaml", None, "../base/Pulumi.yaml", True),
        ("app", None, "docs", True),
        ("app", "docs", "policies", True),
        ("app", "docs", "docs", False),
        ("base/files", None, "../policies", True),
        ("base/rules.pyc", None, "rules.py", True),
        ("docs/app", None, "../base", True),
        ("docs/policies/README.md", None, "../../Pulumi.yaml", True),
        ("docs/a.md", None, "caf\u00e9", True),
        ("tests", None, "policies", True),
        ("tests/unit/test_x.py", None, "a\nb", True),
        ("LICENSE", None, "Pulumi.yaml", True),
        ("CHANGELOG.md", None, "Pulumi.yaml", True),
    ],
)
def test_a_new_or_changed_link_is_a_finding_wherever_it_is(
    link: str, before: str | None, after: str | None, is_found: bool, tmp_path: Path
) -> None:
    for side, target in (("one", before), ("two", after)):
        for name, text in FILES.items():
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text(text)
        if target:
            (tmp_path / side / link).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / link).symlink_to(target)
    findings = [*find_unevaluated(["dev"], tmp_path / "one", tmp_path / "two")]
    message = (
        f"{link}: the pull request makes this path a link to {after!r}; whatever reads or writes this path "
        "reads or writes the link's target, and the review does not evaluate this"
    )
    assert [finding.message for finding in findings] == ([message] if is_found else [])
    assert all(finding.policy == WEAKENED and finding.blocks for finding in findings)
    for side in ("one", "two"):
        shutil.rmtree(tmp_path / side)


def test_a_project_that_becomes_a_link_to_an_example_is_a_finding(tmp_path: Path) -> None:
    for side, folder in (("one", "app"), ("two", "docs/app")):
        (tmp_path / side / folder).mkdir(parents=True)
        (tmp_path / side / folder / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
        (tmp_path / side / folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (tmp_path / "two" / "docs" / ".venv").mkdir()
    (tmp_path / "two" / "app").symlink_to("docs/app")
    [finding] = find_unevaluated(["app/dev"], tmp_path / "one", tmp_path / "two")
    assert finding.message.startswith("app: the pull request makes this path a link to 'docs/app'")
    assert finding.blocks


ENCODING = "whose encoding is not UTF-8", "save it as UTF-8"
RETURN = "which has a carriage return without a line feed in line {}", "put a line feed in its place"
FORM_FEED = "where line {} starts with white space and a form feed", "remove the form feed"
BACKSLASH = "where line {} has only a backslash", "join it with the next line"
NOT_ASCII = "which has a name that is not ASCII in line {}", "rename it"


def unseen(char: str) -> tuple[str, str]:
    fault = f"which has an invisible character (U+{ord(char):04X}) in line {{}}"
    return fault, "write it as an escape, or remove it"


@each_row(
    "content, line, fault",
    [
        (b"# coding: unicode_escape\n# \\u000aimport os", 0, ENCODING),
        (b"# coding: latin-1\na = 2", 0, ENCODING),
        (b"# a\r\n# b\ra = 1\r\n", 2, RETURN),
        (b"# a\r\r\n", 1, RETURN),
        (b"if a:\n    b()\n    \x0cc()\n", 3, FORM_FEED),
        (b"if a:\n    b()\n\x0c    \x0cc()\n", 3, FORM_FEED),
        (b"if a:\n    b()\n\x0c\t\x0c    c()\n", 3, FORM_FEED),
        (b"if a:\n    b()\n\\\n    c()\n", 3, BACKSLASH),
        (b"if a:\r\n  b()\r\n    \\\r\n  c()\r\n", 3, BACKSLASH),
        ('a = 1\nb = "\u202e"  # c'.encode(), 2, unseen("\u202e")),
        ("a = 1\n# b\u2066\n# c\u200b".encode(), 2, unseen("\u2066")),
        ("\ufeff\ufeffa = 1".encode(), 1, unseen("\ufeff")),
        ("a = 1\nt\u0435xt = 2".encode(), 2, NOT_ASCII),
        ("a = 1\n\uff45val('2')".encode(), 2, NOT_ASCII),
        ("def a(b):\n    return f'{b.t\u0435xt}'".encode(), 2, NOT_ASCII),
        ("def a():\n    global b, t\u0435xt".encode(), 2, NOT_ASCII),
        ("a = 1\na\u0301 = 2".encode(), 2, NOT_ASCII),
        ("a_b = 1\na\ufe33b".encode(), 2, NOT_ASCII),
        ("a = 1\nf'{\uff42}'".encode(), 2, NOT_ASCII),
        ("a = 1\nRf'{{日本}}{a!r:{\u017f:>4}}}}'".encode(), 2, NOT_ASCII),
        ("a = 1\nf\"{a}{'}' + \uff42}\"".encode(), 2, NOT_ASCII),
        (b"a = 1\n'\x7f'", 2, unseen("\x7f")),
        (b"a = 1\n# \x1b[8m", 2, unseen("\x1b")),
        ("a = 1\n# b\u2028    c()".encode(), 2, unseen("\u2028")),
        # In a string, the words are true as well.
        (b'a = """\n  \x0c\n"""\n', 2, FORM_FEED),
        (b'a = """\n  \\\n"""\n', 2, BACKSLASH),
    ],
)
def test_a_changed_module_that_python_reads_differently_is_a_finding(
    content: bytes, line: int, fault: tuple[str, str], tmp_path: Path
) -> None:
    base, head = trees = tmp_path / "base", tmp_path / "head"
    for tree in trees:
        (tree / "docs").mkdir(parents=True, exist_ok=True)
    (base / "docs" / "a.py").write_text("a = 1\n")
    names = ["docs/a.py", "shop.py"]
    for name in names:
        (head / name).write_bytes(content)
    findings = [*find_unevaluated(["dev"], base, head)]
    assert [finding.message for finding in findings] == [
        f"{name}: the pull request changes this module, {fault[0].format(line)}; Python may read it "
        f"differently from what editors and GitHub show; {fault[1]}"
        for name in names
    ]
    assert {(finding.policy, finding.blocks) for finding in findings} == {(WEAKENED, True)}


def test_each_fault_of_a_module_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "shop.py").write_bytes(b"# a\rb()\n\\\nc()\n \x0cd()\n")
    findings = [*find_unevaluated(["dev"], tmp_path / "base", tmp_path / "head")]
    faults = [RETURN[0].format(1), FORM_FEED[0].format(4), BACKSLASH[0].format(2)]
    for finding, fault in zip(findings, faults, strict=True):
        assert f"this module, {fault};" in finding.message


def test_a_module_gets_an_invisible_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "head").mkdir()
    (tmp_path / "base" / "shop.py").write_text("a = 1\nb = a\n# \u3164\n", encoding="utf-8")
    (tmp_path / "head" / "shop.py").write_text("a\u3164 = 1\nb = a\n# \u3164\n", encoding="utf-8")
    findings = [*find_unevaluated(["dev"], tmp_path / "base", tmp_path / "head")]
    faults = [unseen("\u3164")[0].format(1), NOT_ASCII[0].format(1)]
    assert len(findings) == len(faults)
    for finding, fault in zip(findings, faults, strict=True):
        assert f"this module, {fault};" in finding.message


def test_a_script_gets_an_invisible_character(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "head").mkdir()
    names = ["Makefile", "a.md", "a.yml", "run", "run.sh", "text", "text.js"]
    for name in names:
        text = "#!/bin/sh\n" if name == "run" else "# é\n"
        encoding = "utf-16" if name == "text" else "utf-8"
        (tmp_path / "base" / name).write_text(text, encoding=encoding)
        (tmp_path / "head" / name).write_text(f"{text}# \u202e日本語 é\n", encoding=encoding)
    (tmp_path / "base" / "other.md").write_text("# \u202e\n", encoding="utf-8")
    (tmp_path / "head" / "other.md").write_text("# \u202e\nb\n", encoding="utf-8")
    (tmp_path / "head" / "text.png").write_bytes("\x00\u202e".encode())
    (tmp_path / "head" / "text.gz").write_bytes("\u202e".encode() + b"\xff")
    findings = [*find_unevaluated(["dev"], tmp_path / "base", tmp_path / "head")]
    assert [finding.message for finding in findings] == [
        f"{name}: the pull request changes this file, {unseen(chr(0x202E))[0].format(2)}; a command may read "
        "it differently from what editors and GitHub show; write it as an escape, or remove it"
        for name in names
    ]


@each_row(
    "name, content, char, line",
    [
        ("test_a.py", 'assert "…\ufe0e" not in a', "\ufe0e", 1),
        ("a.py", "\n# 本番\U000e0101", "\U000e0101", 2),
        ("a.md", "“\u200d\u200d”", "\u200d", 1),
        ("a.bash", "\n[ a ]\xa0;", "\xa0", 2),
        ("GNUmakefile", "a:\u3000b", "\u3000", 1),
        ("a.sh", "\ufeffset -e", "\ufeff", 1),
        ("a", "\ufeff#!/bin/bash -e", "\ufeff", 1),
        ("b.py", "\ufeff#!/usr/bin/python", "\ufeff", 1),
        ("c.py", "\ufeffa = 1", "", 1),
        ("a.yaml", "\ufeffa: b", "", 1),
        ("b.md", "\ufeff葛\U000e0100 a\xa0b 👩\u200d💻", "", 1),
    ],
)
def test_files_with_an_invisible_character(
    name: str, content: str, char: str, line: int, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    for side in ("base", "head"):
        (tmp_path / side).mkdir(parents=True)
    (tmp_path / "head" / name).write_text(content, encoding="utf-8")
    findings = [*find_unevaluated(["dev"], tmp_path / "base", tmp_path / "head")]
    assert len(findings) == bool(char)
    for finding in findings:
        assert f", {unseen(char)[0].format(line)};" in finding.message
        assert finding.blocks


def test_a_module_that_is_too_deep_for_its_names_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "a.py").write_text(f"a{'.b' * 100_000}\né = 1", encoding="utf-8")
    [finding] = find_unevaluated(["dev"], tmp_path / "base", tmp_path / "head")
    assert "this module, whose names, or those of its base, no review can read;" in finding.message


def test_names_that_look_like_a_part_of_a_finding_are_in_quotes(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "head").mkdir()
    name = "a only in case. Nothing blocks (b.py"
    for folder, file in ((name, "one"), (name.upper(), "two")):
        (tmp_path / "head" / folder).mkdir()
        (tmp_path / "head" / folder / file).touch()
    (tmp_path / "head" / "Pulumi.yaml").write_text(f"name: pipe\n{name}: 1\n")
    (tmp_path / "head" / "Pulumi.dev.yaml").write_text("config: {}\n")
    messages = [
        finding.message for finding in find_unevaluated(["dev"], tmp_path / "base", tmp_path / "head")
    ]
    assert any(f"changes `'{name}'`;" in message for message in messages)
    assert any(f"whose folder '{name}' differs from '{name.upper()}' only" in message for message in messages)
    assert all(message.startswith(("'", "Pulumi.")) for message in messages)


def test_modules_that_python_reads_as_editors_show_them_are_no_findings(tmp_path: Path) -> None:
    base, head = trees = tmp_path / "base", tmp_path / "head"
    others = {
        "encoding": b"# coding: latin-1\n",
        "return": b"# a\ra = 1\n",
        "form_feed": b"if a:\n    \x0cb()\n",
        "backslash": b"\\\nb()\n",
    }
    for tree in trees:
        tree.mkdir()
        for name, content in others.items():
            (tree / f"same_{name}.py").write_bytes(content)
    for name, content in others.items():
        (base / f"removed_{name}.py").write_bytes(content)
        (head / f"{name}.txt").write_bytes(content.replace(b"\r", b"\r\n"))
    (head / "utf_8.py").write_text("# coding: utf8\na = 'é'", encoding="utf-8")
    (head / "windows.py").write_bytes(b"# a\r\na = 1\r\n")
    (head / "no_line_break.py").write_bytes(b"# a\x0ca = 1\n")
    (head / "form_feeds.py").write_bytes(b"\x0c\n\x0cprint()  # \x0c\nprint('  \x0c')\n")
    (head / "backslash.py").write_bytes(b"print( \\\n    )\n")
    (head / "text.py").write_text(
        'a = "日本語 葛 ❤\ufe0f 💻 1\ufe0f\u20e3 t\u0435xt"  # 日本語 ©\ufe0f\n'
        "b = f\"{a}さん、{'、'.join(a)} {{日本語}} ｍ\"",
        encoding="utf-8",
    )
    (base / "known.py").write_text("é = 1\n# \u200b\n", encoding="utf-8")
    (head / "known.py").write_text("a = 2\n# \u200b\nb = é + é\n", encoding="utf-8")
    assert [*find_unevaluated(["dev"], base, head)] == []
