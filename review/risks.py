"""What goes away, why, and whether data goes with it."""

from collections.abc import Callable, Mapping

from review.graph import Graph, source
from review.masks import shown
from review.model import Risk, short
from review.observed import Observed, Resource, Step
from review.properties import MISSING, properties, value_at
from review.settings import StackFile

Loss = Callable[[Mapping[str, object]], str]


def _database(inputs: Mapping[str, object]) -> str:
    if inputs.get("deletionProtection"):
        return (
            "AWS refuses to delete it while deletionProtection is on; with it off, only snapshots are left."
        )
    if inputs.get("skipFinalSnapshot"):
        return "Its data is lost: skipFinalSnapshot is on."
    return "Its data is lost but for a final snapshot, which the new one does not start from."


def _bucket(inputs: Mapping[str, object]) -> str:
    return (
        "All its objects are lost."
        if inputs.get("forceDestroy")
        else "AWS refuses to delete it while it holds objects."
    )


def _said(text: str) -> Loss:
    return lambda _inputs: text


STATEFUL: Mapping[str, Loss] = {
    "aws:rds/instance:Instance": _database,
    "aws:rds/cluster:Cluster": _database,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:kms/key:Key": _said("What it encrypts cannot be read any more once its waiting time is over."),
    "aws:cloudwatch/logGroup:LogGroup": _said("Its log events are lost."),
    "aws:ecr/repository:Repository": _said("Its images are lost."),
    "aws:eks/cluster:Cluster": _said("Everything in the cluster is lost."),
    "aws:dynamodb/table:Table": _said("Its items are lost."),
    "aws:efs/fileSystem:FileSystem": _said("Its files are lost."),
    "aws:ebs/volume:Volume": _said("Its blocks are lost."),
    "kubernetes:core/v1:Namespace": _said("Everything in the namespace is lost."),
    "kubernetes:core/v1:PersistentVolumeClaim": _said(
        "Its volume goes by the reclaim policy; its data may be lost."
    ),
    "kubernetes:apps/v1:StatefulSet": _said("Its pods go; their volume claims stay."),
    "datadog:index/serviceLevelObjective:ServiceLevelObjective": _said("Its history is lost."),
    "cloudflare:index/zone:Zone": _said("All records and settings of the zone are lost."),
}
"""Types that hold data, with what becomes of it; any change that deletes one blocks."""


def risk(
    step: Step, seen: Observed, graph: Graph, downstream: Mapping[str, list[str]], file: StackFile
) -> Risk:
    """Why a resource is replaced or deleted, and what that means."""
    old = step.old or step.resource
    chain, origin = _chain(step, seen, graph, file)
    found = STATEFUL.get(old.type)
    loss = found(shown_inputs(old)) if found else ""
    if found and old.retained:
        loss = "It stays where it is, without Pulumi (retainOnDelete); nothing is lost."
    if found and old.protected and not old.retained:
        loss += " It is protected: `pulumi up` refuses until the protection is taken off."
    return Risk(
        forced_by=list(step.forced_by),
        chain=chain,
        setting=origin,
        dependents=sorted({_called(graph, urn) for urn in downstream.get(old.urn, ())}),
        stateful=bool(found),
        loss=loss,
        blocks=bool(found) and not old.retained,
    )


def _chain(step: Step, seen: Observed, graph: Graph, file: StackFile):  # noqa: ANN202
    """From a resource to where its change began, and the settings key there."""
    chain: list[str] = []
    visited: set[str] = set()
    while step.resource.urn not in visited:
        visited.add(step.resource.urn)
        if step.op == "delete":
            chain.append(_deletion(step, seen, graph))
            return chain, None
        upstream: Step | None = None
        # Without a difference of its own it goes because something that it depends on goes.
        names = step.forced_by or tuple(step.diff) or tuple(step.resource.by_property)
        for path in names:
            upstream = upstream or source(step, path.partition(".")[0].partition("[")[0], seen.steps)
        chain.append(f"{step.resource.name} ({short(step.resource.type)}) {_why(step)}")
        if upstream is None:
            break
        step = upstream
    near = graph.component(step.resource.urn)
    found = (each for each in properties(step, lambda _: "", file, near) if each.forces or not step.forced_by)
    return chain, next((each.setting for each in found if each.setting), None)


def _why(step: Step) -> str:
    if step.op == "create":
        return "is new"
    verb = "is replaced" if step.op == "replace" else "is updated"
    said: list[str] = []
    for path in step.forced_by or sorted(step.diff):
        before, after = (
            value_at(shown_inputs(each), path) if each else MISSING for each in (step.old, step.new)
        )
        brief = isinstance(before, str | int) and isinstance(after, str | int) and before != after
        said.append(f"{path} {before} → {after}" if brief and len(f"{before}{after}") < 160 else path)
    return f"{verb}: {', '.join(said) or 'something it depends on is replaced'}"


def _deletion(step: Step, seen: Observed, graph: Graph) -> str:
    resource = step.resource
    said = f"{resource.name} ({short(resource.type)}) is no longer declared"
    parent = seen.steps.get(resource.parent)
    if parent and parent.op == "delete" and parent.resource.component:
        said += f": its component {parent.resource.name} is gone"
    for other in seen.steps.values():
        same = other.op == "create" and other.resource.type == resource.type
        if same and other.new and _alike(resource, other.new):
            said += f"; {other.new.name} is new and the same: a rename without an alias?"
            break
    return said


def _alike(old: Resource, new: Resource) -> bool:
    """Whether two resources are one under two names: at least three quarters of the inputs are equal."""
    keys = set(old.inputs) | set(new.inputs)
    equal = sum(1 for key in keys if old.inputs.get(key) == new.inputs.get(key))
    return not keys or equal >= 0.75 * len(keys)


def shown_inputs(resource: Resource) -> Mapping[str, object]:
    found = shown(resource.inputs)
    assert isinstance(found, dict)
    return found  # pyright: ignore[reportUnknownVariableType]


def _called(graph: Graph, urn: str) -> str:
    resource = graph.resources[urn]
    return resource.name if resource.component else f"{resource.name} ({short(resource.type)})"
