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
        sides = before - after, after - before
        old, new = (", ".join(sorted({args for args, _ in side})) for side in sides)
        what = f"arguments {shorten(old, new) or 'none'} → {shorten(new, old) or 'none'}"
        if old == new:
            what = "it goes through a provider with other settings, such as another account or region"
        yield Finding(
            stacks=[stack.name],
            policy="look-up-changed",
            name=token,
            message=f"{token}: {what}\n"
            "The real API may give another answer; the review's does not, so the effects are not shown.",
            status=NEW,
        )
