"""Tests that interrupted runs converge.

The tests kill runs at random moments, let an API fail for ten seconds, and start two runs at the same time.
"""

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

from sandbox.clouds import process
from sandbox.providers.server import find_unrecorded
from sandbox.wire.kubernetes_api import Api
from sandbox.workspace import state
from tests.support.sandbox.all_providers_project import create_project, write_stack_file
from tests.support.sandbox.inventory import (
    ResourceIds,
    in_own_state,
    in_state,
    in_targets,
    snapshot_keys,
    targets,
)
from tests.support.stacks import Stack, copy

COMMITTED = os.environ.get("PIPE_KILL_STACK", "")
"""The committed stack whose runs are killed (`make kills`); empty for the stack of a small project."""
KILLS = int(os.environ.get("PIPE_KILLS", "3"))
"""The number of runs that are killed; `make kills` kills more."""
SEED = int(os.environ.get("PIPE_KILL_SEED", "5"))
"""The seed of the random moments."""

FLAGS = {"up": ["--no-policies", "--skip-preview"], "preview": ["--no-policies"], "down": ["--keep-targets"]}
SECONDS_TO_FIRST_CHANGE = 0.5
"""The minimum number of seconds that a run takes before it changes anything."""
SECONDS_OF_LATENCY = 0.3
"""The number of seconds by which the AWS API delays its responses to a run that is killed."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """Return the project's stack. Each test destroys its resources and leaves the targets running."""
    root = tmp_path_factory.mktemp("project")
    stack = copy(root, COMMITTED, "all") if COMMITTED else create_project(root)
    if COMMITTED:
        stack.change("service", "protect", value=False)
        stack.change("database", "deletionProtection", value=False)
    yield stack
    process.stop(stack.sandbox)


def run(stack: Stack, command: str) -> str:
    """Run a command, which must succeed, and return its output."""
    code, output = stack.run(command, *FLAGS.get(command, ()))
    assert code == 0, output
    return output


def measure(stack: Stack, command: str) -> float:
    """Run a command and return its duration in seconds."""
    started = time.monotonic()
    run(stack, command)
    return time.monotonic() - started


def existing(stack: Stack) -> ResourceIds:
    """Return the resources in the targets, except those that remain after a destroy."""
    running = targets(stack)
    return in_targets(running) - (snapshot_keys(running) - in_state(stack))


def engines(stack: Stack) -> list[int]:
    """Return the PIDs of the engine's processes that run for a stack."""
    option = f"--stack\0{stack.name}\0".encode()
    pids: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_engine = option in (folder / "cmdline").read_bytes()
            if is_engine and (folder / "cwd").readlink() == stack.folder:
                pids.append(int(folder.name))
        except OSError:
            continue  # The process has ended.
    return pids


def pending(stack: Stack) -> list[dict[str, Any]]:
    """Return the pending operations in the state."""
    return state.read(stack.located, "pending_operations")


def kill(stack: Stack, command: str, seconds: float, chance: random.Random, *, begun: bool = False) -> str:
    """Start a run, and kill its engine, its sandbox or both within `seconds`; describe the kill.

    The time counts from the start of the run or, with `begun`, from the first pending operation. Return an
    empty string if the run succeeded before the kill.
    """
    victims = chance.choice(["the sandbox", "the engine", "both"])
    # A slow API makes it probable that the kill hits an operation.
    switch(targets(stack).aws, latency=SECONDS_OF_LATENCY)
    running = stack.start(command, *FLAGS[command])
    if begun:
        wait_while_running(running, lambda: pending(stack))
    time.sleep(chance.uniform(0 if begun else SECONDS_TO_FIRST_CHANGE, seconds))
    pids = engines(stack) if victims != "the sandbox" else []
    for pid in [*pids, *([running.pid] if victims != "the engine" else [])]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    output, _ = running.communicate(timeout=120)
    switch(targets(stack).aws, latency=0)
    if running.returncode == 0:
        return ""
    assert running.returncode in (-signal.SIGKILL, 1, 2), output
    return f"{command}: {victims} {DURING if pending(stack) else 'between two operations'}"


DURING = "during an operation"

ADOPTED = re.compile(r"^.* (\S+) was already created: its ID is ", re.MULTILINE)
"""The line that a run prints for each interrupted creation that it adopts."""


def during_operations(moments: Counter[str]) -> int:
    """Return the number of kills during an operation."""
    return sum(count for moment, count in moments.items() if DURING in moment)


def test_the_run_after_a_killed_one_converges(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    chance, moments, adopted = random.Random(SEED), Counter[str](), Counter[str]()
    run(stack, "up")
    resource_count = len(existing(stack))
    assert resource_count == len(in_state(stack)) >= 30
    # The stack that a committed stack requires stays up.
    counts = {"up": resource_count, "down": resource_count - len(in_own_state(stack))}
    seconds = {command: measure(stack, command) for command in ("down", "up")}
    for number, command in enumerate(itertools.cycle(("down", "up"))):
        # Two of three runs are killed after their first change, since an earlier kill has little effect.
        begun = number % 3 > 0
        moment = kill(stack, command, seconds[command] / (2 if begun else 1), chance, begun=begun)
        if moment:
            moments[moment] += 1
        adopted.update(ADOPTED.findall(run(stack, command)))
        resources = existing(stack)
        assert resources == in_state(stack), (number, dict(moments))
        assert len(resources) == counts[command]
        assert pending(stack) == []
        if command == "up" and number % 10 == 1:
            assert "Changes: 0 (" in run(stack, "preview")
            assert "Changes: 0 (" in run(stack, "refresh")  # Every resource is complete.
        enough = moments.total() >= KILLS and during_operations(moments) >= KILLS / 2
        if enough:  # test_interrupted_runs.py interrupts a creation after the API has performed it.
            break
        assert number < 3 * KILLS, (
            f"most runs are over before they are killed, or are killed between operations: {dict(moments)}"
        )
    run(stack, "down")
    counts = "; ".join(f"{count} {moment}" for moment, count in sorted(moments.items()))
    result = f"{counts}; {adopted.total()} interrupted creations adopted"
    record_property("measured", f"{stack.name}: {moments.total()} kills (seed {SEED}): {result}")


REPLACEMENTS = {
    # A resource without a physical name: the new resource is created first.
    'cidr_block=f"10.0.{number}.0/24"': 'cidr_block=f"10.0.1{number}.0/24"',
    # A resource that keeps its name: the old resource is deleted first.
    'description="For tests", vpc_id': 'description="For other tests", vpc_id',
    # A resource that gets another name.
    '"pipe-small")': '"pipe-small-2")',
    '"restartPolicy": "Never",\n    "containers": [{"name": "it", "image": "it:1"}]': (
        '"restartPolicy": "Never",\n    "containers": [{"name": "it", "image": "it:2"}]'
    ),
}
"""Changes to the small project's program, each of which replaces a resource of another kind."""


@pytest.mark.skipif(bool(COMMITTED), reason="of the small project")
def test_a_replacement_is_found_although_the_state_has_a_resource_with_its_id(stack: Stack) -> None:
    run(stack, "up")
    resources = state.read(stack.located, "resources")
    [job] = [resource for resource in resources if resource["type"] == "kubernetes:batch/v1:Job"]
    others = [resource for resource in resources if resource is not job]
    interrupted = {key: job[key] for key in job.keys() - {"id", "outputs"}}
    assert find_unrecorded(targets(stack), [interrupted], resources) == {}
    deleted = [*others, job | {"pendingReplacement": True}]
    assert find_unrecorded(targets(stack), [interrupted], deleted) == {job["urn"]: job["id"]}


@pytest.mark.skipif(bool(COMMITTED), reason="of the small project")
def test_the_run_after_a_killed_replacement_completes_it(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    chance, moments = random.Random(SEED), Counter[str]()
    run(stack, "up")
    resource_count = len(existing(stack))
    for number in range(KILLS):
        if number >= KILLS // 4 and any(DURING in moment for moment in moments):
            break
        for before, after in REPLACEMENTS.items():
            stack.edit("__main__.py", *((before, after) if number % 2 == 0 else (after, before)))
        moments[kill(stack, "up", 2.0, chance, begun=True)] += 1
        run(stack, "up")
        assert existing(stack) == in_state(stack), (number, dict(moments))
        assert (len(existing(stack)), pending(stack)) == (resource_count, [])
    run(stack, "down")
    assert existing(stack) == in_state(stack) == set()
    record_property("measured", f"kills during replacements: {dict(moments)}")
    assert any(DURING in moment for moment in moments)


OUTAGE_SECONDS = 10

# clouds/test_failures.py tests the other kinds: latency, status 500 and Retry-After. The tests of the
# providers cover their reactions.
KINDS = {"aws": "outage", "cloudflare": "reset", "datadog": "throttle"}

AWAITED_DEPLOYMENT = (
    f"/apis/apps/v1/namespaces/{'pipe/deployments/pipe-api' if COMMITTED else 'small/deployments/it'}"
)


def switch(url: str, **switches: object) -> int:
    """Set the failure switches of an API, if any; return the number of requests that have failed since."""
    headers = {"Content-Type": "application/json"}
    body, method = (json.dumps(switches).encode(), "PUT") if switches else (None, "GET")
    request = urllib.request.Request(f"{url}/_sandbox/failures", body, headers, method=method)
    return json.loads(urllib.request.urlopen(request, timeout=60).read())["failed"]


def wait_while_running(running: "subprocess.Popen[str]", is_met: Callable[[], object]) -> None:
    """Wait until a condition is met; fail if the run ends first."""
    while not is_met():
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)


def fail(stack: Stack, running: "subprocess.Popen[str]", package: str) -> None:
    """Let an API fail until ten seconds after the run's first request."""
    url, kind = getattr(targets(stack), package), KINDS[package]
    switch(url, kind=kind)
    try:
        wait_while_running(running, lambda: switch(url))
    finally:
        switch(url, kind=kind, seconds=OUTAGE_SECONDS)


def pause(stack: Stack, running: "subprocess.Popen[str]") -> None:
    """Pause the API server for ten seconds while the run waits for a Deployment."""
    running_targets = targets(stack)
    assert running_targets.kubeconfig
    api = Api(running_targets.kubeconfig)
    existed = api.get(AWAITED_DEPLOYMENT) is not None

    def waits() -> bool:
        deployment = api.get(AWAITED_DEPLOYMENT)
        if not existed:
            return deployment is not None
        # The deletion may be too short to be seen.
        return deployment is None or "deletionTimestamp" in deployment["metadata"]

    command = ["pgrep", "-g", str(running_targets.pid), "kube-apiserver"]
    server = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    wait_while_running(running, waits)
    os.kill(server, signal.SIGSTOP)
    try:
        time.sleep(OUTAGE_SECONDS)
        assert running.poll() is None, "the run has not waited for the server"
    finally:
        os.kill(server, signal.SIGCONT)


@pytest.mark.parametrize("package", [*KINDS, "kubernetes"])
def test_an_api_that_fails_for_ten_seconds_leaves_no_lost_or_duplicate_resource(
    stack: Stack, package: str, record_property: Callable[[str, object], None]
) -> None:
    results: list[str] = []
    if process.find_running(stack.sandbox) is None:
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
        results.append(f"{command} {'succeeds' if code == 0 else 'fails, and the next one succeeds'}")
        if code:
            time.sleep(OUTAGE_SECONDS)
            run(stack, command)
        resources = existing(stack)
        assert resources == in_state(stack)
        assert bool(resources) == (command == "up")
    record_property("measured", f"{package} fails for {OUTAGE_SECONDS} s: {'; '.join(results)}")


def test_the_second_of_two_simultaneous_ups_is_refused(stack: Stack) -> None:
    run(stack, "up")
    write_stack_file(stack, "debug")
    runs = [stack.start("up", *FLAGS["up"]) for _ in range(2)]
    outputs = {run.communicate(timeout=120)[0]: run.returncode for run in runs}
    assert sorted(run.returncode for run in runs) == [0, 2], outputs
    assert any("is in use" in output for output, code in outputs.items() if code == 2)
    assert in_targets(targets(stack)) == in_state(stack)
    assert "Changes: 0 (" in run(stack, "preview")
    run(stack, "down")
