from policies.model.wildcards import matches
from tests.support.rows import each_row


@each_row(
    ("text", "pattern", "expected"),
    [
        ("s3:getobject", "s3:*", True),
        ("s3:getobject", "*", True),
        ("s3:getobject", "s3:get*ct", True),
        ("s3:getobject", "s3:get?bject", True),
        ("s3:getobject", "*e*b*t*", True),
        ("s3:getobject", "s3:getobject**", True),
        ("s3:getobject", "s3:get", False),
        ("s3:getobject", "s3:getobject?", False),
        ("s3:getobject", "s3:[a-z]*", False),
        ("b", "*ab", False),
        ("xb", "*ab", False),
        ("a", "a~", False),
        ("", "*", True),
        ("", "?", False),
        ("a", "", False),
    ],
)
def test_a_wildcard_stands_for_characters(text: str, pattern: str, expected: bool) -> None:
    assert matches(text, pattern) is expected
