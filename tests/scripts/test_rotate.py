from pathlib import Path

import pytest
import yaml

from scripts import rotate
from scripts.options import Options
from scripts.steps import Steps

COPY = """\
config:
  pipe:api: { logLevel: debug, since: 18:30 }
  pipe:appPassword: { secure: v1:a }
  pipe:migratePassword: { secure: v1:b }
  pipe:backupPassword: { secure: v1:c }
  pipe:databasePassword: { secure: v1:d }
encryptionsalt: v1:e
"""


@pytest.mark.parametrize("dry_run", [False, True])
def test_in_the_sandbox_the_three_passwords_are_forgotten_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    monkeypatch.setattr(rotate, "ROOT", tmp_path)
    file = tmp_path / ".sandbox" / "dev" / "Pulumi.dev.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(COPY)
    chosen = Options("dev", "sandbox", dry_run, True, {})
    rotate.set_passwords(Steps("rotate", chosen), chosen)
    left = yaml.load(file.read_text(), yaml.BaseLoader)
    expected = yaml.load(COPY, yaml.BaseLoader)
    if not dry_run:
        for key in rotate.KEYS:
            del expected["config"][f"pipe:{key}"]
    assert left == expected
    assert "18:30" in file.read_text()
