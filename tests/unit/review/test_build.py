"""Tests of the report, and of waivers for the review's own findings."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.engine.waivers import utc_day
from review.build import build
from review.guard import Pack, Packs
from review.model import BASE_TO_HEAD, Report
from review.plain_data import build_mask
from review.policy_rules import POLICY_RULES
from review.stacks.engine_run import EngineRun, Step
from review.stacks.stack import Stack
from sandbox.wire.sentinels import UNKNOWN
from tests.support.review.stacks import KEY, resource, set_outputs, stack, urn

TABLE = "aws:dynamodb/table:Table"
SCRATCH, PAYMENTS = urn(TABLE, "scratch"), urn(TABLE, "payments")

WAIVER: dict[str, Any] = {
    "reason": "an empty key",
    "owner": "platform",
    "ticket": "OPS-1",
    "match": [{"policies": ["stateful-deleted"], "targets": [urn(KEY, "old")]}],
}


def report(folder: Path, days: int, name: str = "old", **changed: Any) -> Report:
    """Build the report on a deleted key, with a waiver for the key `old` that ends in `days` days."""
    waiver = WAIVER | {"expires": utc_day() + timedelta(days=days)} | changed
    (folder / "review").mkdir()
    (folder / "review" / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
    deletion = stack(Step("delete", resource(KEY, name), None))
    return build(BASE_TO_HEAD, ("base", "head"), [deletion], build_mask([]), (folder, folder))


def test_a_waived_finding_does_not_block(tmp_path: Path) -> None:
    waived = report(tmp_path, 3)
    assert (waived.code, waived.notes[1:]) == (0, [])
    assert waived.findings[0].waiver.startswith("waived until ")


def test_a_lifted_lock_blocks_until_it_is_waived(tmp_path: Path) -> None:
    inputs = {"bucket": "records", "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 365}}}
    lock = resource("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "old", inputs)
    match = [{"policies": ["lock-weakened"], "targets": [lock.urn]}]
    waiver = WAIVER | {"expires": utc_day(), "match": match}
    for code, waivers in (1, []), (0, [waiver]):
        folder = tmp_path / str(code)
        (folder / "review").mkdir(parents=True)
        (folder / "review" / "waivers.yaml").write_text(yaml.safe_dump(waivers))
        deletion = stack(Step("delete", lock, None))
        built = build(BASE_TO_HEAD, ("base", "head"), [deletion], build_mask([]), (folder, folder))
        assert (built.code, {finding.policy for finding in built.findings}) == (
            code,
            {"lock-weakened", "deleted"},
        )


def test_a_finding_names_its_expired_waiver_and_blocks(tmp_path: Path) -> None:
    expired = report(tmp_path, -1)
    assert (expired.code, expired.findings[0].waiver, expired.notes[1:]) == (1, "", [])
    day = utc_day() - timedelta(days=1)
    assert expired.findings[0].message.endswith(
        f"\nits waiver expired on {day}: an empty key (platform, OPS-1)"
    )


@pytest.mark.parametrize("days", [3, -1])
def test_a_note_names_a_waiver_that_covers_no_finding(tmp_path: Path, days: int) -> None:
    uncovered = report(tmp_path, days, "other")
    assert uncovered.code == 1
    assert uncovered.notes[1:] == [
        "review/waivers.yaml: the waiver of platform (OPS-1: an empty key) covers no finding; "
        "remove the waiver"
    ]


def test_a_waiver_may_cover_several_stacks(tmp_path: Path) -> None:
    match = [{"policies": ["stateful-deleted"], "targets": ["urn:pulumi:*::*::*::old"]}]
    waiver = WAIVER | {"expires": utc_day(), "match": match, "reason": "dev goes first"}
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
    deletions = [stack(Step("delete", resource(KEY, "old"), None), name=name) for name in ("dev", "stg")]
    waived = build(BASE_TO_HEAD, ("base", "head"), deletions, build_mask([]), (tmp_path, tmp_path))
    assert (waived.code, waived.notes[2:]) == (0, [])


def test_no_note_names_a_waiver_of_another_stack(tmp_path: Path) -> None:
    match = [{"policies": ["stateful-deleted"], "targets": ["urn:pulumi:prod::*::*::*"]}]
    assert report(tmp_path, 3, match=match).notes[1:] == []


def test_a_note_names_the_fault_of_an_invalid_waiver_which_covers_nothing(tmp_path: Path) -> None:
    invalid = report(tmp_path, 400)
    assert invalid.code == 1
    assert "400 days away; choose a date within 180" in invalid.notes[0]


def test_a_new_stack_with_its_own_levels_needs_an_owner_for_this_file_only(tmp_path: Path) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    (head / "policies" / "config").mkdir(parents=True)
    (head / "policies" / "config" / "dev.json").write_text('{"all": "advisory"}')
    packs = Packs(Pack({"ssh-open": "mandatory", "tags": "mandatory"}), Pack({"ssh-open": "advisory"}))
    base.mkdir()
    new = Stack("dev", EngineRun(head), packs=packs)
    built = build(BASE_TO_HEAD, ("base", "head"), [new], build_mask([]), (base, head))
    # A file of levels does not remove a rule.
    assert [finding.name for finding in built.findings] == ["policies/config/dev.json", "tags"]
    assert built.notes == [
        "dev: the base has no such stack; everything in it is new. "
        "The base lacks policies/config/dev.json, too, so each rule has its own level."
    ]


def test_own_policies_of_the_pull_request_are_no_violations_and_come_last(tmp_path: Path) -> None:
    (tmp_path / "policies" / "config").mkdir(parents=True)
    row = {"urn": SCRATCH, "level": "mandatory", "message": "open", "verdict": "violation"}
    ours, theirs = (
        row | {"policy": "tags", "severity": "low"},
        row | {"policy": "ssh", "severity": "critical"},
    )
    run = EngineRun(tmp_path)
    run.phase.violations += [ours]
    packs = Packs(Pack({"tags": "mandatory"}, (ours,)), Pack({"tags": "mandatory"}, (ours, theirs)))
    more = "The pull request's own policies report 1 more."
    for base_lines, first, verdict in (
        ([ours], "tags", f"1 finding blocks: tags (the stack). {more}"),
        ([], "ssh", "1 finding of the pull request's own policies blocks: ssh (the stack)."),
    ):
        run.phase.violations[:] = base_lines
        stack = Stack("dev", run, EngineRun(tmp_path), packs=packs)
        built = build(BASE_TO_HEAD, ("base", "head"), [stack], build_mask([]), (tmp_path, tmp_path))
        assert built.findings[0].policy == first
        assert (built.code, built.verdict) == (1, verdict)
        assert built.stacks[0].counts["violations"] == len(base_lines)


def test_a_report_has_the_outputs_of_new_components_and_their_faults(tmp_path: Path) -> None:
    new = resource("pipe:index:Api", "api", {"a": 1}, custom=False)
    outputs = {"registered": new.urn, "outputs": {"port": 80, "password": "a-random-password"}}
    head = EngineRun(tmp_path, {new.urn: Step("create", None, new)}).add([outputs])
    reviewed = Stack("dev", head, predicted=True, secrets={"a-random-password": "pipe:password"})
    mask = build_mask(reviewed.secrets)
    built = build(BASE_TO_HEAD, ("base", "head"), [reviewed], mask, (tmp_path, tmp_path))
    assert [(row.path, row.after) for row in built.changes[0].properties] == [
        ("a", "1"),
        ("output password", "[secret] (not secret)"),
        ("output port", "80"),
    ]
    [finding] = built.findings
    assert (finding.policy, finding.name, finding.blocks) == ("value-unknown", "api", True)


@pytest.mark.parametrize("secret", ["0123456789abcdef" * 2, ("0123456789abcdef" * 2).encode().hex()])
def test_a_secret_in_place_of_a_checksum_is_shown(tmp_path: Path, secret: str) -> None:
    """The random values of a review have 32 hexadecimal digits, and so have the checksums of MD5."""
    former, other = ("4567cdef" * (len(secret) // 8), "89abcdef" * (len(secret) // 8))
    path = 'metadata.annotations["checksum/config"]'

    def shown(old: str, new: str) -> tuple[str | None, str | None, str]:
        sides = (
            resource(KEY, "it", {"metadata": {"annotations": {"checksum/config": text}}})
            for text in (old, new)
        )
        changed = stack(Step("update", next(sides), next(sides)))
        mask = build_mask(["0123456789abcdef" * 2])
        built = build(BASE_TO_HEAD, ("base", "head"), [changed], mask, (tmp_path, tmp_path))
        [item] = [item for change in built.changes for item in change.properties if item.path == path]
        return item.before, item.after, item.folded

    assert shown(former, other) == (former, other, "checksums")
    assert shown(former, secret) == (former, "[secret] (not secret)", "")
    assert shown(secret, former) == ("[secret] (not secret)", former, "")


def test_a_removed_stack_file_blocks(tmp_path: Path) -> None:
    base = EngineRun(Path())
    base.phase.resources = {urn(KEY, "it"): {}}
    removed = Stack("dev", None, base)
    report = build(BASE_TO_HEAD, ("base", "head"), [removed], build_mask([]), (tmp_path, tmp_path))
    [finding] = report.findings
    assert (report.code, finding.policy, finding.name) == (1, "stack-removed", "dev")


def test_no_name_that_a_program_chooses_has_the_waiver_of_something_else(tmp_path: Path) -> None:
    waived = urn(KEY, "old")
    head = stack(Step("same", resource(KEY, "old"), resource(KEY, "old"))).head
    set_outputs(head, dict.fromkeys([waived, "url", "pipe:mode"], UNKNOWN))
    reviewed = Stack("dev", head, predicted=True)
    assert reviewed.head
    other_stack = waived.replace("urn:pulumi:dev", "urn:pulumi:prod")
    undecided = [("", waived), (other_stack, "pipe:mode"), (waived, "old"), ("", "output url")]
    reviewed.head.add([{"undecided": name, "urn": target, "reason": "else"} for target, name in undecided])
    reviewed.head.add([{"lookup": waived, "args": {}, "error": "it failed"}])
    targets = [
        waived,
        other_stack,
        "urn:pulumi:*::*::*::*",
        "output url",
        "pipe:mode",
        "url",
        "setting pipe:mode",
    ]
    trees = trees_with_waivers(tmp_path, "review/waivers.yaml", "value-unknown", targets, targets)
    built = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), trees)
    assert {(finding.name, finding.blocks) for finding in built.findings} == {
        ("old", False),
        ("output url", False),
        (f"output {waived}", True),
        ("output pipe:mode", True),
        (f"call {waived}", True),
        ("call output url", True),
        ("resource pipe:mode", True),
        (f"look-up {waived}", True),
    }


@pytest.mark.parametrize("name", ["logs", urn(KEY, "old")])
def test_a_resource_that_is_called_like_a_urn_does_not_have_its_waiver(tmp_path: Path, name: str) -> None:
    kind = "aws:cloudwatch/logGroup:LogGroup"
    long, short = (resource(kind, name, {"retentionInDays": days}) for days in (30, 7))
    prod, stg = (
        stack(Step("update", long, after), name=label) for label, after in (("prod", short), ("stg", long))
    )
    trees = trees_with_waivers(tmp_path, "review/waivers.yaml", "prod-weaker-than-stg", *[["logs", name]] * 2)
    built = build(BASE_TO_HEAD, ("base", "head"), [prod, stg], build_mask([]), trees)
    [finding] = [item for item in built.findings if item.policy == "prod-weaker-than-stg"]
    assert (finding.name, finding.blocks) == (name, name != "logs")


BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def stacks_with_one_object() -> list[Stack]:
    """Return dev with a new policy of a bucket, and foundation/dev with the policy that the bucket has."""
    new, kept = (resource(BUCKET_POLICY, name, {"bucket": "data"}, id="data") for name in ("new", "kept"))
    stacks = [stack(Step("create", None, new)), stack(Step("same", kept, kept), name="foundation/dev")]
    for reviewed in stacks:
        reviewed.predicted = True
    return stacks


def test_an_object_of_another_stack_of_the_account_is_one_finding(tmp_path: Path) -> None:
    stacks = stacks_with_one_object()
    sides = tmp_path, tmp_path
    report = build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), sides)
    [finding] = [finding for finding in report.findings if finding.blocks]
    assert (finding.policy, finding.name, finding.stacks) == ("object-shared", "new", ["dev"])
    assert "of foundation/dev, too" in finding.message


def test_no_note_calls_the_waiver_of_a_shared_object_unneeded(tmp_path: Path) -> None:
    stacks = stacks_with_one_object()
    match = [{"policies": ["object-shared"], "targets": [urn(BUCKET_POLICY, "new")]}]
    (tmp_path / "review").mkdir()
    waiver = WAIVER | {"expires": utc_day(), "match": match}
    (tmp_path / "review" / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
    built = build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), (tmp_path, tmp_path))
    [finding] = [finding for finding in built.findings if finding.policy == "object-shared"]
    assert (built.code, bool(finding.waiver)) == (0, True)
    assert not any("covers no finding" in note for note in built.notes)


def test_an_object_of_a_stack_that_is_not_under_review_blocks(tmp_path: Path) -> None:
    kind = "aws:cloudwatch/eventRule:EventRule"
    new, kept = (Step("create", None, resource(kind, name, id="sign-in")) for name in ("new", "kept"))
    reviewed, neighbour = stack(new), stack(kept, name="foundation/dev")
    for member in (reviewed, neighbour):
        member.predicted = True
    sides = tmp_path, tmp_path
    report = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), sides, neighbours=[neighbour])
    [finding] = [finding for finding in report.findings if finding.blocks]
    assert (finding.policy, finding.name, finding.stacks) == ("object-shared", "new", ["dev"])
    assert [row.name for row in report.stacks] == ["dev"]


@pytest.mark.parametrize(
    ("name", "is_read", "error", "trouble", "owner", "code"),
    [
        ("foundation/dev", True, "", "", "", 0),
        ("foundation/dev", True, "invalid syntax", "", "", 1),
        ("foundation/dev", True, "invalid syntax", "", "an-owner", 0),
        ("foundation/dev", False, "", "", "", 1),
        ("foundation/dev", False, "", "stopped after 1 minutes, the time limit", "", 2),
        ("foundation/dev", False, "", "stopped after 1 minutes, the time limit", "an-owner", 2),
        ("foundation/prod", False, "", "", "", 0),
    ],
)
def test_a_new_object_blocks_if_the_objects_of_another_stack_of_the_account_are_unknown(
    tmp_path: Path, name: str, is_read: bool, error: str, trouble: str, owner: str, code: int
) -> None:
    old, new = (resource("aws:sns/topic:Topic", "it", id="1") for _ in range(2))
    reviewed, kept = stack(Step("create", None, new)), stack(Step("update", old, new))
    run = EngineRun(Path())
    run.phase.errors += [error] if error else []
    others = [Stack(name, run if is_read else None, trouble=trouble)]
    sides = tmp_path, tmp_path
    built = build(
        BASE_TO_HEAD,
        ("base", "head"),
        [reviewed],
        build_mask([]),
        sides,
        approved_by=owner,
        neighbours=others,
    )
    assert built.code == code
    findings = [(item.policy, item.name, item.stacks, item.blocks) for item in built.findings]
    is_unknown = bool(code or owner)
    assert findings == [("does-not-evaluate", name, ["dev"], not owner)] * is_unknown
    if not trouble:
        built = build(BASE_TO_HEAD, ("base", "head"), [kept], build_mask([]), sides, neighbours=others)
        assert (built.code, built.findings) == (0, [])


def test_a_setting_of_the_account_blocks_without_an_evaluation_of_its_other_stacks(tmp_path: Path) -> None:
    (tmp_path / "foundation").mkdir()
    (tmp_path / "foundation" / "Pulumi.yaml").write_text("name: foundation")
    (tmp_path / "foundation" / "Pulumi.dev.yaml").touch()
    kind = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
    reviewed = stack(Step("create", None, resource(kind, "it", id="1")))
    reviewed.predicted = True
    sides = tmp_path, tmp_path
    report = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), sides)
    [finding] = [finding for finding in report.findings if finding.blocks]
    assert finding.policy == "object-shared" and "which foundation/dev may set as well" in finding.message
    neighbour = stack(name="foundation/dev")
    report = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), sides, neighbours=[neighbour])
    assert not [finding for finding in report.findings if finding.blocks]


@pytest.mark.parametrize(("name", "code"), [("pipe", 0), ("other", 1), ("{{pipe}{0", 1)])
def test_a_renamed_project_leaves_the_resources_of_its_stacks(tmp_path: Path, name: str, code: int) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    for tree, project in ((base, "pipe"), (head, name)):
        tree.mkdir()
        (tree / "Pulumi.yaml").write_text(f"name: '{project}'\nruntime: python\n")
        (tree / "Pulumi.dev.yaml").touch()
    before = EngineRun(base)
    before.phase.resources = {urn(KEY, "it"): {}}
    renamed = Stack("dev", EngineRun(head), before)
    report = build(BASE_TO_HEAD, ("base", "head"), [renamed], build_mask([]), (base, head))
    assert report.code == code
    assert [(finding.policy, finding.name) for finding in report.findings] == [
        ("stack-removed", "dev")
    ] * code
    if code:
        assert f"renames the project pipe to {name}" in report.findings[0].message
        assert f"dev is in another project (pipe is now {name})" in report.notes[0]
        assert report.notes[0].endswith("its 1 resources stay until somebody destroys them.")


@pytest.mark.parametrize(("name", "of_base"), [("pipe", False), ("pipe", True), ("other", False)])
def test_a_project_with_the_name_of_another_one_takes_over_its_state(
    tmp_path: Path, name: str, of_base: bool
) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    for folder, project in ((base, "pipe"), (head, "pipe"), (base / "extra", name), (head / "extra", name)):
        if folder != base / "extra" or of_base:
            folder.mkdir()
            (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
            (folder / "Pulumi.dev.yaml").touch()
    (head / "extra" / "Pulumi.prod.yaml").touch()
    stacks = [stack(name=stack_name) for stack_name in ("dev", "extra/dev", "extra/prod")]
    for member in stacks:
        member.base = None
    report = build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), (base, head))
    expected = ["dev", "extra/dev"] if name == "pipe" and not of_base else []
    findings = [finding for finding in report.findings if finding.policy == "state-shared"]
    assert sorted(finding.name for finding in findings) == expected
    assert all("both have one state" in finding.message and finding.blocks for finding in findings)


def project_trees(folder: Path, *sides: dict[str, tuple[str, list[str]]]) -> tuple[Path, Path]:
    """Write the projects of base and head: by folder, the name of the project and those of its stacks."""
    base, head = folder / "base", folder / "head"
    for tree, projects in zip((base, head), sides, strict=True):
        for place, (name, names) in projects.items():
            (tree / place).mkdir(parents=True, exist_ok=True)
            (tree / place / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
            for stack_name in names:
                (tree / place / f"Pulumi.{stack_name}.yaml").touch()
    return base, head


def waive_by_name(tree: Path, policies: Sequence[str], *targets: str) -> None:
    """Write a waiver of the review's own findings with these names in a tree."""
    waiver = WAIVER | {"expires": utc_day(), "match": [{"policies": [*policies], "targets": [*targets]}]}
    (tree / "review").mkdir(exist_ok=True)
    (tree / "review" / "waivers.yaml").write_text(yaml.safe_dump([waiver]))


def moved_stack(trees: tuple[Path, Path]) -> list[Stack]:
    """Return the stack dev, which is removed, and extra/dev, which gets its state and lacks the table."""
    base = EngineRun(trees[0])
    types = {PAYMENTS: TABLE, urn(KEY, "it"): KEY, urn("pulumi:providers:aws", "a"): "pulumi:providers:aws"}
    base.phase.resources = {name: {"urn": name, "type": kind} for name, kind in types.items()}
    steps = {urn(KEY, "it"): Step("create", None, resource(KEY, "it"))}
    return [Stack("dev", None, base), Stack("extra/dev", EngineRun(trees[1], steps), None)]


@pytest.mark.parametrize("name", ["pipe", "Pipe", "other"])
def test_a_stack_file_that_moves_to_a_namesake_takes_over_the_state(tmp_path: Path, name: str) -> None:
    before = {".": ("pipe", ["dev"]), "extra": (name, ["qa"])}
    trees = project_trees(tmp_path, before, {".": ("pipe", []), "extra": (name, ["qa", "dev"])})
    waive_by_name(trees[0], ["stack-removed"], "dev", "extra/dev")
    built = build(BASE_TO_HEAD, ("base", "head"), moved_stack(trees), build_mask([]), trees)
    [removal] = [finding for finding in built.findings if finding.policy == "stack-removed"]
    shared = {item.name: item for item in built.findings if item.policy == "state-shared"}
    assert removal.verdict == "waived"
    if name == "other":
        assert (shared, built.code, "3 resources stay" in removal.message) == ({}, 0, True)
        return
    assert (shared.keys(), built.code) == ({"dev", "extra/dev"}, 1)
    gets = "gets" if name == "pipe" else "may get"
    assert "stay" not in f"{removal} {built.verdict} {built.notes}"
    assert removal.message.endswith(f"the stack file, and extra/dev {gets} the state of the 3 resources")
    assert f"is new in this report, although it {gets} the state of dev." in built.notes[-1]
    for finding in shared.values():
        assert f"so extra/dev {gets} the state of dev; a deployment of extra/dev may " in finding.message
        assert "delete 1 of 2 resources of dev, with the data of payments (aws:d" in finding.message
    # Either of the two stacks may be the only one under review.
    waive_by_name(trees[0], ["stack-removed", "state-shared"], "dev", "extra/dev")
    for reviewed in moved_stack(trees):
        alone = build(BASE_TO_HEAD, ("base", "head"), [reviewed], build_mask([]), trees)
        [finding] = [finding for finding in alone.findings if finding.policy == "state-shared"]
        assert (alone.code, finding.name, finding.verdict) == (0, reviewed.name, "waived")
        assert "a deployment of extra/dev changes and deletes the resources of dev" in finding.message
        assert f"extra/dev {gets} the state of dev" in alone.verdict


def test_projects_that_swap_their_names_swap_their_states(tmp_path: Path) -> None:
    before = {".": ("pipe", ["dev"]), "extra": ("other", ["dev"])}
    trees = project_trees(tmp_path, before, {".": ("other", ["dev"]), "extra": ("pipe", ["dev"])})
    stacks = [Stack(name, EngineRun(trees[1]), EngineRun(trees[0])) for name in ("dev", "extra/dev")]
    built = build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), trees)
    messages = [finding.message for finding in built.findings if finding.policy == "state-shared"]
    # Each of the stacks gives one state, and gets another one.
    assert len(messages) == 4
    assert sum("so extra/dev gets the state of dev" in message for message in messages) == 2
    removals = {item.name: item.message for item in built.findings if item.policy == "stack-removed"}
    assert removals["dev"] == (
        "the pull request renames the project pipe to other; a deployment gets the state of extra/dev, and "
        "extra/dev gets the state of the 0 resources"
    )
    assert "stay" not in f"{removals} {built.verdict}"


def test_the_removal_of_stg_names_prod_which_nothing_is_compared_with(tmp_path: Path) -> None:
    stacks = {".": ("pipe", ["stg", "prod"])}
    trees = project_trees(tmp_path, stacks, {".": ("pipe", ["prod"])})
    removed = Stack("stg", None, EngineRun(trees[0]))
    built = build(BASE_TO_HEAD, ("base", "head"), [removed], build_mask([]), trees)
    assert built.findings[0].message.endswith("0 resources stay; prod is compared with no stg any more")


def test_a_note_has_the_levels_that_the_base_has_for_a_new_stack(tmp_path: Path) -> None:
    (tmp_path / "policies" / "config").mkdir(parents=True)
    (tmp_path / "policies" / "config" / "dev.json").write_text('{"ssh-open": "disabled"}')
    new = Stack("dev", EngineRun(tmp_path))
    built = build(BASE_TO_HEAD, ("base", "head"), [new], build_mask([]), (tmp_path, tmp_path))
    assert built.notes[-1].endswith(
        "new. Its levels are those in policies/config/dev.json of the base; disabled: ssh-open."
    )


@pytest.mark.parametrize(("owner", "code"), [("", 1), ("an-owner", 0)])
def test_changes_of_a_base_that_does_not_evaluate_need_an_owner(
    tmp_path: Path, owner: str, code: int
) -> None:
    failing = stack(Step("create", None, resource(KEY, "new")))
    failing.base = EngineRun(Path())
    failing.base.phase.errors.append("invalid syntax")
    failing.base_failed = True
    sides = tmp_path, tmp_path
    report = build(BASE_TO_HEAD, ("base", "head"), [failing], build_mask([]), sides, approved_by=owner)
    [finding] = report.findings
    assert (report.code, finding.policy, finding.blocks) == (code, "does-not-evaluate", not owner)


RULE = next(name for name, rule in POLICY_RULES.items() if rule.level.value == "mandatory")


def scratch_in_place_of_payments(folder: Path, op: str) -> Stack:
    """Return a stack whose table `scratch` has an alias with the table `payments` of the base."""
    states: list[dict[str, Any]] = [
        {"urn": name, "type": TABLE, "custom": True, "inputs": {}} for name in (PAYMENTS, SCRATCH)
    ]
    plan = {"steps": [{"op": op, "oldState": states[0], "newState": states[1]}]}
    return Stack("dev", EngineRun(folder).add(plan), EngineRun(folder))


def trees_with_waivers(folder: Path, file: str, policy: str, *targets: Sequence[str]) -> tuple[Path, Path]:
    """Return base and head with a waiver of the policy for these targets each; without targets, none."""
    base, head = folder / "base", folder / "head"
    for tree, names in zip((base, head), targets, strict=True):
        match = [{"policies": [policy], "targets": [*names]}]
        (tree / file).parent.mkdir(parents=True)
        waivers = [WAIVER | {"expires": utc_day(), "match": match}] if names else []
        (tree / file).write_text(yaml.safe_dump(waivers))
    return base, head


@pytest.mark.parametrize(
    ("base", "head", "owner", "code"),
    [
        ([SCRATCH], [SCRATCH], "", 1),
        ([PAYMENTS], [PAYMENTS], "", 1),
        ([SCRATCH, PAYMENTS], [SCRATCH, PAYMENTS], "", 0),
        (["urn:pulumi:dev::*::*::*"], ["urn:pulumi:dev::*::*::*"], "", 0),
        # An approval of something else says nothing about the former name.
        ([SCRATCH], [SCRATCH], "an-owner", 1),
        ([SCRATCH], [SCRATCH, PAYMENTS], "an-owner", 0),
        # The owner has approved this waiver together with the rename.
        ([], [SCRATCH], "an-owner", 0),
        ([PAYMENTS], [SCRATCH], "an-owner", 0),
    ],
)
def test_a_waiver_of_a_renamed_resource_counts_only_if_the_former_name_has_one(
    tmp_path: Path, base: list[str], head: list[str], owner: str, code: int
) -> None:
    trees = trees_with_waivers(tmp_path, "review/waivers.yaml", "stateful-replaced", base, head)
    stacks = [scratch_in_place_of_payments(tmp_path, "replace")]
    built = build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), trees, approved_by=owner)
    [finding] = [finding for finding in built.findings if finding.policy == "stateful-replaced"]
    assert (built.code, finding.full_name) == (code, "scratch, which was payments")
    if SCRATCH in head and code:
        assert finding.message.splitlines()[-1].endswith(f"what it was in the base: {PAYMENTS}")


@pytest.mark.parametrize(
    ("targets", "code"), [([SCRATCH], 1), ([SCRATCH, PAYMENTS], 0), (["urn:pulumi:*::*::*::*"], 0)]
)
@pytest.mark.parametrize("level", ["mandatory", "advisory"])
def test_a_policys_waiver_of_another_resource_does_not_count_for_one_that_takes_its_name(
    tmp_path: Path, targets: list[str], code: int, level: str
) -> None:
    trees = trees_with_waivers(tmp_path, "policies/waivers.yaml", RULE, targets, targets)
    stack = scratch_in_place_of_payments(tmp_path, "update")
    assert stack.head
    # The pack knows only the name of the head, and lowers the level of what is waived.
    message = "waived until 2030-01-01 (9 days left): why\ndays is 5"
    row = {"policy": RULE, "urn": SCRATCH, "level": "advisory", "severity": "", "message": message}
    stack.head.phase.violations.append(row)
    stack.head.add([{"policy": RULE, "urn": SCRATCH, "verdict": "waived", "level": level, "detail": ""}])
    built = build(BASE_TO_HEAD, ("base", "head"), [stack], build_mask([]), trees)
    [finding] = built.findings
    assert finding.full_name == "scratch, which was payments"
    assert (built.code, finding.blocks, bool(finding.waiver)) == (
        code if level == "mandatory" else 0,
        bool(code) and level == "mandatory",
        not code,
    )
    if code:
        assert (finding.level, finding.message.splitlines()[0]) == (level, "days is 5")


def test_a_violation_of_a_renamed_resource_is_not_new(tmp_path: Path) -> None:
    stack = scratch_in_place_of_payments(tmp_path, "same")
    assert stack.head and stack.base
    for run, name in ((stack.base, PAYMENTS), (stack.head, SCRATCH)):
        row = {"policy": RULE, "urn": name, "level": "mandatory", "severity": "", "message": "days is 5"}
        run.phase.violations.append(row)
    built = build(BASE_TO_HEAD, ("base", "head"), [stack], build_mask([]), (tmp_path, tmp_path))
    assert [(finding.full_name, finding.status) for finding in built.findings] == [
        ("scratch, which was payments", "existing")
    ]
    [change] = built.changes
    assert (built.code, change.op, change.differences[0].before) == (0, "update", "payments")


@pytest.mark.parametrize(
    ("strong", "weaker", "expected"),
    [
        ("stg", "prod", ["prod"]),
        ("foundation/stg", "foundation/prod", ["foundation/prod"]),
        ("stg", "foundation/prod", []),
    ],
)
def test_prod_and_stg_of_each_project_are_compared(
    strong: str, weaker: str, expected: list[str], tmp_path: Path
) -> None:
    kind = "aws:cloudwatch/logGroup:LogGroup"
    long, short = (resource(kind, "it", {"retentionInDays": days}) for days in (30, 7))
    stacks = [stack(Step("same", long, long), name=strong), stack(Step("update", long, short), name=weaker)]
    compared = build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), (tmp_path, tmp_path))
    of_prod = [finding for finding in compared.findings if finding.policy == "prod-weaker-than-stg"]
    assert [member for finding in of_prod for member in finding.stacks] == expected
