"""Steps through clusters, pods, images and CI runners."""

from collections.abc import Iterator

from sandbox.iam.evaluation import Caller, ContextValue
from tools.iam.model import Hold, Step, World
from tools.iam.permissions import Need, is_allowed, premises, trusts

EKS = "EKS user guide, access entries and pod identity"
CODEBUILD = "CodeBuild user guide, self-hosted GitHub Actions runners"


def administer_clusters(world: World) -> Iterator[Step]:
    """Yield a step for each principal that has an access entry of a cluster, or may create one.

    Also yield the step from the control of a cluster to its Secrets.
    """
    for cluster in world.of_kind("cluster"):
        gain = Hold("control", cluster.id)
        for arn in cluster.admins:
            yield Step(frozenset((Hold("act as", arn),)), gain, "access entry", EKS)
        for arn in cluster.viewers:
            yield Step(frozenset((Hold("act as", arn),)), Hold("read", cluster.id), "access entry", EKS)
        yield Step(frozenset((gain,)), Hold("read", cluster.id), "kubectl get secrets", EKS)
        actions = ("eks:CreateAccessEntry", "eks:AssociateAccessPolicy")
        entry = cluster.arn.replace(":cluster/", ":access-entry/") + "/role/new"
        for principal in world.principals.values():
            needs = [
                Need(action=actions[0], resource=cluster),
                Need(action=actions[1], resource=cluster, arn=entry),
            ]
            for needed in premises(world, principal, needs):
                yield Step(needed, gain, ", ".join(actions), EKS)


def use_pod_roles(world: World) -> Iterator[Step]:
    """Yield the steps to the pods' roles, from the control of a cluster or from a role such as the nodes'."""
    for pod in world.pods:
        cluster, role = world.resources[pod.cluster], world.principals[pod.role]
        context: dict[str, ContextValue] = {
            "aws:sourceaccount": cluster.account,
            "aws:sourcearn": cluster.arn,
        }
        service = Caller(kind="Service", identifier="pods.eks.amazonaws.com", account="")
        if not trusts(world, role, service, context):
            continue
        gain = Hold("act as", role.arn)
        yield Step(frozenset((Hold("control", cluster.id),)), gain, "a pod of the cluster", EKS)
        need = Need(action="eks-auth:AssumeRoleForPodIdentity", resource=cluster)
        for principal in world.principals.values():
            if is_allowed(world, principal, need):
                acting = frozenset((Hold("act as", principal.arn),))
                yield Step(acting, gain, "eks-auth:AssumeRoleForPodIdentity", EKS)


def change_runners(world: World) -> Iterator[Step]:
    """Yield a step for each runner whose builds a principal may start or change."""
    for runner in world.of_kind("runner"):
        if runner.role not in world.principals:
            continue
        for principal in world.principals.values():
            for action in ("codebuild:StartBuild", "codebuild:UpdateProject"):
                if is_allowed(world, principal, Need(action=action, resource=runner)):
                    acting = frozenset((Hold("act as", principal.arn),))
                    yield Step(acting, Hold("act as", runner.role), action, CODEBUILD)
                    break


def push_images(world: World) -> Iterator[Step]:
    """Yield a step from a registry to the pods that run its images.

    A stack pins an image by its digest, so the step takes effect with the next deployment. In an environment
    with reviewers, this deployment needs their approval.
    """
    for pod in world.pods:
        if pod.registry:
            environment = world.resources[pod.cluster].environment
            needed = {Hold("write", pod.registry)}
            if environment in world.reviewed:
                needed.add(Hold("approved", environment))
            source = "docs/decisions/0013-deployments-are-commits.md"
            yield Step(frozenset(needed), Hold("act as", pod.role), "the next deployment's image", source)
