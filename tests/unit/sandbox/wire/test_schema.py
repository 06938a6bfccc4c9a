"""The classes of the SDKs as the providers' threads find them."""

import importlib
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from sandbox.wire.schema import resource_class

SLOW = {
    "__init__.py": "import time\ntime.sleep(0.3)\nfrom .thing import *\n",
    "_utilities.py": "",
    "thing.py": "from . import _utilities\n__all__ = ['Thing']\nclass Thing: ...\n",
}


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that is as an SDK is, and takes its time."""
    package = tmp_path / "pulumi_slow"
    package.mkdir()
    for name, text in SLOW.items():
        (package / name).write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield package.name
    for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[name]


def test_what_the_program_imports_is_whole_though_a_provider_asks_for_a_part_meanwhile(slow: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        program = pool.submit(importlib.import_module, slow)
        while slow not in sys.modules:
            time.sleep(0.01)
        provider = pool.submit(resource_class, "slow:index/thing:Thing")
        assert program.result().Thing is provider.result()


def test_one_thread_at_a_time_loads_a_part_of_an_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of an SDK import each other: of two threads one would get a module that is not whole."""
    load, loading, most = importlib.import_module, list[str](), list[int]()

    def watched(name: str) -> ModuleType:
        loading.append(name)
        most.append(len(loading))
        time.sleep(0.05)
        loading.remove(name)
        return load(name)

    monkeypatch.setattr(importlib, "import_module", watched)
    tokens = ["aws:ec2/routeTable:RouteTable", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/vpc:Vpc"]
    resource_class.cache_clear()
    with ThreadPoolExecutor() as pool:
        names = [cls.__name__ for cls in pool.map(resource_class, tokens)]
    assert names == ["RouteTable", "SecurityGroup", "Vpc"]
    assert max(most) == 1
