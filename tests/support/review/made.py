"""Reports made up for tests of the renderings."""

from dataclasses import replace

from review.model import (
    BASE_TO_HEAD,
    COUNTS,
    NEW,
    Change,
    CostLine,
    Finding,
    Place,
    Property,
    Report,
    StackReport,
)

SETTING = Place("Pulumi.dev.yaml", 44, "sets", "pipe:database.storageGib", "changed alike")
PLACES = [Place("components/thing.py", 10, "declares"), Place("__main__.py", 3, "composes")]


def change(number: int = 0, op: str = "update", value: str = "20", name: str = "thing") -> Change:
    """A change of a resource."""
    return Change(
        stacks=["dev", "stg"],
        component=f"component-{number % 40}",
        type="aws:ec2/thing:Thing",
        name=f"{name}-{number}",
        op=op,
        properties=[Property("size", "10", value, op == "replace", "", SETTING)],
        places=PLACES,
        upstream=[f"{name}-{number - 1} (aws:ec2:Thing)"] if number else [],
    )


def risk(number: int = 0, policy: str = "stateful-replaced", name: str = "thing") -> Finding:
    """What the review says of something that holds data and goes away."""
    said = f"Because: {name}-{number} is replaced\nDepends on it: other\nData: Its data is lost."
    return Finding(
        stacks=["dev", "stg"],
        type="aws:ec2/thing:Thing",
        name=f"{name}-{number}",
        policy=policy,
        message=said,
        level="mandatory",
        places=PLACES,
        setting=SETTING,
        blocks=True,
    )


def finding(number: int = 0, message: str = "size is 10; set it to 20", status: str = NEW) -> Finding:
    """What a policy says of a resource."""
    return Finding(
        stacks=["dev"],
        policy=f"thing-too-small-{number % 7}",
        severity="high",
        level="mandatory",
        status=status,
        type="aws:ec2/thing:Thing",
        name=f"thing-{number}",
        message=message,
        controls=["CIS: 1.2"],
        remediation="Make it larger.",
        url="https://example.com/rule",
        places=PLACES[:1],
        setting=SETTING,
        blocks=status == NEW,
    )


def report(**parts: object) -> Report:
    """A report of one stack with a bit of everything."""
    cost = 1.5, [CostLine("a", "b", 1, 2.5)], ["c: d"]
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
        stacks=[StackReport("dev", dict.fromkeys(COUNTS, 1), *cost)],
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
