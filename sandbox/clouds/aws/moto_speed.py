"""Patches that make moto 5.2 faster and do not change its responses."""

import functools
from typing import Any


@functools.cache
def apply_patches() -> None:
    """Patch moto, before its models are imported. Without the patches, moto:

    - parses botocore's list of endpoints (one megabyte) again for each list of regions
    - lists the modules in its own folder for each request
    - generates an RSA key for each KMS key, although a symmetric key never uses it
    """
    _patch_regions()
    _patch_modules()
    _patch_key_pairs()


def _patch_regions() -> None:
    import boto3.session

    session: Any = boto3.session.Session
    own_regions = session.get_available_regions
    reader = session()

    @functools.cache
    def regions(service: str, partition_name: str, allow_non_regional: bool) -> tuple[str, ...]:
        return tuple(own_regions(reader, service, partition_name, allow_non_regional))

    def get_available_regions(
        self: Any, service_name: str, partition_name: str = "aws", allow_non_regional: bool = False
    ) -> list[str]:
        return list(regions(service_name, partition_name, allow_non_regional))

    session.get_available_regions = get_available_regions


def _patch_modules() -> None:
    from moto import backends

    untyped: Any = backends
    modules = frozenset(untyped.list_of_moto_modules())
    untyped.list_of_moto_modules = lambda: modules


def _patch_key_pairs() -> None:
    from moto.kms import models

    untyped: Any = models
    generate = untyped.generate_private_key

    def generate_when_needed(key_spec: str) -> Any:
        return _LateKey(generate, key_spec) if key_spec == "SYMMETRIC_DEFAULT" else generate(key_spec)

    untyped.generate_private_key = generate_when_needed


class _LateKey:
    """A private key that is generated on first use."""

    def __init__(self, generate: Any, key_spec: str) -> None:
        self._generate = functools.cache(functools.partial(generate, key_spec))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generate(), name)
