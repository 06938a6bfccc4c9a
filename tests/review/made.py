"""Reports made up for tests of the renderings."""

from dataclasses import replace

from review.model import (
    BASE_TO_HEAD,
    COUNTS,
    NEW,
    Change,
    Cost,
    CostLine,
    Difference,
    Finding,
    Place,
    Property,
    Report,
    Risk,
    Setting,
    StackReport,
    Weaker,
)

SETTING = Setting("pipe:database.storageGib", Place("Pulumi.dev.yaml", 44, "sets"), "changed alike")


def change(number: int = 0, op: str = "update", value: str = "20", name: str = "thing") -> Change:
    """A change of a resource; a deletion or replacement is of something that holds data."""
    risk = Risk(
        ["size"], [f"{name}-{number} is replaced"], SETTING, ["other"], True, "Its data is lost.", blocks=True
    )
    return Change(
        stacks=["dev", "stg"],
        component=f"component-{number % 40}",
        type="aws:ec2/thing:Thing",
        name=f"{name}-{number}",
        op=op,
        properties=[Property("size", "change", "10", value, op == "replace", "", SETTING)],
        places=[Place("components/thing.py", 10, "declares"), Place("__main__.py", 3, "composes")],
        upstream=[f"{name}-{number - 1} (aws:ec2:Thing)"] if number else [],
        risk=risk if op in ("replace", "delete") else None,
    )


def finding(number: int = 0, message: str = "size is 10; set it to 20", status: str = NEW) -> Finding:
    return Finding(
        stacks=["dev"],
        policy=f"thing-too-small-{number % 7}",
        severity="high",
        level="mandatory",
        status=status,
        verdict="violation",
        component="component-1",
        type="aws:ec2/thing:Thing",
        name=f"thing-{number}",
        message=message,
        controls=["CIS: 1.2"],
        remediation="Make it larger.",
        url="https://example.com/rule",
        places=[Place("components/thing.py", 10, "declares")],
        setting=SETTING,
        blocks=status == NEW,
    )


def report(**parts: object) -> Report:
    """A report of one stack with a bit of everything."""
    stack = StackReport(
        "dev",
        dict.fromkeys(COUNTS, 1),
        100,
        [],
        [],
        [],
        Cost(1.5, [CostLine("a", "b", 1, 2.5)], ["c: d"]),
        3.0,
    )
    whole = Report(
        compares=BASE_TO_HEAD,
        base="main",
        head="working tree",
        verdict="2 findings block: replace of thing-1.",
        code=1,
        stacks=[stack],
        changes=[change(1, "replace"), change(2), change(3, "create"), change(4, "delete")],
        findings=[finding(), finding(1, status="existing"), finding(2, status="fixed")],
        differences=[
            Difference("component-1", "aws:ec2/thing:Thing", "thing-1", "size", {"dev": "1", "stg": "2"})
        ],
        weaker=[
            Weaker(
                "zones", "component-1", "aws:ec2/thing:Thing", "thing", "multiAz", "false", "true", NEW, []
            )
        ],
        notes=["A note."],
        prices="prices.yaml",
    )
    return replace(whole, **parts)  # pyright: ignore[reportArgumentType]
