"""The calls that tag the resources of IAM (IAM API)."""

from sandbox.providers.aws.calls.model import Change


def tag_calls(kind: str, id_name: str) -> tuple[Change, Change]:
    """Return the calls that add and remove tags of a kind of object, such as `Role`."""
    return (
        Change(action=f"Tag{kind}", arguments=lambda context: {id_name: context.id, "Tags": context.tags}),
        Change(
            action=f"Untag{kind}",
            condition=lambda context: context.removed.get("tags"),
            arguments=lambda context: {id_name: context.id, "TagKeys": context.removed["tags"]},
        ),
    )
