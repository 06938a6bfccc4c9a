"""A valid monitor as a JSON document."""

import json
from typing import Any

from tests.support.policies.fixtures import MONITOR
from tests.support.policies.pytest_fixtures import changed

JSON = {
    key: value
    for key, value in MONITOR.items()
    if key not in ("monitorThresholds", "renotifyInterval", "notifyNoData")
} | {
    "options": {
        "thresholds": {"critical": 0.01, "warning": 0.005},
        "renotify_interval": 30,
        "notify_no_data": False,
    }
}


def as_json(**changes: Any) -> dict[str, str]:
    return {"monitor": json.dumps(changed(JSON, **changes))}
