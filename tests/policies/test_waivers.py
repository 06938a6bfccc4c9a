import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from policies.waivers import Waivers, load, utc_day


@pytest.fixture(params=["Etc/GMT-14", "Etc/GMT+12"])
def far(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place so far in the east or the west: at any moment one of them has another day than UTC."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far")
def test_a_waiver_expires_by_the_day_of_utc_wherever_the_pack_runs() -> None:
    before = datetime.now(UTC).date()
    found = [utc_day(), Waivers().today, load([]).today]
    assert {*found} <= {before, datetime.now(UTC).date()}
