"""Selection of the inputs of created resources that every format of a report shows."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from review.model import FIXED, VIOLATION, Change, Finding

MOST_INPUTS_OF_ONE = 20
"""Largest number of inputs that are shown of a created resource, in addition to those that always are."""

MOST_INPUTS = 300
"""Largest number of such inputs of all created resources. A new stack has thousands."""

DECIDES_ACCESS = re.compile(
    r"Access|Acl|Alias|Allowlist|Association|Attachment|Binding|Certificate|Endpoint|Firewall|Gateway|Grant"
    r"|Group|Ingress|Key|Membership|Permission|Polic|Provider|Record|Role|Rule|Secret|Setting|Subscription"
    r"|Token|User|Webhook"
)
"""Pattern of the names of types that decide who has access, or where requests go."""


def show_inputs(changes: Sequence[Change], findings: Iterable[Finding]) -> list[Change]:
    """Return the changes, with a mark at the inputs of created resources that every format shows.

    If there are too many, resources with findings come first, then those about access.
    """
    violations = [finding for finding in findings if finding.verdict == VIOLATION and finding.status != FIXED]
    blamed = {finding.key for finding in violations}
    blocked = {finding.key for finding in violations if finding.blocks}
    room = MOST_INPUTS
    shown = [*changes]
    order = sorted(
        (index for index, change in enumerate(changes) if change.op == "create"),
        key=lambda index: _urgency(changes[index], blocked, blamed),
    )
    for index in order:
        change = changes[index]
        most = min(room, MOST_INPUTS_OF_ONE)
        rest = [place for place, item in enumerate(change.properties) if not item.always_shown][:most]
        room -= len(rest)
        properties = [
            replace(item, always_shown=item.always_shown or place in rest)
            for place, item in enumerate(change.properties)
        ]
        shown[index] = replace(change, properties=properties)
    return shown


def _urgency(change: Change, blocked: set[str], blamed: set[str]) -> tuple[bool, ...]:
    """Return a sort key that puts resources with findings first, then those about access."""
    names_others = any(item.always_shown for item in change.properties)
    decides = DECIDES_ACCESS.search(change.type.rpartition(":")[2]) is not None
    return change.key not in blocked, change.key not in blamed, not names_others, not decides
