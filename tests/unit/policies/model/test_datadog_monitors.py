import pytest

from policies.model.datadog_monitors import QueryError, handles, parse_query
from tests.support.rows import each_row


@each_row(
    ("text", "expression", "comparator", "threshold", "window"),
    [
        ("avg(last_5m):avg:a{*} > 1", "avg(last_5m):avg:a{*}", ">", 1, 5),
        ("avg(last_1h):avg:a{b:c} by {d} <= -2.5", "avg(last_1h):avg:a{b:c} by {d}", "<=", -2.5, 60),
        (
            "change(avg(last_5m),last_2h):avg:a{*} >= 1e3",
            "change(avg(last_5m),last_2h):avg:a{*}",
            ">=",
            1000,
            5,
        ),
        ('logs("status:error > 3").index("*").rollup("count").last("15m") > 10', None, ">", 10, 15),
        ('burn_rate("x").over("30d").long_window("1h").short_window("5m") > 14.4', None, ">", 14.4, 60),
        ('logs("a").index("*").rollup("count").last("1h") == 0', None, "==", 0, 60),
        ("processes('nginx').over('env:a').rollup('count').last('2d') < 1", None, "<", 1, 2880),
        ("(a) > 1", "(a)", ">", 1, 0),
        ("a~b>1", "a~b", ">", 1, 0),
        ("a>1", "a", ">", 1, 0),
        ("avg(last_1w):default_zero(a{*}) < .5", "avg(last_1w):default_zero(a{*})", "<", 0.5, 10080),
    ],
)
def test_queries_are_parsed(
    text: str, expression: str | None, comparator: str, threshold: float, window: int
) -> None:
    query = parse_query(text)
    assert (query.comparator, query.threshold, query.window) == (comparator, threshold, window)
    assert expression is None or query.expression == expression


@each_row(
    ("text", "fault"),
    [
        ("", "it ends without a comparison such as > 0.01"),
        ("> 1", "it ends without a comparison such as > 0.01"),
        ("a > b", "it ends without a comparison such as > 0.01"),
        ("a) > 1", "')' at position 1 has no opening bracket"),
        ("(a] > 1", "']' at position 2 has no opening bracket"),
        ("logs('x > 1", '"\'" is not closed'),
    ],
)
def test_an_unreadable_query_is_refused_with_the_reason(text: str, fault: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(text)
    assert str(raised.value) == fault


@each_row(
    ("message", "recipients"),
    [
        ("@slack-a and @b@pipe.dev", ["@slack-a", "@b@pipe.dev"]),
        ("{{#is_warning}}@slack-a{{/is_warning}}", []),
        ("{{#is_recovery}}@a-b{{/is_recovery}} {{#is_alert}}@c-d{{/is_alert}}", ["@c-d"]),
        ("{{^is_alert}}@a-b{{/is_alert}}{{^is_warning}}@c-d{{/is_warning}}", ["@c-d"]),
        ('{{#is_match "env" "prod"}}@a-b{{/is_match}}', ["@a-b"]),
        ("mail me at who@pipe.dev", []),
        ("{{#is_renotify}}@a-b{{/is_renotify}}", []),
        ("{{^is_renotify}}@a-b{{/is_renotify}}", ["@a-b"]),
        ('{{^is_match "host.name" "db"}}@a-b{{/is_match}}', ["@a-b"]),
        ('{{#is_match "a" "b"}}@a-b{{else}}@c-d{{/is_match}}', ["@a-b", "@c-d"]),
        ("{{#is_alert}}@a-b{{else}}@c-d{{/is_alert}}", ["@a-b"]),
        ("{{#is_warning}}@a-b{{else}}@c-d{{/is_warning}}", ["@c-d"]),
        ("{{#is_warning_to_alert}}@a-b{{/is_warning_to_alert}}", ["@a-b"]),
        ("{{#is_alert_recovery}}@a-b{{/is_alert_recovery}}{{#is_no_data}}@c-d{{/is_no_data}}", []),
        ("{{#is_alert}}{{#is_warning}}@a-b{{/is_warning}}@c-d{{/is_alert}}", ["@c-d"]),
        ("{{!-- {{x}} @a-b --}} @c-d {{!-- x }} @e-f --}}", ["@c-d"]),
        ("{{! {x} @a-b }} @c-d {{!-- {{#is_warning}} --}} @e-f {{!--\n@g-h", ["@c-d", "@e-f"]),
    ],
)
def test_handles_are_notified_of_an_alert(message: str, recipients: list[str]) -> None:
    assert handles(message) == recipients


@each_row(
    ("message", "recipients"),
    [
        ("@slack-a", ["@slack-a"]),
        ("{{#is_alert}}@a-b{{/is_alert}} {{#is_recovery}}@a-b{{/is_recovery}}", []),
        ("{{^is_alert}}@a-b{{/is_alert}}", ["@a-b"]),
        ("{{#is_warning}}@a-b{{/is_warning}}", ["@a-b"]),
        ("{{#is_alert_to_warning}}@a-b{{/is_alert_to_warning}}", ["@a-b"]),
        ("{{#is_warning_to_alert}}@a-b{{/is_warning_to_alert}}", []),
        ("{{#is_renotify}}@a-b{{/is_renotify}}", ["@a-b"]),
        ("{{#is_alert}}@a-b{{else}}@c-d{{/is_alert}}", ["@c-d"]),
    ],
)
def test_handles_are_notified_of_a_warning(message: str, recipients: list[str]) -> None:
    assert handles(message, "is_warning") == recipients
