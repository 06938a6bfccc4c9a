"""Replication of buckets (S3 API, PutBucketReplication)."""

import xmltodict
from werkzeug.wrappers import Response

from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _replication_rules(request: AwsRequest) -> list[Json]:
    return request.params["ReplicationConfiguration"]["Rules"]


@refuses("s3:PutBucketReplication")
def replication_without_versioning(request: AwsRequest) -> None:
    """Refuse replication unless the source and the first rule's destination have versioning."""
    source = request.params["Bucket"]
    target = _replication_rules(request)[0]["Destination"]["Bucket"].removeprefix("arn:aws:s3:::")
    states = [request.look("GetBucketVersioning", Bucket=name).get("Status") for name in (source, target)]
    if states != ["Enabled", "Enabled"]:
        message = (
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration:"
            f" {source}, {target}"
        )
        raise ErrorResponse(400, message, "InvalidRequest")


@refuses("s3:PutBucketReplication")
def incomplete_replication_rule(request: AwsRequest) -> None:
    """Refuse a rule with a filter that lacks a priority or the replication of delete markers."""
    for rule in _replication_rules(request):
        if "Filter" in rule and ("Priority" not in rule or not rule.get("DeleteMarkerReplication")):
            message = (
                "Priority and DeleteMarkerReplication must be specified for this version of Cross Region"
                " Replication configuration schema"
            )
            raise ErrorResponse(400, message, "InvalidRequest")


@refuses("s3:PutBucketReplication")
def unselected_encrypted_objects(request: AwsRequest) -> None:
    """Refuse a key for the copies unless the rule selects objects that are encrypted with KMS."""
    for rule in _replication_rules(request):
        selected = rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects")
        if rule["Destination"].get("EncryptionConfiguration") and not selected:
            message = "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present"
            raise ErrorResponse(400, message, "InvalidRequest")


@refuses("s3:GetBucketReplication")
def no_replication(request: AwsRequest) -> None:
    """Refuse to describe the replication of a bucket without replication, as moto does."""
    request.look("GetBucketReplication", Bucket=request.params["Bucket"])


@emulates("s3:GetBucketReplication")
def get_bucket_replication(request: AwsRequest) -> Response:
    """Return the replication of a bucket as it was set; moto invents parts of the response."""
    replication = backend("s3", "aws").buckets[request.params["Bucket"]].replication
    return Response(xmltodict.unparse({"ReplicationConfiguration": replication}), mimetype="text/xml")
