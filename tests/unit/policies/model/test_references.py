"""Tests of the resources that a property names, by its value or by a dependency."""

from policies.model.property_marks import INVENTED
from policies.model.references import referents, top_level
from tests.support.policies.pytest_fixtures import UNKNOWN, resource, secret

VAULT = "aws:backup/vault:Vault"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
COPIES = resource(VAULT, {"name": "copies", "id": "copies"}, "copies")
SCRATCH = resource(VAULT, {"name": "scratch", "id": UNKNOWN}, "scratch")
VAULTS = (COPIES, SCRATCH)


def _names(value: object, *depends: str) -> list[str]:
    lock = resource(LOCK, {"backupVaultName": value}, property_dependencies={"backupVaultName": depends})
    return [vault.name for vault in referents(lock, lock["backupVaultName"], VAULTS, "name", "id")]


def test_a_known_value_names_what_has_it_whatever_it_depends_on() -> None:
    assert _names("copies") == ["copies"]
    assert _names("copies", SCRATCH.urn) == ["copies"]
    assert _names("other", COPIES.urn, SCRATCH.urn) == []


def test_an_unknown_or_invented_value_names_what_it_depends_on() -> None:
    for value in (UNKNOWN, f"{INVENTED}-name"):
        assert _names(value) == []
        assert _names(value, COPIES.urn) == ["copies"]
        assert _names(value, COPIES.urn, SCRATCH.urn) == ["copies", "scratch"]


def test_a_dependency_counts_for_a_target_whose_provider_repeats_no_id() -> None:
    zone, other = (resource("cloudflare:index/zone:Zone", {}, name) for name in ("zone", "other"))
    kind, sources = "cloudflare:index/zoneSetting:ZoneSetting", {"zoneId": (zone.urn,)}
    setting = resource(kind, {"zoneId": "z"}, property_dependencies=sources)
    assert referents(setting, setting["zoneId"], (zone, other), "id") == [zone]


def test_a_known_value_names_no_resource_of_aws_that_does_not_exist_yet() -> None:
    lock = resource(LOCK, {"backupVaultName": "a"}, property_dependencies={"backupVaultName": (COPIES.urn,)})
    for properties in ({}, {"name": UNKNOWN, "arn": UNKNOWN}, {"arn": secret(UNKNOWN)}):
        bare = resource(VAULT, properties, "copies")
        assert referents(lock, lock["backupVaultName"], (bare,), "name", "id") == []


def test_secret_names_and_arns_are_compared() -> None:
    arn = "arn:aws:ec2:ap-northeast-1:1:vpc/vpc-1"
    for properties in ({"arn": secret(arn)}, {"id": secret("vpc-1")}):
        vpc = resource("aws:ec2/vpc:Vpc", properties, "net")
        for own, named in (("vpc-1", [vpc]), (secret("vpc-1"), [vpc]), ("vpc-2", [])):
            sources = {"vpcId": (vpc.urn,)}
            log = resource("aws:ec2/flowLog:FlowLog", {"vpcId": own}, property_dependencies=sources)
            assert referents(log, log["vpcId"], (vpc,), "id") == named


def test_the_id_at_the_end_of_an_arn_is_compared_if_the_outputs_have_none() -> None:
    vpc = resource("aws:ec2/vpc:Vpc", {"arn": "arn:aws:ec2:ap-northeast-1:1:vpc/vpc-1"}, "net")
    for own, named in (("vpc-1", [vpc]), ("vpc-2", [])):
        log = resource("aws:ec2/flowLog:FlowLog", {"vpcId": own}, property_dependencies={"vpcId": (vpc.urn,)})
        assert referents(log, log["vpcId"], (vpc,), "id") == named


def test_an_arn_may_end_with_an_id_behind_a_colon_or_be_the_id() -> None:
    arn = "arn:aws:backup:ap-northeast-1:1:backup-plan:1a2b"
    plan = resource("aws:backup/plan:Plan", {"arn": arn}, "daily")
    for own, named in (("1a2b", [plan]), (arn, [plan]), ("2b", []), ("", [])):
        selection = resource("aws:backup/selection:Selection", {"planId": own})
        assert referents(selection, selection["planId"], (plan,), "id") == named


def test_an_absent_value_names_nothing() -> None:
    assert _names(None, COPIES.urn) == []
    assert _names("", COPIES.urn) == []


def test_a_value_belongs_to_the_first_property_of_its_path() -> None:
    lock = resource(LOCK, {"rules": [{"target": {"name": "a"}}]})
    assert top_level(lock["rules"].items()[0].at("target.name")) == "rules"
