"""Tests of the files that a program imports."""

from pathlib import Path

from review.programs.imports import program_files


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
