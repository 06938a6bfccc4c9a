"""Tests of objects that the kernel limits for a user."""

import errno
import os
import resource
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from review.jail import open_files
from review.jail.open_files import EVENT_POLL, SharedObjects, UserLimits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has limits of a user")

HIDDEN = """
import os, select, threading, time
from review.jail.open_files import SharedObjects, UserLimits
from review.jail.process_table import PROCESSES
os.setresuid({user}, {user}, {user})
limits = UserLimits()
print(limits.exceeded() or "enough")
for _ in range(20):
    poll, ends = select.poll(), [end for _ in range(60) for end in os.pipe()]
    for end in ends:
        poll.register(end, 0)
    threading.Thread(target=poll.poll, daemon=True).start()
    time.sleep(0.05)
    for end in ends:
        os.close(end)
objects = SharedObjects()
objects.add(PROCESSES / str(os.getpid()))
print(len(objects.pipes) < 60)
print(limits.exceeded())
"""
USER = 2**31 - 2 - os.getpid()
"""A user ID that no system gives to anybody, and that no simultaneous run of the tests has."""


def test_pipes_that_no_descriptor_shows_are_noticed() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user without other pipes")
    command = [sys.executable, "-c", HIDDEN.format(user=USER)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.stdout.splitlines() == [
        "enough",
        "True",
        "its user has so many pipes that new ones are smaller (/proc/sys/fs/pipe-user-pages-soft)",
    ], process.stderr


def test_only_links_to_what_may_watch_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path of thousands of folders takes milliseconds, and a program may have it open very often."""
    read: list[str] = []

    def note(link: "os.DirEntry[str]") -> str:
        read.append(readlink(link))
        return read[-1]

    readlink = os.readlink
    monkeypatch.setattr(os, "readlink", note)
    own = Path("/proc/self")
    before = SharedObjects()
    assert before.add(own)
    read.clear()
    ends = os.pipe()
    os.mkfifo(tmp_path / "named")
    named = os.open(tmp_path / "named", os.O_RDWR)
    with (tmp_path / "file").open("w"), select.epoll() as poll:
        poll.register(ends[0])
        objects = SharedObjects()
        assert objects.add(own)
    for descriptor in (*ends, named):
        os.close(descriptor)
    assert EVENT_POLL in read
    assert [link for link in read if not link.startswith("anon_inode:")] == []
    assert (objects.watches, len(objects.pipes - before.pipes)) == (before.watches + 1, 2)
    assert not objects.add(tmp_path)


def test_a_user_who_had_too_many_pipes_before_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([8192, 8192])
    monkeypatch.setattr(open_files, "_pipe_bytes", lambda: next(sizes))
    assert UserLimits().exceeded() == ""


def test_files_on_their_way_through_sockets_are_noticed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = UserLimits()
    assert limits.exceeded() == ""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for _ in range(3):
            socket.send_fds(ours, [b"x"], [ours.fileno()] * 200)
        assert limits.exceeded() == "its user has more than 512 files on their way through sockets (unix(7))"
        assert UserLimits().exceeded() == "", "the user had so many before"
    assert limits.exceeded() == ""
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_exhausted_watches_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def __enter__(self) -> "Exhausted":
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def register(self, _file: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    limits = UserLimits()
    assert limits.exceeded() == ""
    monkeypatch.setattr("select.epoll", Exhausted)
    assert limits.exceeded() == "its user can watch no more files (/proc/sys/fs/epoll/max_user_watches)"
