"""The keys and strings with which the engine marks secrets, outputs and unknown values
(sdk/go/common/resource/properties.go and plugin/rpc.go)."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks an object as a special value, such as a secret. The value at this key is its kind."""

SECRET = "1b47061264138c4ac30d75fd1eb44270"
ASSETS = ("c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7")
"""Kinds of an asset and of an archive."""

OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
"""Kind of a reference to a resource."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The placeholder for a value that becomes known only in an `up`."""

UNKNOWNS = (
    UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
    "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
)

INVENTED = "unknown-to-the-review"
"""The start of an output that no table describes, and of the only key of such a map of a resource that the
program only reads, in a review."""

INVENTED_NUMBERS = range(8_700_000_000_000_000, 8_800_000_000_000_000)
"""The numbers for such outputs: a double represents each exactly, and no output of an API is as large."""
