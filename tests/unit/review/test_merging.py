"""Tests of entries about several stacks, which are merged if only the stack's name and account differ."""

from dataclasses import replace

import pytest

from review.merging import Merging
from review.model import SETS, Change, Finding, Property, SourceLocation
from review.plain_data import build_mask
from review.stacks.properties import CHECKSUMS
from review.stacks.stack import Stack
from review.stacks.stack_file import SettingValues, StackFile
from sandbox.summary import LATER, MASK

OWN = {"dev": "111122223333", "prod": "777788889999"}


def settings(account: str) -> SettingValues:
    return {"aws:allowedAccountIds[0]": (account, 4)}


STACKS = [Stack(name, file=StackFile("", settings(account), {})) for name, account in OWN.items()]


def change(stack: str, value: str, folded: str = "") -> Change:
    """Return a change of a property of a role to a value."""
    properties = [Property("policy", "s3:GetObject", value, forces=False, folded=folded, setting=None)]
    return Change(
        stacks=[stack], name="api", op="update", component="api", upstream=[], properties=properties
    )


def merged(*changes: Change) -> list[Change]:
    return [*Merging(STACKS).merge(changes)]


def test_the_stack_s_own_account_and_name_are_no_difference() -> None:
    changes = [change(name, f"arn:aws:iam::{account}:role/pipe-{name}") for name, account in OWN.items()]
    [both] = merged(*changes)
    assert both.stacks == ["dev", "prod"]
    assert both.properties[0].after == "arn:aws:iam::<account>:role/pipe-<stack>"


def test_a_foreign_account_stays_in_the_report() -> None:
    own = change("dev", f"arn:aws:iam::{OWN['dev']}:root")
    foreign = change("prod", "arn:aws:iam::999999999999:root")
    assert merged(own, foreign) == [own, foreign]
    # An account of another stack is foreign, too.
    of_dev = replace(own, stacks=["prod"])
    assert merged(own, of_dev) == [own, of_dev]


@pytest.mark.parametrize(
    ("own", "forged"),
    [
        ("role/pipe-{name}", "role/pipe-<stack>"),
        ("arn:aws:iam::{account}:root", "arn:aws:iam::<account>:root"),
        ("<stack>", "<stack\u200b>"),
    ],
)
def test_a_text_like_a_placeholder_stays_distinct(own: str, forged: str) -> None:
    right, wrong = change("dev", own.format(name="dev", account=OWN["dev"])), change("prod", forged)
    shown = [str(entry.properties[0].after) for entry in merged(right, wrong)]
    assert len(shown) == 2
    assert "<stack>" not in shown[1]
    assert "<account>" not in shown[1]


def test_a_text_like_a_placeholder_is_marked_in_a_merged_entry_and_in_a_single_one() -> None:
    literal = [change(name, f"<stack> {name}") for name in OWN]
    [both] = merged(*literal)
    assert both.properties[0].after == "<stack\u200b> <stack>"
    [single] = merged(literal[0])
    assert single.properties[0].after == "<stack\u200b> dev"


def test_a_stack_with_the_name_of_a_placeholder_is_no_exception() -> None:
    merging = Merging([Stack("stack"), Stack("dev")])
    assert merging.without_stack("<stack> of stack", "stack") == "<<stack>\u200b> of <stack>"
    assert merging.without_stack("<stack> of dev", "dev") == "<stack\u200b> of <stack>"


def test_a_secret_with_the_name_or_the_account_of_the_stack_is_masked_in_a_merged_entry() -> None:
    secrets = {name: f"https://dev:{OWN[name]}:correct-horse@{name}.example.com" for name in OWN}
    mask = build_mask(secrets.values())
    changes = [change(name, f"url {secret}") for name, secret in secrets.items()]
    [both] = Merging(STACKS, mask).merge(changes)
    assert both.properties[0].after == "url [secret]"
    [single] = Merging(STACKS, build_mask(["<stack> of horse"])).merge([change("dev", "<stack> of horse")])
    assert single.properties[0].after == "[secret]"


def test_folded_properties_are_merged_if_their_values_are_equal_or_say_nothing() -> None:
    def pair(dev: str, prod: str, folded: str) -> list[list[str]]:
        changes = change("dev", dev, folded), change("prod", prod, folded)
        return [merged_change.stacks for merged_change in merged(*changes)]

    together, apart = [["dev", "prod"]], [["dev"], ["prod"]]
    assert pair("0a" * 16, "0b" * 16, CHECKSUMS) == together
    assert pair(LATER, LATER, "known after up") == together
    assert pair("s3:GetObject*", "*:*", "follows from note") == apart
    assert pair(LATER, "*:*", "follows from note") == apart


def test_an_entry_of_several_stacks_has_the_values_of_each_that_were_not_compared() -> None:
    [both] = merged(change("dev", "0a" * 16, CHECKSUMS), change("prod", "0b" * 16, CHECKSUMS))
    [checksum] = both.properties
    assert (checksum.before, checksum.after) == ("s3:GetObject", f"dev: {'0a' * 16}, prod: {'0b' * 16}")
    later = [
        replace(
            item, properties=[replace(item.properties[0], before=before, after=LATER, folded="known later")]
        )
        for item, before in ((change("dev", ""), "a"), (change("prod", ""), None))
    ]
    [both] = merged(*later)
    assert (both.properties[0].before, both.properties[0].after) == ("dev: a, prod: (absent)", LATER)


def test_the_account_is_that_of_the_base_and_only_a_new_stack_has_that_of_the_head() -> None:
    def account(base: SettingValues, head: SettingValues) -> str:
        return StackFile("", base, head).account

    assert account(settings("111122223333"), settings("999999999999")) == "111122223333"
    assert account({}, settings("999999999999")) == "999999999999"
    assert account({"aws:region": ("x", 1)}, settings("999999999999")) == ""
    both = settings("111122223333") | {"aws:allowedAccountIds[1]": ("999999999999", 5)}
    assert account(both, both) == ""


def test_equal_entries_of_one_stack_stay_separate() -> None:
    changes = [change(stack, f"pipe-{stack}") for stack in ("dev", "dev", "prod")]
    assert [entry.stacks for entry in merged(*changes)] == [["dev", "prod"], ["dev"]]


@pytest.mark.parametrize(
    "word", ["new", "mandatory", "violation", "sets", "update", "secret", "up", "policy"]
)
def test_a_stack_with_a_word_of_the_report_as_its_name_changes_no_such_word(word: str) -> None:
    stacks = [Stack(name, file=StackFile("", {}, {})) for name in (word, f"foundation/{word}")]
    location = SourceLocation(f"{word}/policy.py", 1, SETS, "pipe:size", "changed alike")
    finding = Finding(
        stacks=[], name="api", policy="policy-new", message="", level="mandatory", setting=location
    )
    findings = [replace(finding, stacks=[stack.name]) for stack in stacks]
    changes = [replace(change(stack.name, LATER), stacks=[stack.name]) for stack in stacks]
    hidden = [replace(change(stack.name, MASK), name="key") for stack in stacks]
    merging = Merging(stacks)
    assert [*merging.merge(findings)] == [replace(finding, stacks=[word, f"foundation/{word}"])]
    assert finding.section == "Policy: new or no longer waived"
    values = [(item.op, item.properties[0].after) for item in merging.merge([*changes, *hidden])]
    assert values == [("update", LATER), ("update", MASK)]
