"""Characters that a reader can mistake for other ones, such as a Cyrillic `а` in the name of a host.

Unicode calls them confusable (https://www.unicode.org/reports/tr39, 4). A report shows letters of the Latin
and the Japanese scripts, a set that UTS 39 allows in one text (5.2, "Highly Restrictive"), and no others:
whole words of Cyrillic or Greek letters look like Latin ones, too.
"""

import unicodedata
from functools import lru_cache

import regex

from review.render.japanese import (
    LETTER,
    LIKE_ASCII,
    SENTENCE,
    UNCLEAR,
    WORD,
    find_unclear_letters,
    is_japanese,
    is_usual,
)

SHOWN_SCRIPTS = regex.compile(
    r"[\p{Script_Extensions=Latin}\p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}"
    r"\p{Script_Extensions=Katakana}\p{Script_Extensions=Common}]"
)
"""Pattern of a character of a script that a report shows, or of a sign that is used with any script.

A sign of a few other scripts only, such as `।` of the Indian ones, is none of them
(https://www.unicode.org/reports/tr24, 5.2).
"""

SHOWN_LATIN = frozenset("ßẞÆæØøŁłŒœÞþðĐđĦħŊŋ")
"""Latin letters without a base letter that visibly differ from ASCII letters, and from each other."""

RARE_LATIN = frozenset("ȦȧǍǎĔĕǦǧǴǵǏǐǑǒŢţǓǔ")
"""Letters that look like the usual ones `ÅåĂăĚěĞğģĬĭŎŏȚțŬŭ`
(https://www.unicode.org/Public/security/latest/confusables.txt).
"""

DISTINCT_FORMS = frozenset(("<circle>", "<fraction>", "<square>", "<sub>", "<super>"))
"""Compatibility forms that visibly differ from the characters that they stand for (UAX 44, table 14)."""

SIGNS = frozenset(
    "␤⭾"  # the signs of a report for line breaks and tabs
    "•‧∙⋅◦⦁"  # the dots of a report in place of spaces
    "‐‑‒–−˗⁃➖﹘﹣"  # -
    "‘’‛′‵ʹʻʼʽʾˈˊˋ´˴“”‟″‶ʺˮ˝˶〃᳓‴‷⁗"  # ' and "
    "ː˸꞉∶⁚︰"  # :
    "․‚¸𝅭"  # . and ,
    "∕⁄⟋⧸⁁╱⫽⫻᜵㇓∖⟍⧵⧹⑊㇔"  # / and \
    "∣❘⎪⏐│⏽￨ǀǁ‖∥"  # | and l
    "⁎∗➕᛭⹀⩵⩶⁓∼˜ˆ˄"  # * + = ~ ^
    "‹˂˃❮❯⟨⟩≪≫⋘⋙⪥⨠"  # < and >
    "⁅⁆⌈⌉⌊⌋❨❩❲❳⸨⸩❴❵﴾﴿"  # brackets
    "﹍﹎﹏ꜝǃʔ⁇⁈⁉‼‥¦"  # _ ! ? ..
    "∪⋃∨⋁⤫⤬⨯╳⊤⟙⋿∞⍳⍺⍴℮⁰𐋵𝄔🄪🜀🜇🜝🝌🝜🝨🝫🝬₶"  # letters
)
"""Signs without a script of which the prototype is ASCII, or a pair of ASCII signs
(https://www.unicode.org/Public/security/latest/confusables.txt, without those that are NFKC forms of ASCII).
"""

OWN_SIGNS = frozenset("…›←→⇥⏎")
"""Signs of a report itself, for a text that is shortened, between the parts of a path, and for values
(`review.model.SIGNS` escapes those of a program's value).
"""

ARROW = regex.compile(r"(?=.*(LEFT|RIGHT)).*(ARROW|HARPOON)")
"""Pattern of the name of an arrow, which a reader may take for the arrow of a report, `10 ⇒ 20 → 30`."""

TIMES = "×"
"""Sign between a quantity and a price in a report, and the prototype of no ASCII sign but `x`."""

DEPENDS_ON_WORD = regex.compile(rf"[{TIMES}{''.join(sorted(LIKE_ASCII | UNCLEAR))}\uff01-\uff5e]")
LATIN_LETTER = regex.compile(r"(?=\p{Letter})\p{Script=Latin}")
"""Patterns of a character that `depends_on_word`, and of a Latin letter."""

TIMES_IN_WORD = regex.compile(rf"(?<=[A-Za-z]){TIMES}|{TIMES}(?=[A-Za-z])")


@lru_cache
def is_lookalike(char: str) -> bool:
    """Return True for a character that a reader can mistake for another one in any text."""
    if char.isascii() or char in OWN_SIGNS or depends_on_word(char):
        return False
    if char in SIGNS or ARROW.match(unicodedata.name(char, "")):
        return True
    if not SHOWN_SCRIPTS.match(char) or _has_equivalent(char):
        return True
    form, *_ = unicodedata.decomposition(char).split() or [""]
    if form in DISTINCT_FORMS:
        return False
    if LETTER.match(char) and not is_usual(char):
        return True
    if LATIN_LETTER.match(char):
        return char in RARE_LATIN or (char not in SHOWN_LATIN and not _has_marks(char))
    return form == "<font>" or unicodedata.normalize("NFKC", char).isascii()


def depends_on_word(char: str) -> bool:
    """Return True for a character that can be mistaken in some words only: `find_lookalikes` decides."""
    return bool(DEPENDS_ON_WORD.match(char))


def find_lookalikes(text: str) -> frozenset[int]:
    """Return the places of characters that can be mistaken in their words, such as in `example．com`.

    A wide form of ASCII has to belong to a Japanese word. The signs of a sentence may also belong to a line
    that has a Japanese letter elsewhere.
    """
    if not DEPENDS_ON_WORD.search(text):
        return frozenset()
    places = {match.start() for match in TIMES_IN_WORD.finditer(text)}
    start = 0
    for line in text.split("\n"):
        is_sentence = is_japanese(line)
        places.update(start + place for place in find_unclear_letters(line))
        for word in WORD.finditer(line):
            if not is_japanese(word[0]):
                places.update(
                    start + word.start() + place
                    for place, char in enumerate(word[0])
                    if depends_on_word(char) and not (is_sentence and char in SENTENCE)
                )
        start += len(line) + 1
    return frozenset(places)


def _has_equivalent(char: str) -> bool:
    """Return True for a mark, and for a character in place of which Unicode has another one.

    Texts with the same NFC look the same: `e` and U+0301 like `é`, U+FA19 like `神`
    (https://www.unicode.org/reports/tr15, 1.1). In NFC, most texts of the scripts that a report shows have no
    marks. Those that remain can look like others, too, or change nothing: the dot of `i` and U+0307 (Unicode
    Standard, 7.1, "Diacritics on i and j"). Some cover the lines around them.
    """
    return unicodedata.category(char).startswith("M") or unicodedata.normalize("NFC", char) != char


def _has_marks(char: str) -> bool:
    """Return True for an ASCII letter with marks, such as `é`."""
    letter, *marks = unicodedata.normalize("NFD", char)
    return letter.isascii() and bool(marks)
