"""The git repository: each deployment and each rollback is a commit to the stack's file."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from scripts import stack_file
from scripts.options import Options, stacks
from scripts.process import Failed, Programs

TRAILER = re.compile(r"^(Version|Image|Migrations): (.*)$", re.MULTILINE)
SEPARATOR = "\x1e"


@dataclass(frozen=True)
class Deployment:
    """A commit that says what was deployed."""

    commit: str
    version: str
    image: str
    migrations: tuple[str, ...] | None
    """All that the version has, in order; one that cannot be undone ends in `!`. None: nobody knows."""


class Repository:
    """The checkout that a script runs from."""

    def __init__(self, programs: Programs, options: Options) -> None:
        self._programs, self._options = programs, options
        self._file = stack_file.path(options.stack).name

    def committed(self) -> str:
        """The image in the stack file as it is committed."""
        return stack_file.image(self._programs.read("git", "show", f"HEAD:{self._file}"))

    def content(self) -> str:
        """Names what is committed, but for the images in the stack files: each deployment changes one."""
        lines = self._programs.read("git", "ls-tree", "-r", "HEAD").splitlines()
        names = [f"Pulumi.{stack}.yaml" for stack in stacks()]
        kept = [line for line in lines if line.partition("\t")[2] not in names]
        texts = [self._programs.read("git", "show", f"HEAD:{name}") for name in names]
        kept += [stack_file.with_image(text, "") for text in texts]
        return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:40]

    def changed(self) -> list[str]:
        """Tracked files that differ from what is committed; the stack's own is left out."""
        lines = self._programs.read("git", "status", "--porcelain", "--untracked-files=no").splitlines()
        return [line[3:] for line in lines if line[3:] != self._file]

    def deployments(self) -> list[Deployment]:
        """The newest first."""
        words = ("git", "log", "--max-count=500", f"--format=%H%n%B{SEPARATOR}", "--", self._file)
        found: list[Deployment] = []
        for text in self._programs.read(*words).split(SEPARATOR):
            commit, _, message = text.strip().partition("\n")
            said = dict(TRAILER.findall(message))
            if "Version" in said and "Image" in said:
                listed = said.get("Migrations")
                migrations = None if listed is None else tuple(listed.split())
                found.append(Deployment(commit, said["Version"], said["Image"], migrations))
        return found

    def migrations(self, image: str) -> tuple[str, ...] | None:
        """What is known of an image's migrations."""
        known = (each.migrations for each in self.deployments() if each.image == image)
        return next((each for each in known if each is not None), None)

    def commit(self, subject: str, image: str, migrations: Sequence[str] | None) -> bool:
        """Commits the stack file, and pushes it where the branch has somewhere to go; whether it differed."""
        trailers = [f"Version: {stack_file.version(image)}", f"Image: {image}"]
        if migrations is not None:
            trailers.append(f"Migrations: {' '.join(migrations)}")
        if not self._options.dry_run and not self._programs.read("git", "diff", "HEAD", "--", self._file):
            return False
        body = "\n".join(trailers)
        self._programs.change("git", "commit", "--quiet", "-m", subject, "-m", body, "--", self._file)
        return True

    def push(self) -> str:
        """Pushes what was committed; what to say of it. Nothing of a sandbox's leaves the machine."""
        if self._options.target == "sandbox":
            return "not pushed: what is deployed is a sandbox"
        try:
            upstream = self._programs.read("git", "rev-parse", "--abbrev-ref", "@{upstream}").strip()
        except Failed:
            return "not pushed: the branch has no upstream; push it, or the next deployment undoes this one"
        # Others deploy other stacks meanwhile, each a commit to another file.
        self._programs.change("git", "pull", "--quiet", "--rebase", "--autostash")
        self._programs.change("git", "push", "--quiet")
        return f"pushed to {upstream}"
