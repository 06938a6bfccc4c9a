"""Lazy loading of the provider SDKs; import this module before them.

In the generated SDKs, a package imports each of its resources, and `_inputs.py` and `outputs.py` define every
nested type. That is 20 MB of Python for Datadog alone. After the import of this module:

- A package (`pulumi_aws.ec2`) imports a resource's module on the first access to one of its names.
- A class of `_inputs` or `outputs` is created on first access, together with the classes that it mentions.
  Pulumi resolves forward references against a copy of the module's namespace.
- `from ._inputs import *` in a resource's module imports only the classes that the module mentions.

It also makes Python collect garbage more rarely, and Pulumi wait for outputs in one go.

The program registers the same resources with and without this module. `PIPE_LAZY_SDK=0` disables it.
pulumi-language-python generates the file layout; tests/engine/test_lazy_sdk.py checks the pinned versions.
"""

import asyncio
import gc
import importlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import Lock
from types import CodeType, ModuleType, SimpleNamespace, new_class
from typing import Any

from pulumi.runtime import stack

SDKS = frozenset({"pulumi_aws", "pulumi_cloudflare", "pulumi_datadog", "pulumi_kubernetes"})

_LAZY = SDKS - sys.modules.keys()
"""The SDKs that load lazily. An SDK that was imported before this module is left unchanged, since a package
cannot load half of its modules lazily."""

HEADER = 4096
"""Number of bytes at the start of `_inputs` and `outputs`; they contain all imports, before `__all__`."""

_ARGS = re.compile(r"\w+Args")
_REGISTER = "_utilities.register("


class Package(ModuleType):
    """A package in which a name such as `get_zone` refers to the function, not to the module of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, vars(value).get(name, value) if isinstance(value, ModuleType) else value)


class LazyPackage(SourceFileLoader):
    """Loader of a package whose names are resolved in its modules on first access."""

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = Package
        source = self.get_source(module.__name__) or ""
        modules: dict[str, list[str]] = {}
        for entry in os.scandir(Path(self.path).parent):
            stem = entry.name.removesuffix(".py")
            modules.setdefault(_plain(stem), []).append(stem)

        def resolve(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            for stem in _candidate_modules(name, modules):
                submodule = importlib.import_module(f"{module.__name__}.{stem}")
                lazy = hasattr(submodule, "__lazy_classes__")
                value = getattr(submodule, name, None) if lazy else vars(submodule).get(name)
                if value is None and stem == name:
                    value = submodule
                if value is not None:
                    setattr(module, name, value)
                    return value
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        vars(module)["__getattr__"] = resolve
        start = source.find(_REGISTER)
        if start >= 0:
            exec(compile(f"from . import _utilities\n{source[start:]}", self.path, "exec"), vars(module))


class LazyClasses(SourceFileLoader):
    """Loader of `_inputs` and `outputs` that creates classes on first access, with those they mention."""

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        assert code is not None
        bodies = {body.co_name: body for body in code.co_consts if isinstance(body, CodeType)}
        namespace = vars(module)
        with Path(self.path).open("rb") as file:
            header = file.read(HEADER).partition(b"\n__all__")[0]
        exec(compile(header, self.path, "exec"), namespace)
        namespace["__all__"] = []
        namespace["__lazy_classes__"] = bodies.keys()
        output = module.__name__.endswith(".outputs")
        lock = Lock()

        def make(name: str) -> Any:
            body, typed = bodies[name], name.endswith("ArgsDict")
            bases = (dict,) if output else (namespace["TypedDict"],) if typed else ()

            def fill(attributes: dict[str, object]) -> None:
                attributes["__module__"] = module.__name__
                exec(body, namespace, attributes)

            new = new_class(name, bases, exec_body=fill)
            decorate = namespace["pulumi"].output_type if output else namespace["pulumi"].input_type
            return new if typed else decorate(new)

        def define(name: str) -> Any:
            pending, classes = [name], dict[str, Any]()
            with lock:
                while pending:
                    current = pending.pop()
                    if current in bodies and current not in namespace and current not in classes:
                        classes[current] = make(current)
                        pending += {text.removeprefix("outputs.") for text in _strings(bodies[current])}
                # A single update, so that another thread never sees a class without those that it mentions.
                namespace.update(classes)
            if name not in namespace:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            return namespace[name]

        namespace["__getattr__"] = define


class LazyResource(SourceFileLoader):
    """Loader of a resource's module that adds the classes of `_inputs` that the module mentions."""

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        assert code is not None
        exec(code, vars(module))
        inputs = sys.modules.get(f"{module.__package__}._inputs")
        lazy = getattr(inputs, "__lazy_classes__", ())
        for name in {name for name in _strings(code) if _ARGS.fullmatch(name)}:
            if name in lazy and name not in vars(module):
                setattr(module, name, getattr(inputs, name))


class SdkFinder:
    """Import finder that chooses the loader for each kind of SDK file."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in _LAZY:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or spec.origin is None:
            return spec
        stem = name.rpartition(".")[2]
        if spec.submodule_search_locations is not None and stem != "config":
            spec.loader = LazyPackage(name, spec.origin)
        elif stem in ("_inputs", "outputs"):
            spec.loader = LazyClasses(name, spec.origin)
        elif not stem.startswith("_"):
            spec.loader = LazyResource(name, spec.origin)
        return spec


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _candidate_modules(name: str, modules: dict[str, list[str]]) -> Iterator[str]:
    """Yield the modules that may define a name, likeliest first; `GetZoneResult` is in get_zone.py."""
    plain = _plain(name)
    base = plain.removeprefix("awaitable")
    for suffix in ("", "initargs", "args", "argsdict", "result", "output"):
        if base.endswith(suffix):
            yield from modules.get(base.removesuffix(suffix) if suffix else plain, ())
    yield from (stem for stem in ("_inputs", "_enums") if stem in modules.get(_plain(stem), ()))


def _strings(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _strings(constant)


def wait_for_outputs_together() -> None:
    """Let Pulumi wait once for all outputs of a program, until all have ended or one has failed.

    Whenever some have ended, it waits again for all others (pulumi/pulumi,
    sdk/python/lib/pulumi/runtime/stack.py: wait_for_rpcs). For the program's thousands of outputs, this took
    a third of an evaluation.
    """
    waiting = vars(asyncio) | {"FIRST_COMPLETED": asyncio.FIRST_EXCEPTION}
    setattr(stack, "asyncio", SimpleNamespace(**waiting))  # noqa: B010 - the stubs have no such name


if os.environ.get("PIPE_LAZY_SDK") != "0" and SdkFinder not in sys.meta_path:
    sys.meta_path.insert(0, SdkFinder)
    # A program keeps nearly all objects that it creates, so most collections free nothing. With Python's
    # thresholds, they take a fifth of the time of an evaluation.
    gc.set_threshold(500_000, 50, 50)
    wait_for_outputs_together()
