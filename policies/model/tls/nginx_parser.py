"""The directives of an nginx configuration file, with their positions, as nginx itself reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

DEEPEST = 64
"""The maximum depth of nested blocks in a file; nginx's own contexts have a depth of five or six."""

TOO_DEEP = f"blocks nested more than {DEEPEST} deep"

LUA = "Lua code in a block, whose end only nginx's Lua module finds; use a file or a text in quotes"


@dataclass(frozen=True)
class Directive:
    """A directive of an nginx file, with its block if it has one."""

    name: str
    args: tuple[str, ...]
    line: int
    block: tuple["Directive", ...] | None


class NotNginxError(Exception):
    """A text that is not a valid nginx configuration."""


_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]++|\#[^\n]*+)
    |(?P<mark>[;{}])
    |(?:"(?P<double>(?:[^"\\]++|\\.)*+)"|'(?P<single>(?:[^'\\]++|\\.)*+)')(?=[ \t\r\n;{)]|\Z)
    |(?P<word>(?!["'])(?:\\.|\$\{*+|[^ \t\r\n;{\\$]++)++)(?=[ \t\r\n;{]|\Z)
    """,
    re.DOTALL | re.VERBOSE,
)
"""The tokens of nginx (src/core/ngx_conf_file.c: ngx_conf_read_token).

A word ends at a space, `;` or `{`. Other marks, such as quotes, `}` and `#`, are part of it, and so are
braces after `$`. After a text in quotes, a space, `;`, `{` or `)` has to follow; `)` begins a word.
"""

_ESCAPE = re.compile(r"""\\([\\"'trn])""")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}
"""The characters for which an escape stands; before any other character, a backslash is part of the word
(same function)."""

_LUA_BLOCK = "_by_lua_block"
"""The end of the names of directives with Lua code in a block, which has its own lexer (lua-nginx-module,
src/ngx_http_lua_directive.c: ngx_http_lua_conf_lua_block_parse)."""


@dataclass
class _Block:
    """An open block, with the directive that opens it."""

    tokens: list[str] = field(default_factory=list[str])
    line: int = 1
    directives: list[Directive] = field(default_factory=list[Directive])

    def close(self) -> Directive:
        """Return the directive that opened the block."""
        return Directive(self.tokens[0], tuple(self.tokens[1:]), self.line, tuple(self.directives))


@lru_cache(maxsize=64)
def parse(text: str) -> tuple[Directive, ...]:
    """Parse a file or a fragment; cached, because several rules read the same files.

    Neither the names of directives nor their contexts or numbers of arguments are checked.
    """
    blocks = [_Block()]
    tokens: list[str] = []
    first_line = 1
    for token, is_mark, line in _tokens(text):
        if not is_mark:
            first_line = first_line if tokens else line
            tokens.append(token)
        elif token == "}":
            if tokens or len(blocks) == 1:
                raise NotNginxError('unexpected "}"')
            closed = blocks.pop().close()
            blocks[-1].directives.append(closed)
        elif not tokens:
            raise NotNginxError(f'unexpected "{token}"')
        elif token == ";":
            blocks[-1].directives.append(Directive(tokens[0], tuple(tokens[1:]), first_line, None))
            tokens = []
        elif tokens[0].endswith(_LUA_BLOCK):
            raise NotNginxError(LUA)
        elif len(blocks) > DEEPEST:
            raise NotNginxError(TOO_DEEP)
        else:
            blocks.append(_Block(tokens, first_line))
            tokens = []
    if tokens or len(blocks) > 1:
        expected = '";" or "}"' if tokens else '"}"'
        raise NotNginxError(f"unexpected end of file, expecting {expected}")
    return tuple(blocks[0].directives)


def _tokens(text: str) -> Iterator[tuple[str, bool, int]]:
    """Yield words and marks, with True for a mark, and with the line."""
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotNginxError(f"invalid or unfinished word in line {line}")
        if match.lastgroup == "mark":
            yield match[0], True, line
        elif match.lastgroup != "blank":
            yield _ESCAPE.sub(_unescaped, match[str(match.lastgroup)]), False, line
        line += match[0].count("\n")
        position = match.end()


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[1])


def walk(block: tuple[Directive, ...]) -> Iterator[Directive]:
    """Yield the directives of a block and of all nested blocks."""
    for directive in block:
        yield directive
        yield from walk(directive.block or ())
