"""AWS Backup's plans and selections, which are emulated (AWS Backup API)."""

from sandbox.clouds.aws.lookups import trusts
from sandbox.clouds.aws.management.backup_vaults import invalid
from sandbox.clouds.aws.records import Family
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

PLAN = Family("BackupPlan", lambda request: str(request.params.get("BackupPlanId") or request.uuid))
SELECTION = Family(
    "Selection",
    lambda request: f"{request.params['BackupPlanId']} {request.params.get('SelectionId') or request.uuid}",
    (PLAN,),
)

RULE_DEFAULTS: Json = {
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": 480,
    "CompletionWindowMinutes": 10080,
    "EnableContinuousBackup": False,
}
"""The defaults of the members of a rule (AWS Backup API, BackupRuleInput)."""

SHORTEST_START_WINDOW = 60
"""The shortest allowed start window of a backup, in minutes (AWS Backup API, BackupRuleInput)."""

COLD_STORAGE_DAYS = 90
"""The days that a backup stays in cold storage at least (AWS Backup API, Lifecycle)."""

ADVANCED = "AdvancedBackupSettings"
"""The member of a plan that AWS Backup returns beside the plan, not in it.

Source: terraform-provider-aws, internal/service/backup/plan.go, the reading of a plan.
"""


def _rules(request: AwsRequest) -> list[Json]:
    return request.params["BackupPlan"]["Rules"]


@refuses("backup:CreateBackupPlan", "backup:UpdateBackupPlan")
def short_start_window(request: AwsRequest) -> None:
    """Refuse a rule whose start window is too short."""
    names = [
        rule["RuleName"]
        for rule in _rules(request)
        if (RULE_DEFAULTS | rule)["StartWindowMinutes"] < SHORTEST_START_WINDOW
    ]
    if names:
        raise invalid(
            f"StartWindowMinutes of {listing(names)}: at least {SHORTEST_START_WINDOW} minutes are required"
        )


@refuses("backup:CreateBackupPlan", "backup:UpdateBackupPlan")
def deletion_from_cold_storage(request: AwsRequest) -> None:
    """Refuse a deletion less than 90 days after the move to cold storage.

    The value -1 keeps a backup for ever, or out of cold storage (AWS Backup API, Lifecycle).
    """
    for rule in _rules(request):
        copies = [action.get("Lifecycle", {}) for action in rule.get("CopyActions", [])]
        for lifecycle in (rule.get("Lifecycle", {}), *copies):
            move, deletion = (
                lifecycle.get(name) for name in ("MoveToColdStorageAfterDays", "DeleteAfterDays")
            )
            if move is None or deletion is None or -1 in (move, deletion):
                continue
            if deletion < move + COLD_STORAGE_DAYS:
                raise invalid(
                    f"DeleteAfterDays cannot be less than {COLD_STORAGE_DAYS} days apart from"
                    " MoveToColdStorageAfterDays"
                )


@refuses("backup:CreateBackupSelection")
def role_without_trust(request: AwsRequest) -> None:
    """Refuse a role that AWS Backup cannot assume.

    AWS Backup itself checks this (terraform-provider-aws, internal/service/backup/selection.go).
    """
    role_arn = request.params["BackupSelection"]["IamRoleArn"]
    if not trusts(request, role_arn, "backup.amazonaws.com", {"aws:SourceAccount": request.account}):
        raise invalid(f"IAM Role {role_arn} cannot be assumed by AWS Backup")


@refuses("backup:DeleteBackupPlan")
def plan_with_selections(request: AwsRequest) -> None:
    """Refuse to delete a plan that has selections."""
    if request.children(SELECTION, request.params["BackupPlanId"]):
        message = "Related backup plan selections must be deleted prior to backup plan deletion"
        raise ErrorResponse(400, message, "InvalidRequestException")


def _content(request: AwsRequest) -> Json:
    """Return the plan of a request with the defaults of its rules, and its advanced settings beside it."""
    plan: Json = {**request.params["BackupPlan"]}
    advanced = plan.pop(ADVANCED, [])
    plan["Rules"] = [{**RULE_DEFAULTS, "RuleId": rule["RuleName"], **rule} for rule in _rules(request)]
    return {"BackupPlan": plan, ADVANCED: advanced}


def _version(plan: Json, *names: str) -> Json:
    """Return the members of a plan that identify its version, and those in `names`."""
    return {name: plan[name] for name in ("BackupPlanId", "BackupPlanArn", "VersionId", *names)}


@emulates("backup:CreateBackupPlan", creates=PLAN)
def create_backup_plan(request: AwsRequest) -> Json:
    """Create a plan."""
    plan_id = str(request.uuid)
    plan: Json = {
        **request.sent("BackupPlanTags", "CreatorRequestId"),
        "BackupPlanId": plan_id,
        "BackupPlanArn": request.arn(f"backup-plan:{plan_id}"),
        "VersionId": request.hex.upper(),
        "CreationDate": request.now,
        "tags": request.params.get("BackupPlanTags") or {},
        **_content(request),
    }
    return _version(request.store(PLAN, plan), "CreationDate", ADVANCED)


@emulates("backup:GetBackupPlan", needs=PLAN)
def get_backup_plan(request: AwsRequest) -> Json:
    """Return a plan."""
    return request.record


@emulates("backup:ListBackupPlans")
def list_backup_plans(request: AwsRequest) -> Json:
    """Return the plans in the region."""
    plans = [
        {**_version(plan, "CreationDate", ADVANCED), "BackupPlanName": plan["BackupPlan"]["BackupPlanName"]}
        for plan in request.existing(PLAN)
    ]
    return {"BackupPlansList": plans}


@emulates("backup:UpdateBackupPlan", needs=PLAN)
def update_backup_plan(request: AwsRequest) -> Json:
    """Replace the content of a plan."""
    request.record |= {"VersionId": request.hex.upper(), **_content(request)}
    return _version(request.record, "CreationDate", ADVANCED)


@emulates("backup:DeleteBackupPlan", needs=PLAN)
def delete_backup_plan(request: AwsRequest) -> Json:
    """Delete a plan."""
    return {**_version(request.remove(PLAN)), "DeletionDate": request.now}


@emulates("backup:CreateBackupSelection", creates=SELECTION)
def create_backup_selection(request: AwsRequest) -> Json:
    """Add a selection to a plan."""
    selection = {
        **request.sent("CreatorRequestId"),
        "SelectionId": str(request.uuid),
        "CreationDate": request.now,
    }
    request.store(SELECTION, selection)
    return {name: selection[name] for name in ("SelectionId", "BackupPlanId", "CreationDate")}


@emulates("backup:GetBackupSelection", needs=SELECTION)
def get_backup_selection(request: AwsRequest) -> Json:
    """Return a selection."""
    return request.record


@emulates("backup:ListBackupSelections", within=SELECTION)
def list_backup_selections(request: AwsRequest) -> Json:
    """Return the selections of a plan."""
    selections = [
        {
            **{name: item[name] for name in ("SelectionId", "BackupPlanId", "CreationDate")},
            **{name: item["BackupSelection"][name] for name in ("SelectionName", "IamRoleArn")},
        }
        for item in request.children(SELECTION, request.params["BackupPlanId"])
    ]
    return {"BackupSelectionsList": selections}


@emulates("backup:DeleteBackupSelection", needs=SELECTION)
def delete_backup_selection(request: AwsRequest) -> Json:
    """Remove a selection from a plan."""
    request.remove(SELECTION)
    return {}
