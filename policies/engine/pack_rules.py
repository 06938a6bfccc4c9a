"""Policies about the pack itself: crashed rules, invalid waivers, and values that could not be checked.

The functions yield nothing, because the analyzer itself reports the findings of these policies.
"""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import ANYTHING, Options, Resource, Rule, Stack, Topic, Verdicts

PACK = Topic(
    framework="Policy pack",
    tags=("policy-pack",),
    url="https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/",
)


@PACK.rule(
    "policy-rule-crashed",
    types=ANYTHING,
    severity=Severity.HIGH,
    controls=("Pack: no silent pass",),
    remediation="Report the crash; until it is fixed, the resource counts as not checked by that rule.",
)
def crashed(_resource: Resource, _options: Options) -> Verdicts:
    """Report rules that crash, because they leave resources unchecked."""
    yield from ()


@PACK.stack_rule(
    "policy-waiver-invalid",
    severity=Severity.HIGH,
    controls=("Pack: waivers",),
    remediation=(
        "Correct policies/waivers.yaml: each waiver needs a reason, an owner, a ticket, an expiry date "
        "within 180 days, and findings that it covers."
    ),
)
def waiver(_stack: Stack, _options: Options) -> Verdicts:
    """Require waivers that are complete, short-lived and needed."""
    yield from ()


@PACK.stack_rule(
    "policy-value-unknown",
    severity=Severity.LOW,
    controls=("Pack: no silent pass",),
    remediation=(
        "Run `pulumi up`, or preview again once the resources exist: then these values are known and checked."
    ),
    level=EnforcementLevel.ADVISORY,
)
def unknown(_stack: Stack, _options: Options) -> Verdicts:
    """Report the number of values that cannot be checked because a preview does not know them."""
    yield from ()


RULES: tuple[Rule, ...] = (crashed, waiver, unknown)
