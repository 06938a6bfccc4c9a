"""EKS rules: endpoints, logs, encryption, access, version of the control plane, SSH to nodes, node pools, and
roles of pods."""

import re
from datetime import date

from pulumi_policy import Severity

from eks_versions import STANDARD_SUPPORT
from policies.engine.rule import Option, Options, Resource, Topic, Verdicts, check_each, disallowed, expected
from policies.engine.waivers import utc_day
from policies.model.aws.accounts import accepted_accounts, account_option
from policies.model.aws.iam_documents import Statement
from policies.model.aws.iam_policies import ROLE
from policies.model.checks import check_each_statement, must_be_false, must_be_true
from policies.model.networks import is_world
from policies.model.property_values import Value

EKS = Topic(
    framework="CIS Amazon EKS Benchmark",
    tags=("aws", "eks"),
    url="https://docs.aws.amazon.com/eks/latest/best-practices/security.html",
)
CLUSTER = ("aws:eks/cluster:Cluster",)
_OPERATORS = "the networks of the operators"


def supported(today: date) -> list[str]:
    """Return the versions in standard support; a version still counts on its last day."""
    return [version for version, end in STANDARD_SUPPORT.items() if today <= date.fromisoformat(end)]


LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@EKS.rule(
    "eks-logs-missing",
    types=CLUSTER,
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_37", "CIS EKS 2.1.1"),
    remediation=f"Set enabledClusterLogTypes to {', '.join(LOGS)}.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html",
)
def logs(resource: Resource, _: Options) -> Verdicts:
    """Require all five kinds of control plane logs."""
    enabled = resource["enabledClusterLogTypes"]
    if set(LOGS) - {item.text() for item in enabled.items()}:
        yield expected(enabled, str(list(LOGS)))


@EKS.rule(
    "eks-endpoint-open-to-world",
    types=CLUSTER,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_38", "CIS EKS 5.4.1"),
    remediation="Set vpcConfig.endpointPublicAccess to false, or list the networks in publicAccessCidrs.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
)
def endpoint(resource: Resource, _: Options) -> Verdicts:
    """Require a private Kubernetes API, or a public endpoint that is limited to listed networks."""
    if resource.at("vpcConfig.endpointPublicAccess").flag() is False:
        return
    networks = resource.at("vpcConfig.publicAccessCidrs")
    if networks.get() in (None, []):  # absent: 0.0.0.0/0
        yield expected(networks, f"{_OPERATORS}, or set vpcConfig.endpointPublicAccess to false")
    yield from check_each(networks.items(), _not_world)
    texts = [item.text() or "" for item in networks.items() if item.known]
    if is_world(*texts) and not any(map(is_world, texts)):
        yield expected(networks, f"{_OPERATORS}, since together these are half of the internet")


def _not_world(value: Value) -> Verdicts:
    if is_world(value.text() or ""):
        yield expected(value, f"{_OPERATORS}, or set vpcConfig.endpointPublicAccess to false")


@EKS.rule(
    "eks-endpoint-not-private",
    types=CLUSTER,
    severity=Severity.MEDIUM,
    controls=("CIS EKS 5.4.1",),
    remediation="Set vpcConfig.endpointPrivateAccess to true, so that nodes do not go through the internet.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
)
def private_endpoint(resource: Resource, _: Options) -> Verdicts:
    """Require a private endpoint for the Kubernetes API."""
    yield from must_be_true(resource.at("vpcConfig.endpointPrivateAccess"))


@EKS.rule(
    "eks-secrets-unencrypted",
    types=CLUSTER,
    severity=Severity.HIGH,
    controls=("CKV_AWS_58", "CIS EKS 5.3.1"),
    remediation="Set encryptionConfig with a KMS key and the resource secrets.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html",
)
def secrets(resource: Resource, _: Options) -> Verdicts:
    """Require encryption of Kubernetes Secrets with a KMS key."""
    resources, key = (
        resource.at("encryptionConfig.resources"),
        resource.at("encryptionConfig.provider.keyArn"),
    )
    if "secrets" not in resources.texts():
        yield expected(resources, "['secrets'], with a key in encryptionConfig.provider.keyArn")
    elif key.known and not key.get():  # a key that is not known yet counts as a key
        yield expected(key, "the ARN of a KMS key")


@EKS.rule(
    "eks-version-unsupported",
    types=CLUSTER,
    severity=Severity.HIGH,
    controls=("CKV_AWS_339", "FSBP EKS.2"),
    remediation="Upgrade the cluster by one minor version at a time.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html",
    options={
        "versions": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Accepted versions; if empty, those in standard support on that day: "
                + ", ".join(f"{version} until {day}" for version, day in STANDARD_SUPPORT.items())
                + ".",
            },
        )
    },
)
def version(resource: Resource, options: Options) -> Verdicts:
    """Require a Kubernetes version in standard support."""
    value, accepted = resource["version"], options["versions"] or supported(utc_day())
    if value.text() not in accepted:
        yield expected(value, " or ".join(accepted) or "a version in standard support")


IDENTITY_PROVIDER = "aws:eks/identityProviderConfig:IdentityProviderConfig"


@EKS.rule(
    "eks-access-by-config-map",
    types=(*CLUSTER, IDENTITY_PROVIDER),
    severity=Severity.MEDIUM,
    controls=("CIS EKS 4.1.7",),
    remediation=(
        "In accessConfig, set authenticationMode to API and bootstrapClusterCreatorAdminPermissions to "
        "false. Remove identity providers."
    ),
    url="https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html",
)
def access(resource: Resource, _: Options) -> Verdicts:
    """Require access entries as the only access method, and no admin permissions for the cluster creator."""
    if resource.type == IDENTITY_PROVIDER:
        yield disallowed(resource.at("oidc.issuerUrl"), "give principals of IAM access entries instead")
        return
    mode = resource.at("accessConfig.authenticationMode")
    if mode.text() != "API":
        yield expected(mode, "'API'")
    yield from must_be_false(resource.at("accessConfig.bootstrapClusterCreatorAdminPermissions"))


@EKS.rule(
    "eks-access-of-other-account",
    types=(
        "aws:eks/accessEntry:AccessEntry",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    ),
    severity=Severity.HIGH,
    controls=("CIS EKS 4.1.7",),
    remediation="Name a role of the account, which others may assume under its trust policy.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html",
    options=account_option("whose principals may have access"),
)
def access_accounts(resource: Resource, options: Options) -> Verdicts:
    """Refuse access to the cluster for principals of accounts other than the provider's allowed account."""
    principal = resource["principalArn"]
    account = (*(principal.text() or "").split(":"), "", "", "", "", "")[4]
    allowed = accepted_accounts(resource, options)
    if account not in allowed:
        yield disallowed(principal, f"name a principal of {' or '.join(allowed) or 'aws:allowedAccountIds'}")


_ADMINISTRATION = (
    ":cluster-access-policy/AmazonEKSAdminPolicy",
    ":cluster-access-policy/AmazonEKSClusterAdminPolicy",
)
"""Policies like the ClusterRoles admin and cluster-admin (EKS user guide, access-policy-permissions)."""


@EKS.rule(
    "eks-administrator-unknown",
    types=("aws:eks/accessPolicyAssociation:AccessPolicyAssociation",),
    severity=Severity.HIGH,
    controls=("CIS EKS 4.1.1",),
    remediation=(
        "Limit the access to namespaces, name a policy with fewer permissions, or let an owner list the role "
        "in the option `administrators`."
    ),
    url="https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html",
    options={
        "administrators": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Names of roles and users that may administer clusters; if empty, all.",
            },
        )
    },
)
def administrator(resource: Resource, options: Options) -> Verdicts:
    """Refuse administration of a whole cluster by roles and users that the option does not name."""
    administrators = options["administrators"]
    administers = (resource["policyArn"].text() or "").endswith(_ADMINISTRATION)
    if not administrators or not administers or resource.at("accessScope.type").text() != "cluster":
        return
    principal = resource["principalArn"]
    if (principal.text() or "").rpartition("/")[2] not in administrators:
        yield disallowed(principal, f"name {' or '.join(administrators)}")


@EKS.rule(
    "eks-nodes-open-to-ssh",
    types=("aws:eks/nodeGroup:NodeGroup",),
    severity=Severity.HIGH,
    controls=("CKV_AWS_100",),
    remediation="Remove remoteAccess, or name the security groups that may use SSH.",
    url="https://docs.aws.amazon.com/eks/latest/APIReference/API_RemoteAccessConfig.html",
)
def node_ssh(resource: Resource, _: Options) -> Verdicts:
    """Refuse node groups whose nodes accept SSH from all addresses."""
    access = resource["remoteAccess"]
    groups = access["sourceSecurityGroupIds"]
    if not access["ec2SshKey"].absent and not groups.items():
        yield expected(groups, "the groups that may use SSH, or remove remoteAccess")


@EKS.rule(
    "eks-node-pool-unlimited",
    types=("kubernetes:karpenter.sh/v1:NodePool",),
    severity=Severity.MEDIUM,
    controls=("Design: bounded cost",),
    remediation="Set spec.limits.cpu and spec.limits.memory to the most that all nodes of the pool may have.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html",
)
def node_pool_limits(resource: Resource, _: Options) -> Verdicts:
    """Require CPU and memory limits for node pools, without which pods could add nodes without bound."""
    for quantity in ("cpu", "memory"):
        limit = resource.at(f"spec.limits.{quantity}")
        if limit.absent:
            yield expected(limit, f"the most {quantity} that all nodes of the pool may have")


_ADDON = "aws:eks/addon:Addon"
_DEFAULT_ACCOUNT = re.compile(r"system:serviceaccount:[^:]*:default")
"""A claim `sub` of the ServiceAccount `default` (EKS user guide, associate-service-account-role)."""


@EKS.rule(
    "eks-default-service-account-role",
    types=("aws:eks/podIdentityAssociation:PodIdentityAssociation", _ADDON, ROLE),
    severity=Severity.HIGH,
    controls=("CIS Kubernetes 5.1.5", "Datadog Security: def-000-oty"),
    remediation="Give the pods a ServiceAccount of their own, and the role to that account.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
)
def default_account_role(resource: Resource, _: Options) -> Verdicts:
    """Refuse AWS roles for the ServiceAccount `default`, which every pod without its own account uses.

    A role is for it by an association of EKS Pod Identity, or by the claim `sub` in its trust policy.
    """
    if resource.type == ROLE:
        yield from check_each_statement(resource["assumeRolePolicy"], _trusts_default_account)
    elif resource.type == _ADDON:
        associations = resource["podIdentityAssociations"].items()
        yield from check_each((item["serviceAccount"] for item in associations), _own_account)
    else:
        yield from _own_account(resource["serviceAccount"])


def _own_account(account: Value) -> Verdicts:
    if account.text() == "default":
        yield expected(account, "the ServiceAccount of the pods that need the role")


def _trusts_default_account(statement: Statement) -> Verdicts:
    subjects = [item for item in statement.conditions if item.narrows and item.key.endswith(":sub")]
    if statement.allows and any(
        _DEFAULT_ACCOUNT.fullmatch(value) for item in subjects for value in item.values
    ):
        wanted = "a condition that names the ServiceAccount of the pods that need the role"
        yield expected(statement.value["Condition"], wanted)
