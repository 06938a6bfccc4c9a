"""Sample reports for the tests of renderings."""

from dataclasses import replace

from review.model import (
    BASE_TO_HEAD,
    COUNTS,
    NEW,
    Change,
    CostLine,
    Finding,
    Property,
    Report,
    SourceLocation,
    StackCosts,
    StackReport,
)

SETTING = SourceLocation("Pulumi.dev.yaml", 44, "sets", "pipe:database.storageGib", "changed alike")
LOCATIONS = [
    SourceLocation("components/thing.py", 10, "declares"),
    SourceLocation("__main__.py", 3, "composes"),
]


def change(number: int = 0, op: str = "update", value: str = "20", name: str = "thing") -> Change:
    """Return a change to a resource; `number` determines its name and component."""
    return Change(
        stacks=["dev", "stg"],
        component=f"component-{number % 40}",
        type="aws:ec2/thing:Thing",
        name=f"{name}-{number}",
        key=f"aws:ec2/thing:Thing::{name}-{number}",
        op=op,
        properties=[Property("size", "10", value, op == "replace", "", SETTING)],
        locations=LOCATIONS,
        upstream=[f"{name}-{number - 1} (aws:ec2:Thing)"] if number else [],
    )


def risk(number: int = 0, policy: str = "stateful-replaced", name: str = "thing") -> Finding:
    """Return a finding on the replacement of a resource that holds data."""
    message = f"Because: {name}-{number} is replaced\nDepends on it: other\nData: Its data is lost."
    return Finding(
        stacks=["dev", "stg"],
        type="aws:ec2/thing:Thing",
        name=f"{name}-{number}",
        key=f"aws:ec2/thing:Thing::{name}-{number}",
        policy=policy,
        message=message,
        level="mandatory",
        locations=LOCATIONS,
        setting=SETTING,
        blocks=True,
    )


def finding(number: int = 0, message: str = "size is 10; set it to 20", status: str = NEW) -> Finding:
    """Return a policy's finding on a resource."""
    return Finding(
        stacks=["dev"],
        policy=f"thing-too-small-{number % 7}",
        severity="high",
        level="mandatory",
        status=status,
        type="aws:ec2/thing:Thing",
        name=f"thing-{number}",
        key=f"aws:ec2/thing:Thing::thing-{number}",
        message=message,
        controls=["CIS: 1.2"],
        remediation="Make it larger.",
        url="https://example.com/rule",
        locations=LOCATIONS[:1],
        setting=SETTING,
        blocks=status == NEW,
    )


def report(**parts: object) -> Report:
    """Return a report on one stack with all kinds of entries; `parts` replace fields of the report."""
    costs = StackCosts(
        10,
        11.5,
        1.5,
        [
            CostLine("a", "b", 1, 2.5, "2.5 × 1 USD per month", ["natGb 30: GB through all NAT gateways"]),
            CostLine("c", "d", None, None, "no price of d in ap-northeast-3"),
            CostLine("e", "f", 9, 9, "9 × 1 USD per month"),
        ],
    )
    weaker = Finding(
        stacks=["prod"],
        policy="prod-weaker-than-stg",
        name="thing",
        message="zones: multiAz is false in prod",
    )
    whole = Report(
        compares=BASE_TO_HEAD,
        base="main",
        head="working tree",
        verdict="2 findings block: stateful-replaced (thing-1).",
        code=1,
        stacks=[StackReport("dev", dict.fromkeys(COUNTS, 1), costs)],
        changes=[change(1, "replace"), change(2), change(3, "create"), change(4, "delete")],
        findings=[
            risk(1),
            risk(4, "stateful-deleted"),
            finding(),
            finding(1, status="existing"),
            finding(2, status="fixed"),
            weaker,
            Finding(stacks=["dev"], policy="does-not-evaluate", name="the program", message="no\n  such"),
        ],
        notes=["A note."],
        prices="prices.yaml",
    )
    return replace(whole, **parts)  # pyright: ignore[reportArgumentType]
