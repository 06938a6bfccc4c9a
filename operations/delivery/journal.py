"""Journal of a deployment, with which the next run continues after an interruption."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from operations.lib import stack_file
from operations.lib.command_line import ROOT, Options
from operations.lib.errors import RefusedError


@dataclass
class Journal:
    """The progress of a deployment; after an interruption the next run skips the finished parts."""

    version: str
    """Value of --version; empty without this option."""
    target: str
    """`real` or `sandbox`."""
    before: str
    """Previous image, from the upstream's stack file, since the checkout's stack file may be older."""
    migrates: bool
    """True if the previous image ran its migrations; False if an earlier rollback kept a newer schema."""
    image: str = ""
    """Image to deploy."""
    has_started_frontend: bool = False
    """True once Vercel may serve a new frontend."""
    frontend: bool = False
    """True once Vercel serves the new frontend."""
    previous_frontend: str = ""
    """ID of the Vercel deployment that visitors got before; empty if there was none."""
    alerts: list[str] = field(default_factory=list[str])
    """Monitors that were alerting before the deployment."""
    errors: list[str] = field(default_factory=list[str])
    """Kinds of errors in the API's logs before the deployment."""
    has_baseline: bool = False
    """True once `alerts` and `errors` are recorded."""

    def save(self, options: Options) -> None:
        """Write the journal to its file; a dry run writes nothing."""
        if options.dry_run:
            return
        file = journal_file(options.stack)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=2) + "\n")
        new.replace(file)


def journal_file(stack: str) -> Path:
    return ROOT / ".runs" / stack / "unfinished.json"


def read_journal(stack: str) -> Journal | None:
    """Return the journal of an interrupted deployment; None if there is no file.

    Refuse a file that is unreadable or not a journal: a new journal would replace the only record of what the
    interrupted run changed.
    """
    file = journal_file(stack)
    name = file.relative_to(ROOT)
    try:
        entries = json.loads(file.read_text())
        if missing := {entry.name for entry in fields(Journal)} - set(entries):
            raise KeyError(*missing)
        return Journal(**entries)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RefusedError(
            f"{name}, the journal of an interrupted deployment, cannot be read ({error.strerror}); to make it"
            f" readable: sudo chown -R $USER {name.parent}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            f"{name} is not a journal of a deployment ({type(error).__name__}); to start a new deployment:"
            f" git checkout {stack_file.path(stack).name} && rm {name}"
        ) from None


def delete_journal(options: Options) -> None:
    """Delete the journal once the deployment has succeeded or has been rolled back."""
    if not options.dry_run:
        journal_file(options.stack).unlink(missing_ok=True)
