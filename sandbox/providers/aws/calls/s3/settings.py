"""Helpers for the calls that change a setting of a bucket (S3 API)."""

from sandbox.providers.aws.calls.model import Arguments, Change, Context
from sandbox.wire.values import Json


def bucket_id(context: Context) -> Json:
    """Return the arguments that name the existing bucket."""
    return {"Bucket": context.id}


def put_setting(action: str, names: tuple[str, ...], settings: Arguments) -> tuple[Change, Change]:
    """Return the calls that create and change a setting of a bucket."""
    create = Change(
        action=action, arguments=lambda context: {"Bucket": context["bucket"], **settings(context)}
    )
    update = Change(
        action=action,
        when=names,
        arguments=lambda context: {"Bucket": context.id, **settings(context)},
    )
    return create, update


def object_lock(response: Json) -> Json:
    """Return the configuration of Object Lock in a response; empty without one."""
    return response.get("ObjectLockConfiguration", {})
