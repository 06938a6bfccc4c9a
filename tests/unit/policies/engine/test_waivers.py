import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import policies
from policies.engine.catalog import BY_NAME
from policies.engine.waivers import Waivers, is_target, load, utc_day

PACK = Path(policies.__file__).parent
TODAY = date(2026, 7, 1)
RULE = "workload-image-latest"
GOOD: dict[str, Any] = {
    "reason": "the vendor tags nothing",
    "owner": "platform",
    "ticket": "OPS-7",
    "expires": date(2026, 7, 13),
    "match": [{"policies": [RULE], "targets": ["urn:pulumi:prod::*::a:b:C::web[0]"]}],
}


def read(content: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Waivers:
    file = folder / "waivers.yaml"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    monkeypatch.setattr("policies.engine.waivers.own_file", file)
    return load(BY_NAME, TODAY)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"owner": None}, ".owner is missing; write a non-empty string"),
        ({"reason": " "}, ".reason is ' '; write a non-empty string"),
        ({"ticket": 7}, ".ticket is 7; write a non-empty string"),
        ({"expires": None}, ".expires is missing; write a date such as 2026-07-01"),
        ({"expires": "soon"}, ".expires is 'soon'; write a date such as 2026-07-01"),
        (
            {"expires": date(2026, 12, 29)},
            ".expires is 2026-12-29, 181 days away; choose a date within 180 days",
        ),
        ({"until": 1}, ".until is not known; a waiver has expires, match, owner, reason, ticket"),
        ({"match": []}, ".match is []; write a list of policies and targets"),
        (
            {"match": [{"policies": ["workload-image-latests"], "targets": ["*"]}]},
            ".match[0].policies names 'workload-image-latests', which is not a policy; did you mean "
            "workload-image-latest or workload-image-without-digest or workload-image-pull-not-always?",
        ),
        (
            {"match": [{"policies": [RULE]}]},
            ".match[0].targets is missing; write a list of non-empty strings",
        ),
        ({"match": ["x"]}, ".match[0] is 'x'; write policies and targets"),
        (
            {"match": [{"policies": [RULE], "targets": ["*"], "stacks": ["prod"]}]},
            ".match[0].stacks is not known; a match has policies, targets",
        ),
        (
            {"match": [{"policies": [RULE], "targets": ["urn:pulumi:prod::*::web"]}]},
            ".match[0].targets has 'urn:pulumi:prod::*::web'; write all four parts of the URN, "
            "urn:pulumi:STACK::PROJECT::TYPE::NAME, in which * stands for any text",
        ),
    ],
)
def test_a_fault_names_the_field_the_value_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], fault: str
) -> None:
    item = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    waivers = read([GOOD, item], tmp_path, monkeypatch)
    assert waivers.faults == (f"waivers.yaml[1]{fault}",)
    assert len(waivers.waivers) == 1


def test_a_fault_shows_a_part_of_a_value_that_aliases_repeat_endlessly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["- &a0 [x]", *(f"- &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 30))]
    waivers = read("\n".join(lines), tmp_path, monkeypatch)
    assert len(waivers.faults) == 30
    assert waivers.faults[2].startswith("waivers.yaml[2] is [[[...], [...], [...], [...], [...], [...], ...]")
    assert max(map(len, waivers.faults)) < 1000


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a: [", "waivers.yaml line 1: not YAML"),
        ("a: 1", "waivers.yaml: must be a list of waivers, not dict"),
        ("- x", "waivers.yaml[0] is 'x'; write reason, owner, ticket, expires and match"),
        ("- owner: a\n  owner: b", "waivers.yaml line 2: duplicate key 'owner'"),
        ("- [[a]: 1]", "waivers.yaml line 1: a key is not a string, or is a merge key"),
    ],
)
def test_a_file_that_is_no_list_of_waivers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, fault: str
) -> None:
    assert read(content, tmp_path, monkeypatch).faults == (fault,)


def test_no_variable_of_the_environment_names_waivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A deployment hands its environment to the pack, and imports modules of the program, which may set it.
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump([GOOD]))
    monkeypatch.setenv("PIPE_POLICY_WAIVERS", str(file))
    assert load(BY_NAME, TODAY) == Waivers(today=TODAY)


def test_a_file_that_is_named_and_not_there_is_a_fault(tmp_path: Path) -> None:
    assert load(BY_NAME, TODAY, tmp_path / "other.yaml").faults == ("other.yaml: there is no such file",)


def test_a_date_that_no_calendar_has_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_dump([GOOD]).replace("2026-07-13", "2026-02-30")
    assert read(content, tmp_path, monkeypatch).faults == (
        "waivers.yaml[0].expires is '2026-02-30'; write a date such as 2026-07-01",
    )


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(b"- reason: caf\xe9\n", tmp_path, monkeypatch).faults == (
        "waivers.yaml: not UTF-8 at byte 13",
    )
    assert load(BY_NAME, TODAY, tmp_path).faults == (f"{tmp_path.name}: cannot be read (Is a directory)",)


LIMIT = "workload-memory-limit-missing"
WEB, API = "urn:pulumi:prod::pipe::a:b:C::web", "urn:pulumi:prod::pipe::a:b:C::api"
COVERS = "the waiver of platform (OPS-7: the vendor tags nothing) covers no finding"


@pytest.mark.parametrize(
    ("findings", "unneeded"),
    [
        ([], [f"{COVERS}; remove the waiver"]),
        (
            [(RULE, WEB)],
            [
                f"{COVERS} of the policy {LIMIT}; remove the policy from the waiver",
                f"{COVERS} of the target {API}; remove the target from the waiver",
            ],
        ),
        ([(RULE, WEB), (RULE, API)], [f"{COVERS} of the policy {LIMIT}; remove the policy from the waiver"]),
        ([(RULE, WEB), (LIMIT, API)], []),
    ],
)
def test_a_policy_or_target_that_covers_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: list[tuple[str, str]], unneeded: list[str]
) -> None:
    elsewhere = "urn:pulumi:dev::pipe::a:b:C::web"
    match = [{"policies": [RULE, LIMIT], "targets": [WEB, API, elsewhere]}]
    waivers = read([{**GOOD, "match": match}], tmp_path, monkeypatch)
    needed = {entry for policy, urn in findings for entry in waivers.entries(policy, urn)}
    assert waivers.waivers[0].unneeded("urn:pulumi:prod::pipe::", needed) == unneeded
    assert waivers.waivers[0].unneeded("urn:pulumi:stg::pipe::", needed) == []


def test_a_waiver_covers_exact_urns_and_stars_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waivers = read([GOOD], tmp_path, monkeypatch)
    assert waivers.of(RULE, "urn:pulumi:prod::shop::a:b:C::web[0]") == waivers.waivers[0]
    assert waivers.of(RULE, "urn:pulumi:prod::shop::a:b:C::web0") is None
    assert waivers.of(RULE, "urn:pulumi:dev::shop::a:b:C::web[0]") is None
    assert waivers.of("workload-memory-limit-missing", "urn:pulumi:prod::shop::a:b:C::web[0]") is None


@pytest.mark.parametrize(
    ("target", "urn", "covered"),
    [
        ("urn:pulumi:dev::*::*::jump", "urn:pulumi:dev::pipe::a:b:C$d:e:F::jump", True),
        ("urn:pulumi:dev::*::*::jump", "urn:pulumi:dev::pipe::a:b:C::database::jump", False),
        ("urn:pulumi:dev::pipe::a:b:C$*::jump", "urn:pulumi:dev::pipe::a:b:C$d:e:F::x::jump", False),
        # A type that contains the separator: the rest belongs to the name, as in the engine.
        ("urn:pulumi:dev::*::*::jump", "urn:pulumi:dev::pipe::a::b$d:e:F::jump", False),
        ("urn:pulumi:dev::*::*::x::jump", "urn:pulumi:dev::pipe::a:b:C::x::jump", True),
        ("urn:pulumi:dev::*::*::x*", "urn:pulumi:dev::pipe::a:b:C::x::jump", True),
        ("urn:pulumi:d*::*::*::jump", "urn:pulumi:dev::pipe::a:b:C::jump", True),
        ("*", "urn:pulumi:dev::pipe::a:b:C::jump", False),
        ("*::jump", "urn:pulumi:dev::pipe::a:b:C::jump", False),
        # The name of a resource, as in a finding that compares two stacks.
        ("jump", "jump", True),
        ("jump", "x::jump", False),
        ("x::*", "x::jump", True),
    ],
)
def test_a_target_covers_a_urn_part_by_part(target: str, urn: str, covered: bool) -> None:
    assert is_target(urn, target) == covered


@pytest.mark.parametrize(
    ("day", "notice"),
    [
        (
            date(2026, 7, 1),
            "waived until 2026-07-13 (12 days left): the vendor tags nothing (platform, OPS-7)",
        ),
        (
            date(2026, 7, 12),
            "waived until 2026-07-13 (1 day left): the vendor tags nothing (platform, OPS-7)",
        ),
        (date(2026, 7, 13), "waived until 2026-07-13 (last day): the vendor tags nothing (platform, OPS-7)"),
    ],
)
def test_a_waiver_counts_its_days_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: date, notice: str
) -> None:
    [waiver] = read([GOOD], tmp_path, monkeypatch).waivers
    assert waiver.notice(day) == notice
    assert not waiver.expired(day)
    assert waiver.expired(date(2026, 7, 14))


def test_of_two_waivers_the_one_that_holds_longer_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waivers = read([{**GOOD, "expires": date(2026, 1, 1)}, GOOD], tmp_path, monkeypatch)
    waiver = waivers.of(RULE, "urn:pulumi:prod::shop::a:b:C::web[0]")
    assert waiver is not None
    assert waiver.expires == date(2026, 7, 13)


@pytest.fixture(params=["Etc/GMT-14", "Etc/GMT+12"])
def far(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set a time zone in the far east or far west; at any moment, the date of one of the two is not UTC's."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far")
def test_a_waiver_expires_by_the_day_of_utc_wherever_the_pack_runs() -> None:
    before = datetime.now(UTC).date()
    days = [utc_day(), Waivers().today, load([]).today]
    assert {*days} <= {before, datetime.now(UTC).date()}


@pytest.mark.parametrize(
    ("types", "name", "is_waived"),
    [
        ("DataJobs$kubernetes:batch/v1:CronJob", "data-jobs-backup", True),
        ("DataJobs$kubernetes:batch/v1:CronJob", "data-jobs-restore", True),
        ("DataJobs$kubernetes:batch/v1:Job", "data-jobs-roles", True),
        ("TlsProxy$kubernetes:apps/v1:Deployment", "tls-proxy", True),
        ("DataJobs$kubernetes:apps/v1:Deployment", "data-jobs-backup", False),
        ("DataJobs$kubernetes:batch/v1:Job", "data-jobs-other", False),
        ("DataJobs$kubernetes:batch/v1:Job", "data-jobs-migrate", False),
    ],
)
def test_the_waiver_of_images_names_the_workloads(types: str, name: str, is_waived: bool) -> None:
    waivers = load(BY_NAME, date(2026, 12, 1), PACK / "waivers.yaml")
    for stack in ("dev", "stg", "prod"):
        urn = f"urn:pulumi:{stack}::pipe::pipe:kubernetes:{types}::{name}"
        assert bool(waivers.of("workload-image-without-digest", urn)) is is_waived


@pytest.mark.parametrize("policy", ["cloudflare-dnssec-off", "cloudflare-origin-pulls-unauthenticated"])
@pytest.mark.parametrize(
    ("stack", "types", "name", "is_waived"),
    [
        ("prod", "Edge$cloudflare:index/zoneSetting:ZoneSetting", "edge-always-use-https", True),
        ("stg", "Edge$cloudflare:index/zoneSetting:ZoneSetting", "edge-always-use-https", False),
        ("prod", "Edge$cloudflare:index/zoneSetting:ZoneSetting", "edge-0", False),
        ("prod", "Edge$cloudflare:index/zone:Zone", "other", False),
        ("prod", "Edge$cloudflare:index/zoneDnssec:ZoneDnssec", "edge", False),
    ],
)
def test_the_waivers_of_the_zone_name_one_setting(
    policy: str, stack: str, types: str, name: str, is_waived: bool
) -> None:
    waivers = load(BY_NAME, date(2026, 12, 1), PACK / "waivers.yaml")
    assert bool(waivers.of(policy, f"urn:pulumi:{stack}::pipe::pipe:edge:{types}::{name}")) is is_waived
