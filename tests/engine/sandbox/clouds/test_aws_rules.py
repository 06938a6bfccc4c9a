"""Tests that the functions for AWS's operations concern operations and parameters that exist.

A function that reads any other parameter would never refuse a request.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from botocore.session import Session

from sandbox.clouds.aws import services
from sandbox.clouds.aws.registry import REGISTRY

get_service_model = functools.cache(Session().get_service_model)


def members(operation: str) -> set[str] | None:
    """Return the names of an operation's parameters; None if there is no such operation."""
    service, action = operation.split(":")
    try:
        shape = get_service_model(service).operation_model(action).input_shape
    except (UnknownServiceError, OperationNotFoundError):
        return None
    return set(shape.members if shape else ())


@functools.cache
def module_functions(module: str) -> dict[str, ast.FunctionDef]:
    """Return the functions of a module by their names."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def reads(module: str, name: str) -> Iterator[str]:
    """Yield the parameters that a function and the module's functions that it calls read by their names."""
    for node in ast.walk(module_functions(module)[name]):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))) if is_params(value):
                yield key
            case ast.Call(
                func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                if is_params(value):
                    yield key
            case ast.Call(func=ast.Name(id=called)) if called in module_functions(module) and called != name:
                yield from reads(module, called)
            case _:
                pass


def is_params(node: ast.expr) -> bool:
    """Return True for `request.params`, and for the variable `params`."""
    match node:
        case ast.Attribute(value=ast.Name(id="request"), attr="params") | ast.Name(id="params"):
            return True
        case _:
            return False


def test_every_function_concerns_operations_that_exist() -> None:
    operations = REGISTRY.operations()
    assert len(operations) > len(services.MODULES)
    unknown = [operation for operation in operations if members(operation) is None]
    assert unknown == []


def test_a_function_reads_parameters_that_its_operations_have() -> None:
    operations_of: dict[Callable[..., Any], list[str]] = {}
    for operation, functions in REGISTRY.operations().items():
        for function in functions:
            operations_of.setdefault(function, []).append(operation)
    unknown = [
        f"{function.__module__}.{function.__name__}: {name}"
        for function, operations in operations_of.items()
        for name in reads(function.__module__, function.__name__)
        if name not in set().union(*(members(operation) or set() for operation in operations))
    ]
    assert unknown == []
    assert any(reads(function.__module__, function.__name__) for function in operations_of)
