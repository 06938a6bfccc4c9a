"""Providers with another plugin or place than in the base, or with changed settings of unknown effect."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata

from review.model import Finding
from review.objects.owners import CLUSTER
from review.objects.provider_settings import tagging_settings
from review.plain_data import as_text, is_list, is_map
from review.project_selection import Accounts
from review.stacks.resources import INTERNAL, PROVIDERS, Json, Resource
from review.stacks.stack import Stack
from sandbox.progress import name_of
from sandbox.providers.aws.package import LIMIT
from sandbox.providers.kubernetes.kubeconfig import active_cluster, active_user

DOWNLOAD_URL = "pluginDownloadURL"
"""Key of the address among the engine's own settings of a provider; before, it was an input itself."""

AWS, EKS = f"{PROVIDERS}aws", "aws:eks/cluster:Cluster"
"""Type of the providers whose resources are on an account, and type of the clusters of AWS."""

OF_CLUSTER = {"server", "certificate-authority-data"}
"""Keys of a cluster in a kubeconfig that identify it; others, such as `proxy-url`, may lead elsewhere."""

FOREIGN_CLUSTER = (
    "kubeconfig: no resource of this stack is the cluster, so the provider may change objects of another "
    "stack or of somebody else"
)
OWN_CLUSTER = (
    "Take `server` and `certificate-authority-data` from outputs of an EKS cluster of this stack, and set "
    "no other key of the cluster in the kubeconfig"
)
NEW_LOGIN = (
    "kubeconfig: no provider of the base has this user on this cluster, and the plugin logs in even without "
    "objects: it runs the user's command (`exec`), reads the user's files, and sends the token to the server"
)
KNOWN_LOGIN = (
    "Write the kubeconfig as JSON with a context that names both, and take both from a provider of the base, "
    "or an EKS cluster of this stack with `aws eks get-token`"
)

NEW_TAGS = (
    "this change may update the tags of all resources of the provider, and what selects resources by tags "
    "may then find others; the review shows none of these updates"
)

OUTPUT = "kubeconfig"
"""Name of the stack's output with which commands run kubectl (operations/lib/kubernetes/cluster.py)."""

NEW_COMMAND = (
    "neither a provider of the base nor its output has this user on this cluster; commands run kubectl with "
    "it, which runs the user's command (`exec`), reads the user's files, and sends the token to the server"
)

SELECTION = ("kubeconfig", "context", "cluster")
"""Settings of a provider of Kubernetes that select the cluster and the user."""

TOKEN_KEYS = {"apiVersion", "command", "args", "interactiveMode", "provideClusterInfo"}
TOKEN_ARGUMENTS = re.compile(r"(--region [\w-]+ )?eks get-token( --(cluster-name|region|output) [\w-]+)+")
"""Keys of the command that gives a token for a cluster of EKS, and its arguments as one text (aws/aws-cli,
awscli/customizations/eks/update_kubeconfig.py). Variables (`env`) may name other libraries or credentials.
"""

FOREIGN_ACCOUNT = (
    f"{LIMIT}: the provider does not name the accounts of the stack file, so it may change objects of "
    "another stack, on another account"
)
OWN_ACCOUNT = f"Give the provider the `aws:{LIMIT}` of the stack file"


def find_new_addresses(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each provider whose plugin comes from a new address, with a finding, which blocks.

    A plugin is a program, and the deployment starts it with the credentials of the stack. If the base does
    not evaluate, no address is known.
    """
    known = {(old.type, _address(old.values)) for old in stack.old.values() if old.type.startswith(PROVIDERS)}
    for step in stack.steps.values():
        provider = step.new
        if not provider or not provider.type.startswith(PROVIDERS):
            continue
        address = _address(provider.values)
        # A new version of a package has a default provider of its own, with the address of the old one.
        if address and (provider.type, address) not in known:
            before = _address(step.old.inputs) if step.old else ""
            message = (
                f"pluginDownloadURL is {_address(provider.inputs)}; before: {before or 'that of the package'}"
            )
            remedy = "Remove plugin_download_url, so that Pulumi downloads the plugin from its publisher"
            yield (
                provider.urn,
                stack.blocking_finding("plugin-from-new-address", provider, message, remedy),
            )


def find_new_versions(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each provider with another version of its plugin, and a finding, which blocks.

    The review predicts what the plugin of the installed package does. Another version may have other
    properties, defaults and rules for replacements, and a version that the program names may be an old one.
    """
    if not stack.predicted:
        return
    known = {(old.type, _version(old)) for old in stack.old.values() if old.type.startswith(PROVIDERS)}
    for step in stack.steps.values():
        provider = step.new
        if not provider or not provider.type.startswith(PROVIDERS) or step.op == "delete":
            continue
        version, installed = _version(provider), _installed(provider.type.removeprefix(PROVIDERS))
        if version and version != installed and (provider.type, version) not in known:
            message = (
                f"version is {as_text(provider.inputs['version'])}, and the program's package has "
                f"{installed or 'another one'}; the review does not know what this plugin does with the "
                "resources"
            )
            remedy = "Remove the option version, and change requirements.txt instead"
            yield provider.urn, stack.blocking_finding("plugin-version-changed", provider, message, remedy)


def _version(provider: Resource) -> str:
    return as_text(provider.values.get("version")) or ""


def _installed(package: str) -> str:
    """Return the version of a package's installed SDK, which is that of its plugin; empty without one."""
    with suppress(metadata.PackageNotFoundError, ValueError):
        return metadata.version(f"pulumi_{package}")
    return ""


def _address(inputs: Json) -> str:
    """Return the address of a provider's plugin, or an empty string for that of the package."""
    internal = inputs.get(INTERNAL)
    settings = inputs | (internal if is_map(internal) else {})
    return as_text(settings.get(DOWNLOAD_URL)) or ""


def find_unexplained(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each provider with a changed setting of unknown effect, and a finding, which blocks.

    A setting can lead to another account, organization or server, which has none of the resources. A review
    knows neither the account nor its credentials. If resources move from one provider to another, the
    settings of the two are compared, and the finding is about the new provider.
    """
    for urn, names in sorted(stack.unexplained.items()):
        tagging = names.intersection(tagging_settings(stack.resources.get(urn)))
        if others := names - tagging:
            message = (
                f"{', '.join(sorted(others))}: the review does not know what this change means for the "
                "provider's resources, for example whether they stay in the same account"
            )
            yield urn, _changed_setting(stack, urn, message)
        if tagging:
            message = f"{', '.join(sorted(tagging))}: {NEW_TAGS}"
            yield urn, _changed_setting(stack, urn, message)
    for urn, names in sorted(stack.diverted.items()):
        message = (
            f"{', '.join(sorted(names))}: the provider leads to another place, but its resources count as "
            "the same, since an alias gives the provider another name"
        )
        yield urn, _changed_setting(stack, urn, message)


def _changed_setting(stack: Stack, urn: str, message: str) -> Finding:
    provider = stack.resources.get(urn) or f"provider {name_of(urn)}"
    return stack.blocking_finding(
        "provider-setting-changed", provider, message, "Undo the change of the provider"
    )


def find_new_logins(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each provider of Kubernetes with a login of its own, and a finding, which blocks.

    The plugin logs in as soon as it is configured, even if the provider has no object. A change that is
    another finding already is left out.
    """
    if not stack.predicted or stack.base_failed:
        return
    known = _known_logins(stack)
    clusters, others = _own_clusters(stack), {*stack.unexplained, *stack.diverted}
    for step in stack.steps.values():
        provider = step.new
        if not provider or provider.type != CLUSTER or provider.urn in others:
            continue
        # Without a kubeconfig, the plugin takes that of the machine, which no program chooses.
        if not as_text(provider.values.get("kubeconfig")) or _login(provider.values) in known:
            continue
        if not _has_token_of_aws(provider.values, clusters, stack):
            yield (
                provider.urn,
                stack.blocking_finding("provider-setting-changed", provider, NEW_LOGIN, KNOWN_LOGIN),
            )


def find_new_output_login(stack: Stack) -> Iterator[Finding]:
    """Yield a finding, which blocks, on the output that is a kubeconfig if its login is new."""
    if not stack.predicted or stack.base_failed or not stack.head:
        return
    before, settings = ({"kubeconfig": outputs.get(OUTPUT)} for outputs in stack.outputs)
    if not settings["kubeconfig"] or _login(settings) in [*_known_logins(stack), _login(before)]:
        return
    if not _has_token_of_aws(settings, _own_clusters(stack), stack):
        name = f"output {OUTPUT}"
        yield stack.blocking_finding("provider-setting-changed", name, NEW_COMMAND, KNOWN_LOGIN)


def _known_logins(stack: Stack) -> list[object]:
    """Return the logins of the base's providers of Kubernetes."""
    return [_login(old.values) for old in stack.old.values() if old.type == CLUSTER]


def _login(settings: Json) -> object:
    """Return the cluster and the user of a kubeconfig, or the settings that select them if these hide one.

    Without a context, the plugin takes the cluster and the user with an empty name
    (kubernetes/client-go, tools/clientcmd/client_config.go: getContext, getAuthInfo and getCluster).
    """
    cluster, user = active_cluster(settings), active_user(settings)
    return [cluster, user] if cluster and user else {name: settings.get(name) for name in SELECTION}


def _has_token_of_aws(settings: Json, clusters: Iterable[Resource], stack: Stack) -> bool:
    """Return True if a kubeconfig gets the token of AWS for one of these clusters of the stack."""
    return _is_token_of_aws(active_user(settings)) and _is_own_cluster(settings, clusters, stack)


def _is_token_of_aws(user: Json) -> bool:
    """Return True for a user with the command of the AWS CLI that gives a token for a cluster."""
    command = user.get("exec") if is_map(user) and user.keys() == {"exec"} else None
    if not is_map(command) or command.get("command") != "aws" or command.keys() - TOKEN_KEYS:
        return False
    arguments = command.get("args")
    return is_list(arguments) and bool(TOKEN_ARGUMENTS.fullmatch(" ".join(map(str, arguments))))


def find_foreign_places(stack: Stack, accounts: Accounts) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each provider that newly leads to a foreign cluster or account, and a finding.

    The review compares objects of AWS with those of the stacks on the accounts of the stack's files
    (`accounts`), and objects of Kubernetes only within a stack. So an object in the cluster of another stack,
    or on another account, may be one that another stack has. Only providers of objects count: one without
    may be new today, and get its first object later.
    """
    if not stack.predicted or stack.base_failed:
        return
    used = {old.provider for old in stack.old.values() if _has_object(old)}
    known = [(old.type, _place(old)) for old in stack.old.values() if old.urn in used]
    clusters = _own_clusters(stack)
    for urn in sorted({resource.provider for resource in stack.new.values() if _has_object(resource)}):
        provider = stack.resources.get(urn)
        if not provider or (provider.type, _place(provider)) in known:
            continue
        limits, own = accounts.get(stack.name, frozenset[str]()), _accounts(provider)
        if provider.type == CLUSTER and not _is_own_cluster(provider.values, clusters, stack):
            yield urn, stack.blocking_finding("object-shared", provider, FOREIGN_CLUSTER, OWN_CLUSTER)
        elif provider.type == AWS and limits and not (own and own <= limits):
            yield urn, stack.blocking_finding("object-shared", provider, FOREIGN_ACCOUNT, OWN_ACCOUNT)


def _has_object(resource: Resource) -> bool:
    return not resource.is_component and not resource.state.get("external")


def _place(provider: Resource) -> object:
    """Return the accounts or the cluster of a provider; its settings if they do not show the cluster."""
    if provider.type != CLUSTER:
        return _accounts(provider)
    return active_cluster(provider.values) or provider.values


def _accounts(provider: Resource) -> set[str]:
    """Return the accounts to which a provider of AWS is limited."""
    return {*re.findall(r"\w+", as_text(provider.values.get(LIMIT)) or "")}


def _own_clusters(stack: Stack) -> list[Resource]:
    return [owner for owner in stack.new.values() if owner.type == EKS and _has_object(owner)]


def _is_own_cluster(settings: Json, clusters: Iterable[Resource], stack: Stack) -> bool:
    """Return True if AWS chooses all that a kubeconfig has on its cluster, for one of these clusters."""
    cluster = active_cluster(settings)
    if not is_map(cluster) or cluster.keys() != OF_CLUSTER:
        return False
    texts = {*map(as_text, cluster.values())}
    return any(texts <= stack.invented_texts(owner) for owner in clusters)
