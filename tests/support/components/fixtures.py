"""Fixtures that declare components with Pulumi's mocks, without an engine."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime.mocks import MockMonitor

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  (the SDKs then load only what is used)
from components.common.naming import Naming
from components.settings.types import Model
from tests.support.components.settings.stack_files import committed
from tools.bench.evaluation import COMPUTED

ROOT = Path(__file__).parents[3]

Topic = Callable[..., Any]
"""Type of the fixture `topic`."""
Declare = Callable[..., "Recorder"]
"""Type of the fixture `declare_component`."""


class Recorder(pulumi.runtime.Mocks):
    """Mocks that record every resource by type and name, and respond to invokes from `answers`.

    A resource's outputs are its inputs, an ARN, a name, and the outputs in `computed` for its type.
    """

    def __init__(self) -> None:
        self.inputs: dict[tuple[str, str], dict[str, Any]] = {}
        self.providers: dict[tuple[str, str], str] = {}
        self.answers: dict[str, dict[str, Any]] = {
            "aws:index/getAvailabilityZones:getAvailabilityZones": {
                "names": ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
            }
        }
        self.calls: dict[str, dict[str, Any]] = {}
        self.computed: dict[str, dict[str, Any]] = dict(COMPUTED)
        self.dependencies: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.protected: set[tuple[str, str]] = set()
        self.ignored: dict[tuple[str, str], list[str]] = {}
        self.create_timeouts: dict[tuple[str, str], str] = {}
        self.update_timeouts: dict[tuple[str, str], str] = {}
        self.deleted_first: set[tuple[str, str]] = set()
        self.retained: set[tuple[str, str]] = set()

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.inputs[args.typ, args.name] = cast(dict[str, Any], args.inputs)
        self.providers[args.typ, args.name] = args.provider or ""
        outputs = {"arn": f"arn:aws:mock:::{args.name}", "name": args.name}
        outputs |= cast(dict[str, Any], args.inputs) | self.computed.get(args.typ, {})
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        self.calls[args.token] = cast(dict[str, Any], args.args)
        return self.answers[args.token], []

    def of_type(self, typ: str) -> dict[str, dict[str, Any]]:
        """Return the recorded inputs of a resource type's resources, by logical name."""
        return {name: inputs for (recorded_type, name), inputs in self.inputs.items() if recorded_type == typ}


class Monitor(MockMonitor):
    """Monitor that passes the options of resources to a recorder, since Pulumi's mocks do not get them."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._recorder = recorder

    def RegisterResource(self, request: Any) -> Any:
        resource = (request.type, request.name)
        self._recorder.dependencies[resource] = {type_and_name(urn) for urn in request.dependencies}
        self._recorder.ignored[resource] = list(request.ignoreChanges)
        self._recorder.create_timeouts[resource] = request.customTimeouts.create
        self._recorder.update_timeouts[resource] = request.customTimeouts.update
        if request.deleteBeforeReplace:
            self._recorder.deleted_first.add(resource)
        if request.protect:
            self._recorder.protected.add(resource)
        if request.retainOnDelete:
            self._recorder.retained.add(resource)
        return cast(Any, super().RegisterResource(request))  # pyright: ignore[reportUnknownMemberType]


def type_and_name(urn: str) -> tuple[str, str]:
    """Return the innermost type and the name in a URN."""
    _, _, types, name = urn.split("::", 3)
    return types.rpartition("$")[2], name


def evaluate(program: Callable[[], Any]) -> None:
    """Run a program until all resources are registered and the results are known."""
    run = cast(Callable[[], None], pulumi.runtime.test(program))  # pyright: ignore[reportUnknownMemberType]
    run()


def secret(value: Any) -> dict[str, Any]:
    """Return a secret input in the form in which the mocks record it."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


NAMING = Naming(environment="test", team="platform", account="123456789012", region="ap-northeast-1")


def start_recording() -> Recorder:
    """Replace the engine with mocks that record the resources of the next evaluations."""
    mocks = Recorder()
    pulumi.runtime.set_mocks(mocks, project="pipe", stack="test", monitor=Monitor(mocks))
    return mocks


@pytest.fixture
def recorder() -> Recorder:
    return start_recording()


@pytest.fixture
def naming() -> Naming:
    return NAMING


def load_topic(model: type[Model], key: str, stack: str = "prod", **changes: Any) -> Model:
    """Return a topic of a stack file's settings, with other values for top-level keys."""
    return model.model_validate(committed(stack)[f"pipe:{key}"] | changes)


@cache
def declare_once(build: Callable[..., pulumi.Resource]) -> Recorder:
    """Declare a component of prod with the committed settings, once per process; return the recorder."""
    mocks = start_recording()
    evaluate(lambda: build(NAMING, load_topic).urn)
    return mocks


@pytest.fixture
def declare_component(recorder: Recorder, naming: Naming, topic: Topic) -> Declare:
    """Provide `declare_component(build, *arguments, **changes)`, which returns the recorder."""

    def run(build: Callable[..., pulumi.Resource], *arguments: Any, **changes: Any) -> Recorder:
        evaluate(lambda: build(naming, topic, *arguments, **changes).urn)
        return recorder

    return run


@pytest.fixture
def topic() -> Topic:
    """Provide `load_topic`."""
    return load_topic
