"""The nginx configuration in a ConfigMap or Secret: its files with their includes, and its servers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from policies.engine.rule import Finding, Unknown, Verdict, Verdicts, expected
from policies.model.kubernetes.encoded_data import decoded
from policies.model.kubernetes.pods import Object
from policies.model.property_values import UnknownValueError, UnreadableValueError, Value
from policies.model.tls.nginx_parser import DEEPEST, LUA, TOO_DEEP, Directive, NotNginxError, parse, walk
from policies.model.tls.tls_versions import SAFE_VERSIONS
from policies.model.wildcards import matches

PROTOCOLS = ("ssl_protocols", "proxy_ssl_protocols", "grpc_ssl_protocols", "uwsgi_ssl_protocols")
"""The directives that list TLS versions."""

COMMANDS = tuple(f"{prefix}ssl_conf_command" for prefix in ("", "proxy_", "grpc_", "uwsgi_"))
"""The directives that set commands of OpenSSL."""

OVERRIDING = ("protocol", "minprotocol")
"""The commands that override the listed versions; their case is ignored (nginx, ngx_http_ssl_module,
ssl_conf_command; OpenSSL, SSL_CONF_cmd)."""

SAFE_PROTOCOLS = " ".join(SAFE_VERSIONS)
"""The value that the rules recommend for these directives."""

_NAMES = "|".join((*PROTOCOLS, *COMMANDS, "ssl_certificate"))
_LOOKS_LIKE_NGINX = re.compile(rf"""\b({_NAMES})["']?\s|\b(server|http)["']?\s*\{{""")
"""The start of a directive, whose name may have quotes."""
_COMMENTED = re.compile(r"""\b(server|http)["']?\s+#""")
"""What is the start of a directive if a comment begins here."""
_CONFIG_MAP_FIELDS = (("data", False), ("binaryData", True))
_SECRET_FIELDS = (("data", True), ("stringData", False))
"""The fields with files, and whether a field is encoded. A later field replaces entries of an earlier one."""
LONGEST_PORT = 5
"""The maximum number of digits in a port."""
MOST_STEPS = 100_000
"""The maximum number of directives in one object after its includes are resolved. Without the limit, files
that include each other in several places would be expanded once for each path."""


def place(entry: Value, line: int, server: str = "") -> str:
    """Return the position of a directive in an entry, without any content of a secret entry."""
    if entry.secret:
        return entry.path
    return f"{entry.path} (line {line}" + (f", server {server})" if server else ")")


def unreadable(value: Value, fault: NotNginxError) -> Finding:
    """Return the finding that a text is not a valid nginx configuration."""
    reason = "" if value.secret else f" ({fault})"
    return Finding(
        value.path, f"not a valid nginx configuration{reason}", "correct it, so that it can be checked"
    )


class Files:
    """The nginx files of one ConfigMap or Secret, with the includes between them resolved.

    A Secret that is unknown as a whole counts as one without such files: before its first `up`, a stack knows
    none of its passwords and keys, not even their names. The `up` knows and judges them.
    """

    def __init__(self, item: Object) -> None:
        self.entries: dict[str, Value] = {}
        self.parsed: dict[str, tuple[Directive, ...]] = {}
        self.unread: list[Verdict] = []
        """Verdicts on files that are unknown or that the parser cannot read."""
        self._path = item.value.path
        self._steps = 0
        is_secret = item.kind == "Secret"
        for field, is_encoded in _SECRET_FIELDS if is_secret else _CONFIG_MAP_FIELDS:
            try:
                for name, value in item.value[field].entries().items():
                    self._read(name, decoded(value) if is_encoded else value)
            except UnknownValueError as unknown:
                self.unread += [] if is_secret else [Unknown(unknown.path)]
        self.included = {
            name: {other for pattern in _includes(block) for other in self.matches(pattern) if other != name}
            for name, block in self.parsed.items()
        }

    def _read(self, name: str, value: Value) -> None:
        try:
            if _is_nginx(name, value):
                self.parsed[name] = parse(value.text() or "")
                self.entries[name] = value
        except UnknownValueError as unknown:
            self.unread.append(Unknown(unknown.path))
        except NotNginxError as fault:
            self.unread.append(unreadable(value, fault))

    def matches(self, pattern: str) -> list[str]:
        """Return the entries that an include names by file name, because mount paths are unknown here."""
        base = PurePosixPath(pattern).name
        if not {"*", "?"} & set(base):
            return [base] if base in self.parsed else []
        self._count(len(self.parsed))
        return sorted(name for name in self.parsed if matches(name, base))

    def _count(self, steps: int, depth: int = 0) -> None:
        """Count resolved directives; raise UnreadableValueError if their number or depth exceeds a limit."""
        self._steps += steps
        if self._steps > MOST_STEPS or depth > DEEPEST:
            limit = f"{DEEPEST} levels" if depth > DEEPEST else f"{MOST_STEPS} directives"
            raise UnreadableValueError(
                f"{self._path}.data".lstrip("."),
                f"nginx configuration whose includes exceed {limit}",
                "include each file in one place, so that it can be checked",
            )

    def flat(
        self, name: str, block: tuple[Directive, ...], seen: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, Directive]]:
        """Yield the directives of a block and of its includes, each with the name of its entry."""
        for directive in block:
            self._count(1, len(seen))
            if directive.name == "include" and directive.args:
                for other in self.matches(directive.args[0]):
                    if other not in seen:
                        yield from self.flat(other, self.parsed[other], seen | {other})
            else:
                yield name, directive

    def roots(self) -> list[tuple[str, Directive]]:
        """Return the top-level directives of files that no other file includes.

        The nginx.conf of the container image includes these files. If files include each other in a cycle,
        the first file by name counts as a root, so that every file is checked.
        """
        inner = set[str]().union(*self.included.values())
        reached: set[str] = set()
        roots: list[tuple[str, Directive]] = []
        for name in sorted(self.parsed, key=lambda name: (name in inner, name)):
            if name not in reached:
                reached |= self._reach(name)
                roots += self.flat(name, self.parsed[name], frozenset({name}))
        return roots

    def _reach(self, name: str) -> set[str]:
        """Return a file with its direct and indirect includes."""
        reached, ahead = {name}, [name]
        while ahead:
            new = self.included[ahead.pop()] - reached
            reached |= new
            ahead += new
        return reached

    def servers(self) -> "Iterator[Server]":
        """Yield the servers; each server records whether an outer block lists TLS versions."""
        yield from self._servers(self.roots(), False, 1)

    def _servers(
        self, directives: list[tuple[str, Directive]], inherited: bool, depth: int
    ) -> "Iterator[Server]":
        self._count(0, depth)
        chosen = inherited or any(item.name == "ssl_protocols" for _, item in directives)
        for name, directive in directives:
            if directive.block is None:
                continue
            inner = list(self.flat(name, directive.block, frozenset({name})))
            if directive.name == "server":
                yield Server(self.entries[name], directive.line, tuple(item for _, item in inner), chosen)
            yield from self._servers(inner, chosen, depth + 1)

    def names_versions(self) -> bool:
        """Return True if an ssl_protocols directive outside the server blocks also applies to other files."""
        return any(
            item.name == "ssl_protocols"
            for name, root in self.roots()
            for _, item in (
                self.flat(name, root.block or (), frozenset({name}))
                if root.name in ("http", "stream", "mail")
                else [(name, root)]
            )
        )


@dataclass(frozen=True)
class Server:
    """A server block with resolved includes."""

    entry: Value
    line: int
    directives: tuple[Directive, ...]
    inherited: bool
    """True if an outer block lists TLS versions."""

    @property
    def name(self) -> str:
        """The server_name for messages."""
        named = (" ".join(item.args) for item in self.directives if item.name == "server_name")
        return next(named, "without name")

    @property
    def chosen(self) -> bool:
        """True if the server or an outer block lists TLS versions."""
        return self.inherited or any(item.name == "ssl_protocols" for item in self.directives)

    @property
    def tls_ports(self) -> set[int]:
        """The ports on which the server terminates TLS."""
        return self._listens("ssl") | self._listens("quic")

    @property
    def negotiates(self) -> bool:
        """True if the server listens with TLS over TCP; QUIC always uses TLS 1.3."""
        return bool(self._listens("ssl"))

    def _listens(self, how: str) -> set[int]:
        switched = how == "ssl" and any(
            item.name == "ssl" and item.args == ("on",) for item in self.directives
        )
        return {
            _port(item.args[0])
            for item in self.directives
            if item.name == "listen" and item.args and (switched or how in item.args[1:])
        }


def _port(address: str) -> int:
    """Return the port of a listen directive; the default is 80 (ngx_http_core_module)."""
    last = address.rpartition(":")[2]
    return int(last) if last.isdecimal() and len(last) <= LONGEST_PORT else 80


def _includes(block: tuple[Directive, ...]) -> Iterator[str]:
    return (item.args[0] for item in walk(block) if item.name == "include" and item.args)


def _is_nginx(key: str, value: Value) -> bool:
    if not value.known:
        return key.endswith(".conf")
    text = value.text() or ""
    if _LOOKS_LIKE_NGINX.search(text):
        return True
    return _COMMENTED.search(text) is not None and _has_servers(text)


def _has_servers(text: str) -> bool:
    """Return True if a text has a block of servers; nginx reads no text that is not valid either.

    It may read one with Lua code or with deeper blocks.
    """
    try:
        return any(item.name in ("server", "http") and item.block is not None for item in walk(parse(text)))
    except NotNginxError as fault:
        return str(fault) in (LUA, TOO_DEEP)


def old_versions(entry: Value, block: tuple[Directive, ...]) -> Iterator[Finding]:
    """Report directives at any depth that name a version below TLS 1.2, or that override the versions."""
    for directive in walk(block):
        if directive.name in PROTOCOLS and (
            not directive.args or any(version not in SAFE_VERSIONS for version in directive.args)
        ):
            shown = "[secret]" if entry.secret else repr(" ".join(directive.args))
            where = f"{place(entry, directive.line)}: {directive.name}"
            yield Finding(where, shown, f"set it to {SAFE_PROTOCOLS}")
        if directive.name in COMMANDS and directive.args and directive.args[0].lower() in OVERRIDING:
            shown = "[secret]" if entry.secret else repr(" ".join(directive.args))
            where = f"{place(entry, directive.line)}: {directive.name}"
            yield Finding(where, shown, "remove it, since it overrides the listed versions")


def protocol_list(value: Value) -> Verdicts:
    """Require safe versions in a string of protocols, as in the settings of ingress-nginx."""
    if any(version not in SAFE_VERSIONS for version in (value.text() or "").split()) or not value.text():
        yield expected(value, f"'{SAFE_PROTOCOLS}'")
