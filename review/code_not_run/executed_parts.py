"""The record of what the second run of the head executes of changed files."""

import os
from collections.abc import Mapping, Set
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from review.jail.regular_files import read_bytes
from review.programs.file_states import find_differing
from review.programs.imports import all_program_files
from review.project_selection import Trees

RECORD = TypeAdapter(dict[Path, set[int]])
"""Form of a record: the numbers of the executed parts by the path of a file."""

SUFFIX = ".py"


def find_changed(trees: Trees) -> list[Path]:
    """Return the head's Python files that are new or changed for its programs, by their paths in the tree.

    These also are files that no program of the base has, such as a module of the tests: nobody has read them
    as a part of a program.
    """
    _, head = trees
    of_base, of_head = map(all_program_files, trees)
    changed = find_differing(*trees) | (of_head - of_base)
    return sorted(file for file in changed if file.suffix == SUFFIX and (head / file).is_file())


def find_recorded(trees: Trees) -> list[str]:
    """Return the paths, without links, of the head's files whose execution a program records.

    A name that is not Unicode cannot be sent to the program, so all code of such a file counts as not run.
    """
    paths = {os.path.realpath(trees[1] / file) for file in find_changed(trees)}
    return sorted(path for path in paths if path.isprintable())


def read_record(file: Path) -> Mapping[Path, Set[int]] | None:
    """Return the numbers of the executed parts by the path of their file, or None if there was no record.

    The program may have written anything. Then it has executed nothing.
    """
    if not os.path.lexists(file):
        return None
    try:
        return RECORD.validate_json(read_bytes(file))
    except ValidationError:
        return {}
