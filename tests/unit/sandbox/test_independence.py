"""A test that the sandbox is not written for one project."""

import re

from tests.support.stacks import ROOT

ALLOWED = re.compile(
    r"PIPE_POLICY_(LEDGER|RECORDING|SERVER|SOCKET)"  # variables of the policy pack
    r"|pipe-infrastructure"  # the folder for built programs: another name would build everything again
    r"|^module pipe\.dev/[\w-]+$"  # in go.mod, and thus in the names of the folders of built programs
)

SERVICE = re.compile(r"(?<![A-Za-z.])pipe(?![a-z])", re.IGNORECASE)
"""The name of this repository's service; not `subprocess.PIPE`, and not `pipeline`."""


def test_no_file_of_the_sandbox_names_this_service() -> None:
    mentions: list[str] = []
    for file in sorted((ROOT / "sandbox").rglob("*")):
        if file.suffix in {".pyc", ".sum"} or not file.is_file():
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if SERVICE.search(ALLOWED.sub("", line)):
                mentions.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert mentions == []
