"""Fixtures of sandbox for this lane."""

from tests.support.sandbox.fixtures import (
    mandatory as mandatory,
)
from tests.support.sandbox.fixtures import (
    project as project,
)
from tests.support.sandbox.fixtures import (
    same_umask as same_umask,
)
