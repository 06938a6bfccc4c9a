"""Git repository in which each deployment and each rollback is a commit to the stack file.

At each commit, the stack file names the image that was deployed. Commit messages are never parsed, since any
author of a merged pull request can write anything there. For the same reason only commits of the workflows'
bot name images of a real stack: GitHub is the committer of a merged pull request. The files of the checkout
are never changed, since they are being deployed. If others push during a deployment, its commit goes on top
of theirs, and the checkout does not receive their changes.
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
"""Part of a commit message: GitHub starts no workflow for a push whose newest commit contains it."""
HISTORY = 500
"""Largest number of commits to a stack file that are searched for images."""
BOT = "41898282+github-actions[bot]@users.noreply.github.com"
"""Email address with which the workflows commit. 41898282 is the ID of the account github-actions[bot]
(https://api.github.com/users/github-actions[bot]).
"""
TRIES = 5
"""Largest number of attempts to push while others push at the same time."""


@dataclass(frozen=True)
class Upstream:
    """The branch of a remote to which the checkout's branch is pushed."""

    tracking_branch: str
    """Local copy of the branch as of the last fetch, such as origin/main."""
    remote: str
    """Name of the remote, such as origin."""
    branch: str
    """Name of the branch on the remote, such as refs/heads/main."""


class Repository:
    """The checkout from which a command runs."""

    def __init__(self, runner: CommandRunner, options: Options) -> None:
        self._runner, self._options = runner, options
        self.stack = options.stack
        self._file = stack_file.path(options.stack).name
        self._mark = f"refs/heads/deployed/{options.stack}"

    @cached_property
    def upstream(self) -> Upstream | None:
        """The upstream of the checkout's branch; None without one, and for a sandbox, which never pushes."""
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
        """Refuse uncommitted changes, and a git configuration without an identity for commits.

        A dry run refuses nothing, and only shows uncommitted changes. So does a sandbox, except for changes
        to the stack file, since the commit that records the image would include them.
        """
        if not self._options.dry_run:
            self._check_identity()
        if not (changed := self.changed()):
            return
        message = f"not committed: {', '.join(changed)}"
        if self._options.dry_run:
            show(f"{message}; without --dry-run, only a sandbox would accept these changes")
        elif self._options.target == "real":
            raise RefusedError(f"{message}; only committed files may be deployed: git commit")
        elif self._file in changed:
            raise RefusedError(
                f"{message}; the commit that records the image would include your changes to {self._file}."
                f" Commit them (git commit) or discard them (git checkout {self._file})"
            )
        else:
            show(f"{message}; the sandbox gets these changes without a commit")

    def _check_identity(self) -> None:
        try:
            for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
                self._read("var", name)  # `git var` is as strict as `git commit-tree` (git-var(1)).
        except FailedError:
            raise RefusedError(
                "git has no name and address for commits, and each deployment is a commit:"
                " git config --global user.name NAME, and git config --global user.email ADDRESS"
            ) from None

    def check_bot(self) -> None:
        """Refuse to deploy to a real stack unless git commits as the bot, since nobody else may push to main.

        A dry run refuses nothing.
        """
        if self._options.target == "sandbox" or self._options.dry_run:
            return
        identity = self._read("var", "GIT_COMMITTER_IDENT")
        if f"<{BOT}>" not in identity:
            raise RefusedError(
                f"deployments are commits of github-actions[bot], but git would commit as"
                f" {identity.rpartition('>')[0]}>. Push to main instead: then the workflow Deploy deploys"
                f" {self._options.stack}"
            )

    def check_push(self) -> None:
        """Refuse a remote that accepts no push.

        The check is a dry run of a push, which does not test the server's own rules.
        """
        if self.upstream and not self._options.dry_run:
            command = ("push", "--dry-run", "--quiet", "--force", self.upstream.remote, f"HEAD:{self._mark}")
            try:
                self._read(*command)
            except FailedError as error:
                raise RefusedError(
                    f"{error}\n{self.upstream.remote} accepts no push from here, but each deployment pushes a"
                    " commit: log in, or ask for the right to push"
                ) from None

    def check_upstream(self) -> None:
        """Fetch the upstream, and refuse a deployment that it would not accept.

        The reasons are: the upstream does not respond, has diverged from the checkout, has a newer deployed
        commit, or accepts no push.
        """
        if self.upstream is None:
            return
        branch = self.upstream.tracking_branch
        try:
            self.fetch()
        except FailedError as error:
            raise RefusedError(
                f"{error}\n{branch} names the deployed image and could not be fetched. A rollback works"
                f" without it: scripts/rollback.sh {self._options.stack}"
            ) from None
        if self._count(f"{branch}..HEAD") and self._count(f"HEAD..{branch}"):
            raise RefusedError(f"the checkout and {branch} have diverged: git pull --rebase, and push")
        if not self._options.dry_run:
            self._check_order(self.upstream.remote)
        self.check_push()

    def check_upstream_if_it_responds(self, show: Callable[[str], None]) -> None:
        """Check the upstream as `check_upstream` does, but only report one that does not respond.

        This is for commands of the bad hours, which commit little or nothing and cannot wait for GitHub.
        """
        try:
            self.fetch()
        except FailedError as error:
            show(f"the upstream does not respond, so a commit may have to be pushed by hand: {error}")
        else:
            self.check_upstream()

    def _check_order(self, remote: str) -> None:
        """Refuse a commit that is older than the last deployed commit, for example after a late approval."""
        if last := self._read("ls-remote", remote, self._mark).partition("\t")[0]:
            self._runner.change("git", "fetch", "--quiet", remote, self._mark)
            if self._count(f"HEAD..{last}") and not self._count(f"{last}..HEAD"):
                stack = self._options.stack
                raise RefusedError(
                    f"the commit {last[:12]} was deployed to {stack} and is newer than this checkout: git"
                    " pull"
                )

    def mark(self) -> None:
        """Move the branch deployed/STACK to this commit, so that older commits are refused from now on."""
        if self.upstream:
            command = ("git", "push", "--quiet", "--force", self.upstream.remote, f"HEAD:{self._mark}")
            self._runner.change(*command)

    def committed(self) -> str:
        """Return the image in the newest known version of the stack file."""
        return stack_file.image(self.text())

    def migrates(self) -> bool:
        """Return False while the database has a newer version's schema (`pipe:api.migrate`)."""
        return stack_file.migrates(self.text())

    def text(self) -> str:
        """Return the text of the newest known version of the stack file."""
        return self._text(self._tip())

    def content(self) -> str:
        """Return a hash of the committed content, without the stack files' images and migration flags."""
        lines = self._runner.read("git", "ls-tree", "-r", "HEAD").splitlines()
        names = [f"Pulumi.{stack}.yaml" for stack in stacks()]
        content = [line for line in lines if line.partition("\t")[2] not in names]
        texts = [self._runner.read("git", "show", f"HEAD:{name}") for name in names]
        content += [stack_file.with_image(text, "") for text in texts]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:40]

    def changed(self) -> list[str]:
        """Return the tracked files that differ from the last commit.

        The stack file is omitted if it differs only in values that commands set: image, migration flag and
        secrets.
        """
        lines = self._runner.read("git", "status", "--porcelain", "--untracked-files=no").splitlines()
        names = [line[3:] for line in lines]
        return [name for name in names if name != self._file or not self._differs_in_set_values_only()]

    def _differs_in_set_values_only(self) -> bool:
        file = stack_file.path(self._options.stack)
        if not file.exists():
            return False
        committed = stack_file.without_set_values(self._text("HEAD"))
        return stack_file.without_set_values(file.read_text()) == committed

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
                continue  # The commit deleted the file, or its file was not deployable.

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

        A commit that is pushed alone contains [skip ci], since a workflow would deploy the newest version
        again after a rollback.
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

    def _tip(self) -> str:
        """Return HEAD, or the upstream's commit if HEAD does not contain it."""
        newer = self.upstream and self._count(f"HEAD..{self.upstream.tracking_branch}")
        return self._read("rev-parse", self.upstream.tracking_branch if self.upstream and newer else "HEAD")

    def _text(self, commit: str) -> str:
        return self._runner.read("git", "show", f"{commit}:{self._file}")

    def _count(self, commits: str) -> int:
        return int(self._read("rev-list", "--count", commits))

    def _read(self, *command: str) -> str:
        return self._runner.read("git", *command).strip()


def _with_blob(row: str, blob: str) -> str:
    """Return a line of `git ls-tree` (`mode type name<tab>path`) that names another blob."""
    kind, _, path = row.partition("\t")
    return f"{kind.rpartition(' ')[0]} {blob}\t{path}"
