"""TLS 1.2 and newer in nginx configurations, wherever a ConfigMap carries one."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, cast

from pulumi_policy import Severity

from policies.pods import kubernetes, objects
from policies.rule import Finding, Options, Resource, Unknown, Verdicts, each, wrong
from policies.rules.tls import SAFE, TLS
from policies.unknowns import UnknownValueError, Value

WANTED = "TLSv1.2 TLSv1.3"
_LOOKS_LIKE_NGINX = re.compile(
    r"\b(ssl_protocols|ssl_certificate|proxy_ssl_protocols)\s|\b(server|http)\s*\{"
)


@dataclass(frozen=True)
class Directive:
    """A directive of an nginx file, with its block if it has one."""

    name: str
    args: tuple[str, ...]
    line: int
    block: tuple["Directive", ...] | None


class NotNginxError(Exception):
    """The text is not an nginx configuration."""


def parse(text: str) -> tuple[Directive, ...]:
    """The directives of a file, by NGINX Inc.'s own parser."""
    import crossplane  # only for programs that carry nginx files

    # crossplane reads files only; fragments are allowed, so neither contexts nor argument counts are checked.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
        read = cast(Callable[..., Any], crossplane.parse)  # pyright: ignore[reportUnknownMemberType]
        payload = cast("dict[str, Any]", read(str(file), single=True, check_ctx=False, check_args=False))
    if payload["errors"]:
        raise NotNginxError(str(payload["errors"][0]["error"]).partition(" in /")[0] or "unfinished")
    return tuple(_directive(item) for item in payload["config"][0]["parsed"])


def _directive(item: dict[str, Any]) -> Directive:
    block = tuple(_directive(inner) for inner in item["block"]) if "block" in item else None
    return Directive(item["directive"], tuple(item["args"]), item["line"], block)


@dataclass(frozen=True)
class Place:
    """Where a directive is: the ConfigMap's entry and the line in it."""

    entry: Value
    line: int
    server: str = ""

    def finding(self, name: str, found: str, wanted: str) -> Finding:
        where = f"line {self.line}" + (f", server {self.server}" if self.server else "")
        found = "[secret]" if self.entry.secret else found
        return Finding(
            f"{self.entry.path} ({where}): {name}", found, f"set it to {wanted}", found == "not set"
        )


class Files:
    """The nginx files of one ConfigMap, with their includes resolved among each other."""

    def __init__(self, entries: Mapping[str, Value]) -> None:
        self.entries = entries
        self.parsed = {name: parse(entry.text() or "") for name, entry in entries.items()}
        self.included = {
            name: {other for pattern in _includes(block) for other in self.matches(pattern) if other != name}
            for name, block in self.parsed.items()
        }

    def matches(self, pattern: str) -> list[str]:
        """The entries that an include names, by file name: mount paths are not known here."""
        base = PurePosixPath(pattern).name
        return sorted(name for name in self.parsed if fnmatchcase(name, base))

    def flat(
        self, name: str, block: tuple[Directive, ...], seen: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, Directive]]:
        """The directives of a block and of what it includes, with the entry that each is in."""
        for directive in block:
            if directive.name == "include" and directive.args:
                for other in self.matches(directive.args[0]):
                    if other not in seen:
                        yield from self.flat(other, self.parsed[other], seen | {other})
            else:
                yield name, directive

    def roots(self) -> list[tuple[str, Directive]]:
        """The top-level directives of files that no other includes: the image's own nginx.conf does.

        Of files that include each other the first counts as the root, so that none is left out.
        """
        inner = set[str]().union(*self.included.values())
        reached: set[str] = set()
        found: list[tuple[str, Directive]] = []
        for name in sorted(self.parsed, key=lambda name: (name in inner, name)):
            if name not in reached:
                reached |= self._reach(name)
                found += self.flat(name, self.parsed[name], frozenset({name}))
        return found

    def _reach(self, name: str) -> set[str]:
        """A file and all that it includes, directly or through others."""
        reached, ahead = {name}, [name]
        while ahead:
            new = self.included[ahead.pop()] - reached
            reached |= new
            ahead += new
        return reached

    def weaknesses(self) -> Iterator[Finding]:
        """What lets a TLS version below 1.2 in."""
        yield from self._block(self.roots(), None)

    def _block(self, found: list[tuple[str, Directive]], inherited: Directive | None) -> Iterator[Finding]:
        protocols = next((item for _, item in reversed(found) if item.name == "ssl_protocols"), inherited)
        for name, directive in found:
            if directive.name in (
                "ssl_protocols",
                "proxy_ssl_protocols",
                "grpc_ssl_protocols",
                "uwsgi_ssl_protocols",
            ):
                yield from self._versions(name, directive)
            if directive.block is None:
                continue
            inner = list(self.flat(name, directive.block, frozenset({name})))
            if directive.name == "server":
                yield from self._server(name, directive, [item for _, item in inner], protocols)
            yield from self._block(inner, protocols)

    def _versions(self, name: str, directive: Directive) -> Iterator[Finding]:
        if [version for version in directive.args if version not in SAFE] or not directive.args:
            place = Place(self.entries[name], directive.line)
            yield place.finding(directive.name, repr(" ".join(directive.args)), WANTED)

    def _server(
        self, name: str, server: Directive, inner: list[Directive], inherited: Directive | None
    ) -> Iterator[Finding]:
        listens = any(item.name == "listen" and "ssl" in item.args[1:] for item in inner)
        switched = any(item.name == "ssl" and item.args == ("on",) for item in inner)
        chosen = inherited or next((item for item in inner if item.name == "ssl_protocols"), None)
        # Without the directive nginx before 1.27.3 also speaks TLS 1.0 and 1.1 (ngx_http_ssl_module).
        if (listens or switched) and chosen is None:
            names = next(
                (" ".join(item.args) for item in inner if item.name == "server_name"), "without name"
            )
            yield Place(self.entries[name], server.line, names).finding("ssl_protocols", "not set", WANTED)


def _includes(block: tuple[Directive, ...]) -> Iterator[str]:
    for directive in block:
        if directive.name == "include" and directive.args:
            yield directive.args[0]
        yield from _includes(directive.block or ())


@TLS.rule(
    "tls-nginx-old-version",
    types=kubernetes("core/v1", "ConfigMap"),
    severity=Severity.HIGH,
    controls=("Guide: nginx ssl_protocols", "CIS NGINX 4.1.4"),
    url="https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_protocols",
    remediation=(
        "Write `ssl_protocols TLSv1.2 TLSv1.3;` in the http block or in every server block that listens "
        "with ssl."
    ),
)
def nginx(resource: Resource, _: Options) -> Verdicts:
    """An nginx configuration in a ConfigMap accepts TLS 1.2 and newer only."""
    for item in objects(resource):
        data = item.value["data"].entries()
        yield from each([data[key] for key in data if key == "ssl-protocols"], protocol_list)
        files = {key: value for key, value in data.items() if _is_nginx(key, value)}
        readable: dict[str, Value] = {}
        for key, value in files.items():
            try:
                parse(value.text() or "")
                readable[key] = value
            except UnknownValueError as unknown:
                yield Unknown(unknown.path)
            except NotNginxError as fault:
                yield unreadable(value, fault)
        if readable:
            yield from Files(readable).weaknesses()


def unreadable(value: Value, fault: NotNginxError) -> Finding:
    """A text that should be nginx configuration and is not."""
    return Finding(value.path, f"no nginx configuration ({fault})", "correct it, so that it can be checked")


def _is_nginx(key: str, value: Value) -> bool:
    if not value.known:
        return key.endswith(".conf")
    return _LOOKS_LIKE_NGINX.search(value.text() or "") is not None


def protocol_list(value: Value) -> Verdicts:
    """Protocols in one text, as the ingress-nginx controller takes them."""
    if any(version not in SAFE for version in (value.text() or "").split()) or not value.text():
        yield wrong(value, f"'{WANTED}'")
