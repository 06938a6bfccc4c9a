"""Fixtures for the tests of an account's guards."""

from tests.support.components.fixtures import naming as naming
from tests.support.components.fixtures import recorder as recorder
from tests.support.foundation.baseline import declare_baseline as declare_baseline
