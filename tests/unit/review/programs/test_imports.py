"""Tests of the files that a program imports."""

from pathlib import Path

from review.programs.imports import OF_TOOLS, program_files


def test_a_module_that_no_parser_can_read_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("x = " + "-" * 20_000 + "1\n")
    assert program_files(tmp_path, tmp_path) == {Path("__main__.py")}


def test_a_name_may_mean_a_module_of_the_project_or_of_the_top_folder(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "__main__.py").write_text("def load():\n    from shop import api\n")
    names = ("shop.py", "shop/__init__.py", "shop/api.py", "shop/api/__init__.py")
    assert program_files(tmp_path, tmp_path / "base") == {
        Path("base/__main__.py"),
        *map(Path, names),
        *(Path("base", name) for name in names),
    }


def test_a_file_that_a_tool_reads_by_its_name_is_no_data_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import shop")
    (tmp_path / "shop").mkdir()
    for name in ("__init__.py", "rows.json", "rows.yml", ".hidden.json", *OF_TOOLS, OF_TOOLS[0].upper()):
        (tmp_path / "shop" / name).write_text("")
    files = {f"{file}" for file in program_files(tmp_path, tmp_path) if file.suffix != ".py"}
    assert files == {"shop/rows.json", "shop/rows.yml"}
