"""Tests of what the sandbox reads from the files of all projects."""

from pathlib import Path

from sandbox.workspace import stacks

PROJECT = "name: thing\nruntime: python\n"


def test_zones_and_chart_versions_are_those_of_the_stack_files_and_the_settings(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    for folder in (tmp_path, tmp_path / "base"):
        (folder / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  thing:edge:\n    zoneName: a.example\n  thing:agent: { on: true, chartVersion: 3.1.0 }\n"
    )
    (tmp_path / "base" / "Pulumi.dev.yaml").write_text('config:\n  thing:chartVersion: "2.0.1-rc.1"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.sandbox]\nzones = ["b.example"]\ncharts = ["1.0.0"]\n')
    stack = stacks.find_stack(tmp_path, "dev")
    assert stacks.zones(stack) == {"a.example", "b.example"}
    assert stacks.chart_versions(stack) == {"3.1.0", "2.0.1-rc.1", "1.0.0"}
