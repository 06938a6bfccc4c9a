"""The result of an operation of the engine, on the terminal and in a file."""

from sandbox import summary
from sandbox.engine.process import Session
from sandbox.summary import Phase


def report(session: Session, operation: str, code: int, phase: Phase) -> int:
    """Print the summary of an operation and write it to summary.json; return the exit code."""
    stack, progress = session.stack, session.progress
    file = stack.folder / "summary.json"
    summary.write(file, stack.label, operation, phase, progress.seconds)
    summary.show(phase, progress, stack=stack, operation=operation, code=code, file=file)
    return code
