"""Publication of files in the summary of a GitHub Actions job: python -m tools.job_summary FILE…

Outside a job, where GITHUB_STEP_SUMMARY is not set, the files are printed.
"""

import os
import sys
from pathlib import Path

LARGEST = 1_000_000
"""Largest number of bytes of a file; GitHub rejects a summary that is larger than 1 MiB."""


def main(arguments: list[str]) -> int:
    """Publish each file, or a notice if it is missing or too large; return 2 without files, else 0."""
    if not arguments:
        print("usage: python -m tools.job_summary FILE…", file=sys.stderr)
        return 2
    for name in arguments:
        file = Path(name)
        text = file.read_text(errors="replace") if file.exists() else f"{name} does not exist.\n"
        if len(text.encode()) > LARGEST:
            text = f"{name} is too large for a summary; it is in the artifact.\n"
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a") as out:
                out.write(text + "\n")
        else:
            print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
