"""Fixtures of components for this lane."""

from tests.support.components.fixtures import (
    declare_component as declare_component,
)
from tests.support.components.fixtures import (
    naming as naming,
)
from tests.support.components.fixtures import (
    recorder as recorder,
)
from tests.support.components.fixtures import (
    topic as topic,
)
