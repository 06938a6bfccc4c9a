"""Tests of the check that owners have approved a change of guarded files; a fake gh answers for GitHub."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grimp
import pytest

from tests.support.rows import each_row
from tests.unit.operations.test_pull_requests import GitHub
from tools import check_owners, deployed_image

ROOT = Path(__file__).parents[3]
SHA, OLD_BLOB, BLOB = "1" * 40, "0" * 40, "2" * 40
FORK, OTHER = "f" * 40, "e" * 40
"""The merge base from which GitHub shows the changes, and another commit of main."""
TIP = "a" * 40
"""The newest commit of main."""
Tree = dict[str, str]
"""The object of each file of a commit, by path."""
TRUNCATED = "file of a commit that GitHub does not list completely"
AT_BASE, AT_HEAD = f"/git/blobs/{OLD_BLOB}", f"/git/blobs/{BLOB}"
"""Parts of the requests for a file's text in the merge base and in the head."""
REPOSITORY = "pipe-dev/infrastructure"
STACK_FILE = """\
config:
  pipe:api:
    image: {image}
    replicas: {replicas}
  pipe:proxy:
    image: {proxy}
"""
Check = Callable[..., "subprocess.CompletedProcess[str]"]
Review = tuple[str, str, str]
"""The author, the state and the commit of a review."""


def listed_reviews(reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """Return reviews as GitHub lists them."""
    return [
        {"user": {"login": login}, "state": state, "commit_id": commit} for login, state, commit in reviews
    ]


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path / "bin")


@pytest.fixture
def check(github: GitHub, tmp_path: Path) -> Check:
    """Provide a function that runs the check for an event of a pull request by `author`."""

    def run(
        *files: str,
        removed: Sequence[str] = (),
        action: str = "opened",
        label: str = check_owners.LABEL,
        labels: tuple[str, ...] = (),
        sender: str = "owner",
        role: str = "maintain",
        newest: str = SHA,
        texts: dict[str, str] | None = None,
        commits: tuple[tuple[str, ...], ...] = ((FORK,),),
        statuses: dict[str, str] | None = None,
        trees: tuple[Tree, Tree, Tree] | None = None,
        reviews: Sequence[Review] = (("owner", "APPROVED", SHA),),
        base: str = "main",
    ) -> "subprocess.CompletedProcess[str]":
        before = dict.fromkeys((*files, *removed), OLD_BLOB)
        pull = {"number": 7, "head": {"sha": SHA}, "user": {"login": "author"}}
        event: dict[str, Any] = {"action": action, "pull_request": pull, "sender": {"login": sender}}
        if action in ("labeled", "unlabeled"):
            event["label"] = {"name": label}
        (tmp_path / "event.json").write_text(json.dumps(event))
        answers: dict[str, Any] = {
            "/permission": {"permission": "write", "role_name": role},
            "/reviews": [listed_reviews(reviews)],
            "/pulls/7": {
                "number": 7,
                "head": {"sha": newest},
                "base": {"sha": "b" * 40, "ref": base},
                "labels": [{"name": name} for name in labels],
            },
        }
        shas = [f"{number:040d}" for number in range(len(commits))]
        listed_commits = [
            {"sha": sha, "parents": [{"sha": parent} for parent in parents]}
            for sha, parents in zip(shas, commits, strict=True)
        ]
        tip = {"sha": TIP if trees else FORK}
        page = {"base_commit": tip, "merge_base_commit": {"sha": FORK}, "total_commits": len(commits)}
        answers["/git/ref/heads/main"] = {"object": {"sha": tip["sha"]}}
        answers[f"/compare/{tip['sha']}...{SHA}"] = [page | {"commits": listed_commits}]
        for start, status in (statuses or {}).items():
            answers[f"/compare/{start}...{FORK}"] = {"status": status}
        of_commits = trees or (before, before, dict.fromkeys(files, BLOB))
        for commit, tree in zip((FORK, TIP, SHA), of_commits, strict=True):
            entries = [
                {"path": path, "mode": "100644", "type": "blob", "sha": text} for path, text in tree.items()
            ]
            folders = [{"path": "docs", "mode": "040000", "type": "tree", "sha": commit}]
            answers[f"/git/trees/{commit}?recursive=1"] = {
                "tree": [*folders, *entries],
                "truncated": TRUNCATED in tree,
            }
        answers |= texts or {}
        return github.run(
            "check_owners",
            answers=answers,
            GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
            GITHUB_REPOSITORY=REPOSITORY,
        )

    return run


def removals(github: GitHub) -> list[str]:
    return [command for command, _ in github.calls() if "--method" in command]


REMOVAL = f"api --method DELETE repos/{REPOSITORY}/issues/7/labels/owners-approved"


def test_a_change_of_other_files_needs_no_label(check: Check, github: GitHub) -> None:
    done = check(
        "components/aws/network.py",
        "components/kubernetes/assets/nginx.conf",
        "docs/policies.md",
        "tests/unit/components/x.py",
        "__main__.py",
        "CHANGELOG.md",
        "Pulumi.dev.yaml",
    )
    assert (done.returncode, done.stdout) == (0, "the pull request changes no guarded file\n")
    assert removals(github) == []


def test_the_files_count_that_differ_from_main_whatever_base_the_author_has_set(check: Check) -> None:
    done = check("Pulumi.prod.yaml", base="topic")
    assert (done.returncode, done.stdout) == (1, "guarded:\n  Pulumi.prod.yaml\n")


GUARDED = (
    "policies/rules/aws/data/s3.py",
    "review/jail/system_calls/filter.py",
    "sandbox/cli.py",
    "foundation/__main__.py",
    ".github/workflows/owners.yml",
    ".ci/run",
    "Makefile",
    "requirements.txt",
    "requirements-dev.in",
    "tools/check_owners.py",
    "Pulumi.prod.yaml",
    "Pulumi.yaml",
    "Pulumi.json",
    ".gitattributes",
)


def test_guarded_files_need_the_label(check: Check) -> None:
    done = check("README.md", *GUARDED)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["guarded:", *(f"  {file}" for file in sorted(GUARDED))]
    assert done.stderr == (
        "error: no owner has approved these commits; ask an owner to approve the newest commit and then to"
        " set the label owners-approved (README.md, section Owners)\n"
    )


IMPORTED = "programs that run in the root would import it in place of Python's module"
REFUSED = {
    "GNUmakefile": "make would read it in place of Makefile",
    "makefile": "make would read it in place of Makefile",
    ".venv/bin/python": "the scripts would run programs of a committed .venv",
    ".venv": "the scripts would run programs of a committed .venv",
    "MakeFile": "make would read it in place of Makefile",
    ".Venv": "the scripts would run programs of a committed .venv",
    "json.py": f"{IMPORTED} json",
    "argparse/__init__.py": f"{IMPORTED} argparse",
    "re.cpython-311-x86_64-linux-gnu.so": f"{IMPORTED} re",
    "sitecustomize.py": f"{IMPORTED} sitecustomize",
    "_sysconfigdata__linux_x86_64-linux-gnu.py": f"{IMPORTED} _sysconfigdata__linux_x86_64-linux-gnu",
}


def test_no_label_admits_a_file_in_place_of_a_program_or_module(check: Check) -> None:
    done = check("README.md", *REFUSED, action="labeled", labels=("owners-approved",))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: no approval admits these files; rename or remove them:",
        *(f"{file}: {reason}" for file, reason in sorted(REFUSED.items())),
    ]
    allowed = ("Makefile", "components/aws/json.py", "operations/makefile", "json.md", "policies/.venv/x")
    assert [check_owners.refusal(file) for file in allowed] == [""] * 5
    assert check(removed=["json.py"], action="labeled", labels=("owners-approved",)).returncode == 0


def test_files_that_the_owners_file_does_not_name_are_guarded() -> None:
    lines = check_owners.codeowners()
    unnamed = (
        "renovate.json",
        "go.work",
        "psutil.py",
        "yaml/__init__.py",
        "pulumi_policy/__init__.py",
        "schemas/stack-file.schema.json",
        "components/__init__.py",
        "components/common/naming.py",
        "components/settings/load.py",
        "components/aws/__init__.py",
        "components/aws/__pycache__/cluster.cpython-311.pyc",
        "components/aws/bucket.py",
        "components/aws/bucket/__init__.py",
        "components/aws/bucket.cpython-311-x86_64-linux-gnu.so",
        "components/aws/replication/__init__.py",
        "components/kubernetes/__pycache__/database_roles.cpython-311.pyc",
        "components/kubernetes/database_roles/__init__.py",
        "components/kubernetes/database_roles.py",
        "components/kubernetes/assets/retire.sql",
        "components/kubernetes/assets/roles.sql",
        "README.md.py",
        "docs",
        "Docs/x.md",
        "components/aws/Bucket.py",
        "components/aws/BUCKET/__init__.py",
        "components/aws/__INIT__.py",
        "components/kubernetes/__PyCache__/api.cpython-311.pyc",
        "components/kubernetes/Database_Roles.py",
        "components/aws/buc\u212aet.py",
        "components/aws/buck\u200cet.py",
        "components/aws/network.py.",
        "components/aws/REPLIC~1.PY",
        "docs/x.md:stream",
        "docs\\..\\Makefile",
    )
    assert [file for file in unnamed if not check_owners.is_guarded(file, lines)] == []


def test_a_file_that_is_moved_out_of_a_guarded_folder_is_guarded(check: Check) -> None:
    before, after = {"policies/x.py": "1"}, {"docs/x.py": "1"}
    assert check(trees=(before, before, after)).stdout == "guarded:\n  policies/x.py\n"


def test_the_files_of_the_commit_count_and_not_those_of_the_newest_one(check: Check, github: GitHub) -> None:
    # Between two requests, another push may replace what GitHub lists for the number of a pull request.
    assert check("Makefile").returncode == 1
    assert [call for call, _ in github.calls() if "/pulls/" in call] == [f"api repos/{REPOSITORY}/pulls/7"]


def test_another_mode_of_a_file_is_a_change(check: Check) -> None:
    assert check_owners.changed_paths({"a": ("100644", "1")}, {"a": ("120000", "1")}) == ["a"]


@each_row(
    ("name", "printed"),
    [
        ("::notice title=Owners::approved", "'::notice title=Owners::approved'"),
        ("a\n::warning::x", r"'a\n::warning::x'"),
        ("docs/##[add-mask]x", r"'docs/##\x5badd-mask]x'"),
    ],
)
def test_the_name_of_a_file_is_no_command_of_the_workflow(name: str, printed: str, check: Check) -> None:
    assert check(name).stdout == f"guarded:\n  {printed}\n"
    done = check(f".venv/{name}")
    assert "\n::" not in done.stderr and "##[" not in done.stderr
    done = check(trees=({name: "1"}, {"x": "1"}, {name: "2"}))
    assert f"that the pull request changes: {printed};" in done.stderr


@pytest.mark.parametrize("role", ["maintain", "admin"])
def test_the_label_of_an_owner_approves_the_newest_commit(check: Check, github: GitHub, role: str) -> None:
    done = check("Makefile", action="labeled", labels=("owners-approved",), role=role)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"guarded:\n  Makefile\nowner has approved {SHA}\n"
    assert removals(github) == []


@pytest.mark.parametrize(
    ("sender", "role", "why"),
    [
        ("author", "admin", "author, who set the label, is the author"),
        ("friend", "write", "friend has the role write, but owners have admin or maintain"),
        ("friend", "triage", "friend has the role triage, but owners have admin or maintain"),
    ],
)
def test_the_label_of_somebody_else_does_not_count_and_is_removed(
    check: Check, github: GitHub, sender: str, role: str, why: str
) -> None:
    done = check("Makefile", action="labeled", labels=("owners-approved",), sender=sender, role=role)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {why}; ")
    assert removals(github) == [REMOVAL]


OLDER = "2" * 40


@each_row(
    "reviews, is_approved",
    [
        ((), False),
        ((("owner", "APPROVED", OLDER),), False),
        ((("other", "APPROVED", SHA),), False),
        ((("owner", "COMMENTED", SHA),), False),
        ((("owner", "APPROVED", SHA), ("owner", "CHANGES_REQUESTED", SHA)), False),
        ((("owner", "APPROVED", SHA), ("owner", "DISMISSED", SHA)), False),
        ((("owner", "DISMISSED", OLDER), ("owner", "APPROVED", SHA), ("owner", "COMMENTED", SHA)), True),
    ],
)
def test_a_label_counts_only_after_a_review_that_approves_the_newest_commit(
    reviews: Sequence[Review], is_approved: bool, check: Check
) -> None:
    done = check("Makefile", action="labeled", labels=("owners-approved",), reviews=reviews)
    assert done.returncode == (0 if is_approved else 1)
    assert (f"owner has not approved {SHA} in a review" in done.stderr) is not is_approved


@pytest.mark.parametrize("action", ["synchronize", "reopened", "opened", "unlabeled"])
def test_an_approval_ends_with_new_commits(check: Check, github: GitHub, action: str) -> None:
    done = check("Makefile", action=action, labels=("bug", "owners-approved"))
    assert done.returncode == 1 and "no owner has approved these commits" in done.stderr
    assert removals(github) == [REMOVAL]


def test_an_approval_of_an_older_commit_does_not_count(check: Check) -> None:
    done = check("Makefile", action="labeled", labels=("owners-approved",), newest="2" * 40)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {SHA} is not the newest commit of the pull request; the run for that commit decides\n",
    )


def test_an_approval_ends_when_the_label_is_removed_even_if_its_run_is_repeated(check: Check) -> None:
    done = check("Makefile", action="labeled", labels=("bug",))
    assert done.returncode == 1 and done.stderr.startswith("error: the label of owner has been removed; ")


def test_another_label_is_ignored(check: Check, github: GitHub) -> None:
    done = check("Makefile", action="labeled", label="bug")
    assert (done.returncode, done.stdout) == (0, "this check ignores the label bug\n")
    assert github.calls() == []


@pytest.mark.parametrize("action", ["labeled", "unlabeled"])
@pytest.mark.parametrize("label", ["Owners-Approved", "OWNERS-APPROVED", "owner\u017f-approved"])
def test_the_label_in_another_case_is_the_label(check: Check, action: str, label: str) -> None:
    # The workflow's expressions ignore case, so this run has the name of the check.
    done = check("Makefile", action=action, label=label, labels=(label,), sender="author")
    assert (done.returncode, done.stdout) == (1, "guarded:\n  Makefile\n")


def test_a_branch_that_main_was_merged_into_has_one_merge_base(check: Check) -> None:
    done = check("README.md", commits=((OTHER,), (f"{0:040d}", FORK)), statuses={OTHER: "ahead"})
    assert (done.returncode, done.stdout) == (0, "the pull request changes no guarded file\n")


@pytest.mark.parametrize("labels", [(), ("owners-approved",)])
def test_several_merge_bases_are_refused_since_files_could_be_absent_from_the_list(
    check: Check, labels: tuple[str, ...]
) -> None:
    # The commit merges two commits that main has merged, too, with the older content of some files.
    action = "labeled" if labels else "opened"
    done = check(
        "README.md", commits=((FORK, OTHER),), statuses={OTHER: "diverged"}, action=action, labels=labels
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"error: the pull request has the merge bases {FORK} and {OTHER}, and GitHub shows the changes from "
        "only one of them; merge main into the branch\n",
    )


BASE_TREE = {"docs/schema.py": "1", "docs/old/a.md": "1", "docs/old/b.md": "1", "docs/gone.md": "1"}
MOVED = {"tools/schema.py": "1", "tools/old/a.md": "1", "tools/old/b.md": "1"}
"""The same files, which main has moved or removed since the merge base."""


@pytest.mark.parametrize("labels", [(), ("owners-approved",)])
@pytest.mark.parametrize(
    ("changes", "main", "redirected"),
    [
        ({"docs/schema.py": "2"}, MOVED, "docs/schema.py"),
        ({"docs/schema.py": "2", "docs/old/b.md": "2"}, MOVED, "docs/old/b.md, docs/schema.py"),
        ({"docs/old/new.md": "1"}, MOVED, "docs/old/new.md"),
        ({"docs/old/below/new.md": "1"}, MOVED, "docs/old/below/new.md"),
        ({"docs/gone.md": "2"}, MOVED, "docs/gone.md"),
        ({"docs/schema.py": "2"}, {**BASE_TREE, "tools/schema.py": "1"}, ""),
        ({"docs/new.md": "1", "docs/fresh/new.md": "1"}, {**MOVED, "docs/other.md": "1"}, ""),
        ({"docs/new.md": "1"}, BASE_TREE, ""),
        ({}, MOVED, ""),
    ],
    ids=[
        "moved",
        "several",
        "in-moved-folder",
        "below-moved-folder",
        "removed",
        "copied",
        "new",
        "untouched",
        "nothing",
    ],
)
def test_a_change_that_a_merge_carries_to_another_name_is_refused(
    check: Check, changes: Tree, main: Tree, redirected: str, labels: tuple[str, ...]
) -> None:
    action = "labeled" if labels else "opened"
    trees = (BASE_TREE, main, BASE_TREE | changes)
    done = check(action=action, labels=labels, trees=trees)
    if redirected:
        message = f"error: main has moved or removed files that the pull request changes: {redirected}; "
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"{message}merge main into the branch\n"
    else:
        assert (done.returncode, done.stdout) == (0, "the pull request changes no guarded file\n")


def test_a_file_that_both_sides_removed_is_no_redirected_change(check: Check) -> None:
    head = {path: text for path, text in BASE_TREE.items() if path != "docs/gone.md"}
    main = {**head, "docs/newer.md": "1"}
    assert check(trees=(BASE_TREE, main, head)).returncode == 0


@pytest.mark.parametrize("incomplete", range(3))
def test_a_tree_that_github_does_not_list_completely_is_an_error(check: Check, incomplete: int) -> None:
    first, second, third = (
        BASE_TREE | ({TRUNCATED: "1"} if number == incomplete else {}) for number in range(3)
    )
    done = check(trees=(first, second, third))
    commit = (FORK, TIP, SHA)[incomplete]
    message = f"error: GitHub does not list all files of {commit}, so this check cannot pass\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.parametrize(
    ("changes", "guarded"),
    [
        ({"image": "repository:2@sha256:1"}, True),
        ({"replicas": "9"}, False),
        ({"proxy": "public.ecr.aws/nginx:2"}, False),
    ],
    ids=["image", "replicas", "image-of-the-proxy"],
)
def test_only_deployments_change_the_image_in_a_stack_file(
    check: Check, changes: dict[str, str], guarded: bool
) -> None:
    before = {"image": "repository:1@sha256:0", "replicas": "2", "proxy": "public.ecr.aws/nginx:1"}
    texts = {AT_BASE: STACK_FILE.format(**before), AT_HEAD: STACK_FILE.format(**before | changes)}
    done = check("Pulumi.dev.yaml", texts=texts)
    message = (
        "guarded:\n  Pulumi.dev.yaml: the deployed image\n"
        if guarded
        else "the pull request changes no guarded file\n"
    )
    assert (done.returncode, done.stdout) == (int(guarded), message)


def test_an_image_that_was_deployed_when_the_pull_request_was_opened_is_guarded(check: Check) -> None:
    new, old = (
        STACK_FILE.format(image=f"repository:{version}@sha256:0", replicas="2", proxy="nginx:1")
        for version in (2, 1)
    )
    done = check("Pulumi.dev.yaml", texts={AT_BASE: new, AT_HEAD: old})
    assert (done.returncode, done.stdout) == (1, "guarded:\n  Pulumi.dev.yaml: the deployed image\n")


def test_a_stack_file_that_is_not_canonical_is_guarded(check: Check) -> None:
    text = STACK_FILE.format(image="repository:1@sha256:0", replicas="2", proxy="public.ecr.aws/nginx:1")
    done = check("Pulumi.dev.yaml", texts={AT_BASE: text, AT_HEAD: text.replace("pipe:api", '"pipe:api"')})
    assert done.returncode == 1
    assert done.stdout.startswith(
        "guarded:\n  Pulumi.dev.yaml: the deployed image may differ, since the file of the head is not "
        "canonical: line 2 is not complete by itself; allowed: "
    )


@each_row("mode, guarded", [("100755", []), ("120000", ["docs/a.md"]), ("160000", ["docs/a.md"])])
def test_a_link_is_guarded_wherever_it_is(mode: str, guarded: list[str]) -> None:
    trees: list[check_owners.Tree] = [{"docs/a.md": ("100644", "1")}, {"docs/a.md": (mode, "2")}]
    shown = [f"{path}: a link or a submodule" for path in guarded]
    assert check_owners.guarded_files(REPOSITORY, ["docs/a.md"], *trees) == shown
    assert check_owners.guarded_files(REPOSITORY, ["docs/a.md"], *reversed(trees)) == []


def test_a_link_in_place_of_a_stack_file_is_guarded(check: Check) -> None:
    text = STACK_FILE.format(image="repository:1@sha256:0", replicas="2", proxy="public.ecr.aws/nginx:1")
    done = check("Pulumi.dev.yaml", texts={AT_BASE: text, AT_HEAD: "docs/dev.yaml"})
    assert done.returncode == 1
    assert "Pulumi.dev.yaml: the deployed image may differ" in done.stdout


def test_the_deployed_image_of_each_committed_stack_file_is_recognised() -> None:
    for file in ROOT.glob("Pulumi.?*.yaml"):
        assert deployed_image.objection(file.read_text()) == ""
        [image, migrate] = deployed_image.deployed_lines(file.read_text())
        assert image.startswith("image: ") and "/pipe/api" in image and migrate.startswith("migrate: ")


def test_every_path_of_the_committed_owners_file_is_understood() -> None:
    lines = check_owners.codeowners()
    assert lines[0].pattern == "*" and lines[0].owners != check_owners.team(lines)
    for line in lines[1:]:
        # A folder that does not exist would take the place of a module, or of its compiled form.
        pattern = line.pattern.strip("/").removesuffix("/__pycache__")
        assert [*ROOT.glob(pattern), *ROOT.glob(f"{pattern}.py")], f"{line.pattern} matches nothing"


def test_the_last_matching_line_decides() -> None:
    owners, others = ("@owners",), ("@team",)
    lines = [
        check_owners.Line(pattern, who)
        for pattern, who in (("*", owners), ("/a/", others), ("/a/b*", owners), ("/a/bc", others))
    ]
    paths = ("a/x", "a/b", "a/b/x", "a/bx", "a/bx/y", "a/bc", "a/bc/x", "ab", "x/a/x", "a")
    guarded = [path for path in paths if check_owners.is_guarded(path, lines)]
    assert guarded == ["a/b", "a/bx", "ab", "x/a/x", "a"]


@pytest.mark.parametrize(
    "text", ["* @a\n", "* @a\n/docs/\n", "* @a\n/docs/ @b\n/tests/ @c\n", "/docs/ @a\n/tests/ @b\n"]
)
def test_unclear_groups_of_owners_are_an_error(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_owners, "CODEOWNERS", tmp_path / "CODEOWNERS")
    (tmp_path / "CODEOWNERS").write_text(text)
    with pytest.raises(ValueError, match=r"^CODEOWNERS: allowed: the line `\*` with the owners"):
        check_owners.team(check_owners.codeowners())


def test_every_module_that_the_foundation_imports_is_guarded() -> None:
    lines = check_owners.codeowners()
    graph = grimp.build_graph("components", "foundation", cache_dir=None)
    programs = {"foundation.settings.load", *graph.find_descendants("foundation")}
    imported = set[str]().union(*(graph.find_upstream_modules(program) for program in programs))
    files = {
        f"{name}{suffix}"
        for module in imported
        for parts in [module.split(".")]
        for name, suffix in [
            ("/".join(parts), ".py"),
            *(("/".join(parts[:at]), "/__init__.py") for at in (1, 2)),
        ]
        if (ROOT / f"{name}{suffix}").exists()
    }
    assert files >= {"components/__init__.py", "components/aws/bucket.py", "components/settings/stack.py"}
    modules = {Path(file).with_suffix("") for file in files if not file.endswith("/__init__.py")}
    packages = {f"{module}/__init__.py" for module in modules}
    caches = {f"{Path(file).parent}/__pycache__/{Path(file).stem}.cpython-311.pyc" for file in files}
    replacing = files | packages | caches
    assert [file for file in sorted(replacing) if not check_owners.is_guarded(file, lines)] == []


def test_an_unknown_form_of_a_pattern_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_owners, "CODEOWNERS", tmp_path / "CODEOWNERS")
    (tmp_path / "CODEOWNERS").write_text("* @team\n/docs/**/x.md @owners\n")
    with pytest.raises(ValueError, match=r"the pattern '/docs/\*\*/x.md' is not supported"):
        check_owners.codeowners()


APPROVALS = [
    ("labeled", check_owners.LABEL, "owner", "maintain", "owner"),
    ("labeled", check_owners.LABEL, "friend", "write", ""),
    ("labeled", check_owners.LABEL, "author", "admin", ""),
    ("labeled", "bug", "owner", "maintain", ""),
    ("unlabeled", check_owners.LABEL, "owner", "maintain", ""),
    ("synchronize", check_owners.LABEL, "owner", "maintain", ""),
]
"""Events: the action, the label, the sender with the role, and the owner who has approved in this event."""


@pytest.mark.parametrize(("action", "label", "sender", "role", "owner"), APPROVALS)
def test_an_approval_comes_from_the_owner_who_sets_the_label(
    action: str,
    label: str,
    sender: str,
    role: str,
    owner: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    pull = {"number": 7, "head": {"sha": SHA}, "user": {"login": "author"}, "labels": [{"name": label}]}
    event = {"action": action, "label": {"name": label}, "sender": {"login": sender}, "pull_request": pull}
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))

    def answer(path: str, *_arguments: str) -> Any:
        approved = [[("owner", "APPROVED", SHA)], [("author", "APPROVED", SHA)]]
        return [*map(listed_reviews, approved)] if "/reviews" in path else {"role_name": role}

    monkeypatch.setattr(check_owners, "api", answer)
    assert check_owners.main(["--approval"]) == 0
    assert (tmp_path / "output").read_text() == f"owner={owner}\n"
    assert capsys.readouterr().out == f"{owner or 'no owner has approved these commits'}\n"
