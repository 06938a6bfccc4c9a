"""CodeBuild's projects, which are emulated (CodeBuild API)."""

from sandbox.clouds.aws.lookups import lacking, security_groups, trusts
from sandbox.clouds.aws.records import Family
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _project_arn(request: AwsRequest) -> str:
    """Return the ARN of the project in a request, which names the project or has its ARN."""
    name = request.params.get("name") or request.params.get("projectName") or ""
    return str(name) if name.startswith("arn:") else request.arn(f"project/{name}")


PROJECT = Family("Project", _project_arn, taken="ResourceAlreadyExistsException")


@refuses("codebuild:CreateProject", "codebuild:UpdateProject")
def missing_role_or_network(request: AwsRequest) -> None:
    """Refuse a role that does not let CodeBuild assume it, and subnets or groups that do not exist."""
    role_arn, config = request.params.get("serviceRole"), request.params.get("vpcConfig", {})
    subnet_ids, group_ids = config.get("subnets", []), config.get("securityGroupIds", [])
    is_refused = bool(role_arn) and not trusts(request, role_arn, "codebuild.amazonaws.com")
    if subnet_ids and not is_refused:
        existing = request.look("DescribeSubnets", "ec2")["Subnets"]
        is_refused = bool(lacking(subnet_ids, (subnet["SubnetId"] for subnet in existing)))
    if group_ids and not is_refused:
        is_refused = bool(lacking(group_ids, (group["GroupId"] for group in security_groups(request))))
    if is_refused:
        message = (
            f"CodeBuild is not authorized to perform: sts:AssumeRole on {role_arn or 'no role'}, or a subnet"
            f" or security group does not exist: {listing([*subnet_ids, *group_ids]) or 'none is given'}"
        )
        raise ErrorResponse(400, message, "InvalidInputException")


@refuses("codebuild:CreateProject")
def invalid_location(request: AwsRequest) -> None:
    """Refuse a GitHub source whose location is not an HTTPS URL."""
    source: Json = request.params["source"]
    location = source.get("location", "")
    if source["type"].startswith("GITHUB") and not location.startswith("https://"):
        message = f"Invalid project source: location must be a valid URL: {location}"
        raise ErrorResponse(400, message, "InvalidInputException")


@emulates("codebuild:CreateProject", creates=PROJECT)
def create_project(request: AwsRequest) -> Json:
    """Create a project."""
    name = request.params["name"]
    project: Json = {
        "timeoutInMinutes": 60,
        "queuedTimeoutInMinutes": 480,
        "cache": {"type": "NO_CACHE"},
        "encryptionKey": request.arn("alias/aws/s3", "kms"),
        "projectVisibility": "PRIVATE",
        "tags": [],
        **request.sent(),
        "badge": {"badgeEnabled": request.params.get("badgeEnabled", False)},
        "arn": request.arn(f"project/{name}"),
        "created": request.now,
        "lastModified": request.now,
    }
    return {"project": request.store(PROJECT, project)}


@emulates("codebuild:ListBuilds")
def list_builds(_: AwsRequest) -> Json:
    """Return no build: the sandbox starts none."""
    return {"ids": []}


@emulates("codebuild:BatchGetProjects")
def batch_get_projects(request: AwsRequest) -> Json:
    """Return the projects with the names or ARNs in the request, and those that no project has."""
    names: list[str] = request.params["names"]
    projects = [
        project
        for project in request.existing(PROJECT)
        if project["name"] in names or project["arn"] in names
    ]
    existing = [project[member] for project in projects for member in ("name", "arn")]
    return {"projects": projects, "projectsNotFound": lacking(names, existing)}


@emulates("codebuild:ListProjects")
def list_projects(request: AwsRequest) -> Json:
    """Return the names of the projects."""
    return {"projects": [project["name"] for project in request.existing(PROJECT)]}


@emulates("codebuild:UpdateProject", needs=PROJECT)
def update_project(request: AwsRequest) -> Json:
    """Change a project."""
    return {"project": request.change(lastModified=request.now)}


@emulates("codebuild:DeleteProject")
def delete_project(request: AwsRequest) -> Json:
    """Delete a project; the deletion succeeds even if the project does not exist."""
    request.remove(PROJECT)
    return {}
