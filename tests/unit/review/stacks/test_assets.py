"""Tests of the files among the inputs of a resource."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from review.findings.unknown_values import find_unknown
from review.stacks.assets import Assets
from review.stacks.engine_run import EngineRun
from review.stacks.outputs import find_changes
from review.stacks.properties import changed_properties
from review.stacks.stack import Stack
from sandbox.progress import ROOT_TYPE
from sandbox.wire import sentinels
from sandbox.wire.sentinels import ASSETS, SIGNATURE
from tests.support.review.stacks import urn
from tests.support.rows import each_row

BUCKET_OBJECT = "aws:s3/bucketObject:BucketObject"
FOREIGN, SECRET = "files that are not in the tree under review", "files that are secret"
SECRET_VALUE = {SIGNATURE: sentinels.SECRET, "ciphertext": "x"}
FOLDERS = "archives of folders, which in a deployment also have the files that git ignores or does not track"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("code/a.txt", "code/deep/b.txt"):
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("content")
    (tmp_path / "tree" / "link").symlink_to("code/deep")
    return tmp_path / "tree"


def asset(path: Any, kind: str = ASSETS[0], key: str = "path", content: str = "content") -> dict[str, Any]:
    return {SIGNATURE: kind, key: path, "hash": hashlib.sha256(content.encode()).hexdigest()}


def messages(tree: Path, after: Any, before: Any = None, *, secret: Any = None) -> list[str]:
    """Return the messages about an object with a source; `secret` is the value of a secret source."""

    def state(source: Any) -> dict[str, Any]:
        inputs = {"bucket": "b", "source": source}
        return {"urn": urn(BUCKET_OBJECT, "it"), "type": BUCKET_OBJECT, "custom": True, "inputs": inputs}

    row = {"op": "update" if before else "create", "oldState": before and state(before)}
    row["newState"] = state(after)
    secrets = {"secrets": urn(BUCKET_OBJECT, "it"), "values": [[["source"], secret]] if secret else []}
    head = EngineRun(tree).add({"steps": [row]}, [secrets])
    return [finding.message for _, finding in find_unknown(Stack("dev", head, predicted=True))]


def test_a_file_of_the_tree_does_not_block(tree: Path) -> None:
    assert messages(tree, asset(f"{tree}/code/a.txt")) == []
    assert messages(tree, {"nested": [asset(f"{tree}/link/b.txt")]}) == []


def test_the_path_in_the_tree_is_shown(tree: Path) -> None:
    assets = Assets(tree)
    assert assets.collect([asset(f"{tree}/code/a.txt")])[0]["path"] == "code/a.txt"
    assert assets.collect([asset("/etc/passwd")])[0]["path"] == "/etc/passwd"
    assert Assets(None).collect(asset(f"{tree}/code/a.txt"))["path"] == f"{tree}/code/a.txt"


@each_row("path", ["/etc/passwd", "{}/.env", "{}/link/../code/a.txt", "{}-other/a.txt", "code/a.txt"])
def test_a_file_that_the_tree_lacks_blocks(path: str, tree: Path) -> None:
    source = path.format(tree)
    expected = f"{FOREIGN}: {source}"
    assert messages(tree, asset(source)) == [expected]
    # The provider has recorded what the engine's plan masks.
    assert messages(tree, SECRET_VALUE, secret=asset(source)) == [expected]
    assert messages(tree, SECRET_VALUE, secret={"nested": [asset(source)]}) == [expected]


def test_a_file_with_the_hash_of_another_content_blocks(tree: Path) -> None:
    forged = asset(f"{tree}/code/a.txt", content="the content of the base")
    assert messages(tree, forged) == [f"{FOREIGN}: code/a.txt with the hash of another content"]


def test_an_archive_in_one_file_with_the_hash_of_another_content_blocks(tree: Path) -> None:
    (tree / "code" / "it.zip").write_text("content")
    archive = asset(f"{tree}/code/it.zip", ASSETS[1])
    assert messages(tree, archive) == []
    forged = asset(f"{tree}/code/it.zip", ASSETS[1], content="the content of the base")
    assert messages(tree, forged) == [f"{FOREIGN}: code/it.zip with the hash of another content"]


@each_row("other", [asset("a.txt", ASSETS[1]), {"path": "a.txt", "hash": asset("a.txt")["hash"]}])
def test_an_archive_or_an_object_like_an_asset_is_another_value(other: Any, tree: Path) -> None:
    state = {"urn": urn(BUCKET_OBJECT, "it"), "type": BUCKET_OBJECT, "custom": True}
    old, new = (state | {"inputs": {"source": source}} for source in (asset("a.txt"), other))
    diff = {f"source.{SIGNATURE}": {"kind": "update"}}
    row = {"op": "update", "oldState": old, "newState": new, "detailedDiff": diff}
    stack = Stack("dev", EngineRun(tree).add({"steps": [row]}), predicted=True)
    [change] = changed_properties(stack.changed[0], stack)
    kind = "archive" if SIGNATURE in other else None
    assert (change.path, change.before, change.after) == (f"source.{SIGNATURE}", "asset", kind)


@each_row("text", ["a text of the program", "ü", ""])
def test_a_text_with_the_hash_of_another_content_blocks(text: str, tree: Path) -> None:
    source = asset(text, key="text", content=text)
    forged = source | {"hash": hashlib.sha256(b"the text of the base").hexdigest()}
    if not text:
        del source["text"], forged["text"]  # As in a plan
    assert messages(tree, source) == []
    assert messages(tree, {"nested": [source | {"hash": None}]}) == []
    assert messages(tree, forged) == [f"{FOREIGN}: a text with the hash of another content"]
    archive = {SIGNATURE: ASSETS[1], "assets": {"a.txt": forged}, "hash": "1" * 64}
    assert messages(tree, archive) == [f"{FOREIGN}: a text with the hash of another content"]


def test_an_address_blocks(tree: Path) -> None:
    assert messages(tree, asset("https://a.example/x", key="uri")) == [f"{FOREIGN}: https://a.example/x"]


def test_a_secret_file_blocks_although_it_is_in_the_tree(tree: Path) -> None:
    [message] = messages(tree, SECRET_VALUE, secret=asset(f"{tree}/code/a.txt"))
    assert message == f"{SECRET}, so no report shows their changes: code/a.txt"
    text = "a text of the program"
    [message] = messages(tree, SECRET_VALUE, secret=asset(text, key="text", content=text))
    assert message.startswith(SECRET)
    assert "of the program" not in message
    assert messages(tree, SECRET_VALUE, secret={"nested": ["a"]}) == []


def test_a_new_archive_of_a_folder_blocks(tree: Path) -> None:
    archive = asset(f"{tree}/code", ASSETS[1])
    assert messages(tree, archive) == [f"{FOLDERS}: code"]
    assert messages(tree, archive, asset(f"{tree}/code/deep", ASSETS[1])) == [f"{FOLDERS}: code"]
    assert messages(tree, asset(f"{tree}", ASSETS[1])) == [f"{FOLDERS}: ."]
    # The pull request that archives the folder first has been judged.
    assert messages(tree, archive, archive | {"hash": "2" * 64}) == []


def test_an_archive_of_single_files_does_not_block(tree: Path) -> None:
    archive = {SIGNATURE: ASSETS[1], "assets": {"a.txt": asset(f"{tree}/code/a.txt")}, "hash": "1" * 64}
    assert messages(tree, archive) == []


def ignoring_stack(tmp_path: Path, ignored: Any, declared: Iterable[Any]) -> Stack:
    """Return a stack with an object whose source the state keeps; the two programs have the declared ones."""
    inputs = {"bucket": "b", "source": ignored}
    state = {"urn": urn(BUCKET_OBJECT, "it"), "type": BUCKET_OBJECT, "custom": True}
    state |= {"inputs": inputs, "ignoreChanges": ["source"]}
    step = {"op": "same", "oldState": state, "newState": state}
    base, head = (
        EngineRun(tmp_path / side, old_tree=tmp_path / "base").add(
            [{"declared": state["urn"], "inputs": {"bucket": "b", "source": source}}]
        )
        for side, source in zip(("base", "head"), declared, strict=True)
    )
    return Stack("dev", head.add({"steps": [step]}), base, predicted=True)


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("is_changed", [False, True])
def test_at_a_path_of_ignored_changes_a_changed_content_is_shown(
    is_folder: bool, is_changed: bool, tmp_path: Path
) -> None:
    for side in ("base", "head"):
        (tmp_path / side / "code").mkdir(parents=True)
        (tmp_path / side / "code" / "a.txt").write_text(side if is_changed else "content")
    path, kind = ("code", ASSETS[1]) if is_folder else ("code/a.txt", ASSETS[0])
    ignored = asset(f"{tmp_path}/base/{path}", kind, content="base" if is_changed else "content")
    declared = ({SIGNATURE: kind, "path": f"{tmp_path}/{side}/{path}"} for side in ("base", "head"))
    stack = ignoring_stack(tmp_path, ignored, declared)
    shown = [change.path for step in stack.changed for change in changed_properties(step, stack)]
    assert shown == ["option ignoreChanges (source of a later replacement)"] * is_changed
    assert [finding.message for _, finding in find_unknown(stack)] == []


def test_at_a_path_of_ignored_changes_no_program_uses_files_of_the_base(tmp_path: Path) -> None:
    for side in ("base", "head"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.txt").write_text("content")
    path = f"{tmp_path}/base/a.txt"
    text: Any = {SIGNATURE: ASSETS[0], "text": "a text"}
    for source, message in (
        ({SIGNATURE: ASSETS[0], "path": path}, f"{FOREIGN}: {path}"),
        ({SIGNATURE: sentinels.SECRET, "value": text}, SECRET),
    ):
        stack = ignoring_stack(tmp_path, asset(path), [source, source])
        [finding] = [finding for _, finding in find_unknown(stack)]
        assert finding.message.startswith(message)


def test_an_exported_file_is_shown_with_its_path_in_the_tree_and_its_hash(tree: Path) -> None:
    outputs = {"it": asset(f"{tree}/link/b.txt")}
    root = {"urn": "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev", "type": ROOT_TYPE}
    metadata = root | {"op": "same", "old": None, "new": root | {"parent": "", "outputs": outputs}}
    run = EngineRun(tree).add([{"resOutputsEvent": {"metadata": metadata}}])
    assert run.phase.outputs == {"it": {**asset("link/b.txt"), SIGNATURE: "asset"}}


def test_a_changed_file_in_an_output_of_a_component_is_shown_by_its_hash(tmp_path: Path) -> None:
    state = {"urn": urn("pipe:index:Api", "api"), "type": "pipe:index:Api", "custom": False}
    runs: list[EngineRun] = []
    for side in ("base", "head"):
        file = tmp_path / side / "a.txt"
        file.parent.mkdir()
        file.write_text(side)
        outputs = {"it": {SIGNATURE: ASSETS[0], "path": f"{file}"}}
        run = EngineRun(tmp_path / side, old_tree=tmp_path / "base")
        step = {"op": "same", "oldState": state, "newState": state}
        runs.append(run.add({"steps": [step]}, [{"registered": state["urn"], "outputs": outputs}]))
    [change] = find_changes(Stack("dev", runs[1], runs[0], predicted=True))
    hashes = (asset("a.txt", content=side)["hash"] for side in ("base", "head"))
    assert [(row.path, row.before, row.after) for row in change.properties] == [("output it.hash", *hashes)]
