"""The part of a review that runs a pull request's program, isolated: python -m review.inside FOLDER."""

import json
import sys
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path

from review import isolation, looking, render, runner
from sandbox.fault import Fault


def main(work: Path) -> int:
    """Report what `asked.json` asks for into `reports/`; the exit code. Nothing outside `work` is written."""
    isolation.guard()
    try:
        asked = json.loads((work / "asked.json").read_text())
        trees = Path(asked["trees"][0]), Path(asked["trees"][1])
        run = partial(runner.run, engine=Path(asked["engine"]), minutes=asked["minutes"], tell=render.tell)
        projects = looking.stacks(trees, asked["stacks"])
        report = looking.report(trees, asked["names"], projects, work / "stacks", run, asked["notes"])
        render.write(replace(report, trees=asked["links"]), work / "reports")
        return report.code
    except Fault as error:
        render.tell(f"error: {error}")
    except Exception:
        traceback.print_exc()
    return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
