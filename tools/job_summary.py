"""Adds files to the summary of a GitHub job: python -m tools.job_summary FILE…; elsewhere it prints them."""

import os
import sys
from pathlib import Path

LARGEST = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""


def main(words: list[str]) -> int:
    if not words:
        print("usage: python -m tools.job_summary FILE…", file=sys.stderr)
        return 2
    for name in words:
        file = Path(name)
        said = file.read_text(errors="replace") if file.exists() else f"There is no {name}.\n"
        if len(said.encode()) > LARGEST:
            said = f"{name} is too large for a summary; it is in the artifact.\n"
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a") as out:
                out.write(said + "\n")
        else:
            print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
