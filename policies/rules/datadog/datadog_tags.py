"""A rule on the ownership tags of Datadog SLOs and synthetic tests."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import Options, Resource, Verdicts
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.datadog_monitors import SLO, SYNTHETIC
from policies.model.tag_checks import missing_keys, required_keys


@ACROSS_PROVIDERS.rule(
    "datadog-tags-missing",
    types=(SLO, SYNTHETIC),
    severity=Severity.LOW,
    controls=("Design: one source of tags", "Datadog unified service tagging"),
    remediation="Tag the SLO or the synthetic test. The policy alert-tags-missing checks monitors.",
    url="https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/",
    level=EnforcementLevel.ADVISORY,
    options={"keys": required_keys(["env", "service", "team"], "Tags that every SLO and test must have.")},
)
def datadog_tags(resource: Resource, options: Options) -> Verdicts:
    """Require ownership tags on Datadog service level objectives and synthetic tests."""
    own = resource["tags"]
    present = {tag.partition(":")[0] for tag in own.texts() if tag.partition(":")[2]}
    yield from missing_keys(own, present, options["keys"], ":…")
