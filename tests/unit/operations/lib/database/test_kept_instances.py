"""Tests of the cost of an instance that a recovery replaced."""

from operations.lib.command_line import Options
from operations.lib.database import kept_instances
from review.cost import price_table

INSTANCE = {
    "DBInstanceIdentifier": "pipe-dev-db-old-20240301t170000z",
    "Engine": "postgres",
    "DBInstanceClass": "db.t4g.small",
    "MultiAZ": False,
    "AllocatedStorage": 20,
    "StorageType": "gp3",
}
DEV = Options("dev", "real", False, True, {"service": {"environment": "dev", "region": "ap-northeast-1"}})


def test_only_instances_beside_the_stacks_own_are_kept_ones() -> None:
    names = ("pipe-dev-db", "pipe-dev-db-old-1", "pipe-dev-db-new-1", "pipe-dev-db-rehearsal", "other-db")
    instances = [{"DBInstanceIdentifier": name} for name in names]
    kept = [entry["DBInstanceIdentifier"] for entry in kept_instances.of_stack(DEV, instances)]
    assert kept == list(names[1:4])


def test_the_cost_comes_from_the_price_table_under_the_names_of_the_programs_inputs() -> None:
    first, second = kept_instances.kept_lines(DEV, "pipe-dev-db-old-1", INSTANCE)
    assert first == (
        "the previous instance is kept as pipe-dev-db-old-1 and costs 39.26 USD a month: db.t4g.small in one"
        f" zone and 20 GiB ({price_table.SOURCE})"
    )
    assert "--db-instance-identifier pipe-dev-db-old-1 --final-db-snapshot-identifier" in second
    text = kept_instances.cost_text(INSTANCE | {"DBInstanceClass": "db.x9.huge", "MultiAZ": True})
    assert text == (
        "costs as much as before: db.x9.huge in two zones and 20 GiB; "
        "review/cost/prices.yaml has no price for it"
    )
