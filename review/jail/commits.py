"""Commits by the names that a person gives them. A name that could mean two commits is refused.

Whoever may push to a repository chooses the names of tags, and `git fetch` brings tags of the fetched commits
without a question (git-fetch(1), automatic tag following). Git takes a tag before a branch of the same name,
and only warns (gitrevisions(7)): with a pushed tag `main`, a review would compare with the tag.
"""

import os
import re
from pathlib import Path

from review.jail import snapshot
from sandbox.errors import CommandError

FOLDERS = ("", "tags/", "heads/", "remotes/")
"""The folders in `refs/` in which git looks for a short name (gitrevisions(7))."""

OWN_NAMES = ("HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
"""Names that git itself gives to commits of a checkout. Nobody can push one of them."""

NAME = re.compile(r"(?P<name>(?:[^~^:@]|@(?!{))+)(?P<ancestor>(?:[~^]\d*)*)")
"""Pattern of a name and of the way to an ancestor. Git's other forms search refs, logs or messages."""

PART_OF_ID = re.compile(r"[0-9a-fA-F]{4,}")
"""Pattern of a commit's ID or of its beginning."""


def find_commit(repository: Path, name: str) -> str | None:
    """Return the ID of the commit with a name, or None if there is none.

    A name is `HEAD`, that of a branch or a tag, or an ID, also with a way to an ancestor, such as `main~2`.
    Raise CommandError if several refs or IDs have the name.
    """
    parts = NAME.fullmatch(name)
    if parts is None:
        return None
    meanings = _meanings(repository, parts["name"])
    if len(meanings) > 1:
        raise CommandError(
            f"{parts['name']} is ambiguous in {repository}: it means {' and '.join(meanings)}. Use one of "
            "these full names or the whole ID of a commit, or delete a tag that should not be there: git tag "
            "-d NAME"
        )
    return _resolve(repository, f"{meanings[0]}{parts['ancestor']}^{{commit}}") if meanings else None


def _meanings(repository: Path, name: str) -> list[str]:
    """Return the full names of the refs that a name may mean, and the IDs that it may abbreviate."""
    is_id = PART_OF_ID.fullmatch(name) is not None
    if name == "HEAD" or (is_id and _resolve(repository, name) == name.lower()):
        return [name]  # Git prefers HEAD and a whole ID to any other ref.
    places = [name]  # If it is missing, git would take `refs/tags/refs/heads/main` for `refs/heads/main`.
    if not name.startswith("refs/"):
        places = [*(f"refs/{folder}{name}" for folder in FOLDERS), f"refs/remotes/{name}/HEAD"]
    listing = snapshot.git(repository, "for-each-ref", "--format=%(refname)", "--", *places)
    refs = {*map(os.fsdecode, listing.splitlines())}  # also those that a place, read as a pattern, matches
    meanings = [place for place in places if place in refs]
    if meanings == [f"refs/tags/{name}"]:
        meanings += _remote_branches(repository, name)
    if name in OWN_NAMES:
        meanings.append(name)
    if is_id:
        meanings += snapshot.git(repository, "rev-parse", f"--disambiguate={name}").decode().split()
    return meanings


def _remote_branches(repository: Path, name: str) -> list[str]:
    """Return the full names of the branches with a name that the checkout knows from its remotes.

    Git does not take one of them for the short name. But a person who has no such branch means it, and not
    the tag, which may come from anybody who has pushed to one of the remotes.
    """
    listing = snapshot.git(repository, "for-each-ref", "--format=%(refname)", "--", f"refs/remotes/*/{name}")
    refs = map(os.fsdecode, listing.splitlines())
    return [ref for ref in refs if re.fullmatch(rf"refs/remotes/[^/]+/{re.escape(name)}", ref)]


def _resolve(repository: Path, revision: str) -> str | None:
    """Return the object that git finds for a revision; None if git refuses it."""
    try:
        verify = ("rev-parse", "-q", "--verify", "--end-of-options", revision)
        return snapshot.git(repository, *verify).decode().strip()
    except snapshot.GitFailure as failure:
        if failure.code < 0:
            raise
        return None
