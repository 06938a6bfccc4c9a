"""kill -9 at random moments, a provider that fails for ten seconds, two runs at once: all of it converges."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from sandbox import workspace
from sandbox.clouds import process
from sandbox.clouds.kubernetes.api import Api
from sandbox.providers.server import find_unrecorded
from tests.support.sandbox.all_providers_project import create_project, write_stack_file
from tests.support.sandbox.inventory import ResourceIds, in_state, in_targets, snapshot_keys, targets
from tests.support.stacks import Stack, copy

COMMITTED = os.environ.get("PIPE_KILL_STACK", "")
"""A stack of this tree whose runs are killed (`make kills`); else a small project is used, quickly."""
KILLS = int(os.environ.get("PIPE_KILLS", "12"))
"""How many runs are killed; `make kills` kills more."""
SEED = int(os.environ.get("PIPE_KILL_SEED", "5"))
"""Another one kills at other moments."""

FLAGS = {"up": ["--no-policies"], "preview": ["--no-policies"], "down": ["--keep-targets"]}
SOONEST = 0.5
"""Seconds that a run takes until it changes anything."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """The project; each test takes it down again, and leaves the targets running."""
    root = tmp_path_factory.mktemp("project")
    made = copy(root, COMMITTED, "all") if COMMITTED else create_project(root)
    if COMMITTED:
        made.change("service", "protect", value=False)
        made.change("database", "deletionProtection", value=False)
    yield made
    process.stop(made.folder)


def run(stack: Stack, command: str) -> str:
    """A run that has to end well."""
    code, said = stack.run(command, *FLAGS.get(command, ()))
    assert code == 0, said
    return said


def timed(stack: Stack, command: str) -> float:
    """Seconds that a run takes which nobody kills."""
    started = time.monotonic()
    run(stack, command)
    return time.monotonic() - started


def held(stack: Stack) -> ResourceIds:
    """What the targets hold, without what the clouds keep of a destroyed stack, too."""
    found = targets(stack)
    return in_targets(found) - (snapshot_keys(found) - in_state(stack))


def engines(stack: Stack) -> list[int]:
    """The engine's processes of a stack."""
    mark = f"--stack\0{stack.name}\0".encode()
    found: list[int] = []
    for file in Path("/proc").glob("[0-9]*"):
        try:
            mine = (file / "cwd").readlink() == stack.folder and mark in (file / "cmdline").read_bytes()
        except OSError:
            continue
        found += [int(file.name)] if mine else []
    return found


def pending(stack: Stack) -> list[dict[str, Any]]:
    """What the engine has begun, by its state."""
    return workspace.state(workspace.find_stack(stack.root, stack.name), "pending_operations")


def kill(stack: Stack, command: str, seconds: float, chance: random.Random, *, begun: bool = False) -> str:
    """Start a run and kill its engine, its sandbox, or both, within `seconds`; what was hit, if anything.

    The seconds are those from the start, or from when it has `begun` to change something.
    """
    victims = chance.choice(["the sandbox", "the engine", "both"])
    running = stack.start(command, *FLAGS[command])
    if begun:
        meet(running, lambda: pending(stack))
    time.sleep(chance.uniform(0 if begun else SOONEST, seconds))
    pids = engines(stack) if victims != "the sandbox" else []
    for pid in [*pids, *([running.pid] if victims != "the engine" else [])]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    said, _ = running.communicate(timeout=120)
    if running.returncode == 0:
        return ""
    assert running.returncode in (-signal.SIGKILL, 1, 2), said
    return f"{command}: {victims} {'in the middle of something' if pending(stack) else 'between two things'}"


ADOPTED = re.compile(r"^.* (\S+) was created before: it is ", re.MULTILINE)
"""What a run says of each creation that was cut off and had come to be."""


def test_whenever_a_run_is_killed_the_next_one_converges(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    chance, moments, adopted = random.Random(SEED), Counter[str](), Counter[str]()
    run(stack, "up")
    assert (whole := len(held(stack))) == len(in_state(stack)) >= 30
    seconds = {command: timed(stack, command) for command in ("down", "up")}
    for number, command in enumerate(itertools.cycle(("down", "up"))):
        # Two of three are killed once something has begun: before that, there is little to lose.
        begun = number % 3 > 0
        if hit := kill(stack, command, seconds[command] / (2 if begun else 1), chance, begun=begun):
            moments[hit] += 1
        adopted.update(ADOPTED.findall(run(stack, command)))
        found = held(stack)
        assert found == in_state(stack), (number, dict(moments))
        assert len(found) == (whole if command == "up" else 0)
        assert pending(stack) == []
        if command == "up" and number % 10 == 1:
            assert "Changes: 0 (" in run(stack, "preview")
            assert "Changes: 0 (" in run(stack, "refresh")  # no object was made by halves
        if moments.total() == KILLS:
            break
        assert number < 2 * KILLS, "most runs are over before they are killed"
    run(stack, "down")
    counts = "; ".join(f"{n} {what}" for what, n in sorted(moments.items()))
    said = f"{counts}; {adopted.total()} creations that were cut off taken over"
    record_property("measured", f"{stack.name}: {KILLS} kills (seed {SEED}): {said}")
    assert sum(count for what, count in moments.items() if "in the middle" in what) >= KILLS / 2
    assert COMMITTED or adopted, "no creation was cut off after it came to be"


REPLACED = {
    'cidr_block=f"10.0.{number}.0/24"': 'cidr_block=f"10.0.1{number}.0/24"',  # nameless: new ones first
    'description="For tests", vpc_id': 'description="For other tests", vpc_id',  # a name: old one first
    '"pipe-small")': '"pipe-small-2")',  # another name
    '"restartPolicy": "Never",\n    "containers": [{"name": "it", "image": "it:1"}]': (
        '"restartPolicy": "Never",\n    "containers": [{"name": "it", "image": "it:2"}]'
    ),
}
"""What of the small project's program is written otherwise, so that resources of each kind are replaced."""


@pytest.mark.skipif(bool(COMMITTED), reason="of the small project")
def test_what_a_replacement_has_made_is_found_though_the_state_has_one_of_its_id(stack: Stack) -> None:
    run(stack, "up")
    resources = workspace.state(workspace.find_stack(stack.root, stack.name), "resources")
    [job] = [each for each in resources if each["type"] == "kubernetes:batch/v1:Job"]
    others = [each for each in resources if each is not job]
    begun = {key: job[key] for key in job.keys() - {"id", "outputs"}}
    assert find_unrecorded(targets(stack), [begun], resources) == {}
    deleted = [*others, job | {"pendingReplacement": True}]
    assert find_unrecorded(targets(stack), [begun], deleted) == {job["urn"]: job["id"]}


@pytest.mark.skipif(bool(COMMITTED), reason="of the small project")
def test_a_run_that_is_killed_while_it_replaces_is_finished_by_the_next(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    chance, moments = random.Random(SEED), Counter[str]()
    run(stack, "up")
    whole = len(held(stack))
    for number in range(KILLS // 5):
        for before, after in REPLACED.items():
            stack.edit("__main__.py", *((before, after) if number % 2 == 0 else (after, before)))
        moments[kill(stack, "up", 2.0, chance, begun=True)] += 1
        run(stack, "up")
        assert held(stack) == in_state(stack), (number, dict(moments))
        assert (len(held(stack)), pending(stack)) == (whole, [])
    run(stack, "down")
    assert held(stack) == in_state(stack) == set()
    record_property("measured", f"kills while replacing: {dict(moments)}")
    assert any("in the middle" in moment for moment in moments)


OUTAGE_SECONDS = 10

# The other kinds, latency and 500, and Retry-After: targets/test_failures.py; what the providers do then:
# providers/test_cloudflare.py, test_aws_lifecycle.py and test_lost_answers.py.
KINDS = {"aws": "outage", "cloudflare": "reset", "datadog": "throttle"}

WAITED_FOR = (
    f"/apis/apps/v1/namespaces/{'pipe/deployments/pipe-api' if COMMITTED else 'small/deployments/it'}"
)


def switch(url: str, **switches: object) -> int:
    """Set the failure switches of an API, if any are given; how many requests have failed since the last."""
    place, header = f"{url}/_sandbox/failures", {"Content-Type": "application/json"}
    body, method = (json.dumps(switches).encode(), "PUT") if switches else (None, "GET")
    request = urllib.request.Request(place, body, header, method=method)
    return json.loads(urllib.request.urlopen(request, timeout=60).read())["failed"]


def meet(running: "subprocess.Popen[str]", there: Callable[[], object]) -> None:
    """Wait until something is there, which has to be before the run ends."""
    while not there():
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)


def fail(stack: Stack, running: "subprocess.Popen[str]", package: str) -> None:
    """An API fails for ten seconds, from the run's first request on."""
    url, kind = getattr(targets(stack), package), KINDS[package]
    switch(url, kind=kind)
    try:
        meet(running, lambda: switch(url))
    finally:
        switch(url, kind=kind, seconds=OUTAGE_SECONDS)


def pause(stack: Stack, running: "subprocess.Popen[str]") -> None:
    """The API server does not answer for ten seconds, from when the run waits for an object."""
    found = targets(stack)
    assert found.kubeconfig
    api = Api(found.kubeconfig)
    before = api.get(WAITED_FOR) is not None

    def waits() -> bool:
        there = api.get(WAITED_FOR)
        going = there is None or "deletionTimestamp" in there["metadata"]  # what is short is not always seen
        return going if before else there is not None

    words = ["pgrep", "-g", str(found.pid), "kube-apiserver"]
    server = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    meet(running, waits)
    os.kill(server, signal.SIGSTOP)
    try:
        time.sleep(OUTAGE_SECONDS)
        assert running.poll() is None, "it has not waited for the server"
    finally:
        os.kill(server, signal.SIGCONT)


@pytest.mark.parametrize("package", [*KINDS, "kubernetes"])
def test_a_provider_that_fails_for_ten_seconds_leaves_nothing_behind_or_twice(
    stack: Stack, package: str, record_property: Callable[[str, object], None]
) -> None:
    ended: list[str] = []
    if process.find_running(stack.folder) is None:
        run(stack, "up")
        run(stack, "down")
    for command in ("up", "down"):
        running = stack.start(command, *FLAGS[command])
        if package == "kubernetes":
            pause(stack, running)
        else:
            fail(stack, running, package)
        running.communicate(timeout=300)
        code = running.returncode
        ended.append(f"{command} {'outlasts it' if code == 0 else 'fails, the next one ends well'}")
        if code:
            time.sleep(OUTAGE_SECONDS)
            run(stack, command)
        found = held(stack)
        assert found == in_state(stack)
        assert bool(found) == (command == "up")
    record_property("measured", f"{package} fails for {OUTAGE_SECONDS} s: {'; '.join(ended)}")


def test_of_two_ups_at_once_one_refuses_and_the_state_is_whole(stack: Stack) -> None:
    run(stack, "up")
    write_stack_file(stack, "debug")
    both = [stack.start("up", "--no-policies") for _ in range(2)]
    said = {each.communicate(timeout=120)[0]: each.returncode for each in both}
    assert sorted(each.returncode for each in both) == [0, 2], said
    assert any("is in use" in text for text, code in said.items() if code == 2)
    assert in_targets(targets(stack)) == in_state(stack)
    assert "Changes: 0 (" in run(stack, "preview")
    run(stack, "down")
