"""The git checkout from which a command runs, its upstream, and the checks before a deployment."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from operations.lib import stack_file
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError

BOT = "41898282+github-actions[bot]@users.noreply.github.com"
"""Email address with which the workflows commit. 41898282 is the ID of the account github-actions[bot]
(https://api.github.com/users/github-actions[bot]).
"""


@dataclass(frozen=True)
class Upstream:
    """The branch of a remote to which the checkout's branch is pushed."""

    tracking_branch: str
    """Local copy of the branch as of the last fetch, such as origin/main."""
    remote: str
    """Name of the remote, such as origin."""
    branch: str
    """Name of the branch on the remote, such as refs/heads/main."""


class Checkout:
    """The checkout from which a command runs. Its files are never changed, since they are being deployed."""

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

        A dry run refuses nothing, and only shows uncommitted changes. A sandbox accepts uncommitted changes,
        except to the stack file, since the commit that records the image would include them.
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
                "git has no user.name or no user.email, and each deployment is a commit:"
                " git config --global user.name NAME, and git config --global user.email ADDRESS"
            ) from None

    def check_bot(self) -> None:
        """Refuse to deploy to a real stack unless git commits as the bot.

        Only the bot may push to main without a pull request.

        A dry run refuses nothing.
        """
        if self._options.target == "sandbox" or self._options.dry_run:
            return
        if person := self._person():
            raise RefusedError(
                f"deployments are commits of github-actions[bot], but git would commit as {person}. Push to"
                f" main instead: then the workflow Deploy deploys {self._options.stack}"
            )

    def check_committer(self) -> None:
        """Refuse a committer who may not push to the upstream.

        Only the bot may push to main and to the branches deployed/* (README, GitHub). Without an upstream,
        nothing is pushed. A dry run refuses nothing.
        """
        if self.upstream is None or self._options.dry_run:
            return
        if person := self._person():
            raise RefusedError(
                "this command pushes a commit, and only github-actions[bot] may push to"
                f" {self.upstream.tracking_branch}, but git would commit as {person}. Run it with the"
                " workflow Operate. If the workflow does not run, leave the branch (git switch --detach),"
                " run the command again, and bring its commit to main in a pull request before the next"
                " deployment"
            )

    def _person(self) -> str:
        """Return the committer's name and address; an empty string for the bot."""
        identity = self._read("var", "GIT_COMMITTER_IDENT")
        return "" if f"<{BOT}>" in identity else f"{identity.rpartition('>')[0]}>"

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
        """Check the upstream as `check_upstream` does, but only warn if it does not respond.

        Incident commands use this: they commit little or nothing, and must work during an outage of GitHub.
        """
        try:
            self.fetch()
        except FailedError as error:
            show(f"the upstream does not respond, so a commit may have to be pushed by hand: {error}")
        else:
            self.check_upstream()

    def _check_order(self, remote: str) -> None:
        """Refuse a checkout that is older than the last deployed commit, as after a late approval."""
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

    def text(self) -> str:
        """Return the text of the newest known version of the stack file."""
        return self._text(self._tip())

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
