"""Tests of values that a program hides from a preview that knows all values."""

import base64
import hashlib
import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from review.findings.unknown_values import (
    BUILT_IN,
    MAKE_KNOWN,
    UNASKED,
    find_component_outputs,
    find_copied_secrets,
    find_hidden_literals,
    find_hidden_outputs,
    find_undecided,
    find_unknown,
    find_unknown_settings,
    find_unneeded_secrets,
)
from review.model import UNKNOWN
from review.stacks.engine_run import EngineRun, Step
from review.stacks.plugin_files import RELEASE
from review.stacks.resources import PROVIDERS, Resource
from review.stacks.stack import Stack
from review.stacks.stack_file import StackFile
from sandbox.summary import MASK
from sandbox.wire import sentinels
from tests.support.review.stacks import FUNCTION, JOB, SECRET, VPC, after, resource, set_outputs, stack, urn

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
IMAGE: dict[str, Any] = {"spec": {"containers": [{"image": sentinels.UNKNOWN}, {"image": "b"}]}}


def messages(inputs: dict[str, Any], *undecided: str, predicted: bool = True) -> list[str]:
    """Return the messages about a job, for which policies could not decide about values."""
    reviewed = stack(Step("same", resource(JOB, "it", inputs), resource(JOB, "it", inputs)))
    reviewed.predicted = predicted
    assert reviewed.head
    row = {"policy": "p", "urn": urn(JOB, "it"), "level": UNKNOWN, "severity": ""}
    reviewed.head.phase.violations += [row | {"message": message} for message in undecided]
    findings = [*find_unknown(reviewed)]
    assert all(target == urn(JOB, "it") and finding.blocks for target, finding in findings)
    return [finding.message.partition(": ")[2] for _, finding in findings]


def test_an_unknown_value_blocks_where_all_values_are_predicted() -> None:
    assert messages(IMAGE) == ["spec.containers[0].image"]
    assert messages({"spec": {}}) == []
    assert messages(IMAGE, predicted=False) == []


@pytest.mark.parametrize(
    ("source", "may_lack"), [("kubernetes:core/v1:Service", True), ("x:y:Unknown", True), (VPC, False)]
)
def test_a_new_null_blocks_in_an_input_that_comes_from_a_resource(source: str, may_lack: bool) -> None:
    """An output that has no value in the review may have one on an account."""
    service = resource(source, "main")
    null: dict[str, Any] = {"spec": {"containers": [{"image": "a", "tty": None}], "hostPID": None}}

    def blocked(before: dict[str, Any] | None, *, depends: bool = True) -> list[str]:
        state = after(spec=service) if depends else {}
        old = None if before is None else resource(DEPLOYMENT, "it", before, **state)
        step = Step("update" if old else "create", old, resource(DEPLOYMENT, "it", null, **state))
        reviewed = stack(step, Step("same", service, service))
        reviewed.predicted = True
        return [finding.message for _, finding in find_unknown(reviewed) if finding.blocks]

    both = "null, perhaps from an output that a deployment knows: spec.containers[0].tty, spec.hostPID"
    messages = [both] if may_lack else []
    assert blocked(None) == blocked({"spec": {"containers": [{"image": "a"}]}}) == messages
    other = [message.replace(", spec.hostPID", "") for message in messages]
    assert blocked({"spec": {"hostPID": None}}) == other
    assert blocked(null) == blocked(None, depends=False) == []


def test_an_unknown_secret_blocks_if_a_policy_could_not_decide() -> None:
    assert messages({"password": MASK}) == []
    undecided = "not known in this preview: password"
    assert messages({"password": MASK}, undecided) == [undecided]


@pytest.mark.parametrize(
    ("control", "source", "undecided", "blocks"),
    [
        (IMAGE, "a", "", False),
        ({"spec": {"containers": [{"image": "c"}, {"image": "b"}]}}, "a", "", True),
        ({"spec": {"containers": [{"image": sentinels.UNKNOWN}, {"image": "c"}]}}, "a", "", True),
        (IMAGE, "b", "", True),
        (IMAGE, "a", "not known in this preview: image", True),
        (None, "a", "", True),
    ],
    ids=["same", "known", "other part", "other source", "undecided policy", "no preview"],
)
def test_a_value_blocks_unless_it_is_unknown_in_a_preview_of_the_base_too(
    control: dict[str, Any] | None, source: str, undecided: str, blocks: bool
) -> None:
    sources = {name: resource(VPC, name, {"cidrBlock": "10.0.0.0/8"}) for name in "ab"}
    before = resource(JOB, "it", {"spec": {}}, **after(spec=sources["a"]))
    new = resource(JOB, "it", IMAGE, **after(spec=sources[source]))
    reviewed = stack(*(Step("same", vpc, vpc) for vpc in sources.values()), Step("update", before, new))
    reviewed.predicted = True
    assert reviewed.head
    if control is not None:
        previewed = Step("update", before, resource(JOB, "it", control, **after(spec=sources["a"])))
        reviewed.control = EngineRun(Path(), {previewed.resource.urn: previewed})
    if undecided:
        row = {"policy": "p", "urn": urn(JOB, "it"), "level": UNKNOWN, "severity": "", "message": undecided}
        reviewed.head.phase.violations.append(row)
    [(_, finding)] = find_unknown(reviewed)
    assert (finding.blocks, finding.level) == (blocks, "mandatory" if blocks else "advisory")
    assert (finding.message == "unknown, as in the base: spec.containers[0].image") == (not blocks)


def test_an_unknown_setting_of_a_provider_blocks_although_the_base_has_it() -> None:
    """The engine asks neither for look-ups nor for replacements then."""
    audit = resource(f"{PROVIDERS}aws", "audit", {"region": "x", "maxRetries": sentinels.UNKNOWN})
    reviewed = stack(step := Step("same", audit, audit))
    reviewed.predicted = True
    reviewed.control = EngineRun(Path(), {audit.urn: step})
    [(_, finding)] = find_unknown(reviewed)
    assert finding.blocks and finding.message == f"{UNASKED}: maxRetries"
    assert finding.remediation.startswith(MAKE_KNOWN)


def test_a_file_that_only_a_plugin_reads_blocks_in_every_review() -> None:
    local, remote = (
        resource(RELEASE, "it", {"chart": "charts/agent", "repositoryOpts": options})
        for options in ({}, {"repo": "https://charts.example.com"})
    )
    for step in (Step("create", None, local), Step("same", local, local), Step("update", remote, local)):
        reviewed = stack(step)
        reviewed.predicted = True
        [(_, finding)] = find_unknown(reviewed)
        assert (finding.blocks, finding.message.rpartition(": ")[2]) == (True, "chart")
        assert finding.remediation.startswith("Write the content into the program, or take a chart from")
    reviewed = stack(Step("update", local, remote))
    reviewed.predicted = True
    assert [*find_unknown(reviewed)] == []


def test_a_file_at_an_address_blocks() -> None:
    archive = {sentinels.SIGNATURE: sentinels.ASSETS[1], "uri": "https://files.example/a.zip", "hash": "a"}
    new = Resource(resource(FUNCTION, "it", {"code": archive}).state, Path("/t/head"))
    reviewed = stack(Step("same", new, new))
    reviewed.predicted = True
    [(_, finding)] = find_unknown(reviewed)
    assert finding.blocks and finding.message.endswith(": https://files.example/a.zip")


def test_a_new_or_changed_read_blocks() -> None:
    def names(*reads: Step) -> list[str]:
        reviewed = stack(*reads)
        reviewed.predicted = True
        return [finding.message.partition(" (get)")[0] for _, finding in find_unknown(reviewed)]

    def read(cidr: str, identifier: str = "vpc-1") -> Resource:
        return resource(VPC, "it", {"cidrBlock": cidr}, id=identifier, external=True)

    before = read("10.0.0.0/8")
    assert names(Step("read", None, before)) == ["reads vpc-1"]
    assert names(Step("read", before, read("10.0.0.0/8"))) == []
    assert names(Step("read", before, read("10.0.0.0/9"))) == ["reads vpc-1"]
    assert names(Step("read", before, read("10.0.0.0/8", "vpc-2"))) == ["reads vpc-2"]
    managed = resource(VPC, "it", {"cidrBlock": "10.0.0.0/8"}, id="vpc-0")
    assert names(Step("replace", managed, read("10.0.0.0/9"))) == ["reads vpc-1"]
    assert names(Step("create", None, managed), Step("replace", before, managed)) == []


def test_a_read_through_a_provider_with_other_settings_blocks() -> None:
    def provider(name: str, **settings: str) -> Resource:
        return resource(f"{PROVIDERS}aws", name, settings)

    def read(used: Resource) -> Resource:
        return resource(
            VPC, "it", {"cidrBlock": "10.0.0.0/8"}, id="vpc-1", external=True, provider=f"{used.urn}::1"
        )

    def blocks(before: Resource, after: Resource, op: str = "same", *unexplained: str) -> bool:
        steps = [Step("create" if side is after else "delete", side, side) for side in (before, after)]
        if before.urn == after.urn:
            steps = [Step(op, before, after)]
        reviewed = stack(*steps, Step("read", read(before), read(after)))
        assert reviewed.head
        reviewed.head.unexplained.update({urn: {"profile"} for urn in unexplained})
        reviewed.predicted = True
        return bool([*find_unknown(reviewed)])

    here, there = provider("here", region="a"), provider("there", region="b")
    assert blocks(here, there)
    assert not blocks(here, provider("newer", region="a", version="2"))
    assert blocks(provider("here", region=MASK), provider("newer", region=MASK))
    assert not blocks(here, here) and not blocks(
        here, provider("here", region="a", defaultTags="x"), "update"
    )
    assert blocks(here, provider("here", region="b"), "replace")
    assert blocks(here, provider("here", profile="x"), "update", here.urn)


def test_a_resource_that_keeps_the_state_of_another_type_blocks() -> None:
    reviewed = stack(Step("update", resource(VPC, "it"), resource(SECRET, "it")))
    reviewed.predicted = True
    [(_, finding)] = find_unknown(reviewed)
    assert (finding.blocks, finding.message.partition(":")[0]) == (True, "its type was aws")


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_resource_of_the_built_in_provider_blocks(kind: str) -> None:
    old, new = (resource(kind, "it", {"input": value}) for value in "ab")
    for step in (Step("create", None, old), Step("update", old, new), Step("same", old, old)):
        reviewed = stack(step)
        reviewed.predicted = True
        assert [finding.blocks for _, finding in find_unknown(reviewed)] == [True]


def test_a_new_literal_that_the_program_marks_as_secret_blocks() -> None:
    def found(before: dict[str, Any], after: dict[str, Any], kind: str = VPC) -> list[tuple[str, bool]]:
        old, new = (resource(kind, "it", {"a": MASK}) for _ in range(2))
        reviewed = stack(Step("update", old, new))
        old.literals, new.literals = before, after
        findings = [finding for _, finding in find_hidden_literals(reviewed)]
        return [(finding.message.rpartition(": ")[2], finding.blocks) for finding in findings]

    assert found({}, {"a.b": "x"}) == found({"a.b": "y"}, {"a.b": "x"}) == [("a.b", True)]
    assert found({}, {"a.b": None}) == found({"a.b": 1}, {"a.b": True}) == [("a.b", True)]
    assert found({"a.b": "x"}, {"a.b": "x"}) == found({"a.b": "x"}, {}) == []
    # Nobody has recorded the values, so they may differ.
    assert found({"a.b": MASK}, {"a.b": MASK}) == [("a.b", True)]
    assert found({}, {"data.hash": "x"}, SECRET) == [("data.hash", False)]
    assert found({}, {"metadata.name": "x"}, SECRET) == [("metadata.name", True)]


def test_the_remedy_names_the_other_input_if_the_sdk_marks_this_one_as_secret() -> None:
    def remedy(kind: str, *paths: str) -> str:
        new = resource(kind, "it")
        new.literals = dict.fromkeys(paths, "x")
        [(_, finding)] = find_hidden_literals(stack(Step("create", None, new)))
        return finding.remediation

    parameter = "aws:ssm/parameter:Parameter"
    assert "use `insecure_value`" in remedy(parameter, "value")
    for others in ((parameter, "value", "description"), (VPC, "value")):
        assert remedy(*others).startswith("Take the value from a secret setting, or do not mark it as secret")


def test_the_end_of_ignored_changes_blocks() -> None:
    def messages(before: list[str], after: list[str]) -> list[str]:
        old, new = (resource(VPC, "it", {}, ignoreChanges=paths) for paths in (before, after))
        reviewed = stack(Step("update", old, new))
        reviewed.predicted = True
        return [finding.message.partition(",")[0] for _, finding in find_unknown(reviewed)]

    assert messages(["cidrBlock", "tags"], ["tags"]) == ["option ignoreChanges ends for cidrBlock"]
    assert messages(["tags"], ["tags"]) == []


def test_the_beginning_of_ignored_changes_blocks_for_a_resource_that_exists() -> None:
    def messages(before: list[str] | None, after: list[str]) -> list[str]:
        old = None if before is None else resource(VPC, "it", {}, ignoreChanges=before)
        reviewed = stack(Step("update", old, resource(VPC, "it", {}, ignoreChanges=after)))
        reviewed.predicted = True
        return [finding.message.partition(":")[0] for _, finding in find_unknown(reviewed)]

    assert messages(["tags"], ["tags", "cidrBlock"]) == ["option ignoreChanges begins for cidrBlock"]
    assert messages(["tags"], ["tags"]) == messages(None, ["tags"]) == messages([], ["spec.replicas"]) == []


DATABASE = "aws:rds/instance:Instance"


def unseen_replacements(
    before: Resource | None, new: Resource, *others: Step, op: str = "update"
) -> list[str]:
    """Return the options of a resource with which an unseen replacement is possible."""
    reviewed = stack(Step(op, before, new), *others)
    reviewed.predicted = True
    findings = [finding for _, finding in find_unknown(reviewed)]
    assert all(finding.blocks and finding.message.startswith("options with") for finding in findings)
    return [finding.message.partition(": ")[2] for finding in findings]


@pytest.mark.parametrize("path", ["tagsAll", "*", '["*"]', "", "tags.other", "ingress[0x0]"])
def test_a_replacement_by_changes_of_what_is_no_input_blocks(path: str) -> None:
    inputs = {"tags": {"team": "a"}, "ingress": ["a"]}
    plain, option = (resource(DATABASE, "it", inputs, replaceOnChanges=paths) for paths in ([], [path]))
    assert unseen_replacements(plain, option) == unseen_replacements(None, option, op="create") != []
    # The option of the base is a risk whenever the resource or its provider changes.
    assert unseen_replacements(option, option) != [] == unseen_replacements(option, option, op="same")
    old, new = (resource(f"{PROVIDERS}aws", "default") for _ in range(2))
    provider = Step("update", old, new)
    through = resource(
        DATABASE, "it", inputs, replaceOnChanges=[path], provider=f"{provider.resource.urn}::1"
    )
    assert unseen_replacements(through, through, provider, op="same") != []
    # So is that of a resource without data behind which another one has some.
    network = resource(VPC, "main", inputs, replaceOnChanges=[path])
    behind = resource(DATABASE, "behind", replaceWith=[network.urn])
    assert unseen_replacements(network, network, Step("same", behind, behind)) != []
    assert unseen_replacements(network, network) == []


def test_a_replacement_by_changes_of_an_input_blocks_if_it_comes_from_a_resource() -> None:
    vpc = resource(VPC, "main", {"name": "a"}, id="vpc-1234")
    inputs = {"subnet": "vpc-1234", "tags": {"team": "a"}}
    states = {"replaceOnChanges": ["subnet", "tags.team"]}, after(subnet=vpc)
    plain, literal = (resource(DATABASE, "it", inputs, **state) for state in ({}, states[0]))
    derived = resource(DATABASE, "it", inputs, **states[0], **states[1])
    source = Step("same", vpc, vpc)
    assert unseen_replacements(plain, literal, source) == []
    assert unseen_replacements(plain, derived, source) == ["replaceOnChanges of subnet"]
    assert unseen_replacements(derived, derived, source) == []


def test_a_new_trigger_of_replacements_blocks_since_it_may_come_from_an_output() -> None:
    for kind, blocks in ((DATABASE, True), (VPC, True), (JOB, False)):
        plain, option = resource(kind, "it"), resource(kind, "it", replacementTrigger="1")
        assert unseen_replacements(plain, option) == ["replacementTrigger"] * blocks
        assert unseen_replacements(None, option, op="create") == ["replacementTrigger"] * blocks
        assert unseen_replacements(option, option) == unseen_replacements(option, plain) == []


def test_a_trigger_blocks_for_a_component_and_an_object_of_kubernetes_if_it_could_replace_data() -> None:
    kind = "shop:index:Release"
    component = {"urn": urn(kind, "it"), "type": kind, "custom": False}
    for plain, option in (
        (resource(JOB, "it"), resource(JOB, "it", replacementTrigger="1")),
        (Resource(component), Resource({**component, "replacementTrigger": "1"})),
    ):
        table = resource(DATABASE, "orders")
        bound = resource(DATABASE, "orders", replaceWith=[plain.urn])
        between = resource(VPC, "main", replaceWith=[plain.urn])
        behind = resource(DATABASE, "orders", deletedWith=between.urn)
        blocked = ["replacementTrigger; also orders (aws:rds:Instance)"]
        # The option is new, or the data, or what leads from one to the other.
        assert unseen_replacements(plain, option, Step("same", bound, bound)) == blocked
        assert unseen_replacements(None, option, Step("create", None, bound), op="create") == blocked
        assert unseen_replacements(option, option, Step("create", None, bound), op="same") == blocked
        assert unseen_replacements(option, option, Step("update", table, bound), op="same") == blocked
        steps = Step("create", None, between), Step("update", table, behind)
        assert unseen_replacements(option, option, *steps, op="same") == blocked
        assert unseen_replacements(option, option, Step("same", bound, bound), op="same") == []
        assert unseen_replacements(plain, option, Step("same", table, table)) == []


def test_an_unknown_trigger_of_replacements_blocks() -> None:
    job = resource(JOB, "it", replacementTrigger=sentinels.UNKNOWN)
    reviewed = stack(Step("same", job, job))
    reviewed.predicted = True
    [(_, finding)] = find_unknown(reviewed)
    assert finding.blocks and finding.message.endswith(": option replacementTrigger")


@pytest.mark.parametrize("op", ["create", "update", "replace", "same"])
@pytest.mark.parametrize(
    ("before", "after", "blocks"),
    [("", "vpc-1", True), ("vpc-1", "vpc-2", True), ("vpc-1", "vpc-1", False), ("vpc-1", "", False)],
)
def test_an_import_blocks_unless_the_base_has_it(op: str, before: str, after: str, *, blocks: bool) -> None:
    old, new = (resource(VPC, "it", {}, id="vpc-1", importID=text) for text in (before, after))
    reviewed = stack(Step(op, old, new))
    reviewed.predicted = True
    findings = [finding for _, finding in find_unknown(reviewed)]
    assert [finding.message.partition(":")[0] for finding in findings] == ["option importID"] * blocks
    assert all(finding.blocks and "`pulumi import`" in finding.remediation for finding in findings)


@pytest.mark.parametrize(
    ("paths", "hidden"),
    [
        (["ingress"], ["ingress"]),
        (["tags", "*"], ["*"]),
        (["ingress[*].ports"], ["ingress.*.ports"]),
        (['["ingress"][0]["ports"]'], ["ingress[0].ports"]),
        (["ingress[1]", "tags", "ingress[0].name"], []),
    ],
)
def test_a_replacement_with_another_value_than_the_policies_judge_blocks(
    paths: list[str], hidden: list[str]
) -> None:
    def messages(op: str) -> list[str]:
        old, new = (
            resource(
                VPC,
                "it",
                {"ingress": [{"name": "a", "ports": port}], "tags": {"a": "b"}},
                ignoreChanges=paths,
            )
            for port in (22, 0)
        )
        reviewed = stack(Step(op, old, new))
        reviewed.predicted = True
        return [finding.message.partition(" from")[0] for _, finding in find_unknown(reviewed)]

    assert messages("replace") == [f"option ignoreChanges hides {path}" for path in hidden]
    assert messages("update") == []


@pytest.mark.parametrize("ignored_before", [[], ["spec.replicas"]])
def test_another_number_of_pods_in_a_replacement_blocks_also_if_an_autoscaler_sets_it(
    ignored_before: list[str],
) -> None:
    old = resource(DEPLOYMENT, "api", {"spec": {"replicas": 3}}, ignoreChanges=ignored_before)
    new = resource(DEPLOYMENT, "api", {"spec": {"replicas": 0}}, ignoreChanges=["spec.replicas"])
    reviewed = stack(Step("replace", old, new))
    reviewed.predicted = True
    [(_, finding)] = find_unknown(reviewed)
    assert finding.blocks
    assert finding.message.startswith("option ignoreChanges hides spec.replicas from the policies")
    assert finding.remediation.startswith("Change the value before, in a pull request of its own")


def test_a_file_of_the_base_blocks_if_the_program_names_it_also_with_ignored_changes(tmp_path: Path) -> None:
    for side in ("base", "head"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "code.py").write_text(side)
    digest = hashlib.sha256(b"base").hexdigest()
    asset = {sentinels.SIGNATURE: sentinels.ASSETS[0], "path": f"{tmp_path}/base/code.py"}
    kind = "aws:s3/bucketObject:BucketObject"
    state = {"urn": urn(kind, "it"), "type": kind, "custom": True, "ignoreChanges": ["tags"]}
    state |= {"inputs": {"source": asset | {"hash": digest}}}
    declared = {"declared": state["urn"], "inputs": {"source": asset}}
    for op, sides in (("create", {}), ("same", {"oldState": state})):
        plan = {"steps": [{"op": op, "urn": state["urn"], "newState": state} | sides]}
        head = EngineRun(tmp_path / "head", old_tree=tmp_path / "base").add(plan, [declared])
        reviewed = Stack("dev", head, EngineRun(tmp_path / "base"), predicted=True)
        [(_, finding)] = find_unknown(reviewed)
        assert finding.blocks
        assert finding.message.startswith("files that are not in the tree under review: ")


def test_a_secret_or_unknown_output_blocks() -> None:
    secret = "hidden-password"
    key = "-----BEGIN KEY-----\nsome-line\nanother-line\n"
    step = Step("same", resource(VPC, "it"), resource(VPC, "it"))
    asset = {sentinels.SIGNATURE: sentinels.ASSETS[0], "text": f"a {secret}"}
    outputs: dict[str, Any] = {"url": "https://a", "public": "another-line", "mask": MASK}
    marked = {sentinels.SIGNATURE: sentinels.SECRET, "value": "x"}
    outputs |= {"config": {"users": [marked]}, "address": f"https://{secret}@a"}
    encoded = base64.b64encode(f"of {secret}".encode()).decode()
    outputs |= {"encoded": encoded, "key": {secret: 1}, f"of-{secret}": 1}
    outputs |= {"text": asset, "host": sentinels.UNKNOWN, "hosts": ["a", sentinels.UNKNOWN]}
    head = EngineRun(Path(), {step.resource.urn: step})
    set_outputs(head, outputs)
    head.generated = {step.resource.urn: {key}}
    reviewed = Stack("dev", head, EngineRun(Path()), predicted=True, secrets={secret: "pipe:token"})
    findings = [*find_hidden_outputs(reviewed)]
    names = [finding.name.removeprefix("output ") for finding in findings if finding.blocks]
    assert names == ["address", "config", "encoded", "host", "hosts", "key", f"of-{secret}", "text"]
    assert [finding.message.partition(",")[0] for finding in findings] == [
        *["an output that is secret"] * 3,
        *["an output that is unknown"] * 2,
        *["an output that is secret"] * 3,
    ]
    assert [*find_hidden_outputs(Stack("dev", head))] == []


def test_an_unknown_output_of_a_component_and_a_secret_one_in_plain_text_block() -> None:
    setting, key = "1f0c6c9c2d7f4f2c8f7e6a5b4c3d2e1f", "-----BEGIN KEY-----\nsome-line\nanother-line\n"

    def found(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, bool]]:
        old, new = (resource("pipe:index:Api", "api", custom=False) for _ in range(2))
        base, head = (
            EngineRun(Path(), {new.urn: Step("same", old, new)}, component_outputs={new.urn: outputs})
            for outputs in (before, after)
        )
        head.generated = {new.urn: {key}}
        reviewed = Stack("dev", head, base, predicted=True, secrets={setting: "pipe:token"})
        findings = chain(find_component_outputs(reviewed), find_hidden_literals(reviewed))
        return [(finding.message, finding.blocks) for _, finding in findings]

    unknown, marked = sentinels.UNKNOWN, {sentinels.SIGNATURE: sentinels.SECRET, "value": f"a {setting}"}
    message = "unknown, so that no review shows what a deployment makes of it: output a, output b.c"
    assert found({}, {"a": unknown, "b.c": [unknown]}) == [(message.replace("b.c", '["b.c"]'), True)]
    plain = "a secret in plain text, which a deployment writes to its state: output a"
    for text in (setting, f"x {setting}", {setting: 1}, key, setting.upper()):
        assert found({"a": marked}, {"a": text}) == [(plain, True)]
        assert found({"a": text}, {"a": text}) == []
    assert found({}, {setting: 1}) == [(plain.replace("output a", f"output {setting}"), True)]
    assert found({"a": f"y {setting}"}, {"a": f"x {setting}"}) == []  # It is not new.
    assert found({}, {"a": "another-line", "b": marked}) == []  # A certificate may have a line of its key.
    literal = "secret, but neither from a secret setting nor computed: output a"
    assert found({}, {"a": marked | {"value": "x"}}) == [(literal, True)]
    assert found({"a": marked | {"value": "x"}}, {"a": marked | {"value": "x"}}) == []


def test_what_a_program_declares_only_if_it_knows_a_value_blocks() -> None:
    reviewed = stack(Step("same", resource(VPC, "it"), resource(VPC, "it")))
    assert reviewed.head
    rows: list[dict[str, str]] = [
        {"undecided": "", "urn": "", "reason": "it fails"},
        {"undecided": "aws:index/getRegion:getRegion", "urn": "", "reason": "it calls"},
        {"undecided": "it", "urn": urn(VPC, "it"), "reason": "something else: cidrBlock"},
        {"undecided": "new", "urn": urn(JOB, "new"), "reason": f"{JOB}: only"},
    ]
    reviewed.head.add(rows)
    findings = [*find_undecided(reviewed)]
    assert all(finding.blocks for _, finding in findings)
    assert [(target, item.type, item.name, item.message) for target, item in findings] == [
        ("", "", reviewed.name, "it fails"),
        ("", "", "call aws:index/getRegion:getRegion", "it calls"),
        (urn(VPC, "it"), VPC, "it", "something else: cidrBlock"),
        (urn(JOB, "new"), "", "resource new", f"{JOB}: only"),
    ]


@pytest.mark.parametrize(
    ("before", "blocks"),
    [
        ({"a": ["0a1b2c3d"]}, False),
        ({"a": ["0a1b2c3e"]}, True),
        ({"a": []}, True),
        ({"a": [MASK]}, True),
        (None, True),
    ],
)
def test_what_a_program_computes_from_a_secret_blocks_except_for_a_hash_of_the_base(
    before: dict[str, Any] | None, *, blocks: bool
) -> None:
    inputs = {"a": [MASK]} if before == {"a": [MASK]} else {"a": ["0a1b2c3d"]}
    old = None if before is None else resource(VPC, "it", before)
    reviewed = stack(Step("update", old, resource(VPC, "it", inputs)))
    assert reviewed.head
    reviewed.head.add(
        [
            {"computed": "it", "urn": urn(VPC, "it"), "reason": "something else: a[0]", "hash": ["a", 0]},
            {"computed": "it", "urn": urn(VPC, "it"), "reason": "something else: b"},
        ]
    )
    findings = [finding for _, finding in find_undecided(reviewed)]
    assert all(finding.blocks and "what is computed" in finding.remediation for finding in findings)
    expected = ["something else: a[0]"] * blocks
    assert [finding.message for finding in findings] == [*expected, "something else: b"]
    reviewed.has_base_program = True
    assert [finding.message for _, finding in find_undecided(reviewed)] == ["something else: b"]


def test_a_text_of_the_base_that_only_looks_like_a_hash_blocks(tmp_path: Path) -> None:
    inputs = {"account": "111122223333", "ami": "ami-0a1b2c3d4e5f60718", "name": "a-9f8e7d6c"}
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  a:account: '111122223333'\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "images.py").write_bytes(b"\xff = 'AMI-0A1B2C3D4E5F60718'")
    reviewed = stack(Step("same", resource(VPC, "it", inputs), resource(VPC, "it", inputs)))
    reviewed.base = EngineRun(tmp_path)
    assert reviewed.head
    for name, text in inputs.items():
        row = {"computed": "it", "urn": urn(VPC, "it"), "reason": name}
        reviewed.head.add([row | {"hash": [name], "hashes": [text.rpartition("-")[2]]}])
    assert [finding.message for _, finding in find_undecided(reviewed)] == ["account", "ami"]


def test_a_new_secret_setting_blocks_unless_the_schema_of_the_base_has_it(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    schema = {"properties": {"config": {"properties": {"pipe:known": {"writeOnly": True}}}}}
    (tmp_path / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))
    base = {"pipe:old.secure": ("v1:a", 3)}
    head = {**base, "pipe:known.secure": ("v1:b", 4), "pipe:mode.secure": ("v1:c", 5), "pipe:plain": ("d", 6)}
    reviewed = stack(file=StackFile("Pulumi.dev.yaml", base, head))
    [finding] = find_unknown_settings(reviewed, tmp_path)
    assert (finding.name, finding.blocks, finding.locations[0].line) == ("setting pipe:mode", True, 5)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("v1:AAAAAAAAAAAAAAAA:cHdkMQ==", True),
        ("v1:AAAAAAAAAAAAAAAA:cHdkMR==", True),  # Go's decoder ignores the last bits.
        ("v1:AAAAAAAAAAAAAAAA:cHdk\nMQ==", True),
        ("v1:AAAAAAAAAAAAAAAA:cHdkMg==", False),
    ],
)
def test_a_setting_with_the_encrypted_text_of_another_one_blocks(text: str, blocks: bool) -> None:
    admin = {"pipe:admin.secure": ("v1:AAAAAAAAAAAAAAAA:cHdkMQ==", 3)}
    public, copied = ({"pipe:public.secure": (value, 4)} for value in ("v1:AAAAAAAAAAAAAAAA:old=", text))
    for base, head in (
        (admin | public, admin | copied),
        (admin | public, copied),
        (admin, admin | copied),
    ):
        findings = [*find_copied_secrets(stack(file=StackFile("Pulumi.dev.yaml", base, head)))]
        assert [(item.name, item.blocks, item.locations[0].line) for item in findings] == [
            ("setting pipe:public", True, 4)
        ] * blocks
    both = StackFile("Pulumi.dev.yaml", admin | copied, admin | copied)
    assert [*find_copied_secrets(stack(file=both))] == []


@pytest.mark.parametrize(("error", "blocks"), [("", True), ("invalid syntax", False)])
def test_only_a_head_that_evaluates_can_hide_what_it_does_without_a_secret(error: str, blocks: bool) -> None:
    reviewed = stack()
    reviewed.invented, reviewed.without_invented = ["pipe:token"], "the program evaluates without it"
    assert reviewed.head
    reviewed.head.phase.errors += [error] * bool(error)
    assert [finding.blocks for finding in find_unneeded_secrets(reviewed)] == [True] * blocks
    reviewed.base_failed = True
    assert [*find_unneeded_secrets(reviewed)] == []


def test_a_resource_whose_outputs_the_program_replaces_blocks() -> None:
    reviewed = stack(Step("same", resource(VPC, "it"), resource(VPC, "it")))
    reviewed.predicted = True
    assert reviewed.head
    assert [*find_unknown(reviewed)] == []
    reviewed.head.overwritten.add(urn(VPC, "it"))
    [(target, finding)] = find_unknown(reviewed)
    assert (target, finding.blocks) == (urn(VPC, "it"), True)
