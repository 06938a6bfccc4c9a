"""Rules on the guards that exist once per account, such as CloudTrail, GuardDuty and budgets."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Topic,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.model.checks import guarded, must_be_true
from policies.model.property_values import Value

BASELINE = "pipe:account:Baseline"
"""The component of foundation that declares an account's guards; this repeats its type."""

SNAPSHOTS = "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess"
IMAGES = "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess"
PUBLIC_ACCESS = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
EBS = "aws:ebs/encryptionByDefault:EncryptionByDefault"
PASSWORDS = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"
DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
FILTER = "aws:guardduty/filter:Filter"
TRUSTED = "aws:guardduty/iPSet:IPSet"
ARCHIVE_RULE = "aws:accessanalyzer/archiveRule:ArchiveRule"
BUDGET = "aws:budgets/budget:Budget"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

GUARDS = (
    PUBLIC_ACCESS,
    EBS,
    PASSWORDS,
    DETECTOR,
    BUDGET,
    "aws:accessanalyzer/analyzer:Analyzer",
    "aws:cloudtrail/trail:Trail",
    "aws:costexplorer/anomalySubscription:AnomalySubscription",
)

ACCOUNT = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "account"),
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html",
)


def _type_list(description: str) -> dict[str, object]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


@ACCOUNT.stack_rule(
    "account-guard-missing",
    about=(BASELINE, EVENT_RULE, SUBSCRIPTION, ALARM),
    severity=Severity.HIGH,
    controls=("CIS AWS 1.20", "CKV2_AWS_3", "FSBP GuardDuty.1", "FSBP IAM.28"),
    remediation=(
        "Enable the guard in the section baseline of the account's settings, and remove what keeps its "
        "reports back."
    ),
    options={
        "guards": Option(default=list(GUARDS), schema=_type_list("Types of the guards that are required."))
    },
)
def guards(stack: Stack, options: Options) -> Verdicts:
    """Require every guard of an account in the stack that declares the account's baseline.

    There, the rules and alarms that report to people must be enabled, and subscriptions must not filter.
    """
    for baseline in stack.of((BASELINE,)):
        for resource in stack.of((EVENT_RULE, SUBSCRIPTION, ALARM)):
            yield from guarded(_silent(resource), resource.urn)
        for guard in options["guards"]:
            if not stack.of((guard,)):
                name = guard.rpartition(":")[2]
                yield Finding(
                    "the account", f"without {name}", f"declare the resource {name}", urn=baseline.urn
                )


def _silent(resource: Resource) -> Verdicts:
    """Report a switch or a filter that keeps reports of an account's guards back."""
    if resource.type == SUBSCRIPTION:
        policy = resource["filterPolicy"]
        if policy.get() not in (None, "", "{}"):
            yield resource.attach(disallowed(policy, "remove it, so that every report arrives"))
    elif resource.type == ALARM:
        if resource["actionsEnabled"].flag() is False:
            yield resource.attach(expected(resource["actionsEnabled"], "true"))
    elif resource["state"].text() == "DISABLED":
        yield resource.attach(expected(resource["state"], "'ENABLED'"))
    elif resource["isEnabled"].flag() is False:
        yield resource.attach(expected(resource["isEnabled"], "true"))


@ACCOUNT.rule(
    "account-public-access-allowed",
    types=(PUBLIC_ACCESS, SNAPSHOTS, IMAGES),
    severity=Severity.HIGH,
    controls=("CIS AWS 2.1.4", "FSBP S3.1"),
    remediation="Set all four properties to true, and the state of snapshots and images to one that blocks.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
)
def public_access(resource: Resource, _: Options) -> Verdicts:
    """Require an account to block every kind of public access to its buckets, and to snapshots and images."""
    if resource.type != PUBLIC_ACCESS:
        if resource["state"].text() == "unblocked":
            yield expected(resource["state"], "a state that blocks, such as 'block-new-sharing'")
        return
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    yield from check_each((resource[name] for name in names), must_be_true)


@ACCOUNT.rule(
    "account-volumes-unencrypted",
    types=(EBS,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_106", "CIS AWS 2.2.1", "FSBP EC2.7"),
    remediation="Set enabled to true, its default.",
    url="https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html",
)
def volumes(resource: Resource, _: Options) -> Verdicts:
    """Require EBS volumes to be encrypted by default."""
    if resource["enabled"].flag() is False:
        yield expected(resource["enabled"], "true")


@ACCOUNT.rule(
    "account-password-policy-weak",
    types=(PASSWORDS,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_10", "CKV_AWS_13", "CIS AWS 1.8", "CIS AWS 1.9", "FSBP IAM.15", "FSBP IAM.16"),
    remediation="Set minimumPasswordLength to 14 or more, and passwordReusePrevention to 24.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html",
)
def passwords(resource: Resource, _: Options) -> Verdicts:
    """Require passwords of at least 14 characters that differ from the last 24 passwords."""
    yield from check_each(
        ((resource["minimumPasswordLength"], 14), (resource["passwordReusePrevention"], 24)), _at_least
    )


def _at_least(limit: tuple[Value, int]) -> Verdicts:
    value, least = limit
    if (value.number() or 0) < least:
        yield expected(value, f"{least} or more" if least < 24 else str(least))


@ACCOUNT.rule(
    "guardduty-off",
    types=(DETECTOR, FILTER, TRUSTED),
    severity=Severity.HIGH,
    controls=("CKV_AWS_238", "FSBP GuardDuty.1"),
    remediation=(
        "Set enable to true, its default; let filters keep the findings with the action NOOP, and do not "
        "activate lists of trusted addresses."
    ),
    url="https://docs.aws.amazon.com/guardduty/latest/ug/what-is-guardduty.html",
)
def detector(resource: Resource, _: Options) -> Verdicts:
    """Refuse GuardDuty detectors that are off, filters that archive findings, and lists of trusted addresses.

    Nobody sees archived findings, and GuardDuty generates none for trusted addresses.
    """
    # GuardDuty user guide, Working with lists of trusted addresses; absent: the property is required.
    if resource.type == TRUSTED and resource["activate"].flag() is not False:
        yield expected(resource["activate"], "false")
    # EventBridge gets no archived findings (GuardDuty user guide, Suppression rules).
    if resource.type == FILTER and resource["action"].text() == "ARCHIVE":
        yield expected(resource["action"], "'NOOP'")
    if resource.type == DETECTOR and resource["enable"].flag() is False:
        yield expected(resource["enable"], "true")


@ACCOUNT.rule(
    "access-analyzer-public-archived",
    types=(ARCHIVE_RULE,),
    severity=Severity.MEDIUM,
    controls=("CIS AWS 1.20", "FSBP IAM.28"),
    remediation="Add a filter with the criterion isPublic and eqs ['false'] to the archive rule.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-archive-rules.html",
)
def archive_rule(resource: Resource, _: Options) -> Verdicts:
    """Refuse archive rules of IAM Access Analyzer that also archive findings on public resources.

    All filters of a rule have to match.
    """
    filters = resource["filters"]
    if not any(
        item["criteria"].text() == "isPublic" and item["eqs"].texts() == ["false"] for item in filters.items()
    ):
        yield expected(filters, "a list with the criterion isPublic and eqs ['false']")


@ACCOUNT.stack_rule(
    "guardduty-protection-missing",
    about=(DETECTOR,),
    severity=Severity.MEDIUM,
    controls=("FSBP GuardDuty.5", "FSBP GuardDuty.9", "FSBP GuardDuty.10", "FSBP GuardDuty.11"),
    remediation="Add an aws.guardduty.DetectorFeature with the status ENABLED for each protection plan.",
    url="https://docs.aws.amazon.com/guardduty/latest/ug/guardduty-features-activation-model.html",
    options={
        "features": Option(
            default=["EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS", "RUNTIME_MONITORING", "S3_DATA_EVENTS"],
            schema=_type_list("Names of the protection plans that are required."),
        )
    },
)
def protection(stack: Stack, options: Options) -> Verdicts:
    """Require the protection plans of GuardDuty that the policy configuration lists."""
    for resource in stack.of((DETECTOR,)):
        for name in options["features"]:
            yield from guarded(_enabled(stack, name, resource.urn), resource.urn)


def _enabled(stack: Stack, name: str, urn: str) -> Verdicts:
    features = [feature for feature in stack.of((FEATURE,)) if feature["name"].text() == name]
    if not features:
        remedy = "add an aws.guardduty.DetectorFeature"
        yield Finding(f"{name} of the detector", "not enabled", remedy, urn=urn)
    for feature in features:
        if feature["status"].text() != "ENABLED":
            yield feature.attach(expected(feature["status"], "'ENABLED'"))


@ACCOUNT.rule(
    "budget-without-alarm",
    types=(BUDGET,),
    severity=Severity.LOW,
    controls=("Design: costs are watched without Datadog",),
    remediation="Add notifications for the costs (ACTUAL) and the forecast (FORECASTED), with subscribers.",
    url="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html",
)
def budget(resource: Resource, _: Options) -> Verdicts:
    """Require budgets to notify subscribers of the costs and of the forecast."""
    notifications = resource["notifications"]
    kinds = {
        item["notificationType"].text()
        for item in notifications.items()
        if item["subscriberEmailAddresses"].items() or item["subscriberSnsTopicArns"].items()
    }
    for kind in ("ACTUAL", "FORECASTED"):
        if kind not in kinds:
            yield expected(notifications, f"a list with an alarm of the type {kind} that has subscribers")
