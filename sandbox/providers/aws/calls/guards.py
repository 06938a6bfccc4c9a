"""The calls for IAM Access Analyzer, GuardDuty and CloudTrail."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import Change, Context, Find, Read, ResourceCalls, first, first_object
from sandbox.wire.values import Json


def _analyzer_name(context: Context) -> Json:
    return {"analyzerName": context.id}


def _known_detector(name: str) -> Read:
    """Return the call that finds a detector; `name` is the property with its ID.

    GetDetector refuses an unknown ID with the error code of any bad request, so the list is read first.
    """

    def take(response: Json, context: Context) -> Json | None:
        detector_id = context.id if name == "id" else context[name]
        return {"found": True} if detector_id in response["DetectorIds"] else None

    return Read(action="ListDetectors", take=take)


def _detector(response: Json, context: Context) -> Json | None:
    return {
        **response,
        "arn": context.arn("guardduty", f"detector/{context.id}"),
        "accountId": context.account,
        "enable": response.get("Status") == "ENABLED",
    }


def _feature(response: Json, context: Context) -> Json | None:
    features = (feature for feature in response["Features"] if feature["Name"] == context["name"])
    feature: Json | None = first(features)
    more: list[Json] | None = (feature or {}).get("AdditionalConfiguration")
    return feature and {
        "detectorId": context["detectorId"],
        "name": feature.get("Name"),
        "status": feature.get("Status"),
        "additionalConfigurations": more
        and [{"name": item.get("Name"), "status": item.get("Status")} for item in more],
    }


def _feature_change(context: Context) -> Json:
    more: list[Json] | None = context["additionalConfigurations"]
    feature = {
        "Name": context["name"],
        "Status": context["status"],
        "AdditionalConfiguration": more
        and [{"Name": item["name"], "Status": item["status"]} for item in more],
    }
    return {"DetectorId": context["detectorId"], "Features": [feature]}


def _trail(response: Json, context: Context) -> Json | None:
    trail: Json = response["Trail"]
    return {
        **trail,
        "arn": trail.get("TrailARN"),
        "enableLogFileValidation": trail.get("LogFileValidationEnabled"),
    }


def _trail_name(context: Context) -> Json:
    return {"Name": context.id}


CALLS: Mapping[str, ResourceCalls] = {
    "aws:accessanalyzer/analyzer:Analyzer": ResourceCalls(
        service="accessanalyzer",
        is_emulated=True,
        unchecked="the findings: nothing is analyzed",
        create=Change(
            action="CreateAnalyzer", arguments=lambda context: {"type": context["type"] or "ACCOUNT"}
        ),
        read=(
            Read(
                action="GetAnalyzer",
                arguments=_analyzer_name,
                take=lambda response, context: {
                    **response["analyzer"],
                    "analyzerName": response["analyzer"].get("name"),
                },
            ),
        ),
        delete=(Change(action="DeleteAnalyzer", arguments=_analyzer_name),),
    ),
    "aws:guardduty/detector:Detector": ResourceCalls(
        service="guardduty",
        is_emulated=True,
        unchecked="the findings: nothing is detected",
        create=Change(
            action="CreateDetector", arguments=lambda context: {"Enable": context["enable"] is not False}
        ),
        created_id=lambda response: response["DetectorId"],
        find=Find(action="ListDetectors", take=lambda response, context: response["DetectorIds"]),
        read=(
            _known_detector("id"),
            Read(
                action="GetDetector",
                arguments=lambda context: {"DetectorId": context.id},
                take=_detector,
            ),
        ),
        update=(
            Change(
                action="UpdateDetector",
                when=("enable", "findingPublishingFrequency"),
                arguments=lambda context: {
                    "DetectorId": context.id,
                    "Enable": context["enable"] is not False,
                    "FindingPublishingFrequency": context["findingPublishingFrequency"],
                },
            ),
        ),
        delete=(Change(action="DeleteDetector", arguments=lambda context: {"DetectorId": context.id}),),
    ),
    "aws:guardduty/detectorFeature:DetectorFeature": ResourceCalls(
        service="guardduty",
        is_emulated=True,
        unchecked=(
            "nothing else; a destroy leaves it, as with the real provider: GuardDuty deletes it with its"
            " detector"
        ),
        create=Change(action="UpdateDetector", bare=True, arguments=_feature_change),
        read=(
            _known_detector("detectorId"),
            Read(
                action="GetDetector",
                arguments=lambda context: {"DetectorId": context["detectorId"]},
                take=_feature,
            ),
        ),
        update=(
            Change(
                action="UpdateDetector",
                when=("status", "additionalConfigurations"),
                arguments=_feature_change,
            ),
        ),
    ),
    "aws:cloudtrail/trail:Trail": ResourceCalls(
        service="cloudtrail",
        unchecked="event selectors, and the records: nothing is recorded",
        create=Change(action="CreateTrail", arguments=lambda context: {"TagsList": context.tags}),
        names={
            "isOrganizationTrail": "IsOrganizationTrail",
            "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
        },
        read=(
            Read(action="GetTrail", arguments=_trail_name, take=_trail),
            Read(
                action="GetTrailStatus",
                arguments=_trail_name,
                take=lambda response, context: {"enableLogging": response.get("IsLogging")},
            ),
            Read(
                action="ListTags",
                arguments=lambda context: {"ResourceIdList": [context.id]},
                take=lambda response, context: {
                    "tags": first_object(response["ResourceTagList"]).get("TagsList")
                },
            ),
        ),
        # A new trail records nothing. The provider starts it unless `enableLogging` is false.
        finish=(
            Change(
                action="StartLogging",
                condition=lambda context: context["enableLogging"] is not False,
                arguments=_trail_name,
            ),
        ),
        update=(
            Change(
                action="UpdateTrail",
                when=(
                    "cloudWatchLogsGroupArn",
                    "cloudWatchLogsRoleArn",
                    "enableLogFileValidation",
                    "includeGlobalServiceEvents",
                    "isMultiRegionTrail",
                    "kmsKeyId",
                    "s3BucketName",
                    "s3KeyPrefix",
                    "snsTopicName",
                ),
                arguments=_trail_name,
            ),
            Change(
                action="StartLogging",
                when=("enableLogging",),
                condition=lambda context: context["enableLogging"],
                arguments=_trail_name,
            ),
            Change(
                action="StopLogging",
                when=("enableLogging",),
                condition=lambda context: context["enableLogging"] is False,
                arguments=_trail_name,
            ),
        ),
        delete=(Change(action="DeleteTrail", arguments=_trail_name),),
    ),
}
