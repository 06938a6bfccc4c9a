"""VPC endpoints and flow logs (EC2 API)."""

import json
import re

from sandbox.clouds.aws.lookups import trusts
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import completes, follows, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

SERVICE = re.compile(
    r"com\.amazonaws\.[a-z0-9-]+\.(s3|dynamodb|access-analyzer|athena|autoscaling|backup|cloudtrail|codebuild"
    r"|codeconnections\.api|config|ec2|ec2messages|ecr\.(api|dkr)|ecs|eks|eks-auth|elasticache"
    r"|elasticfilesystem|elasticloadbalancing|events|execute-api|glue|guardduty-data"
    r"|kinesis-(firehose|streams)|kms|lambda|logs|monitoring|rds|rds-data|s3express"
    r"|sagemaker\.(api|runtime)|secretsmanager|sns|sqs|ssm"
    r"|ssmmessages|states|sts|xray)|com\.amazonaws\.vpce\..+"
)
"""The names of services that have endpoints (AWS PrivateLink guide, services that integrate)."""

FULL_ACCESS = json.dumps(
    {
        "Version": "2008-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    },
    separators=(",", ":"),
)
"""The policy of an endpoint without a policy of its own."""


@refuses("ec2:CreateVpcEndpoint")
def unknown_endpoint_service(request: AwsRequest) -> None:
    """Refuse a service that has no endpoints, or that is in another region."""
    name = request.params.get("ServiceName", "")
    prefixes = (f"com.amazonaws.{request.region}.", "com.amazonaws.vpce.")
    if not SERVICE.fullmatch(name) or not name.startswith(prefixes):
        raise ErrorResponse(400, f"The Vpc Endpoint Service '{name}' does not exist", "InvalidServiceName")


@refuses("ec2:CreateFlowLogs")
def role_of_flow_logs(request: AwsRequest) -> None:
    """Refuse a role that does not let VPC flow logs assume it."""
    role_arn = request.params.get("DeliverLogsPermissionArn")
    context = {"aws:SourceAccount": request.account}
    if role_arn and not trusts(request, role_arn, "vpc-flow-logs.amazonaws.com", context):
        raise ErrorResponse(400, "Unable to assume given IAM role", "InvalidParameter")


@refuses("ec2:CreateFlowLogs")
def log_group_of_flow_logs(request: AwsRequest) -> None:
    """Refuse a log group that does not exist."""
    destination = request.params.get("LogDestination")
    if request.params.get("LogDestinationType") != "cloud-watch-logs" or not destination:
        return
    groups = request.look("DescribeLogGroups", "logs")["logGroups"]
    if destination not in [group["logGroupArn"] for group in groups]:
        raise ErrorResponse(400, f"the log group {destination} does not exist", "InvalidParameter")


@completes("ec2:ModifyVpcEndpoint")
def reset_policy(request: AwsRequest, response: Json) -> None:
    """Set the policy of an endpoint to full access if the request resets it."""
    if request.params.get("ResetPolicy"):
        endpoint_id = request.params["VpcEndpointId"]
        request.send("ModifyVpcEndpoint", VpcEndpointId=endpoint_id, PolicyDocument=FULL_ACCESS)


@completes("ec2:DescribeVpcEndpoints")
def describe_endpoints(request: AwsRequest, response: Json) -> None:
    """Add `RequesterManaged` to each endpoint; moto omits it."""
    for endpoint in response["VpcEndpoints"]:
        endpoint.setdefault("RequesterManaged", False)


@follows("ec2:ModifyVpcEndpoint")
def change_routes(request: AwsRequest) -> None:
    """Add and remove the routes to a gateway endpoint when its route tables change."""
    ec2, endpoint_id = backend("ec2", request.region), request.params["VpcEndpointId"]
    prefix_list = ec2.vpc_end_points[endpoint_id].destination_prefix_list_id
    for table in request.params.get("AddRouteTableIds", []):
        ec2.create_route(table, None, gateway_id=endpoint_id, destination_prefix_list_id=prefix_list)
    for table in request.params.get("RemoveRouteTableIds", []):
        ec2.delete_route(table, prefix_list)
