"""Tests of the message about a deployment that Ctrl-C stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from operations.delivery import interruption
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog
from tests.support.operations.deploying import NEW, interrupted
from tests.support.operations.environment import OLD

REAL = Options("dev", "real", False, True, {})
RESTORE = "To restore the previous frontend: vercel rollback dpl_old"
AGAIN = "To continue, run the same command again. To give up the deployment, "


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, [f"The new frontend is served. {RESTORE}", f"{AGAIN}restore the previous frontend."]),
        (
            {"frontend": False},
            [f"The new frontend may be served. {RESTORE}", f"{AGAIN}restore the previous frontend."],
        ),
        (
            {"previous_frontend": ""},
            ["The new frontend is served. No frontend was served before.", f"{AGAIN}do nothing."],
        ),
        ({"has_started_frontend": False, "frontend": False}, [f"{AGAIN}do nothing."]),
    ],
    ids=["served", "unknown", "first", "no-frontend"],
)
def test_the_message_after_ctrl_c_names_the_frontend(
    dev_file: Path, changes: dict[str, Any], lines: list[str]
) -> None:
    dev_file.write_text(dev_file.read_text().replace(NEW, OLD))
    template = {"spec": {"containers": [{"name": "api", "image": OLD}]}}
    cluster = MagicMock()
    cluster.get.return_value = {
        "spec": {"replicas": 3, "template": template},
        "status": {"updatedReplicas": 3},
    }
    log = RunLog("deploy", REAL)
    with log.step("frontend"):
        message = interruption.message(log, cluster, REAL, replace(interrupted(), **changes))
    assert message.splitlines() == ["stopped; dev runs 1.0.0 in 3 of 3 pods", *lines]


def test_the_message_after_ctrl_c_names_the_frontend_when_the_cluster_does_not_answer() -> None:
    cluster = MagicMock()
    cluster.get.side_effect = FailedError("no answer")
    message = interruption.message(RunLog("deploy", REAL), cluster, REAL, interrupted())
    assert message.splitlines() == [
        "stopped; the cluster did not report which version runs: no answer",
        f"The new frontend is served. {RESTORE}",
        "To continue, run the same command again.",
    ]
