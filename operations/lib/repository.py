"""The git repository: each deployment and each rollback is a commit to the stack's file.

What was deployed is what the file said at a commit. Messages are for people, and nothing reads them: anybody
whose pull request is merged writes one.

The checkout is what is being deployed, so nothing here moves its files: others push meanwhile, and a commit
goes on top of theirs without their work coming here.
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
"""GitHub starts no workflow for a push whose newest commit says so."""
HISTORY = 500
"""How many commits to a stack's file are read at most."""
TRIES = 5
"""How often a push is tried when others push at the same time."""


@dataclass(frozen=True)
class Upstream:
    """The branch that the checkout's own one is pushed to."""

    here: str
    """What is known of it, as of the last fetch: origin/main."""
    remote: str
    branch: str
    """Its name there: refs/heads/main."""


class Repository:
    """The checkout that a script runs from."""

    def __init__(self, runner: CommandRunner, options: Options) -> None:
        self._runner, self._options = runner, options
        self.stack = options.stack
        self._file = stack_file.path(options.stack).name
        self._mark = f"refs/heads/deployed/{options.stack}"

    @cached_property
    def upstream(self) -> Upstream | None:
        """None: the branch has none, or what is deployed is a sandbox: nothing of it leaves the machine."""
        if self._options.target == "sandbox":
            return None
        try:
            branch = self._read("symbolic-ref", "--quiet", "HEAD")
        except FailedError:
            return None
        names = "%(upstream:short) %(upstream:remotename) %(upstream:remoteref)"
        found = self._read("for-each-ref", f"--format={names}", branch).split()
        return Upstream(*found) if len(found) == 3 else None

    def fetch(self) -> None:
        """What others have pushed is known from now on; the checkout stays as it is."""
        if self.upstream:
            self._runner.change("git", "fetch", "--quiet", self.upstream.remote, self.upstream.branch)

    def check(self, show: Callable[[str], None]) -> None:
        """Refuse what cannot become a commit, before anything is changed.

        A rehearsal, in a sandbox or dry, may have changes, which it names; but none in the stack's own file:
        the commit of the image would take them along.
        """
        if not self._options.dry_run:
            self._check_identity()
        if not (changed := self.changed()):
            return
        told = f"not committed: {', '.join(changed)}"
        if self._options.dry_run:
            show(f"{told}; a deployment would be refused or take it along")
        elif self._options.target == "real":
            raise RefusedError(f"{told}; what is deployed has to be in the repository: git commit")
        elif self._file in changed:
            raise RefusedError(
                f"{told}; the commit of the image would take along what is changed in {self._file}:"
                f" git commit, or git checkout {self._file}"
            )
        else:
            show(f"{told}; the sandbox gets it, and no commit has it")

    def _check_identity(self) -> None:
        try:
            for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
                self._read("var", name)  # as strict as git commit-tree (git-var(1))
        except FailedError:
            raise RefusedError(
                "git does not know who you are, and each deployment is a commit:"
                " git config --global user.name NAME, and git config --global user.email ADDRESS"
            ) from None

    def check_push(self) -> None:
        """Refuse where the commit of a deployment could not be pushed; the server's own rules come later."""
        if self.upstream and not self._options.dry_run:
            words = ("push", "--dry-run", "--quiet", "--force", self.upstream.remote, f"HEAD:{self._mark}")
            try:
                self._read(*words)
            except FailedError as error:
                raise RefusedError(
                    f"{error}\n{self.upstream.remote} takes no push from here, and each deployment is a"
                    " commit: log in, or ask for the right to push"
                ) from None

    def check_upstream(self) -> None:
        """Refuses where nobody can say what is deployed, and commits that would never be pushed."""
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
        """Refuses a commit before the one that was deployed last, as when an approval comes late."""
        if last := self._read("ls-remote", remote, self._mark).partition("\t")[0]:
            self._runner.change("git", "fetch", "--quiet", remote, self._mark)
            if self._count(f"HEAD..{last}") and not self._count(f"{last}..HEAD"):
                stack = self._options.stack
                raise RefusedError(
                    f"{last[:12]} was deployed to {stack}, which is newer than this checkout: git pull"
                )

    def mark(self) -> None:
        """From now on no older commit than this one is deployed: the branch deployed/STACK names it."""
        if self.upstream:
            words = ("git", "push", "--quiet", "--force", self.upstream.remote, f"HEAD:{self._mark}")
            self._runner.change(*words)

    def committed(self) -> str:
        """The image in the stack file's newest version that is known."""
        return stack_file.image(self.text())

    def migrates(self) -> bool:
        """Whether that image's migrations are run; not where the database has a newer version's schema."""
        return stack_file.migrates(self.text())

    def text(self) -> str:
        """The stack file's newest version that is known."""
        return self._text(self._tip())

    def content(self) -> str:
        """Names what is committed, but for the images in the stack files: each deployment changes one."""
        lines = self._runner.read("git", "ls-tree", "-r", "HEAD").splitlines()
        names = [f"Pulumi.{stack}.yaml" for stack in stacks()]
        kept = [line for line in lines if line.partition("\t")[2] not in names]
        texts = [self._runner.read("git", "show", f"HEAD:{name}") for name in names]
        kept += [stack_file.with_image(text, "") for text in texts]
        return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:40]

    def changed(self) -> list[str]:
        """Tracked files that differ from what is committed.

        The stack's own may differ in what the scripts set: the image, and the values of secrets.
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
        """The repository of the stack's own registry that its images are in."""
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
        words = ("git", "log", "--first-parent", f"--max-count={HISTORY}", "--format=%H", *tips, "--")
        for commit in self._runner.read(*words, self._file).split():
            try:
                yield stack_file.image(self._text(commit))
            except (FailedError, RefusedError, yaml.YAMLError):
                continue  # the commit took the file away, or nobody could have deployed it

    def commit(self, subject: str, image: str, *, migrate: bool) -> str:
        """Commits the image to the stack file's newest version, and pushes that; what to say of it."""
        trailers = [f"Version: {stack_file.version(image)}", f"Image: {image}"]
        message = ("-m", subject, "-m", "\n".join(trailers))
        upstream = self.upstream
        if self._options.dry_run:
            self._runner.change("git", "commit", *message, "--", self._file)
            if upstream:
                self._runner.change("git", "push", upstream.remote, f"HEAD:{upstream.branch}")
            return "no commit, this is a dry run"
        base = self._tip()
        made = self._made(base, image, migrate, message)
        if upstream is None:
            self._follow(base, made)
            return self._not_pushed() if made != base else "the commit has it already"
        try:
            for left in reversed(range(TRIES)):
                if made == self._read("rev-parse", upstream.here):
                    return "the commit has it already"
                try:
                    self._runner.change(
                        "git", "push", "--quiet", upstream.remote, f"{made}:{upstream.branch}"
                    )
                    break
                except FailedError:
                    self.fetch()
                    if not left or self._tip() == base:
                        raise
                base = self._tip()
                made = self._made(base, image, migrate, message)
        finally:
            self._follow(base, made)
        if own := self._count(f"{upstream.here}..HEAD"):
            raise FailedError(f"{own} commits of this checkout are not in {upstream.here}: git pull --rebase")
        behind = self._count(f"HEAD..{upstream.here}")
        more = f"; this checkout is older: git checkout {self._file}, and git pull" if behind else ""
        return f"pushed to {upstream.here}{more}"

    def _made(self, base: str, image: str, migrate: bool, message: Sequence[str]) -> str:
        """A commit on top of `base` with the image; `base` itself, if it has that.

        Pushed alone it starts no workflow: after a rollback that would deploy the newest version again.
        """
        if self.upstream and base == self._read("rev-parse", self.upstream.here):
            message = (*message, "-m", SKIP)
        if self._read("rev-parse", f"HEAD:{self._file}") == self._read("rev-parse", f"{base}:{self._file}"):
            text = stack_file.path(self._options.stack).read_text()  # new values of secrets, too
        else:
            text = self._text(base)
        text = stack_file.with_image(text, image, migrate=migrate)
        if text == self._text(base):
            return base
        blob = self._runner.change("git", "hash-object", "-w", "--stdin", given=text).strip()
        rows = self._runner.read("git", "ls-tree", base).splitlines(keepends=True)
        rows = [_with_blob(row, blob) if row.endswith(f"\t{self._file}\n") else row for row in rows]
        tree = self._runner.change("git", "mktree", given="".join(rows)).strip()
        return self._runner.change("git", "commit-tree", tree, "-p", base, *message).strip()

    def _follow(self, base: str, made: str) -> None:
        """The checkout's branch gets the commit, too, if that goes on from it: its files agree already."""
        if made != base and self._read("rev-parse", "HEAD") == base:
            self._runner.change("git", "update-ref", "-m", "deployed", "HEAD", made, base)
            self._runner.change("git", "reset", "--quiet", "--", self._file)

    def _not_pushed(self) -> str:
        if self._options.target == "sandbox":
            return "not pushed: what is deployed is a sandbox"
        return "not pushed: the branch has no upstream; push it, or the next deployment undoes this one"

    def _tip(self) -> str:
        """The newest commit: the upstream's, unless the checkout has it and goes on from there."""
        newer = self.upstream and self._count(f"HEAD..{self.upstream.here}")
        return self._read("rev-parse", self.upstream.here if self.upstream and newer else "HEAD")

    def _text(self, commit: str) -> str:
        return self._runner.read("git", "show", f"{commit}:{self._file}")

    def _count(self, commits: str) -> int:
        return int(self._read("rev-list", "--count", commits))

    def _read(self, *words: str) -> str:
        return self._runner.read("git", *words).strip()


def _with_blob(row: str, blob: str) -> str:
    """A line of `git ls-tree`, `mode type name<tab>path`, with other content."""
    kind, _, path = row.partition("\t")
    return f"{kind.rpartition(' ')[0]} {blob}\t{path}"
