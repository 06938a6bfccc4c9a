"""Rules and their targets (EventBridge API)."""

from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _is_in_region(request: AwsRequest, target: Json) -> bool:
    return f":{request.region}:" in target["Arn"]


def _is_event_bus(target: Json) -> bool:
    return ":event-bus/" in target["Arn"]


@refuses("events:PutTargets")
def target_in_another_region(request: AwsRequest) -> None:
    """Refuse a target in another region, unless it is an event bus."""
    targets: list[Json] = request.params["Targets"]
    elsewhere = [
        target["Arn"]
        for target in targets
        if not _is_in_region(request, target) and not _is_event_bus(target)
    ]
    if elsewhere:
        message = (
            f"Provided Arn is not in correct format: the target {listing(elsewhere)} is in another region"
            " than the rule"
        )
        raise ErrorResponse(400, message, "ValidationException")


@refuses("events:PutTargets")
def event_bus_without_role(request: AwsRequest) -> None:
    """Refuse a target that is an event bus in another region and has no role."""
    targets: list[Json] = request.params["Targets"]
    without_role = [
        target["Arn"]
        for target in targets
        if _is_event_bus(target) and not _is_in_region(request, target) and not target.get("RoleArn")
    ]
    if without_role:
        message = f"RoleArn is required for target {listing(without_role)}."
        raise ErrorResponse(400, message, "ValidationException")


@refuses("events:DeleteRule")
def rule_with_targets(request: AwsRequest) -> None:
    """Refuse to delete a rule that has targets."""
    response = request.look_if_there("ListTargetsByRule", Rule=request.params["Name"])
    if response and response["Targets"]:
        raise ErrorResponse(400, "Rule can't be deleted since it has targets.", "ValidationException")
