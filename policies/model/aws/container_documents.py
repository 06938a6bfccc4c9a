"""JSON documents on the containers of ECS and Batch."""

from policies.model.aws.iam_documents import elements
from policies.model.property_values import Value

TASK, JOB = "aws:ecs/taskDefinition:TaskDefinition", "aws:batch/jobDefinition:JobDefinition"
PODS = ("eksProperties.podProperties.containers", "eksProperties.podProperties.initContainers")
"""The paths of the containers of a job's pods."""

DOCUMENTS = {
    TASK: {"containerDefinitions": ("",)},
    JOB: {
        "containerProperties": ("",),
        "ecsProperties": ("taskProperties.containers",),
        "nodeProperties": (
            "nodeRangeProperties.container",
            "nodeRangeProperties.ecsProperties.taskProperties.containers",
            *(f"nodeRangeProperties.{path}" for path in PODS),
        ),
    },
}
"""The types with such documents, and the paths of the containers in each of them (Batch API Reference,
NodeRangeProperty)."""


def members(value: Value, path: str) -> list[Value]:
    """Return the values at a path, whose steps lead through the elements of lists.

    The provider decodes the documents with Go's encoding/json, which ignores the case of keys (pkg.go.dev,
    encoding/json, Unmarshal). The long s of Unicode is also an s (go, encoding/json/fold.go).
    """
    values = elements(value)
    for step in filter(None, path.split(".")):
        values = [
            item
            for holder in values
            for key, member in holder.entries().items()
            if key.casefold() == step.casefold()
            for item in elements(member)
        ]
    return values
