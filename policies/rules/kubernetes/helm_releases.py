"""Rules on Helm releases, whose objects the Kubernetes provider creates without asking the pack."""

import re

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.kubernetes.types import RELEASE
from policies.model.property_values import Value

REGISTRY = "oci://"
"""Start of a chart that a registry has. The provider then ignores the repository
(pulumi-kubernetes, provider/pkg/provider/helm_release.go: resolveChartName)."""

EXACT = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}([-+][0-9A-Za-z.+-]{1,99})?")
"""An exact version (semver.org); Helm takes anything else as a range (helm.sh/docs/chart_best_practices)."""

VALUE_FILES = "valueYamlFiles"

LOCAL_FILES = (
    "postrender",
    "keyring",
    VALUE_FILES,
    "repositoryOpts.caFile",
    "repositoryOpts.certFile",
    "repositoryOpts.keyFile",
)
"""Properties with files or programs of the deploying machine (pulumi-kubernetes, helm_release.go)."""


def _is_source(name: str, repository: str) -> bool:
    """Return True for a chart of a registry, or for one with the https:// address of its repository."""
    is_in_registry = name.startswith(REGISTRY)
    return not repository if is_in_registry else bool(name) and repository.startswith("https://")


@ACROSS_PROVIDERS.rule(
    "helm-chart-not-allowed",
    types=(RELEASE,),
    severity=Severity.CRITICAL,
    controls=("Design: types are what they say",),
    remediation="Declare the chart's objects in the program, or let an owner allow the chart.",
    url="https://helm.sh/docs/topics/provenance/",
    options={
        "charts": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": (
                    "Charts that releases may install, each with the https:// address of its repository; "
                    "for a chart that starts with oci://, the address is empty."
                ),
            },
            valid=lambda value: all(_is_source(*entry) for entry in value.items()),
            wanted="charts with https:// addresses of repositories, or oci:// charts with empty addresses",
        )
    },
)
def chart(release: Resource, options: Options) -> Verdicts:
    """Refuse charts other than those that the policy configuration lists, also those in local folders.

    A chart can create every object and role, and no rule sees what its templates create.
    """
    name, repository = release["chart"], release.at("repositoryOpts.repo")
    is_in_registry = (name.text() or "").startswith(REGISTRY)
    address = "" if is_in_registry else repository.text() or ""
    charts: dict[str, str] = dict(options["charts"])
    if charts.get(name.text() or "") == address:
        return
    place = f" of the repository {repository.shown()}" if address else " without a repository"
    listed = " or ".join(f"{chart} of {source}" if source else chart for chart, source in charts.items())
    remedy = f"set it to {listed}" if listed else "remove the release"
    yield Finding(
        "chart",
        f"{name.shown()}{'' if is_in_registry else place}",
        f"{remedy}, or let an owner add the chart to policies/config",
    )


@ACROSS_PROVIDERS.rule(
    "helm-chart-unpinned",
    types=(RELEASE,),
    severity=Severity.HIGH,
    controls=("Design: types are what they say",),
    remediation="Set version to one exact version of the chart.",
    url="https://helm.sh/docs/chart_best_practices/dependencies/",
)
def version(release: Resource, _: Options) -> Verdicts:
    """Require an exact version of the chart, since a range installs other versions without a change."""
    value = release["version"]
    if not EXACT.fullmatch(value.text() or ""):
        yield expected(value, "an exact version such as 3.273.1")


@ACROSS_PROVIDERS.rule(
    "helm-release-local-file",
    types=(RELEASE,),
    severity=Severity.HIGH,
    controls=("Design: types are what they say",),
    remediation="Write the values into the program, and let the release use no file of the machine.",
    url="https://helm.sh/docs/topics/advanced/#post-rendering",
)
def local_files(release: Resource, _: Options) -> Verdicts:
    """Refuse programs, values and keys in files of the machine that deploys, since no rule sees them."""

    def check(value: Value) -> Verdicts:
        if value.get() in (None, "", []):
            return
        if value.path == VALUE_FILES:
            yield Finding(VALUE_FILES, "a list of files", "write their content into values")
        else:
            yield disallowed(value)

    yield from check_each(map(release.at, LOCAL_FILES), check)
