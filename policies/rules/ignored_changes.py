"""A rule on the option ignoreChanges, with which the engine creates what the rules have not judged."""

from pulumi_policy import Severity

from policies.engine.rule import ANYTHING, Finding, Options, Resource, Verdicts
from policies.engine.topics import ACROSS_PROVIDERS

ALLOWED: dict[str, frozenset[str]] = {
    # A zone that AWS adds to the region would move the subnets to other ones (components/aws/network.py).
    "aws:ec2/subnet:Subnet": frozenset({"availabilityZone"}),
    # An autoscaler sets the number.
    "kubernetes:apps/v1:Deployment": frozenset({"spec.replicas"}),
    "kubernetes:apps/v1:StatefulSet": frozenset({"spec.replicas"}),
}
"""The paths that each type may ignore."""


@ACROSS_PROVIDERS.rule(
    "input-changes-ignored",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: rules judge what is created",),
    remediation="Remove the path from ignore_changes, and set the input to its value on the account.",
    url="https://www.pulumi.com/docs/iac/concepts/options/ignorechanges/",
)
def changes_ignored(resource: Resource, _: Options) -> Verdicts:
    """Refuse the option ignoreChanges, except for a subnet's zone and the replicas of an autoscaler."""
    # If the resource is replaced, the engine asks the pack about the old value, and creates the resource with
    # that of the program (pulumi/pulumi, pkg/resource/deploy/step_generator.go: continueStepsFromDiff).
    if resource.component:
        return
    for path in resource.ignored:
        if path not in ALLOWED.get(resource.type, ()):
            yield Finding("the option ignoreChanges", f"set for {path!r}", "remove the path")
