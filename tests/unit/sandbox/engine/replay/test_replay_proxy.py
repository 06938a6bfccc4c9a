"""Tests of the second run of a program, in which the values are known that were unknown in the first one."""

import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime.proto import alias_pb2, engine_pb2, language_pb2, resource_pb2, source_pb2

from sandbox.engine.call_relay import CallCounts
from sandbox.engine.http2_calls import END
from sandbox.engine.replay.recorded_calls import Failure, RecordedCalls
from sandbox.engine.replay.replay_proxy import ReplayProxy
from sandbox.wire.sentinels import INVENTED, OUTPUT, SECRET, SIGNATURE, UNKNOWN

SERVICES = {"Log": "pulumirpc.Engine"}
STACK = "urn:pulumi:dev::a::pulumi:pulumi:Stack::a-dev"
COMPONENT = "urn:pulumi:dev::a::x:y:Z::component"
VPC = "urn:pulumi:dev::a::aws:ec2/vpc:Vpc::main"
METRICS = "enableNetworkAddressUsageMetrics"
"""A boolean that no table describes."""

PATH = 'spec.template.metadata.annotations["checksum/config"]'
"""The path of a checksum."""

LOOK_UP = resource_pb2.ResourceInvokeRequest(tok="aws:index/getRegion:getRegion")


def struct(**values: Any) -> Struct:
    """Return a message with these properties."""
    message = Struct()
    message.update(values)
    return message


def vpc(name: str = "main", **fields: Any) -> resource_pb2.RegisterResourceRequest:
    """Return a request to register a VPC of the stack."""
    fields = {"object": struct(cidrBlock="10.0.0.0/16"), "parent": STACK} | fields
    return resource_pb2.RegisterResourceRequest(type="aws:ec2/vpc:Vpc", name=name, custom=True, **fields)


def outputs(**values: Any) -> resource_pb2.RegisterResourceOutputsRequest:
    return resource_pb2.RegisterResourceOutputsRequest(urn=STACK, outputs=struct(**values))


def answer(**values: Any) -> bytes:
    return resource_pb2.RegisterResourceResponse(
        urn=VPC, id="vpc-1", object=struct(**values)
    ).SerializeToString()


def record(*more: tuple[str, Any, bytes | Failure], **outcome: Any) -> RecordedCalls:
    """Return the calls of a run that declares a VPC, whose answer has these outputs."""
    calls = RecordedCalls()
    calls.add("RegisterResource", vpc(), answer(**({METRICS: UNKNOWN} | outcome)))
    for call in more:
        calls.add(*call)
    return calls


class Run:
    """A second run, which sends requests to a proxy."""

    def __init__(self, calls: RecordedCalls) -> None:
        self.completions = 0
        self.order: list[str] = []
        self.ids: list[str] = []
        self.proxy = ReplayProxy(calls, CallCounts(), self._complete)

    def _complete(self) -> None:
        self.completions += 1

    def send(self, name: str, message: Any) -> Any:
        """Return the answer to a call."""
        path = f"/{SERVICES.get(name, 'pulumirpc.ResourceMonitor')}/{name}"
        outcome = self.proxy.outcome(path, name, message.SerializeToString())
        if isinstance(outcome, Failure):
            return outcome
        response = {"RegisterResource": resource_pb2.RegisterResourceResponse}
        response |= {"ReadResource": resource_pb2.ReadResourceResponse}
        return response[name].FromString(outcome) if name in response else outcome

    def end(self, error: str = "", *leftovers: str) -> list[tuple[str, str, str]]:
        """End the program, and return the differences."""
        if not error:
            self.send(END, language_pb2.RunRequest())
            self.send(END, language_pb2.RunRequest())
            assert self.completions == 1
        rows = self.proxy.rows(error, leftovers)
        return [(row["urn"], row["undecided"], row["reason"].partition(" if outputs")[0]) for row in rows]


def test_an_equal_run_gets_known_values_and_differs_in_nothing() -> None:
    members: dict[str, Any] = {"return": struct(region="eu-west-1")}
    region = resource_pb2.ResourceInvokeResponse(**members).SerializeToString()
    failure = Failure(grpc.StatusCode.UNKNOWN, "no such zone")
    zone = resource_pb2.ResourceInvokeRequest(tok="aws:route53/getZone:getZone")
    feature = resource_pb2.SupportsFeatureRequest(id="secrets")
    other = vpc("other", dependencies=[VPC, STACK])
    calls = record(
        ("SupportsFeature", feature, b""),
        ("RegisterResource", other, answer(cidrBlock="10.0.0.0/16")),
        ("Invoke", LOOK_UP, region),
        ("Invoke", zone, failure),
        ("RegisterResourceOutputs", outputs(a=1), b""),
    )
    assert calls.has_unknown
    run = Run(calls)
    # Two runs may reach a line in another way, and the order of sets and of calls is not that of the program.
    position = source_pb2.SourcePosition(uri="x", line=3)
    assert not run.send("RegisterResource", vpc("other", dependencies=[STACK, VPC])).object.fields.keys() - {
        "cidrBlock"
    }
    assert run.send("RegisterResource", vpc(sourcePosition=position)).object[METRICS] is True
    assert run.send("SupportsFeature", feature) == b""
    assert run.send("Invoke", LOOK_UP) == region
    assert run.send("Invoke", zone) == failure
    run.send("RegisterResourceOutputs", outputs(a=1))
    run.send("Log", engine_pb2.LogRequest(severity=engine_pb2.WARNING, message="late"))
    assert run.end() == []


PROVIDER = "urn:pulumi:dev::a::pulumi:providers:aws::other"


def with_provider(*more: tuple[str, Any, bytes | Failure]) -> Run:
    """Return the second run of a program that creates two providers, which have the engine's placeholder."""
    providers = [
        (
            "RegisterResource",
            resource_pb2.RegisterResourceRequest(
                type="pulumi:providers:aws", name=name, custom=True, parent=STACK
            ),
            resource_pb2.RegisterResourceResponse(
                urn=PROVIDER.replace("other", name), id=UNKNOWN
            ).SerializeToString(),
        )
        for name in ("other", "third")
    ]
    run = Run(record(*providers, *more))
    run.send("RegisterResource", vpc())
    run.ids = [run.send("RegisterResource", request).id for _, request, _ in providers]
    return run


def test_new_providers_get_other_ids_and_what_has_these_differs_in_nothing() -> None:
    def requests(provider_id: str) -> tuple[Any, Any]:
        reference = f"{PROVIDER}::{provider_id}"
        tags = struct(whole=provider_id, part=f"by {provider_id}")
        read = resource_pb2.ResourceInvokeRequest(tok="aws:index/getRegion:getRegion", provider=reference)
        return vpc("b", provider=reference, providers={"aws": reference}, object=tags), read

    first, first_read = requests(UNKNOWN)
    vpcs = resource_pb2.ResourceInvokeResponse().SerializeToString()
    run = with_provider(
        ("RegisterResource", first, answer(whole=UNKNOWN, part=f"by {UNKNOWN}")),
        ("Invoke", first_read, vpcs),
    )
    assert len({UNKNOWN, *run.ids}) == 3
    assert [len(provider_id) for provider_id in run.ids] == [36, 36]
    second, second_read = requests(run.ids[0])
    assert run.send("RegisterResource", second).object["whole"] == run.ids[0]
    assert run.send("Invoke", second_read) == vpcs
    run.send("Log", engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=run.ids[0]))
    assert run.end() == []


def test_what_depends_on_the_id_of_a_new_provider_differs() -> None:
    first = vpc("b", object=struct(cidrBlock="10.1.0.0/16"))
    run = with_provider(("RegisterResource", first, answer()))
    # The SDK makes no call whose arguments have the placeholder.
    run.send(
        "Invoke",
        resource_pb2.ResourceInvokeRequest(tok="aws:ec2/getVpcs:getVpcs", args=struct(provider=run.ids[0])),
    )
    run.send("RegisterResource", vpc("b", object=struct(cidrBlock=f"by {run.ids[1]}")))
    assert run.end() == [
        (
            "",
            "aws:ec2/getVpcs:getVpcs",
            "the program makes this call, or makes it with these arguments, only",
        ),
        (VPC, "main", "the program declares something else"),
    ]


def test_a_look_up_that_was_unknown_is_known() -> None:
    unknown = resource_pb2.ResourceInvokeResponse(unknown=True).SerializeToString()
    calls = RecordedCalls()
    calls.add("Invoke", LOOK_UP, unknown)
    assert calls.has_unknown
    answered = Run(calls).send("Invoke", LOOK_UP)
    assert not resource_pb2.ResourceInvokeResponse.FromString(answered).unknown


def test_a_run_without_unknown_values_needs_no_second_one() -> None:
    calls = RecordedCalls()
    calls.add("RegisterResource", vpc(), answer(cidrBlock="10.0.0.0/16"))
    component = resource_pb2.RegisterResourceRequest(type="x:y:Z", name="component", parent=STACK)
    calls.add(
        "RegisterResource",
        component,
        resource_pb2.RegisterResourceResponse(urn=COMPONENT).SerializeToString(),
    )
    calls.add("Invoke", LOOK_UP, b"")
    assert not calls.has_unknown
    calls.add(
        "RegisterResource", vpc("b"), resource_pb2.RegisterResourceResponse(urn="b").SerializeToString()
    )
    assert calls.has_unknown, "the ID is unknown"


def test_new_resources_reads_and_calls_are_differences() -> None:
    run = Run(record())
    run.send("RegisterResource", vpc())
    component = resource_pb2.RegisterResourceRequest(type="x:y:Z", name="component", parent=STACK)
    assert run.send("RegisterResource", component).urn == COMPONENT
    inner = run.send("RegisterResource", vpc("it", parent=COMPONENT))
    assert (inner.urn, inner.id != "") == ("urn:pulumi:dev::a::x:y:Z$aws:ec2/vpc:Vpc::it", True)
    assert inner.object == vpc().object
    read = resource_pb2.ReadResourceRequest(type="aws:ec2/vpc:Vpc", name="read", parent=STACK, id="vpc-2")
    assert run.send("ReadResource", read).urn == "urn:pulumi:dev::a::aws:ec2/vpc:Vpc::read"
    run.send("Invoke", LOOK_UP)
    run.send("RegisterResourceOutputs", resource_pb2.RegisterResourceOutputsRequest(urn=COMPONENT))
    assert run.end("the program under review has failed") == [
        ("", LOOK_UP.tok, "the program makes this call, or makes it with these arguments, only"),
        ("urn:pulumi:dev::a::aws:ec2/vpc:Vpc::read", "read", "aws:ec2/vpc:Vpc: the program reads it only"),
        (inner.urn, "it", "aws:ec2/vpc:Vpc: the program declares it only"),
        (COMPONENT, "component", "x:y:Z: the program declares it only"),
    ], "an error after a new call may follow from its answer"


ALIAS = alias_pb2.Alias(spec=alias_pb2.Alias.Spec(stack="x"))
CHANGED: dict[str, tuple[Any, Any, str]] = {
    "a value": (vpc(), vpc(object=struct(cidrBlock="0.0.0.0/0")), "cidrBlock"),
    "a further value": (vpc(), vpc(object=struct(cidrBlock="10.0.0.0/16", a=[{"b": 1}])), "a"),
    "a false value in place of none": (vpc(object=struct()), vpc(object=struct(a=False)), "a"),
    "a part of a list": (vpc(object=struct(a=[1, {"b": 1}])), vpc(object=struct(a=[1, {"b": 2}])), "a[1].b"),
    "an option": (vpc(), vpc(protect=True), "option protect"),
    "an alias": (vpc(), vpc(aliases=[ALIAS]), "option aliases"),
    "a dependency": (vpc(), vpc(dependencies=[STACK]), "option dependencies"),
    "a secret": (
        vpc(object=struct(a={SIGNATURE: SECRET, "value": "b"})),
        vpc(object=struct(a="b")),
        "a",
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_other_values_and_options_are_differences(change: str) -> None:
    before, after, path = CHANGED[change]
    calls = RecordedCalls()
    calls.add("RegisterResource", before, answer())
    run = Run(calls)
    run.send("RegisterResource", after)
    assert run.end() == [(VPC, "main", "the program declares something else")]
    assert run.proxy.rows("", ())[0]["reason"].endswith(f": {path}")


def with_dependencies(inputs: Struct, dependencies: list[str], **of: list[str]) -> Any:
    """Return a request with these dependencies of the resource and of its properties."""
    message = resource_pb2.RegisterResourceRequest
    properties = {name: message.PropertyDependencies(urns=urns) for name, urns in of.items()}
    return vpc(object=inputs, dependencies=dependencies, propertyDependencies=properties)


ZONE = resource_pb2.ResourceInvokeRequest(tok="cloudflare:index/getZone:getZone", args=struct(zoneId="a"))
TEXTS = {"canSubscribe": f"{INVENTED}-0-can", "name": f"{INVENTED}-1-name"}


def test_a_text_in_place_of_a_boolean_is_true() -> None:
    """The answers of look-ups and reads have texts, which no comparison takes for a boolean."""
    members: dict[str, Any] = {"return": struct(plan=TEXTS, paused=f"{INVENTED}-2-paused")}
    network = resource_pb2.ReadResourceRequest(type="aws:ec2/vpc:Vpc", name="read", parent=STACK, id="a")
    properties = struct(enableDnsSupport=f"{INVENTED}-3-dns", arn=f"{INVENTED}-4-arn")
    calls = RecordedCalls()
    calls.add("Invoke", ZONE, resource_pb2.ResourceInvokeResponse(**members).SerializeToString())
    response = resource_pb2.ReadResourceResponse(urn="read", properties=properties)
    calls.add("ReadResource", network, response.SerializeToString())
    calls.add("RegisterResource", vpc(object=struct(a=[TEXTS["canSubscribe"]])), answer())
    run = Run(calls)
    zone: Any = resource_pb2.ResourceInvokeResponse.FromString(run.send("Invoke", ZONE))
    values = getattr(zone, "return")
    assert (values["paused"], values["plan"]["canSubscribe"]) == (True, True)
    assert values["plan"]["name"] == TEXTS["name"]
    read = run.send("ReadResource", network).properties
    assert (read["enableDnsSupport"], read["arn"]) == (True, f"{INVENTED}-4-arn")
    run.send("RegisterResource", vpc(object=struct(a=[True])))
    assert run.end() == []
    run.send("RegisterResource", vpc(object=struct(a=["x"])))
    assert [name for _, name, _ in run.end("x")] == ["main"]


def test_what_follows_from_an_unknown_value_is_no_difference() -> None:
    """Such an input is a finding of its own."""
    unknown = struct(a=UNKNOWN, b=[{SIGNATURE: OUTPUT}], c={"d": {SIGNATURE: SECRET, "value": UNKNOWN}}, e=1)
    known = struct(b=[True], c={"d": {SIGNATURE: SECRET, "value": "x"}}, e=1)
    calls = RecordedCalls()
    calls.add("RegisterResource", with_dependencies(unknown, [VPC], b=[VPC], e=[VPC]), answer())
    calls.add("RegisterResourceOutputs", outputs(a=UNKNOWN, b=1), b"")
    run = Run(calls)
    both = [COMPONENT, VPC]
    run.send("RegisterResource", with_dependencies(known, both, b=both, e=[VPC]))
    run.send("RegisterResourceOutputs", outputs(a="x", b=1))
    assert run.end() == []
    run.send("RegisterResource", with_dependencies(known, [STACK, *both], b=both, e=both))
    run.send("RegisterResourceOutputs", outputs(a="x", b=2))
    assert [row["reason"].rpartition("`: ")[2] for row in run.proxy.rows("", ())] == [
        "option dependencies, option dependencies of e",
        "b",
    ]


def pods(
    checksum: str,
    key: str = "checksum/config",
    template: str = "template",
    path: str = "",
    token: str = "kubernetes:apps/v1:Deployment",
) -> Any:
    """Return a request for pods with this checksum in an annotation, and a variable from a field."""
    metadata = {"annotations": {key: checksum}}
    container = {"env": [{"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}
    spec = {template: {"metadata": metadata, "spec": {"containers": [container]}}}
    return resource_pb2.RegisterResourceRequest(type=token, parent=STACK, object=struct(spec=spec))


def test_a_checksum_in_an_annotation_of_pods_may_have_other_digits() -> None:
    cases: dict[str, tuple[dict[str, str], bool]] = {
        "0315192e": ({}, True),
        "0315192": ({}, False),
        "10.0.0.1": ({}, False),
        "4315192e": ({"path": "metadata.annotations['checksum/config']"}, False),
        "5315192e": ({"key": "config"}, False),
        "6315192e": ({"template": "other"}, False),
        "7315192e": ({"token": "kubernetes:batch/v1:Job"}, False),  # It would run once more.
    }
    for checksum, (options, is_same) in cases.items():
        calls = RecordedCalls()
        calls.add("RegisterResource", pods("fa59a26c", **options), answer())
        run = Run(calls)
        run.send("RegisterResource", pods(checksum, **options))
        assert (run.end() == []) == is_same, checksum


def workload(checksum: str, order: list[str], name: str = "api", **more: Any) -> Any:
    """Return a request for pods with this checksum, and with a list of texts."""
    request = pods(checksum)
    request.name = name
    request.object.update({"zones": order} | more)
    return request


def answer_with(request: Any, **more: Any) -> bytes:
    """Return an answer with the inputs of a request, and with more outputs."""
    response = resource_pb2.RegisterResourceResponse(urn=VPC, id="a", object=request.object)
    response.object.update(more)
    return response.SerializeToString()


CHECKSUM, OTHER = "fa59a26c", "0315192e"
SORTED = ["20.0.0.2", "240.1.2.3", "26.0.0.2"]
"""An invented address between constants. No address that takes its place is between them."""


def second_run(first: Any, response: bytes, *calls: tuple[str, Any, bytes | Failure]) -> Run:
    """Return the second run of a program that gets an address, and that makes this call."""
    recorded = record(*calls, publicIp=SORTED[1])
    recorded.add("RegisterResource", first, response)
    run = Run(recorded)
    address = str(run.send("RegisterResource", vpc()).object["publicIp"])
    run.order = sorted([address, SORTED[0], SORTED[2]])
    assert run.order.index(address) != 1
    return run


def test_an_answer_has_what_the_second_run_sends_in_place_of_the_first() -> None:
    """An answer with the checksum or the order of the first run would tell the program its texts."""
    first = workload(CHECKSUM, SORTED, other=CHECKSUM)
    twin = workload(CHECKSUM, SORTED, "twin")
    run = second_run(first, answer_with(first), ("RegisterResource", twin, answer_with(twin)))
    for request in (workload(OTHER, run.order, other=CHECKSUM), workload("1315192e", run.order, "twin")):
        assert run.send("RegisterResource", request).object == request.object
    read = resource_pb2.ReadResourceRequest(name="read", parent=STACK, properties=struct(a=SORTED))
    response = resource_pb2.ReadResourceResponse(urn="read", properties=read.properties)
    assert run.end() == []
    run = second_run(first, answer_with(first), ("ReadResource", read, response.SerializeToString()))
    read.properties.update({"a": run.order})
    assert run.send("ReadResource", read).properties == read.properties


def test_a_set_has_the_order_of_the_other_texts() -> None:
    """The provider sorts the addresses, so their order depends on those of the account."""
    addresses = ["26.0.0.2", SORTED[1], "20.0.0.2"]
    first = resource_pb2.RegisterResourceRequest(type="aws:wafv2/ipSet:IpSet", parent=STACK)
    first.object.update({"addresses": addresses})
    run = second_run(first, answer_with(first, addresses=SORTED, other=SORTED))
    first.object.update({"addresses": [addresses[0], *({*run.order} - {*SORTED}), addresses[2]]})
    answered = run.send("RegisterResource", first).object
    assert [*answered["addresses"]] == run.order
    assert [*answered["other"]] == [SORTED[0], *({*run.order} - {*SORTED}), SORTED[2]]
    assert run.end() == []


def look_up(text: str) -> tuple[str, Any, bytes]:
    members: dict[str, Any] = {"return": struct(manifest=text)}
    return "Invoke", LOOK_UP, resource_pb2.ResourceInvokeResponse(**members).SerializeToString()


ECHOES: dict[str, tuple[dict[str, Any], list[tuple[str, Any, bytes | Failure]], str]] = {
    "a checksum in another output": ({"applied": json.dumps({"checksum/config": CHECKSUM})}, [], PATH),
    "a checksum in a key": ({"applied": {CHECKSUM: 1}}, [], PATH),
    "a checksum in a look-up": ({}, [look_up(f"it has {CHECKSUM}")], PATH),
    "a checksum in a failure": (
        {},
        [("Invoke", LOOK_UP, Failure(grpc.StatusCode.UNKNOWN, f"not {CHECKSUM}"))],
        PATH,
    ),
    "an order in another output": ({"applied": [{"zones": SORTED}]}, [], "zones"),
    "another order": ({"zones": SORTED[::-1]}, [], "zones"),
    "an order with more items": ({"zones": ["10.0.0.1", *SORTED]}, [], "zones"),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_what_an_answer_has_elsewhere_has_to_be_the_same(echo: str) -> None:
    outputs_of_first, calls, path = ECHOES[echo]
    first = workload(CHECKSUM, SORTED)
    run = second_run(first, answer_with(first, **outputs_of_first), *calls)
    run.send("RegisterResource", workload(OTHER if path == PATH else CHECKSUM, run.order))
    [row] = run.proxy.rows("x", ())
    parts = row["reason"].rpartition("`: ")[2].split(", ")
    assert {part.partition("[")[0] for part in parts} == {path.partition("[")[0]}


def test_an_answer_without_an_input_or_a_failure_tells_nothing_or_blocks() -> None:
    first = workload(CHECKSUM, [])
    for outcome, is_same in ((answer(), True), (Failure(grpc.StatusCode.UNKNOWN, ""), False)):
        calls = RecordedCalls()
        calls.add("RegisterResource", first, outcome)
        run = Run(calls)
        run.send("RegisterResource", workload(OTHER, []))
        assert (run.end() == []) == is_same


def test_a_negative_zero_in_only_one_of_the_runs_is_a_difference() -> None:
    for former, other in ((0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0)):
        calls = RecordedCalls()
        calls.add("RegisterResource", vpc(object=struct(a=former)), answer())
        run = Run(calls)
        run.send("RegisterResource", vpc(object=struct(a=other)))
        assert len(run.end()) == (str(former) != str(other)), (former, other)


OPTIONS: dict[str, Callable[[str], Any]] = {
    "deletedWith": lambda name: vpc(deletedWith=f"{VPC}{name}"),
    "provider": lambda name: vpc(provider=f"{VPC}{name}::1"),
    "aliases": lambda name: vpc(aliases=[alias_pb2.Alias(urn=f"{VPC}{name}")]),
    "importId": lambda name: vpc(importId=name),
    "replacement_trigger": lambda name: vpc(replacement_trigger=Value(string_value=name)),
    "id": lambda name: resource_pb2.ReadResourceRequest(name="main", parent=STACK, id=name),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_with_another_literal_is_a_difference(option: str) -> None:
    """A text with other digits may lead to another object."""
    before, after = map(OPTIONS[option], ("sg-0123456789abcdef0", "sg-0fedcba9876543210"))
    method = "ReadResource" if option == "id" else "RegisterResource"
    response = resource_pb2.ReadResourceResponse(urn=VPC).SerializeToString()
    calls = RecordedCalls()
    calls.add(method, before, response if option == "id" else answer())
    run = Run(calls)
    run.send(method, after)
    [row] = run.proxy.rows("", ())
    assert row["reason"].rpartition("`: ")[2].startswith(f"option {option}")


def test_sets_of_urns_with_other_texts_are_the_same() -> None:
    """Another text may have another place in the order of a set."""
    urns = [f"{VPC}-00123456789abcdef", f"{VPC}-10123456789abcdef"]
    calls = record(cidr="-".join(urns))
    calls.add("RegisterResource", vpc("b", replace_with=urns), answer())
    run = Run(calls)
    others = str(run.send("RegisterResource", vpc()).object["cidr"]).split("-urn")
    others = [others[0], f"urn{others[1]}"]
    assert others != urns and sorted(others) != others
    run.send("RegisterResource", vpc("b", replace_with=others))
    assert run.end() == []


def test_what_the_second_run_no_longer_declares_is_a_difference() -> None:
    run = Run(record(("RegisterResourceOutputs", outputs(a=1), b""), ("Invoke", LOOK_UP, b"")))
    assert run.end() == [
        (VPC, "main", "the program does not declare it"),
        (STACK, "a-dev", "the program does not declare it"),
    ]


def test_a_failure_is_a_difference() -> None:
    error = engine_pb2.LogRequest(severity=engine_pb2.ERROR, message="Traceback:\n  …\nKeyError: 'x'\n")
    run = Run(record(("Log", engine_pb2.LogRequest(severity=engine_pb2.ERROR, message="known"), b"")))
    run.send("Log", engine_pb2.LogRequest(severity=engine_pb2.ERROR, message="known"))
    run.send("Log", error)
    assert run.end("the program under review has failed") == [("", "", "the program fails")]
    assert run.proxy.rows("x", ())[0]["reason"].endswith(": KeyError: 'x'")
    run = Run(record())
    assert run.proxy.rows("", ())[0]["reason"].endswith("it has registered all resources"), (
        "it did not say so"
    )
    run = Run(record())
    run.send("RegisterResource", vpc())
    assert run.end("", "calls did not arrive") == [("", "", "the program fails")]
    run = Run(record())
    run.proxy.outcome("/pulumirpc.ResourceMonitor/RegisterResource", "RegisterResource", b"\xff")
    assert run.end("x") == [("", "", "the program fails")]


def test_a_difference_has_few_rows() -> None:
    run = Run(record())
    for number in range(30):
        run.send("RegisterResource", vpc(f"it-{number:02}"))
    *rows, last = run.end("x")
    assert [name for _, name, _ in rows] == [f"it-{number:02}" for number in range(20)]
    assert last == ("", "", "10 more resources or calls of the program differ")
