"""GuardDuty's detectors, which are emulated (GuardDuty API)."""

from sandbox.clouds.aws.records import Family, Missing
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

DETECTOR = Family(
    "Detector",
    lambda request: str(request.params.get("DetectorId") or request.hex),
    missing=Missing(
        "BadRequestException",
        "The request is rejected because the input detectorId is not owned by the current account.",
        400,
    ),
)

FEATURES = {
    "CLOUD_TRAIL": "ENABLED",
    "DNS_LOGS": "ENABLED",
    "FLOW_LOGS": "ENABLED",
    "S3_DATA_EVENTS": "ENABLED",
    "EKS_AUDIT_LOGS": "ENABLED",
    "EBS_MALWARE_PROTECTION": "ENABLED",
    "RDS_LOGIN_EVENTS": "ENABLED",
    "LAMBDA_NETWORK_LOGS": "ENABLED",
    "RUNTIME_MONITORING": "DISABLED",
}
"""The protection plans of a new detector (GuardDuty user guide, protection plans of a new account)."""

CREATED_AT = "2026-01-01T00:00:00.000Z"
"""The time of creation and of the last change that every detector reports."""

RUNTIME_MONITORING = ("RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING")
"""The two features for runtime monitoring, which exclude each other."""


@refuses("guardduty:CreateDetector")
def second_detector(request: AwsRequest) -> None:
    """Refuse a second detector in a region."""
    if request.existing(DETECTOR):
        message = "The request is rejected because a detector already exists for the current account."
        raise ErrorResponse(400, message, "BadRequestException")


@refuses("guardduty:UpdateDetector")
def two_runtime_monitorings(request: AwsRequest) -> None:
    """Refuse to enable both kinds of runtime monitoring."""
    enabled = [
        feature
        for feature in request.params.get("Features", [])
        if feature.get("Status") == "ENABLED" and feature.get("Name") in RUNTIME_MONITORING
    ]
    if len(enabled) > 1:
        message = (
            "The request is rejected because both EKS_RUNTIME_MONITORING and RUNTIME_MONITORING are enabled."
        )
        raise ErrorResponse(400, message, "BadRequestException")


def _status(*, is_enabled: bool) -> str:
    return "ENABLED" if is_enabled else "DISABLED"


@emulates("guardduty:CreateDetector", creates=DETECTOR)
def create_detector(request: AwsRequest) -> Json:
    """Create a detector with the protection plans of a new account."""
    role = "aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"
    detector: Json = {
        "FindingPublishingFrequency": "SIX_HOURS",
        **request.sent("ClientToken", "Enable", "DataSources"),
        "DetectorId": request.hex,
        "arn": request.arn(f"detector/{request.hex}"),
        "Status": _status(is_enabled=request.params["Enable"]),
        "ServiceRole": f"arn:aws:iam::{request.account}:role/{role}",
        "CreatedAt": CREATED_AT,
        "UpdatedAt": CREATED_AT,
        "tags": request.params.get("Tags") or {},
        "Features": [{"Name": name, "Status": status} for name, status in FEATURES.items()],
    }
    request.store(DETECTOR, detector)
    return {"DetectorId": request.hex}


@emulates("guardduty:GetDetector", needs=DETECTOR)
def get_detector(request: AwsRequest) -> Json:
    """Return a detector."""
    names = (
        "FindingPublishingFrequency",
        "Status",
        "ServiceRole",
        "CreatedAt",
        "UpdatedAt",
        "Features",
    )
    return {**{name: request.record[name] for name in names}, "Tags": request.record["tags"]}


@emulates("guardduty:ListDetectors")
def list_detectors(request: AwsRequest) -> Json:
    """Return the ID of the region's detector, if there is one."""
    return {"DetectorIds": [detector["DetectorId"] for detector in request.existing(DETECTOR)]}


@emulates("guardduty:UpdateDetector", needs=DETECTOR)
def update_detector(request: AwsRequest) -> Json:
    """Change a detector; protection plans that the request does not name stay the same."""
    is_enabled = request.params.get("Enable")
    status = request.record["Status"] if is_enabled is None else _status(is_enabled=is_enabled)
    changed: list[Json] = request.params.get("Features", [])
    names = [feature.get("Name") for feature in changed]
    others = [feature for feature in request.record["Features"] if feature["Name"] not in names]
    omitted = ("DetectorId", "Enable", "Features", "DataSources")
    request.change(*omitted, Status=status, Features=[*others, *changed])
    return {}


@emulates("guardduty:DeleteDetector", needs=DETECTOR)
def delete_detector(request: AwsRequest) -> Json:
    """Delete a detector."""
    request.remove(DETECTOR)
    return {}
