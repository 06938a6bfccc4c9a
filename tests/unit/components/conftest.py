"""Fixtures for the unit tests of components."""

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
