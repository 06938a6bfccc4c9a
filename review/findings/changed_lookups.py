"""Look-ups that are new or have other arguments than in the base: their effects are not in the report."""

from collections.abc import Iterator

from review.model import NEW, Finding, shorten
from review.stacks.stack import Stack


def find_changed_lookups(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each look-up of the head whose arguments differ from the base, which may have none.

    The simulated APIs ignore most arguments, so their answers and what follows from them stay equal.
    """
    if not stack.base or not stack.head or stack.base_failed:
        return
    for token, after in sorted(stack.head.lookups.items()):
        before = stack.base.lookups.get(token, set())
        if before == after:
            continue
        old, new = ", ".join(sorted(before - after)), ", ".join(sorted(after - before))
        yield Finding(
            stacks=[stack.name],
            policy="look-up-changed",
            name=token,
            message=f"{token}: arguments {shorten(old, new) or 'none'} → {shorten(new, old) or 'none'}\n"
            "The real API may give another answer; the review's does not, so the effects are not shown.",
            status=NEW,
        )
