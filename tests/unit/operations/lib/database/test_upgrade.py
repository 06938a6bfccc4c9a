"""Tests of the version to which a database is upgraded."""

from typing import Any, cast

import pytest

from operations.lib.database import upgrade
from operations.lib.database.instances import Instances
from operations.lib.errors import RefusedError


class Rds:
    """RDS's list of the versions to which it upgrades PostgreSQL 16.9."""

    def call(self, operation: str, **arguments: Any) -> Any:
        assert (operation, arguments["EngineVersion"]) == ("describe_db_engine_versions", "16.9")
        targets = ("16.10", "17.5", "17.10", "17.7", "18.1")
        return {
            "DBEngineVersions": [{"ValidUpgradeTarget": [{"EngineVersion": target} for target in targets]}]
        }


def test_the_newest_minor_version_is_chosen_and_another_major_version_is_refused() -> None:
    rds = cast(Instances, Rds())
    assert upgrade.target_version(rds, {"EngineVersion": "16.9"}, "17") == "17.10"
    with pytest.raises(RefusedError) as refusal:
        upgrade.target_version(rds, {"EngineVersion": "16.9"}, "15")
    assert str(refusal.value) == "--to 15: RDS does not upgrade PostgreSQL 16.9 to it; allowed: 17, 18"
