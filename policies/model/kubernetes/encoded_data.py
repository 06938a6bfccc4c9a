"""The texts in the Base64 fields of ConfigMaps and Secrets."""

import base64
import binascii

from policies.model.property_values import Value


def decoded(value: Value) -> Value:
    """Return the text of an encoded entry; absent if it is not Base64, which the API server refuses.

    Programs read bytes, and many accept any of them, so a byte that is not UTF-8 does not end the check.
    """
    if not value.known:
        return value
    try:
        text = base64.b64decode(value.text() or "").decode(errors="replace")
    except (binascii.Error, ValueError):
        text = None
    return Value(text, value.path, value.secret)
