"""Tests of the DNS records that share a name."""

from review.objects.records import is_address, is_one_name, record_name, zone_of
from review.stacks.resources import Resource
from tests.support.review.stacks import VPC, resource
from tests.support.rows import each_row

RECORD = "cloudflare:index/dnsRecord:DnsRecord"


def record(name: str, zone: str = "z", kind: str = "A") -> Resource:
    return resource(RECORD, "it", {"zoneId": zone, "name": name, "type": kind})


@each_row(
    ("first", "second", "expected"),
    [
        ("app.pipe.dev", "app.pipe.dev", True),
        ("app.pipe.dev", "APP.pipe.dev.", True),
        ("bücher.pipe.dev", "xn--bcher-kva.pipe.dev", True),
        ("app", "app.pipe.dev", True),
        ("@", "pipe.dev", True),
        ("a.b", "a.b.pipe.dev", True),
        ("app", "apps.pipe.dev", False),
        ("pipe", "pipe.dev", False),
        ("@", "app", False),
        ("www", "app", False),
        ("pipe.dev", "app.pipe.dev", False),
        # The longer name begins like an absolute one of the same zone.
        ("app.pipe.dev", "app.pipe.dev.pipe.dev", False),
    ],
)
def test_a_name_may_lack_the_name_of_the_zone(first: str, second: str, *, expected: bool) -> None:
    assert is_one_name(record(first), record(second), []) == expected
    assert is_one_name(record(second), record(first), []) == expected
    # In another zone that is known, only a full name is the same.
    is_full = record_name(record(first)) == record_name(record(second))
    assert is_one_name(record(first, "y"), record(second), [], {"y", "z"}) == is_full
    # An ID that nothing else has may be that of the zone.
    assert is_one_name(record(first, "y"), record(second), [], {"z"}) == expected


def test_other_records_show_that_a_name_is_not_that_of_the_zone() -> None:
    apex, relative = record("@"), record("app")
    known = [record("web.pipe.dev"), record("other.example"), record("api.pipe.dev", "y"), resource(VPC, "v")]
    assert not is_one_name(apex, record("app.pipe.dev"), known)
    assert not is_one_name(relative, record("app.test.pipe.dev"), known)
    assert is_one_name(apex, record("pipe.dev"), known)
    assert is_one_name(relative, record("app.pipe.dev"), known)


def test_a_name_that_ends_with_a_label_of_a_service_is_not_full() -> None:
    first, second = (record("s1._domainkey", zone, "TXT") for zone in ("y", "z"))
    assert not is_one_name(first, second, [], {"y", "z"})
    assert is_one_name(first, second, [], {"z"})


def test_names_of_two_zones_of_route_53_are_two_names() -> None:
    kind = "aws:route53/record:Record"
    first, second = (
        resource(kind, "it", {"zoneId": zone, "name": "app.pipe.dev", "type": "A"}) for zone in ("a", "b")
    )
    assert not is_one_name(first, second, [])


def test_a_zone_is_known_by_its_resource_and_by_records_that_exist() -> None:
    zone = resource("cloudflare:index/zone:Zone", "it", {"name": "pipe.dev"}, id="z")
    assert zone_of(zone, is_new=True) == zone_of(record("app"), is_new=False) == "z"
    assert zone_of(record("app"), is_new=True) == zone_of(resource(VPC, "v"), is_new=False) == ""


def test_only_dns_records_have_such_a_name() -> None:
    assert record_name(resource(VPC, "it", {"name": "a"})) is None
    assert not is_one_name(resource(VPC, "a"), resource(VPC, "b"), [])
    assert is_address(record("a", kind="https"))
    assert not is_address(record("a", kind="TXT"))
    assert not is_address(resource(VPC, "a"))
