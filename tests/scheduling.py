"""Distribution of the tests over processes, and the order in which they start."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

LIVES = "drills/sandbox/test_life.py"
"""The file whose tests take minutes each."""

LONGEST = (
    LIVES,
    "drills/docs/test_commands.py",
    "drills/review/test_command.py",
    "engine/review/test_pairs.py",
    "drills/operations/test_in_cluster.py",
    "drills/operations/test_rollback.py",
    "drills/sandbox/kubernetes/test_life.py",
    "drills/operations/test_deploy.py",
    "drills/sandbox/test_random_kills.py",
    "drills/sandbox/test_interrupted_runs.py",
    "drills/sandbox/kubernetes/test_readiness.py",
    "drills/sandbox/kubernetes/test_target.py",
    "drills/review/jail/test_isolation.py",
    "drills/service/test_tls.py",
    "drills/sandbox/test_real_plugin.py",
    "drills/operations/test_deploy_in_sandbox.py",
    "drills/service/test_region_lost.py",
    "drills/test_first_up.py",
    "drills/service/test_backup_and_restore.py",
    "drills/operations/test_doctor.py",
    "drills/service/test_killed.py",
    "engine/test_stacks.py",
    "unit/docs/test_documents.py",
    "unit/policies/test_random.py",
    "unit/policies/test_hostile_values.py",
    "unit/components/settings/test_invalid_stack_files.py",
    "unit/test_makefile.py",
    "unit/operations/preflight/test_cloudflare_zone.py",
    "unit/tools/test_check_owners.py",
    "test_lanes.py",
    "unit/workflows/test_workflows.py",
    "unit/operations/delivery/test_real_previews.py",
    "unit/operations/test_completion.py",
)
"""Files whose tests take longest in their lanes: started last, such a file would keep one process busy alone.
"""

SPLIT = (LIVES, "drills/review/test_attacks.py")
"""Files whose tests take long and share nothing, so that each may run in another process."""

TOGETHER: dict[str, str] = dict.fromkeys(
    (
        "unit/docs/test_first_up.py",
        "unit/foundation/test_deploy_role.py",
        "unit/foundation/test_permissions.py",
        "unit/foundation/test_program.py",
        "unit/foundation/test_stack_roles.py",
        "unit/review/cost/test_bill.py",
        "unit/tools/iam/test_paths.py",
    ),
    "unit/docs/test_documents.py",
)
"""Files that run in the process of another file, since both use the evaluated programs, which are cached."""


def file_of(node_id: str) -> str:
    """Return the path of a test's file relative to tests/."""
    return node_id.partition("::")[0].removeprefix("tests/")


def place(node_id: str) -> tuple[bool, int]:
    """Return the place of a test's file in the order: the longest files of a lane first, short groups last.

    Short groups are the files of the unit tests, and the tests of a file that is split and is not one of the
    longest. With them, all processes have work until the last second.
    """
    file = file_of(node_id)
    longest = file in LONGEST
    short = not file.startswith(("engine/", "drills/")) or (file in SPLIT and not longest)
    return short, LONGEST.index(file) if longest else len(LONGEST)


def process_group(node_id: str) -> str:
    """Return the group of tests that run in one process: a file, or one test of a file that may be split."""
    file = file_of(node_id)
    return node_id if file in SPLIT else TOGETHER.get(file, file)


class GroupScheduling(LoadScopeScheduling):
    """Distribution of tests over processes by group.

    A module's fixtures are set up once, and the module's tests run in order. pytest-xdist's own `--dist
    loadgroup` ignores its groups with pytest 9.2 (github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return process_group(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Assign the next group to a process, or the last one behind a test of minutes.

        A process gets its next group before its last two tests begin. Behind a test of minutes, a long file
        would wait although other processes are free.
        """
        pending = (test for group in self.assigned_work[node].values() for test in group if not group[test])
        if any(file_of(test) == LIVES for test in pending):
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Return the scheduler that distributes tests by group."""
    return GroupScheduling(config, log)
