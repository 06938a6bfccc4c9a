"""Connections to providers of source code, such as GitHub, which are emulated (CodeConnections API)."""

from sandbox.clouds.aws.records import Family, Records
from sandbox.clouds.aws.registry import emulates
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.wire.values import Json

CONNECTION = Family(
    "Connection",
    lambda request: str(request.params.get("ConnectionArn") or request.arn(f"connection/{request.uuid}")),
)


def connect(records: Records, region: str, account: str, connection_id: str) -> None:
    """Add a connection to GitHub that is available, as if a person had approved it in the console."""
    arn = f"arn:aws:codeconnections:{region}:{account}:connection/{connection_id}"
    records.of(region, CONNECTION)[arn] = {
        "ConnectionName": "github",
        "ConnectionArn": arn,
        "ProviderType": "GitHub",
        "OwnerAccountId": account,
        "ConnectionStatus": "AVAILABLE",
    }


@emulates("codeconnections:CreateConnection", creates=CONNECTION)
def create_connection(request: AwsRequest) -> Json:
    """Create a connection. It stays pending, since nobody approves it in the console."""
    connection = {
        **request.sent(),
        "ConnectionArn": request.arn(f"connection/{request.uuid}"),
        "ConnectionStatus": "PENDING",
        "OwnerAccountId": request.account,
    }
    return {"ConnectionArn": request.store(CONNECTION, connection)["ConnectionArn"]}


@emulates("codeconnections:GetConnection", needs=CONNECTION)
def get_connection(request: AwsRequest) -> Json:
    """Return a connection."""
    return {"Connection": request.record}
