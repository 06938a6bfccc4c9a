"""Tests of the findings about policies and waivers that a pull request weakens."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from review.findings import guard_findings
from review.guard import Pack, Packs
from review.stacks.engine_run import Step
from tests.support.review.stacks import resource, stack

BASE = Pack(
    levels={"ssh-open": "mandatory", "tags": "advisory", "off": "disabled"},
    violations=(
        {"policy": "ssh-open", "urn": "urn:a::firewall", "message": "22 is open", "level": "mandatory"},
    ),
)
WAIVED = {"level": "advisory", "message": "waived until 2027-03-31 (90 days left): later\n22 is open"}


BASELINE = "pipe:account:Baseline"


@pytest.mark.parametrize(
    ("op", "before", "after", "ends"),
    [
        ("delete", BASELINE, BASELINE, True),
        ("update", BASELINE, "pipe:account:Other", True),
        ("update", BASELINE, BASELINE, False),
        ("delete", "pipe:account:Other", "pipe:account:Other", False),
    ],
)
def test_a_component_for_which_a_rule_demands_something_must_stay(
    op: str, before: str, after: str, ends: bool
) -> None:
    old, new = (resource(kind, "account", custom=False) for kind in (before, after))
    reviewed = stack(Step(op, old, None if op == "delete" else new))
    messages_found = [finding.message for finding in guard_findings.find_ended_duties(reviewed)]
    reason = (
        "account (pipe:account:Baseline, component) is no longer declared, so account-guard-missing demands "
        "nothing"
    )
    assert messages_found == [f"account: {reason}"] * ends


def messages(head: Pack) -> list[str]:
    return [finding.message for finding in guard_findings.find_weakened("dev", Packs(BASE, head))]


def test_the_same_policies_are_not_weaker() -> None:
    assert messages(BASE) == []
    assert guard_findings.admitted(Packs(BASE, BASE)) == set()
    assert [*guard_findings.find_new(Packs(BASE, BASE))] == []


def test_a_rule_that_is_removed_lowered_changed_or_waived_is_a_finding() -> None:
    levels, [violation] = BASE.levels, BASE.violations
    removed = Pack({"tags": "advisory"}, BASE.violations)
    assert messages(removed) == ["ssh-open: the pull request removes this rule"]
    lowered = Pack({**levels, "ssh-open": "advisory"}, BASE.violations)
    assert messages(lowered) == ["ssh-open: the pull request lowers its level from mandatory to advisory"]
    admitting = (
        "ssh-open: the pull request's rule or waivers admit violations in firewall, or lower their level"
    )
    assert messages(Pack(levels, ())) == [admitting]
    assert messages(Pack(levels, (violation | WAIVED,))) == [admitting]
    for head in (removed, lowered, Pack(levels, ())):
        assert guard_findings.admitted(Packs(BASE, head)) == {("ssh-open", "urn:a::firewall")}


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"ssh-open": "mandatory", "tags": "advisory"}, ""),
        (
            {"ssh-open": "remediate", "tags": "mandatory"},
            "remediate: the pull request gives this level in stacks without a file in policies/config to "
            "ssh-open: a deployment changes what breaks it, and does not stop",
        ),
        (
            {"ssh-open": "advisory", "tags": "advisory"},
            "ssh-open: the pull request lowers its level in stacks without a file in policies/config from "
            "mandatory to advisory",
        ),
        (
            {"ssh-open": "mandatory", "tags": "disabled"},
            "tags: the pull request lowers its level in stacks without a file in policies/config from "
            "advisory to disabled",
        ),
        ({"ssh-open": "mandatory"}, "tags: the pull request removes this rule"),
    ],
)
def test_the_levels_of_stacks_without_a_file_count_although_each_stack_has_one(
    own: dict[str, str], message: str
) -> None:
    # A stack of today has another level, so the file of levels restates or overrides those of the rules.
    levels = {"ssh-open": "mandatory", "tags": "disabled"}
    base = Pack(levels, own_levels={"ssh-open": "mandatory", "tags": "advisory", "off": "disabled"})
    findings = [*guard_findings.find_weakened("dev", Packs(base, Pack(levels, own_levels=own)))]
    assert [finding.message for finding in findings] == [message] * bool(message)


def test_a_rule_that_gets_weaker_with_and_without_a_file_is_one_finding() -> None:
    levels, lowered = {"ssh-open": "mandatory"}, {"ssh-open": "advisory"}
    cpu, more = ({CEILING: {"cpu": value}} for value in ('"2"', '"200"'))
    levels, lowered = ({**own, CEILING: "mandatory"} for own in (levels, lowered))
    packs = Packs(Pack(levels, (), (), cpu, levels, cpu), Pack(lowered, (), (), more, lowered, more))
    assert [finding.name for finding in guard_findings.find_weakened("dev", packs)] == ["ssh-open"]
    assert [finding.name for finding in guard_findings.find_changed_options("dev", packs)] == [CEILING]
    removed = {CEILING: "mandatory"}
    packs = Packs(packs.base, Pack(removed, own_levels=removed))
    assert [finding.name for finding in guard_findings.find_weakened("dev", packs)] == ["ssh-open"]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("", "disabled", "their own to disabled"),
        ("", "advisory", "their own to advisory"),
        ("mandatory", "advisory", "mandatory to advisory"),
        ("advisory", "disabled", "advisory to disabled"),
        ("advisory", "", ""),
        ("", "mandatory", ""),
        ("disabled", "disabled", ""),
    ],
)
def test_a_lower_level_of_rules_that_come_later_is_a_finding(before: str, after: str, change: str) -> None:
    later = "all: the pull request lowers the level of rules that come later"
    file = Packs(Pack(later_level=before), Pack(later_level=after))
    own = Packs(Pack(own_later_level=before), Pack(own_later_level=after))
    both = Packs(
        Pack(later_level=before, own_later_level=before), Pack(later_level=after, own_later_level=after)
    )
    where = " in stacks without a file in policies/config"
    for packs, place in ((file, ""), (own, where), (both, "")):
        findings = [*guard_findings.find_weakened("prod", packs)]
        expected = [f"{later}{place} from {change}"] if change else []
        assert [finding.message for finding in findings] == expected


def test_rules_that_newly_repair_are_one_finding_although_none_repairs_today() -> None:
    before, after = {"tags": "mandatory", "old": "remediate"}, {"tags": "remediate", "old": "remediate"}
    base = Pack(before, own_levels=before)
    start, end = (
        "remediate: the pull request gives this level",
        ": a deployment changes what breaks it, and does ",
    )
    for head, change in (
        (Pack(after, own_levels=after), " to tags"),
        (Pack(before, own_levels=after), " in stacks without a file in policies/config to tags"),
        (
            Pack({**after, "acl": "remediate"}, own_levels=before, later_level="remediate"),
            " to all, acl, tags",
        ),
        (Pack(before, own_levels=before, own_later_level="remediate"), " in stacks without a file in "),
    ):
        [finding] = guard_findings.find_weakened("dev", Packs(base, head))
        assert finding.blocks
        assert finding.message.startswith(start + change)
        assert end in finding.message
    assert not [*guard_findings.find_weakened("dev", Packs(base, base))]


def test_the_levels_of_a_new_stack_explain_that_of_later_rules_only_if_they_give_it(tmp_path: Path) -> None:
    packs = Packs(Pack(), Pack(later_level="disabled"))
    for content, names in (({"all": "disabled"}, []), ({"tags": "disabled"}, ["all"])):
        of_stacks = trees(tmp_path / f"{len(names)}", None, content, [])
        explained = guard_findings.without_new_levels("dev", packs, *of_stacks)
        assert [finding.name for finding in guard_findings.find_weakened("dev", explained)] == names


def test_the_options_of_stacks_without_a_file_count_although_each_stack_has_one() -> None:
    levels, options = {CEILING: "mandatory"}, {CEILING: {"cpu": '"2"'}}
    base = Pack(levels, options=options, own_options=options)
    head = replace(base, own_options={CEILING: {"cpu": '"200"'}})
    [finding] = guard_findings.find_changed_options("dev", Packs(base, head))
    assert finding.message == (
        f"{CEILING}: the pull request changes its options in stacks without a file in policies/config from "
        '{"cpu": "2"} to {"cpu": "200"}'
    )


def test_an_owner_sees_all_resources_of_a_weakened_rule() -> None:
    [violation] = BASE.violations
    violations = tuple(violation | {"urn": f"urn:a::firewall-{number}"} for number in range(30))
    [message] = [
        finding.message
        for finding in guard_findings.find_weakened(
            "dev", Packs(Pack(BASE.levels, violations), Pack(BASE.levels, ()))
        )
    ]
    assert all(f"firewall-{number}," in message for number in range(30))


def test_a_violation_at_a_lower_level_than_in_the_base_is_admitted_whatever_the_level_of_its_rule() -> None:
    [violation] = BASE.violations
    milder = Pack(BASE.levels, (violation | {"level": "advisory"},))
    assert messages(milder) == [
        "ssh-open: the pull request's rule or waivers admit violations in firewall, or lower their level"
    ]
    assert guard_findings.admitted(Packs(BASE, milder)) == {("ssh-open", "urn:a::firewall")}
    assert [*guard_findings.find_new(Packs(BASE, milder))] == []
    assert [*guard_findings.find_new(Packs(milder, BASE))] == [violation]
    # The engine takes a violation with the level remediate for a mandatory one.
    assert messages(Pack(BASE.levels, (violation | {"level": "remediate"},))) == []
    assert messages(Pack(BASE.levels, (violation | {"level": "disabled"},))) != []


def test_a_violation_whose_text_looks_like_a_waiver_counts() -> None:
    [violation] = BASE.violations
    forged = violation | {"message": WAIVED["message"]}
    base = Pack(BASE.levels, (forged,))
    assert guard_findings.admitted(Packs(base, Pack(BASE.levels))) == {("ssh-open", "urn:a::firewall")}
    assert [*guard_findings.find_new(Packs(Pack(BASE.levels), base))] == [forged]


def test_every_finding_about_a_weaker_guard_blocks_without_an_approval() -> None:
    [finding] = guard_findings.find_weakened("dev", Packs(BASE, Pack({"tags": "advisory"})))
    assert (finding.policy, finding.level, finding.blocks) == ("guard-weakened", "mandatory", True)
    assert guard_findings.apply_approval(finding, "") == finding
    approved = guard_findings.apply_approval(finding, "an-owner")
    assert (approved.blocks, approved.verdict, approved.waiver) == (False, "waived", "approved by an-owner")


def test_a_rule_that_changes_inputs_is_a_finding_unless_the_bases_rule_does_so_too() -> None:
    repair = ("ssh-open", "urn:a::firewall", "1")
    head = Pack(BASE.levels, BASE.violations, (repair, ("new", "urn:a::b", "2"), ("new", "urn:a::c", "3")))
    change = "the pull request's rule changes inputs of {} in a deployment, and this report does not show "
    assert messages(head) == [
        f"new: {change.format('b, c')}the effects",
        f"ssh-open: {change.format('firewall')}the effects",
    ]
    base = Pack(BASE.levels, BASE.violations, (repair,))
    assert [*guard_findings.find_weakened("dev", Packs(base, base))] == []
    otherwise = Pack(BASE.levels, BASE.violations, (("ssh-open", "urn:a::firewall", "4"),))
    assert len([*guard_findings.find_weakened("dev", Packs(base, otherwise))]) == 1


def trees(folder: Path, before: Any, after: Any, stacks: list[str]) -> tuple[Path, Path]:
    """Return two trees with these stacks, and with these levels of dev, if any."""
    for side, content in (("base", before), ("head", after)):
        (folder / side / "policies" / "config").mkdir(parents=True)
        if content is not None:
            (folder / side / "policies" / "config" / "dev.json").write_text(json.dumps(content))
        for file in ("Pulumi.yaml", *(f"Pulumi.{name}.yaml" for name in stacks)):
            (folder / side / file).touch()
    return folder / "base", folder / "head"


CEILING = "workload-limit-above-ceiling"


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({CEILING: {"cpu": '"2"'}}, {CEILING: {"cpu": '"200"'}}, '{"cpu": "2"} to {"cpu": "200"}'),
        ({}, {CEILING: {"cpu": '"200"'}}, 'none to {"cpu": "200"}'),
        ({CEILING: {"cpu": '"2"'}}, {}, '{"cpu": "2"} to none'),
        (
            {CEILING: {"cpu": '"2"', "memory": '"4Gi"'}},
            {CEILING: {"cpu": "2", "memory": '"4Gi"'}},
            '{"cpu": "2"} to {"cpu": 2}',
        ),
        # A rule of the head alone has no options in the base.
        ({}, {"rule-of-the-head": {"cpu": '"2"'}}, ""),
    ],
)
def test_other_options_of_a_rule_are_a_finding_without_a_violation(
    before: Any, after: Any, change: str
) -> None:
    base = Pack({CEILING: "mandatory"}, options=before)
    head = Pack({CEILING: "mandatory", "rule-of-the-head": "mandatory"}, options=after)
    findings = [*guard_findings.find_changed_options("dev", Packs(base, head))]
    expected = [f"{CEILING}: the pull request changes its options from {change}"] if change else []
    assert [finding.message for finding in findings] == expected
    assert all(finding.blocks and finding.stacks == ["dev"] for finding in findings)


NEW_LEVELS = {
    "all": "advisory",
    "ssh-open": "mandatory",
    "tags": "disabled",
    CEILING: {"enforcementLevel": "advisory", "cpu": "200"},
}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (None, NEW_LEVELS, f"adds {{}}; disabled: tags; advisory: all, {CEILING}; with options: {CEILING}"),
        (NEW_LEVELS, {"tags": "disabled"}, "changes {}; disabled: tags"),
        (None, {CEILING: {"cpu": "2"}, "all": {}}, f"adds {{}}; with options: {CEILING}"),
        (NEW_LEVELS, None, "removes {}"),
        (NEW_LEVELS, NEW_LEVELS, ""),
    ],
)
@pytest.mark.parametrize("reviewed", [["dev", "prod"], ["prod"]])
def test_the_levels_of_a_stack_that_the_base_lacks_are_one_finding(
    before: Any, after: Any, message: str, reviewed: list[str], tmp_path: Path
) -> None:
    base, head = trees(tmp_path, before, after, stacks=["prod"])
    findings = [*guard_findings.find_new_levels(reviewed, base, head)]
    whose = "the levels of a stack that the base lacks"
    expected = [f"policies/config/dev.json: the pull request {message.format(whose)}"] if message else []
    assert [finding.message for finding in findings] == expected
    assert all(finding.blocks and finding.stacks == reviewed[:1] for finding in findings)


def test_the_levels_of_a_stack_whose_policies_are_not_compared_are_a_finding(tmp_path: Path) -> None:
    base, head = trees(tmp_path, {}, {"tags": "disabled"}, stacks=["dev", "prod"])
    assert [*guard_findings.find_new_levels(["dev", "prod"], base, head)] == []
    [finding] = guard_findings.find_new_levels(["prod"], base, head)
    message = "dev.json: the pull request changes the levels of a stack that {}; disabled: tags"
    message = f"policies/config/{message}"
    assert (finding.message, finding.stacks) == (message.format("this review leaves out"), ["prod"])
    (head / "Pulumi.dev.yaml").unlink()
    [finding] = guard_findings.find_new_levels(["dev", "prod"], base, head)
    assert (finding.message, finding.stacks) == (message.format("it removes"), ["dev"])


@pytest.mark.parametrize("name", ["qa.JSON", "foundation/qa.Json", "dev.jSon"])
def test_the_name_of_a_file_of_levels_counts_in_every_case(name: str, tmp_path: Path) -> None:
    base, head = trees(tmp_path, None, None, stacks=["dev"])
    (head / "policies" / "config" / name).parent.mkdir(exist_ok=True)
    (head / "policies" / "config" / name).write_text('{"all": "disabled"}')
    finding = next(guard_findings.find_new_levels(["dev", "prod"], base, head))
    assert finding.name == f"policies/config/{name}"
    assert finding.message.endswith("disabled: all")


def test_a_new_link_beside_the_files_of_levels_is_a_finding_since_it_may_lead_to_some(tmp_path: Path) -> None:
    base, head = trees(tmp_path, None, None, stacks=["dev"])
    (head / "policies" / "config" / "foundation").symlink_to(tmp_path)
    [finding] = guard_findings.find_new_levels(["dev"], base, head)
    assert finding.name == "policies/config/foundation"


def test_the_levels_of_a_new_stack_weaken_no_rule(tmp_path: Path) -> None:
    levels = {"ssh-open": "mandatory", "tags": "mandatory", "off": "mandatory", CEILING: "mandatory"}
    above = {"policy": CEILING, "urn": "urn:a::api", "message": "200", "level": "mandatory"}
    pack = Pack(levels, (*BASE.violations, above), options={CEILING: {"cpu": '"2"'}})

    def messages_of(stacks: list[str], head: Pack, content: Any = NEW_LEVELS) -> list[str]:
        of_stacks = trees(tmp_path / f"{len([*tmp_path.iterdir()])}", None, content, stacks)
        packs = guard_findings.without_new_levels("dev", Packs(pack, head), *of_stacks)
        findings = guard_findings.find_weakened, guard_findings.find_changed_options
        return [finding.name for find in findings for finding in find("dev", packs)]

    lowered = Pack(
        {"ssh-open": "mandatory", "tags": "disabled", "off": "advisory", CEILING: "advisory"},
        BASE.violations,
        options={CEILING: {"cpu": '"200"'}},
    )
    assert messages_of([], lowered) == []
    # The base has the stack, so its rules become weaker.
    assert messages_of(["dev"], lowered) == ["off", "tags", CEILING, CEILING]
    # The file explains neither the level or options of a rule that it does not name, nor a changed rule.
    assert messages_of([], lowered, {"tags": "disabled"}) == ["off", CEILING, CEILING]
    assert messages_of([], lowered, None) == ["off", "tags", CEILING, CEILING]
    # Nor does it explain a level that it does not give.
    assert messages_of([], lowered, {"all": {}, "off": {}}) == ["off", "tags", CEILING, CEILING]
    assert messages_of([], lowered, {CEILING: {"cpu": "200"}}) == ["off", "tags", CEILING]
    # The levels of all other new stacks are no part of the file.
    own = replace(pack, own_levels=levels), replace(lowered, own_levels=lowered.levels)
    packs = guard_findings.without_new_levels(
        "dev", Packs(*own), *trees(tmp_path / "own", None, NEW_LEVELS, [])
    )
    lower = [finding.name for finding in guard_findings.find_weakened("dev", packs)]
    assert lower == ["off", "tags", CEILING]
    assert messages_of([], replace(lowered, violations=())) == ["ssh-open"]
    removed = {rule: level for rule, level in lowered.levels.items() if rule != "off"}
    assert messages_of([], replace(lowered, levels=removed)) == ["off"]


def test_the_lower_level_of_a_new_stack_explains_its_violations_but_not_those_of_other_rules(
    tmp_path: Path,
) -> None:
    levels = {"ssh-open": "mandatory", "tags": "mandatory"}
    untagged = {"policy": "tags", "urn": "urn:a::api", "message": "no tags", "level": "mandatory"}
    milder = [row | {"level": "advisory"} for row in (*BASE.violations, untagged)]
    of_stacks = trees(tmp_path, None, {"tags": "advisory"}, [])
    head = Pack({**levels, "tags": "advisory"}, tuple(milder))
    packs = Packs(Pack(levels, (*BASE.violations, untagged)), head)
    packs = guard_findings.without_new_levels("dev", packs, *of_stacks)
    assert [finding.name for finding in guard_findings.find_weakened("dev", packs)] == ["ssh-open"]


def test_stricter_policies_are_shown_with_their_violations() -> None:
    new = {"policy": "tags", "urn": "urn:a::b", "message": "no tag", "level": "mandatory"}
    levels = {**BASE.levels, "tags": "mandatory", "extra": "advisory"}
    extra = {"policy": "extra", "urn": "urn:a::b", "message": "x", "level": "advisory"}
    head = Pack(levels, (*BASE.violations, new, extra))
    assert [*guard_findings.find_new(Packs(BASE, head))] == [new, extra]
    repeated = Pack(levels, head.violations * 3)
    assert [*guard_findings.find_new(Packs(Pack(BASE.levels, BASE.violations * 3), repeated))] == [new, extra]
    # A waiver that the pull request removes: the base's pack reports the violation as waived.
    [violation] = BASE.violations
    waiving = Pack(BASE.levels, (violation | WAIVED,))
    assert [*guard_findings.find_new(Packs(waiving, BASE))] == [violation]


def waiver(policy: str, target: str, expires: str) -> str:
    return (
        f"- reason: later\n  owner: platform\n  ticket: OPS-1\n  expires: {expires}\n"
        f'  match:\n    - policies: [{policy}]\n      targets: ["{target}"]\n'
    )


DEV = "urn:pulumi:dev::pipe::*::backups"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", waiver("stateful-replaced", DEV, "2027-01-31"), {"dev": "adds a waiver until 2027-01-31"}),
        (
            waiver("stateful-replaced", DEV, "2027-01-31"),
            waiver("stateful-replaced", DEV, "2027-02-28"),
            {"dev": "extends the waiver until 2027-01-31 to 2027-02-28"},
        ),
        (waiver("stateful-replaced", DEV, "2027-01-31"), waiver("stateful-replaced", DEV, "2027-01-30"), {}),
        (waiver("stateful-replaced", DEV, "2027-01-31"), "[]\n", {}),
        (
            "",
            waiver("stateful-replaced", "urn:pulumi:*::*::*::*", "2027-01-31"),
            dict.fromkeys(("dev", "prod"), "adds a waiver until 2027-01-31"),
        ),
        # A stack outside of the review: nothing hides the waiver.
        (
            "",
            waiver("stateful-replaced", DEV.replace("dev", "qa"), "2027-01-31"),
            dict.fromkeys(("dev", "prod"), "adds a waiver until 2027-01-31"),
        ),
    ],
)
def test_a_new_or_longer_waiver_is_a_finding_of_the_stacks_that_it_covers(
    before: str, after: str, expected: dict[str, str], tmp_path: Path
) -> None:
    for side, text in (("base", before), ("head", after)):
        (tmp_path / side / "review").mkdir(parents=True)
        (tmp_path / side / "policies").mkdir()
        if text:
            (tmp_path / side / "review" / "waivers.yaml").write_text(text)
    findings = guard_findings.find_wider_waivers(["dev", "prod"], tmp_path / "base", tmp_path / "head")
    assert {finding.stacks[0]: finding.message for finding in findings} == {
        stack: f"stateful-replaced: the pull request {change} for "
        f"{after.partition('targets: [')[2].split(chr(34))[1]} (review/waivers.yaml)"
        for stack, change in expected.items()
    }


def changed_waivers(folder: Path, before: str, after: str) -> tuple[Path, Path]:
    """Write both texts to the review's files of waivers, and return the trees with them."""
    for side, text in (("base", before), ("head", after)):
        (folder / side / "review").mkdir(parents=True)
        (folder / side / "review" / "waivers.yaml").write_text(text)
    return folder / "base", folder / "head"


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("owner: platform", "owner: mallory", "the owner from platform to mallory"),
        ("reason: later", "reason: never", "the reason from later to never"),
    ],
)
def test_another_owner_or_reason_of_a_waiver_is_a_finding(
    old: str, new: str, change: str, tmp_path: Path
) -> None:
    prod = DEV.replace("dev", "prod")
    targets = f'"{DEV}", "{DEV}2", "{prod}"'
    text = waiver("stateful-replaced", DEV, "2027-01-31").replace(f'"{DEV}"', targets)
    trees = changed_waivers(tmp_path, text, text.replace(old, new))
    findings = [*guard_findings.find_wider_waivers(["dev", "prod"], *trees)]
    start = f"review/waivers.yaml: the pull request changes {change} of the waiver of stateful-replaced for "
    assert [(finding.stacks, finding.message) for finding in findings] == [
        (["dev"], f"{start}{DEV}, {DEV}2"),
        (["prod"], f"{start}{prod}"),
    ]
    assert all(finding.blocks for finding in findings)
    assert not [*guard_findings.list_changed_waivers(*trees)]
    assert not [*guard_findings.find_wider_waivers(["dev", "prod"], trees[1], trees[1])]


def test_another_ticket_and_an_earlier_date_of_a_waiver_are_notes(tmp_path: Path) -> None:
    before = waiver("stateful-replaced", DEV, "2027-01-31")
    after = waiver("stateful-replaced", DEV, "2027-01-30").replace("OPS-1", "OPS-2")
    trees = changed_waivers(tmp_path, before, after)
    end = f" of the waiver of stateful-replaced for {DEV}"
    assert [*guard_findings.list_changed_waivers(*trees)] == [
        f"review/waivers.yaml: the pull request changes the ticket from OPS-1 to OPS-2{end}",
        f"review/waivers.yaml: the pull request changes the last day from 2027-01-31 to 2027-01-30{end}",
    ]
    assert not [*guard_findings.find_wider_waivers(["dev"], *trees)]
    assert not [*guard_findings.list_changed_waivers(*reversed(trees))][1:], "a later date is a finding"


def test_each_waiver_with_another_owner_is_a_finding_of_its_own(tmp_path: Path) -> None:
    before = waiver("stateful-replaced", DEV, "2027-01-31") + waiver("deleted", f"{DEV}2", "2027-01-31")
    trees = changed_waivers(tmp_path, before, before.replace("platform", "mallory"))
    findings = guard_findings.find_wider_waivers(["dev"], *trees)
    assert [finding.message.partition(" the waiver of ")[2] for finding in findings] == [
        f"deleted for {DEV}2",
        f"stateful-replaced for {DEV}",
    ]


def test_the_waiver_that_expires_last_has_the_fields_that_count(tmp_path: Path) -> None:
    late = waiver("stateful-replaced", DEV, "2027-01-31")
    early = waiver("stateful-replaced", DEV, "2027-01-01").replace("platform", "mallory")
    trees = changed_waivers(tmp_path, late, early + late)
    assert not [*guard_findings.find_wider_waivers(["dev"], *trees)]
    (tmp_path / "head" / "review" / "waivers.yaml").write_text(late.replace("platform", "mallory") + early)
    assert len([*guard_findings.find_wider_waivers(["dev"], *trees)]) == 1


@pytest.mark.parametrize(
    ("policy", "expires", "fault"),
    [
        ("stateful-replaced", "2099-01-31", "waivers.yaml[0].expires is 2099-01-31, "),
        ("a-rule-of-the-head", "2027-01-31", "waivers.yaml[0].match[0].policies names 'a-rule-of-the-head'"),
    ],
)
def test_a_waiver_that_becomes_valid_later_is_a_finding_today(
    policy: str, expires: str, fault: str, tmp_path: Path
) -> None:
    trees = changed_waivers(tmp_path, "[]\n", waiver(policy, DEV, expires))
    [finding] = guard_findings.find_wider_waivers(["dev"], *trees)
    start = "review/waivers.yaml: the pull request adds an invalid waiver, or changes a file that has one: "
    assert finding.message.startswith(start + fault)
    assert finding.blocks
    assert not [*guard_findings.find_wider_waivers(["dev"], tmp_path / "head", tmp_path / "head")]


def test_a_folder_in_place_of_the_waivers_is_a_finding_once(tmp_path: Path) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    (base / "review").mkdir(parents=True)
    (base / "review" / "waivers.yaml").write_text("[]\n")
    (head / "review" / "waivers.yaml").mkdir(parents=True)
    assert [finding.blocks for finding in guard_findings.find_wider_waivers(["dev"], base, head)] == [True]
    assert not [*guard_findings.find_wider_waivers(["dev"], head, head)]


def test_other_targets_of_a_waiver_that_is_not_yet_valid_are_a_finding(tmp_path: Path) -> None:
    for side, target in (("base", DEV), ("head", "urn:pulumi:*::*::*::*")):
        (tmp_path / side / "review").mkdir(parents=True)
        text = waiver("stateful-replaced", target, "2099-01-31")
        (tmp_path / side / "review" / "waivers.yaml").write_text(text)
    [finding] = guard_findings.find_wider_waivers(["dev"], tmp_path / "base", tmp_path / "head")
    assert "waivers.yaml[0].expires is 2099-01-31" in finding.message
