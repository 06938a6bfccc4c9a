"""Tests of the registry of a cloud's behaviour."""

import pytest

from sandbox.clouds.registry import EVERY, Registry


def test_the_refusals_of_every_operation_come_first_and_others_in_their_order() -> None:
    registry: Registry[str] = Registry()
    calls: list[str] = []

    @registry.refuses("s3:CreateBucket", "s3:DeleteBucket")
    def first(request: str) -> None:
        calls.append(f"first {request}")

    @registry.refuses("s3:CreateBucket")
    def second(request: str) -> None:
        calls.append(f"second {request}")

    @registry.refuses(EVERY)
    def general(request: str) -> None:
        calls.append(f"general {request}")

    for refusal in registry.refusals("s3:CreateBucket"):
        refusal("a")
    assert calls == ["general a", "first a", "second a"]
    assert registry.refusals("s3:DeleteBucket") == [general, first]
    assert registry.operations() == {"s3:CreateBucket": [first, second], "s3:DeleteBucket": [first]}


def test_an_operation_has_only_one_emulation() -> None:
    registry: Registry[str] = Registry()

    def create(request: str) -> dict[str, str]:
        return {"name": request}

    registry.emulates("eks:CreateCluster")(create)
    message = r"^eks:CreateCluster has two emulations: .*test_registry has the second$"
    with pytest.raises(ValueError, match=message):
        registry.emulates("eks:CreateCluster")(create)
