"""IAM Access Analyzer's analyzers, which are emulated (IAM Access Analyzer API)."""

from sandbox.clouds.aws.records import Family
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

ANALYZER = Family("Analyzer", lambda request: str(request.params["analyzerName"]), taken="ConflictException")


@refuses("accessanalyzer:CreateAnalyzer")
def second_analyzer(request: AwsRequest) -> None:
    """Refuse a second analyzer of a type in a region."""
    kind = request.params["type"]
    if analyzers := [item["name"] for item in request.existing(ANALYZER) if item["type"] == kind]:
        message = f"Analyzer count with type {kind} exceeds quota: {listing(analyzers)}"
        raise ErrorResponse(402, message, "ServiceQuotaExceededException")


@emulates("accessanalyzer:CreateAnalyzer", creates=ANALYZER)
def create_analyzer(request: AwsRequest) -> Json:
    """Create an analyzer, which is active at once."""
    name = request.params["analyzerName"]
    analyzer: Json = {
        "tags": {},
        **request.sent("clientToken", "analyzerName", "archiveRules"),
        "name": name,
        "arn": request.arn(f"analyzer/{name}", "access-analyzer"),
        "status": "ACTIVE",
        "createdAt": request.now,
    }
    return {"arn": request.store(ANALYZER, analyzer)["arn"]}


@emulates("accessanalyzer:GetAnalyzer", needs=ANALYZER)
def get_analyzer(request: AwsRequest) -> Json:
    """Return an analyzer."""
    return {"analyzer": request.record}


@emulates("accessanalyzer:ListAnalyzers")
def list_analyzers(request: AwsRequest) -> Json:
    """Return the analyzers in the region."""
    return {"analyzers": request.existing(ANALYZER)}


@emulates("accessanalyzer:DeleteAnalyzer", needs=ANALYZER)
def delete_analyzer(request: AwsRequest) -> Json:
    """Delete an analyzer."""
    request.remove(ANALYZER)
    return {}
