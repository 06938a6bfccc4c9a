"""Fixtures of sandbox/kubernetes for this lane."""

from tests.support.sandbox.kubernetes.fixtures import (
    cluster as cluster,
)
from tests.support.sandbox.kubernetes.fixtures import (
    declared as declared,
)
from tests.support.sandbox.kubernetes.fixtures import (
    empty as empty,
)
from tests.support.sandbox.kubernetes.fixtures import (
    guarded as guarded,
)
from tests.support.sandbox.kubernetes.fixtures import (
    naming as naming,
)
from tests.support.sandbox.kubernetes.fixtures import (
    recorder as recorder,
)
from tests.support.sandbox.kubernetes.fixtures import (
    running as running,
)
from tests.support.sandbox.kubernetes.fixtures import (
    topic as topic,
)
