"""Git repository in which each deployment and each rollback is a commit to the stack's file.

The file at a commit names the image that was deployed. Messages of commits are for people and are never
parsed, since every author of a merged pull request writes one.

The checkout is being deployed, so its files are never changed here. When others push meanwhile, a commit goes
on top of theirs, and their work does not come into the checkout.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import yaml

from operations.lib import stack_file
from operations.lib.command_line import Options, stacks
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError

SKIP = "[skip ci]"
"""Text in the newest commit of a push for which GitHub starts no workflow."""
HISTORY = 500
"""Largest number of commits to a stack's file that are read."""
TRIES = 5
"""Number of tries of a push while others push at the same time."""


@dataclass(frozen=True)
class Upstream:
    """The branch that the checkout's own one is pushed to."""

    here: str
    """The remote-tracking branch, as of the last fetch: origin/main."""
    remote: str
    branch: str
    """Its name there: refs/heads/main."""


class Repository:
    """The checkout that a command runs from."""

    def __init__(self, runner: CommandRunner, options: Options) -> None:
        self._runner, self._options = runner, options
        self.stack = options.stack
        self._file = stack_file.path(options.stack).name
        self._mark = f"refs/heads/deployed/{options.stack}"

    @cached_property
    def upstream(self) -> Upstream | None:
        """The upstream of the branch; None if it has none, or for a sandbox, which never pushes."""
        if self._options.target == "sandbox":
            return None
        try:
            branch = self._read("symbolic-ref", "--quiet", "HEAD")
        except FailedError:
            return None
        names = "%(upstream:short) %(upstream:remotename) %(upstream:remoteref)"
        fields = self._read("for-each-ref", f"--format={names}", branch).split()
        return Upstream(*fields) if len(fields) == 3 else None

    def fetch(self) -> None:
        """Fetch the upstream branch; the checkout stays as it is."""
        if self.upstream:
            self._runner.change("git", "fetch", "--quiet", self.upstream.remote, self.upstream.branch)

    def check(self, show: Callable[[str], None]) -> None:
        """Refuse uncommitted changes before anything is changed.

        A rehearsal, in a sandbox or as a dry run, may have changes and shows them. In a sandbox the stack's
        own file must have none, since the commit of the image would include them.
        """
        if not self._options.dry_run:
            self._check_identity()
        if not (changed := self.changed()):
            return
        message = f"not committed: {', '.join(changed)}"
        if self._options.dry_run:
            show(f"{message}; a deployment would be refused or take it along")
        elif self._options.target == "real":
            raise RefusedError(f"{message}; what is deployed has to be in the repository: git commit")
        elif self._file in changed:
            raise RefusedError(
                f"{message}; the commit of the image would take along what is changed in {self._file}:"
                f" git commit, or git checkout {self._file}"
            )
        else:
            show(f"{message}; the sandbox gets it, and no commit has it")

    def _check_identity(self) -> None:
        try:
            for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
                self._read("var", name)  # It is as strict as git commit-tree (git-var(1)).
        except FailedError:
            raise RefusedError(
                "git does not know who you are, and each deployment is a commit:"
                " git config --global user.name NAME, and git config --global user.email ADDRESS"
            ) from None

    def check_push(self) -> None:
        """Refuse where the commit of a deployment could not be pushed; the server's own rules come later."""
        if self.upstream and not self._options.dry_run:
            command = ("push", "--dry-run", "--quiet", "--force", self.upstream.remote, f"HEAD:{self._mark}")
            try:
                self._read(*command)
            except FailedError as error:
                raise RefusedError(
                    f"{error}\n{self.upstream.remote} takes no push from here, and each deployment is a"
                    " commit: log in, or ask for the right to push"
                ) from None

    def check_upstream(self) -> None:
        """Refuse an upstream that does not answer, and a checkout that has diverged from it."""
        if self.upstream is None:
            return
        here = self.upstream.here
        try:
            self.fetch()
        except FailedError as error:
            raise RefusedError(
                f"{error}\n{here} says what is deployed now, and cannot be asked; to go back does not need"
                f" it: scripts/rollback.sh {self._options.stack}"
            ) from None
        if self._count(f"{here}..HEAD") and self._count(f"HEAD..{here}"):
            raise RefusedError(f"the checkout and {here} have different commits: git pull --rebase, and push")
        if not self._options.dry_run:
            self._check_order(self.upstream.remote)
        self.check_push()

    def _check_order(self, remote: str) -> None:
        """Refuse a commit older than the last deployed one, as after a late approval."""
        if last := self._read("ls-remote", remote, self._mark).partition("\t")[0]:
            self._runner.change("git", "fetch", "--quiet", remote, self._mark)
            if self._count(f"HEAD..{last}") and not self._count(f"{last}..HEAD"):
                stack = self._options.stack
                raise RefusedError(
                    f"{last[:12]} was deployed to {stack}, which is newer than this checkout: git pull"
                )

    def mark(self) -> None:
        """Move the branch deployed/STACK to this commit; from now on no older commit is deployed."""
        if self.upstream:
            command = ("git", "push", "--quiet", "--force", self.upstream.remote, f"HEAD:{self._mark}")
            self._runner.change(*command)

    def committed(self) -> str:
        """Return the image in the newest known version of the stack file."""
        return stack_file.image(self.text())

    def migrates(self) -> bool:
        """Return True if that image's migrations run; False if the database has a newer version's schema."""
        return stack_file.migrates(self.text())

    def text(self) -> str:
        """Return the text of the newest known version of the stack file."""
        return self._text(self._tip())

    def content(self) -> str:
        """Return a hash of the committed content, without the images in the stack files."""
        lines = self._runner.read("git", "ls-tree", "-r", "HEAD").splitlines()
        names = [f"Pulumi.{stack}.yaml" for stack in stacks()]
        kept = [line for line in lines if line.partition("\t")[2] not in names]
        texts = [self._runner.read("git", "show", f"HEAD:{name}") for name in names]
        kept += [stack_file.with_image(text, "") for text in texts]
        return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:40]

    def changed(self) -> list[str]:
        """Return the tracked files that differ from the last commit.

        The stack's own file may differ in the values that commands set: the image and secrets.
        """
        lines = self._runner.read("git", "status", "--porcelain", "--untracked-files=no").splitlines()
        names = [line[3:] for line in lines]
        return [name for name in names if name != self._file or not self._differs_as_it_may()]

    def _differs_as_it_may(self) -> bool:
        file = stack_file.path(self._options.stack)
        return file.exists() and stack_file.lasting(file.read_text()) == stack_file.lasting(
            self._text("HEAD")
        )

    @cached_property
    def own(self) -> str:
        """The repository in the stack's own registry that has its images."""
        text = stack_file.path(self._options.stack).read_text()
        return stack_file.own_repository(text, self._options.settings)

    def check_own(self, image: str) -> None:
        """Refuse an image of another registry or repository."""
        if stack_file.repository(image) != self.own:
            raise RefusedError(f"{image} is not in the stack's own registry and repository, {self.own}")

    def images(self) -> Iterator[str]:
        """Yield the images that the stack's file has named, the newest first.

        Only states that the branch itself has had count: commits of a merged branch may never have been seen
        by a reviewer.
        """
        tips = ["HEAD", *([self.upstream.here] if self.upstream else [])]
        command = ("git", "log", "--first-parent", f"--max-count={HISTORY}", "--format=%H", *tips, "--")
        for commit in self._runner.read(*command, self._file).split():
            try:
                yield stack_file.image(self._text(commit))
            except (FailedError, RefusedError, yaml.YAMLError):
                continue  # The commit deleted the file, or its file was not deployable.

    def commit(self, subject: str, image: str, *, migrate: bool) -> str:
        """Commit the image on top of the newest version of the stack file, and push; return a message."""
        trailers = [f"Version: {stack_file.version(image)}", f"Image: {image}"]
        message = ("-m", subject, "-m", "\n".join(trailers))
        upstream = self.upstream
        if self._options.dry_run:
            self._runner.change("git", "commit", *message, "--", self._file)
            if upstream:
                self._runner.change("git", "push", upstream.remote, f"HEAD:{upstream.branch}")
            return "no commit, this is a dry run"
        base = self._tip()
        new_commit = self._create_commit(base, image, migrate, message)
        if upstream is None:
            self._follow(base, new_commit)
            return self._not_pushed() if new_commit != base else "the commit has it already"
        try:
            for left in reversed(range(TRIES)):
                if new_commit == self._read("rev-parse", upstream.here):
                    return "the commit has it already"
                try:
                    self._runner.change(
                        "git", "push", "--quiet", upstream.remote, f"{new_commit}:{upstream.branch}"
                    )
                    break
                except FailedError:
                    self.fetch()
                    if not left or self._tip() == base:
                        raise
                base = self._tip()
                new_commit = self._create_commit(base, image, migrate, message)
        finally:
            self._follow(base, new_commit)
        if own := self._count(f"{upstream.here}..HEAD"):
            raise FailedError(f"{own} commits of this checkout are not in {upstream.here}: git pull --rebase")
        behind = self._count(f"HEAD..{upstream.here}")
        more = f"; this checkout is older: git checkout {self._file}, and git pull" if behind else ""
        return f"pushed to {upstream.here}{more}"

    def _create_commit(self, base: str, image: str, migrate: bool, message: Sequence[str]) -> str:
        """Create a commit on top of `base` with the image; return `base` itself if it has the image already.

        If the push has only this commit, it starts no workflow. After a rollback, a workflow would deploy the
        newest version again.
        """
        if self.upstream and base == self._read("rev-parse", self.upstream.here):
            message = (*message, "-m", SKIP)
        if self._read("rev-parse", f"HEAD:{self._file}") == self._read("rev-parse", f"{base}:{self._file}"):
            text = stack_file.path(self._options.stack).read_text()  # It may also have new values of secrets.
        else:
            text = self._text(base)
        text = stack_file.with_image(text, image, migrate=migrate)
        if text == self._text(base):
            return base
        blob = self._runner.change("git", "hash-object", "-w", "--stdin", stdin=text).strip()
        rows = self._runner.read("git", "ls-tree", base).splitlines(keepends=True)
        rows = [_with_blob(row, blob) if row.endswith(f"\t{self._file}\n") else row for row in rows]
        tree = self._runner.change("git", "mktree", stdin="".join(rows)).strip()
        return self._runner.change("git", "commit-tree", tree, "-p", base, *message).strip()

    def _follow(self, base: str, new_commit: str) -> None:
        """Move the checkout's branch to the commit if it descends from it; the files agree already."""
        if new_commit != base and self._read("rev-parse", "HEAD") == base:
            self._runner.change("git", "update-ref", "-m", "deployed", "HEAD", new_commit, base)
            self._runner.change("git", "reset", "--quiet", "--", self._file)

    def _not_pushed(self) -> str:
        if self._options.target == "sandbox":
            return "not pushed: what is deployed is a sandbox"
        return "not pushed: the branch has no upstream; push it, or the next deployment undoes this one"

    def _tip(self) -> str:
        """Return the newest commit: the upstream's, unless the checkout contains it."""
        newer = self.upstream and self._count(f"HEAD..{self.upstream.here}")
        return self._read("rev-parse", self.upstream.here if self.upstream and newer else "HEAD")

    def _text(self, commit: str) -> str:
        return self._runner.read("git", "show", f"{commit}:{self._file}")

    def _count(self, commits: str) -> int:
        return int(self._read("rev-list", "--count", commits))

    def _read(self, *command: str) -> str:
        return self._runner.read("git", *command).strip()


def _with_blob(row: str, blob: str) -> str:
    """Return a line of `git ls-tree`, `mode type name<tab>path`, with another blob."""
    kind, _, path = row.partition("\t")
    return f"{kind.rpartition(' ')[0]} {blob}\t{path}"
