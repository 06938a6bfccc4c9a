"""Git repository in which each deployment and each rollback is a commit to the stack file.

At each commit, the stack file names the image that was deployed. Commit messages are never parsed, since any
author of a merged pull request can write anything there. For the same reason, the images of a real stack are
read only from commits of the workflows' bot: the committer of a merged pull request is GitHub. The files of
the checkout never change, since they are being deployed. If others push during a deployment, its commit goes
on top of theirs, and the checkout does not receive their changes.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import yaml

from operations.lib import stack_file
from operations.lib.checkout import BOT, Checkout
from operations.lib.command_line import stacks
from operations.lib.errors import FailedError, RefusedError

SKIP = "[skip ci]"
"""Part of a commit message: GitHub starts no workflow for a push whose newest commit contains it."""
HISTORY = 500
"""Largest number of commits to a stack file that are searched for images."""
TRIES = 5
"""Largest number of attempts to push while others push at the same time."""


class Repository(Checkout):
    """The checkout with the images that its commits name."""

    def committed(self) -> str:
        """Return the image in the newest known version of the stack file."""
        return stack_file.image(self.text())

    def migrates(self) -> bool:
        """Return False while the database has a newer version's schema (`pipe:api.migrate`)."""
        return stack_file.migrates(self.text())

    def content(self) -> str:
        """Return a hash of the committed files, without the stack files' images and migration flags."""
        lines = self._runner.read("git", "ls-tree", "-r", "HEAD").splitlines()
        names = [f"Pulumi.{stack}.yaml" for stack in stacks()]
        content = [line for line in lines if line.partition("\t")[2] not in names]
        texts = [self._runner.read("git", "show", f"HEAD:{name}") for name in names]
        content += [stack_file.with_image(text, "") for text in texts]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:40]

    @cached_property
    def image_repository(self) -> str:
        """The repository of the stack's images in the stack's own registry, without a tag."""
        text = stack_file.path(self._options.stack).read_text()
        return stack_file.own_repository(text, self._options.settings)

    def check_own(self, image: str) -> None:
        """Refuse an image that is not in the stack's own image repository."""
        if stack_file.repository(image) != self.image_repository:
            raise RefusedError(f"{image} is not in the stack's own image repository, {self.image_repository}")

    def images(self) -> Iterator[str]:
        """Yield the images that the stack file has named, newest first.

        Only the first-parent commits of the branch are read, since reviewers may never have seen the
        individual commits of a merged branch. Of a real stack, only commits of the workflows' bot are read.
        """
        tips = ["HEAD", *([self.upstream.tracking_branch] if self.upstream else [])]
        command = ("git", "log", "--first-parent", f"--max-count={HISTORY}", "--format=%H %ce", *tips, "--")
        for line in self._runner.read(*command, self._file).splitlines():
            commit, _, committer = line.partition(" ")
            if committer != BOT and self._options.target == "real":
                continue
            try:
                yield stack_file.image(self._text(commit))
            except (FailedError, RefusedError, yaml.YAMLError):
                continue  # The commit deleted the file, or the file has no valid image.

    def commit(self, subject: str, image: str, *, migrate: bool) -> str:
        """Commit the image to the newest version of the stack file, and push; return a message."""
        trailers = [f"Version: {stack_file.version(image)}", f"Image: {image}"]
        message = ("-m", subject, "-m", "\n".join(trailers))
        upstream = self.upstream
        if self._options.dry_run:
            self._runner.change("git", "commit", *message, "--", self._file)
            if upstream:
                self._runner.change("git", "push", upstream.remote, f"HEAD:{upstream.branch}")
            return "a dry run creates no commit"
        base = self._tip()
        new_commit = self._create_commit(base, image, migrate, message)
        if upstream is None:
            self._follow(base, new_commit)
            return self._not_pushed() if new_commit != base else "the image is already committed"
        try:
            for left in reversed(range(TRIES)):
                if new_commit == self._read("rev-parse", upstream.tracking_branch):
                    return "the image is already committed"
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
        branch = upstream.tracking_branch
        if unpushed := self._count(f"{branch}..HEAD"):
            raise FailedError(f"{unpushed} commits of this checkout are not in {branch}: git pull --rebase")
        is_older = self._count(f"HEAD..{branch}")
        advice = f"; this checkout is older: git checkout {self._file}, and git pull" if is_older else ""
        return f"pushed to {branch}{advice}"

    def _create_commit(self, base: str, image: str, migrate: bool, message: Sequence[str]) -> str:
        """Create a commit with the image on top of `base`; return `base` if it already has the image.

        If no other commit is pushed with it, its message contains [skip ci]: otherwise a workflow would
        deploy the newest version again, even after a rollback.
        """
        if self.upstream and base == self._read("rev-parse", self.upstream.tracking_branch):
            message = (*message, "-m", SKIP)
        if self._read("rev-parse", f"HEAD:{self._file}") == self._read("rev-parse", f"{base}:{self._file}"):
            text = stack_file.path(self._options.stack).read_text()  # The file may also have new secrets.
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
        """Move the checkout's branch to the new commit if the branch is at `base`.

        The working tree already contains the new image, so no file changes.
        """
        if new_commit != base and self._read("rev-parse", "HEAD") == base:
            self._runner.change("git", "update-ref", "-m", "deployed", "HEAD", new_commit, base)
            self._runner.change("git", "reset", "--quiet", "--", self._file)

    def _not_pushed(self) -> str:
        if self._options.target == "sandbox":
            return "not pushed: a sandbox never pushes"
        return "not pushed: the branch has no upstream; push it, or the next deployment undoes this one"


def _with_blob(row: str, blob: str) -> str:
    """Return a line of `git ls-tree` (`mode type name<tab>path`) that names another blob."""
    kind, _, path = row.partition("\t")
    return f"{kind.rpartition(' ')[0]} {blob}\t{path}"
