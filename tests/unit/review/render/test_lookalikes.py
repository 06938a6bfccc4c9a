"""Tests of the escapes for characters that can be mistaken for other ones."""

import dataclasses
import sys
import unicodedata

import pytest

from review.plain_data import mark_own
from review.render import renderings
from review.render.filters import show_unseen, show_value
from tests.support.review import samples


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("green.elb.am\u0430zonaws.com", r"green.elb.am\u0430zonaws.com"),
        ("\u0441\u043e\u0441\u043e", r"\u0441\u043e\u0441\u043e"),
        ("\u03bf", r"\u03bf"),
        ("\u13a0", r"\u13a0"),
        ("\u0261oogle", r"\u0261oogle"),
        ("p\u0131pe", r"p\u0131pe"),
        ("\ufb01le", r"\ufb01le"),
        ("\U0001d41aws", r"\U0001d41aws"),
        ("\U0001d6a8", r"\U0001d6a8"),
        ("\u212a", r"\u212a"),
        ("pipe\u2011backup", r"pipe\u2011backup"),
        ("pipe\u2013backup", r"pipe\u2013backup"),
        ("example.com\u2215path", r"example.com\u2215path"),
        ("a\u0374", r"a\u0374"),
        ("arn\ua789aws", r"arn\ua789aws"),
        ("e\u00d7ample", r"e\u00d7ample"),
        ("example\uff0ecom", r"example\uff0ecom"),
        ("\uff41mazon", r"\uff41mazon"),
        ("https:\u30ce\u30ceexample", r"https:\u30ce\u30ceexample"),
        ("a \u4e00 b", r"a \u4e00 b"),
        ("\uff08absent\uff09", r"\uff08absent\uff09"),
        ("\u65e5\n\uff08absent\uff09", "\u65e5\n\\uff08absent\\uff09"),
    ],
)
def test_a_character_that_looks_like_ascii_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert show_unseen(text) == show_value(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "クラスター（EKS）の負荷：高い",
        "ノードが古い（v1.30）",
        "APIノード、データ 1",
        "ＡＰＩサーバー",
        "一覧 〜 東京・大阪「本番」",
        "本番へデプロイ、サーバーへアクセス、stgへ。ヘルスチェック、食べる",
        "出力データ、全体エラー、ロボット工学、サーバー八台、データ口座、統一、ノート、あー",
        "café, naïve, Łódź, über, Ångström",
        "2 × 0.107 USD, 10 µs, m², ½, ①, ™",
        "→ ← ± … › · ⏎ ⇥ ↑ ✅ 🎉",
        "AWS・GCPの設定",
    ],
)
def test_japanese_and_european_texts_stay_as_they_are(text: str) -> None:
    assert show_unseen(text) == show_value(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("donne\u0301es/バックアッフ\u309a", r"donne\u0301es/バックアッフ\u309a"),
        ("opsgeni\u0307e.example", r"opsgeni\u0307e.example"),
        ("i\u0323\u0307d", r"i\u0323\u0307d"),
        ("cafe\u0954", r"cafe\u0954"),
        ("caf\u00e9\u0301", "caf\u00e9\\u0301"),
        ("\ufa19社/\u212bngström", r"\ufa19社/\u212bngström"),
        ("a\u01ce, \u00d0a", r"a\u01ce, \u00d0a"),
        ("バッ\u529bアップ", r"バッ\u529bアップ"),
        ("デー\u5915/サーバ\u4e00", r"デー\u5915/サーバ\u4e00"),
        ("\u3078ルス/アルファ\u3079ット/す\u30d9て", r"\u3078ルス/アルファ\u3079ット/す\u30d9て"),
        ("統\u30fc/協\u30ab/\u53e3ロ", r"統\u30fc/協\u30ab/\u53e3ロ"),
        ("\u2f12/\u31d0/\u784f究/\u503c/\u96b8", r"\u2f12/\u31d0/\u784f究/\u503c/\u96b8"),
        ("https:\uff89\uff89a\u4e28\u5341", r"https:\uff89\uff89a\u4e28\u5341"),
        ("a\u2045b\u230ac\u2758", r"a\u2045b\u230ac\u2758"),
        ("\u0387\u0387port", r"\u0387\u0387port"),
        ("10.0.0.0\u27f610.0.0.1", r"10.0.0.0\u27f610.0.0.1"),
        ("a\u0964b\u16ecc\u21b5", r"a\u0964b\u16ecc\u21b5"),
        ("10 \u2b62 20 \u2b95 30", r"10 \u2b62 20 \u2b95 30"),
        ("10 \u21d2 20 \u27a1 30 \u21c0 4", r"10 \u21d2 20 \u27a1 30 \u21c0 4"),
        ("\U0001f852 \U0001f816", r"\U0001f852 \U0001f816"),
        ("a \u21a6 b \u21aa c \u27f5", r"a \u21a6 b \u21aa c \u27f5"),
        ("a \u30fb\uff65 b \u2022", r"a \u30fb\uff65 b \u2022"),
    ],
)
def test_a_character_that_looks_like_another_text_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert show_unseen(text) == show_value(text) == shown


def test_of_texts_that_unicode_counts_as_equivalent_a_report_shows_one() -> None:
    for char in map(chr, range(sys.maxunicode + 1)):
        texts = {char, unicodedata.normalize("NFC", char), unicodedata.normalize("NFD", char)}
        assert len(texts) == 1 or len([text for text in texts if show_unseen(text) == text]) < 2, char


def test_an_escape_of_a_character_that_depends_on_its_word_is_marked() -> None:
    assert show_value(r"example\uff0ecom") == r"example\\u200buff0ecom" != show_value("example\uff0ecom")


def test_no_report_shows_another_domain_as_the_honest_one() -> None:
    change = samples.change()
    other = dataclasses.replace(change.properties[0], before="amazonaws.com", after="am\u0430zonaws.com")
    report = samples.report(changes=[dataclasses.replace(change, properties=[other])])
    for render in (renderings.render_terminal, renderings.render_markdown, renderings.render_html):
        text = render(report)
        assert r"am\u0430zonaws.com" in text and "am\u0430zonaws.com" not in text


def test_an_empty_value_differs_from_a_text_that_says_so() -> None:
    change = samples.change()
    for own in ("(empty)", "(absent)", "(empty\u200b)"):
        marked = dataclasses.replace(change.properties[0], before="0", after=mark_own(own))
        report = samples.report(changes=[dataclasses.replace(change, properties=[marked])])
        assert f"→ `{own[:-1]}`" not in renderings.render_markdown(report)
        assert "`0` → `(empty)`" not in renderings.render_markdown(report)
    nothing = dataclasses.replace(change.properties[0], before="0", after="")
    report = samples.report(changes=[dataclasses.replace(change, properties=[nothing])])
    assert "`0` → `(empty)`" in renderings.render_markdown(report)
