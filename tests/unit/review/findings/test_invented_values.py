"""Tests of values that come from outputs which the review's providers invent."""

import base64
from pathlib import Path
from typing import Any

from review.findings.invented_values import describe_invented
from review.findings.unknown_values import find_unknown
from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import KUBERNETES_SECRET, Resource
from review.stacks.stack import Stack
from sandbox.summary import MASK
from sandbox.wire.sentinels import INVENTED, INVENTED_NUMBERS
from tests.support.review.stacks import JOB, VPC, after, resource, stack

GROUP, SUBSCRIPTION = "aws:ec2/securityGroup:SecurityGroup", "aws:sns/topicSubscription:TopicSubscription"
FROM_OUTPUTS = "from outputs that the review cannot predict: "


def test_a_value_from_an_invented_output_blocks() -> None:
    old = resource(GROUP, "db", {"cidrs": ["10.0.0.0/16"]})
    new = resource(GROUP, "db", {"cidrs": ["10.0.0.0/16", f"{INVENTED}-cidrBlocks"]})
    reviewed = stack(Step("update", old, new))
    reviewed.predicted = True
    [(urn, finding)] = find_unknown(reviewed)
    assert finding.blocks and (urn, finding.message) == (new.urn, f"{FROM_OUTPUTS}cidrs[1]")


def test_a_new_resource_with_an_invented_number_or_key_is_described() -> None:
    new = resource(GROUP, "db", {"count": INVENTED_NUMBERS[5], "tags": {INVENTED: INVENTED}})
    step = Step("create", None, new)
    assert describe_invented(step, stack(step)) == f"{FROM_OUTPUTS}count, tags.{INVENTED}"


def test_the_digits_of_an_invented_number_in_a_hash_are_not_invented() -> None:
    for text, described in ((f"fedc{INVENTED_NUMBERS[5]}ba", False), (f"-p {INVENTED_NUMBERS[5]},", True)):
        step = Step("create", None, resource(GROUP, "db", {"hash": text}))
        assert bool(describe_invented(step, stack(step))) == described


def test_an_invented_value_of_the_base_is_no_news() -> None:
    old, new = (resource(GROUP, "db", {"policy": f"{INVENTED}-policy", "size": size}) for size in (1, 2))
    step = Step("update", old, new)
    assert describe_invented(step, stack(step)) == ""


def test_an_invented_value_that_follows_from_a_replaced_resource_is_no_news() -> None:
    texts = [f"{INVENTED}-{digit}-endpoint" for digit in "012"]
    before, after_ = (resource(VPC, "main", id="vpc-1", outputs={"endpoint": text}) for text in texts[:2])
    source = Step("replace", before, after_)
    for text, expected in ((texts[1], ""), (texts[2], f"{FROM_OUTPUTS}from"), (f"{texts[1]}0", "from")):
        old, new = (
            resource(GROUP, "db", {"from": value}, **after(**{"from": before}))
            for value in (f"at {texts[0]}", f"at {text}")
        )
        reviewed = stack(Step("update", old, new), source)
        reviewed.base = EngineRun(Path(), renewed={before.urn: {texts[0]: texts[1]}})
        described = describe_invented(reviewed.steps[new.urn], reviewed)
        assert described.endswith(expected) and bool(described) == bool(expected)


def test_a_new_version_of_an_updated_resource_is_no_news_where_the_base_has_the_old_one() -> None:
    number = INVENTED_NUMBERS[5]
    before, after_ = (resource(VPC, "main", id="vpc-1", outputs={"version": n}) for n in (number, number + 1))
    for old_value, new_value, expected in (
        (number, number + 1, ""),
        (f"at {number}.", f"at {number + 1}.", ""),
        (number, number + 2, f"{FROM_OUTPUTS}from"),
        ("none", number + 1, f"{FROM_OUTPUTS}from"),
    ):
        old, new = (
            resource(GROUP, "db", {"from": value}, **after(**{"from": before}))
            for value in (old_value, new_value)
        )
        reviewed = stack(Step("update", old, new), Step("update", before, after_))
        assert reviewed.head
        reviewed.head.renewed = {before.urn: {str(number): str(number + 1)}}
        assert describe_invented(reviewed.steps[new.urn], reviewed) == expected


def test_an_invented_trigger_of_replacements_is_described_unless_it_follows_from_a_replaced_resource() -> (
    None
):
    texts = [f"{INVENTED}-{digit}-endpoint" for digit in "012"]
    before, after_ = (resource(VPC, "main", id="vpc-1", outputs={"endpoint": text}) for text in texts[:2])
    for text, described in (
        (texts[0], ""),
        (texts[1], ""),
        (texts[2], f"{FROM_OUTPUTS}option replacementTrigger"),
    ):
        old, new = (resource(JOB, "it", replacementTrigger=value) for value in (texts[0], text))
        reviewed = stack(Step("replace", old, new), Step("replace", before, after_))
        reviewed.base = EngineRun(Path(), renewed={before.urn: {texts[0]: texts[1]}})
        assert describe_invented(reviewed.steps[new.urn], reviewed) == described


def test_a_new_source_that_an_equal_value_does_not_show_is_described() -> None:
    source = resource(SUBSCRIPTION, "mail", id="arn:of:mail", outputs={"pendingConfirmation": False})
    for value in (False, None):
        inputs = {} if value is None else {"forceDestroy": value}
        old, new = resource(GROUP, "b", inputs), resource(GROUP, "b", inputs, **after(forceDestroy=source))
        step = Step("same", old, new)
        expected = "forceDestroy, from mail (aws:sns:TopicSubscription)"
        assert describe_invented(step, stack(step, Step("same", source, source))).endswith(expected)


def test_a_new_value_is_described_if_it_shows_nothing_of_a_source_with_invented_outputs() -> None:
    def described(outputs: dict[str, Any], old: Any, new: str) -> str:
        source = resource(VPC, "main", id="vpc-1", outputs=outputs)
        before = resource(GROUP, "db", {"from": old}) if old else None
        step = Step("update", before, resource(GROUP, "db", {"from": new}, **after(**{"from": source})))
        return describe_invented(step, stack(step, Step("same", source, source)))

    invented, known = {"policy": f"{INVENTED}-policy"}, {"policy": "a"}
    for old in (None, "harmless"):
        assert described(invented, old, "harmless as well").endswith("from, from main (aws:ec2:Vpc)")
        assert described(invented, old, "in vpc-1") == described(known, old, "harmless as well") == ""


def test_a_new_value_is_described_if_it_comes_from_an_invented_id() -> None:
    source = resource("aws:ec2/keyPair:KeyPair", "laptops", {"keyName": "0.0.0.0/0"}, id=f"{INVENTED}-id")
    for value, expected in ((f"{INVENTED}-id/0", "from"), ("10.0.0.0/8", "from, from laptops")):
        new = resource(GROUP, "db", {"from": value}, **after(**{"from": source}))
        step = Step("update", resource(GROUP, "db", {"from": "old"}), new)
        assert expected in describe_invented(step, stack(step, Step("same", source, source)))


def test_a_text_that_the_program_gives_to_a_source_does_not_show_this_source() -> None:
    def described(old_tags: dict[str, str] | None) -> str:
        tags = {"Name": "nat", "Network": "10.0.0.0/8"}
        sources = [
            resource(VPC, "nat", {"tags": side}, id="eip-1", outputs={"tags": side, "key": INVENTED})
            for side in (tags if old_tags is None else old_tags, tags)
        ]
        source = (
            Step("create", None, sources[1]) if old_tags is None else Step("update", sources[0], sources[1])
        )
        inputs = {"cidrs": ["10.0.0.0/8"]}
        step = Step(
            "same", resource(GROUP, "db", inputs), resource(GROUP, "db", inputs, **after(cidrs=sources[1]))
        )
        return describe_invented(step, stack(step, source))

    assert described(None).endswith("cidrs, from nat (aws:ec2:Vpc)")
    assert described({"Name": "nat"}).endswith("cidrs, from nat (aws:ec2:Vpc)")
    assert described({"Network": "10.0.0.0/8"}) == ""


def test_an_output_that_is_in_a_new_value_by_chance_shows_no_source() -> None:
    outputs = {"engine": "redis", "region": "ap-northeast-1", "port": 5432, "key": f"{INVENTED}-key"}
    source = resource(GROUP, "cache", {"engine": "redis", "name": "orders"}, id="sg-1", outputs=outputs)
    for new, shows in (
        ("redis in ap-northeast-1", False),
        ("redis", True),
        ("from orders", True),
        ("5432", True),
    ):
        step = Step(
            "update",
            resource(VPC, "it", {"from": "old"}),
            resource(VPC, "it", {"from": new}, **after(**{"from": source})),
        )
        assert (describe_invented(step, stack(step, Step("same", source, source))) == "") == shows


def test_a_new_source_whose_id_or_output_the_value_contains_is_not_described() -> None:
    vpc = resource(VPC, "main", id="vpc-1", outputs={"cidrBlock": "10.0.0.0/16"})
    for value in ("vpc-1", '{"vpc": "vpc-1"}', "10.0.0.0/16"):
        old = resource(GROUP, "db", {"from": value})
        new = resource(GROUP, "db", {"from": value}, **after(**{"from": vpc}))
        step = Step("same", old, new)
        assert describe_invented(step, stack(step, Step("same", vpc, vpc))) == ""
        kept = Step("same", new, new)
        assert describe_invented(kept, stack(kept, Step("same", vpc, vpc))) == ""


def test_a_secret_with_an_invented_output_is_described_unless_the_base_has_it() -> None:
    def described(before: str, after: str) -> str:
        step, reviewed = with_secret(before, after)
        return describe_invented(step, reviewed)

    assert described("other", f"{INVENTED}-url") == f"{FROM_OUTPUTS}value"
    assert described(f"{INVENTED}-url", f"{INVENTED}-url") == ""


def test_an_invented_output_in_a_secret_of_kubernetes_is_described() -> None:
    def described(before: str | None, after_: str) -> str:
        old, new = (
            resource(KUBERNETES_SECRET, "it", {"data": {"url": encode(text)}}, **after(stringData=source))
            for text in (before or "", after_)
        )
        step = Step("update", old, new) if before is not None else Step("create", None, new)
        return describe_invented(step, stack(step, Step("same", source, source)))

    text = f"mongo://{INVENTED}-endpoint"
    source = resource(GROUP, "db", outputs={"endpoint": f"{INVENTED}-endpoint"})
    for before, expected in ((None, f"{FROM_OUTPUTS}data.url"), ("a", f"{FROM_OUTPUTS}data.url"), (text, "")):
        assert described(before, text) == expected


def test_a_secret_of_kubernetes_hides_no_source() -> None:
    def described(text: str) -> str:
        new = resource(KUBERNETES_SECRET, "it", {"data": {"url": encode(text)}}, **after(stringData=source))
        step = Step("create", None, new)
        return describe_invented(step, stack(step, Step("same", source, source)))

    source = resource(VPC, "main", id="vpc-1", outputs={"policy": f"{INVENTED}-policy"})
    assert described("harmless").endswith("stringData, from main (aws:ec2:Vpc)")
    assert described("in vpc-1") == ""


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def with_secret(before: str, after_: str, *sources: Resource) -> tuple[Step, Stack]:
    """Return the step of a resource with a secret, which depends on these resources newly, and its stack."""
    old = resource(GROUP, "it", {"value": MASK})
    new = resource(GROUP, "it", {"value": MASK}, **after(**dict(zip(["value"], sources, strict=False))))
    step = Step("update", old, new)
    base, head = (EngineRun(Path(), secrets={new.urn: {("value",): text}}) for text in (before, after_))
    head.steps = {step.resource.urn: step, **{source.urn: Step("same", source, source) for source in sources}}
    return step, Stack("dev", head, base, predicted=True)


def test_a_secret_hides_no_source() -> None:
    source = resource(SUBSCRIPTION, "mail", id="arn:of:mail", outputs={"key": MASK, "token": INVENTED})
    for before, after_ in (("a secret", "a secret"), ("a secret", "another"), ("a secret", f"a {MASK}")):
        step, reviewed = with_secret(before, after_, source)
        assert describe_invented(step, reviewed).endswith("value, from mail (aws:sns:TopicSubscription)")
    assert describe_invented(*with_secret("a secret", "in arn:of:mail", source)) == ""


def test_a_text_that_equals_a_mask_hides_no_source() -> None:
    source = resource(SUBSCRIPTION, "mail", outputs={"pendingConfirmation": False})
    for text in (MASK, f"the {MASK} port", f"{MASK} (secret)"):
        old, new = (resource(GROUP, "b", {"value": [text]}, **state) for state in ({}, after(value=source)))
        step = Step("same", old, new)
        head = EngineRun(
            Path(), {side.urn: Step("same", side, side) for side in (new, source)} | {new.urn: step}
        )
        head.secrets = {new.urn: {}}
        reviewed = Stack("dev", head, EngineRun(Path(), secrets={old.urn: {}}), predicted=True)
        assert describe_invented(step, reviewed).endswith("value, from mail (aws:sns:TopicSubscription)")
