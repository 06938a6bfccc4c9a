"""Japanese words in a report, and letters in them that look like letters of another script."""

from collections.abc import Iterator

import regex

RARE = frozenset("囗鎭隸")
"""Letters of the Japanese standards that look like `口`, `鎮` and `隷`
(https://www.unicode.org/Public/security/latest/confusables.txt).
"""

SENTENCE = frozenset("・！（），：；？［］｛｝～〔〕〈〉〜")
"""Wide signs that a Japanese sentence has beside Latin words: `クラスター（EKS）`."""

LIKE_ASCII = frozenset("ノﾉヽ〳〵丿丶〇ーｰ一ニﾆ二゠〔〕〈〉く〜､十丁丨・･")
"""Japanese characters that look like ASCII, a dash or an equals sign, or like a report's dot for a space."""

LIKE_KATAKANA = frozenset("べぺへ一丿二八力卜口夕工")
KATAKANA_LIKE_HAN = frozenset("ーノニハカトロタエ")
KATAKANA_LIKE_HIRAGANA = frozenset("ベペヘ")
"""Letters that look the same in two scripts
(https://www.unicode.org/Public/security/latest/confusables.txt).
"""

UNCLEAR = LIKE_KATAKANA | KATAKANA_LIKE_HAN | KATAKANA_LIKE_HIRAGANA

LETTER = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u31c0-\u31ef]")
WORD = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3001-\u303f\u30a0-\u30ff\uff01-\uff9f]+"
)
"""Patterns of a Japanese letter or a stroke of one, and of a Japanese word with its signs."""

UNCLEAR_LETTERS = regex.compile(rf"[{''.join(sorted(UNCLEAR))}]+")
SCRIPTS = {name: regex.compile(rf"\p{{Script={name}}}") for name in ("Katakana", "Han", "Hiragana")}


def is_japanese(text: str) -> bool:
    """Return True for a text with a Japanese letter that looks like no ASCII character."""
    return any(letter[0] not in LIKE_ASCII for letter in LETTER.finditer(text))


def is_usual(char: str) -> bool:
    """Return True for a character of the Japanese standards JIS X 0201 and 0208, which Shift_JIS encodes.

    Of letters that look alike, the standards mostly have one. Unicode also has radicals (`⼒` beside `力`)
    and the forms of other countries (`硏` beside `研`).
    """
    return bool(char.encode("shift_jis", "ignore")) and char not in RARE


def find_unclear_letters(line: str) -> Iterator[int]:
    """Yield the places of letters that look like those around them, but have another script.

    In `バッ力アップ`, `力` is no Katakana, and in `統ー`, `ー` is one. The next letters that cannot be
    mistaken decide. Between Katakana and another script, both are usual: `出力データ`, `全体エラー`.
    """
    for run in UNCLEAR_LETTERS.finditer(line):
        before, after = line[: run.start()][-1:], line[run.end() :][:1]
        scripts = {name for name, script in SCRIPTS.items() if script.match(before) or script.match(after)}
        if not scripts and not LIKE_KATAKANA.issuperset(run[0]):
            scripts = {"Katakana"}
        for place, letter in enumerate(run[0], run.start()):
            if letter in LIKE_KATAKANA:
                is_particle = letter == "へ" and (before.isalnum() or before in [*"」』）)"])
                is_unclear = scripts == {"Katakana"} and not is_particle
            else:
                is_expected = "Katakana" in scripts or letter not in KATAKANA_LIKE_HIRAGANA
                is_unclear = not is_expected or scripts in ({"Han"}, {"Han", "Hiragana"})
            if is_unclear:
                yield place
