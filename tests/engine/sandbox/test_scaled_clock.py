"""The first `up` of prod on the scaled clock, without a control plane."""

import re
from pathlib import Path

from sandbox.clouds import process
from sandbox.progress import Progress
from sandbox.workspace import stacks
from tests.support.stacks import copy

ROW = re.compile(r"^(?P<name>\S+) +\S+:\S+ +(?P<needed>\d+)m\d\ds +(?P<limit>\d+)m\d\ds$", re.MULTILINE)
"""A row of the table of the longest waits, with the minutes."""


def test_the_first_up_of_prod_ends_well_in_awss_time(tmp_path: Path) -> None:
    stack = copy(tmp_path, "prod", "all")
    located = stack.located
    located.sandbox.mkdir(parents=True)
    process.start(
        located.sandbox,
        Progress(),
        control_plane=False,
        account=located.account,
        entities=stacks.entities(located.root),
        zones=stacks.zones(located),
    )
    try:
        code, output = stack.run("up", "--clock", "1:300", "--no-policies", "--skip-preview")
    finally:
        process.stop(located.sandbox)
    assert code == 0, output
    rows = {row["name"]: (int(row["needed"]), int(row["limit"])) for row in ROW.finditer(output)}
    assert rows["database"] == (20, 40), output
    assert rows["cluster"] == (15, 30), output
    assert rows["tls-proxy"] == (5, 60), output
