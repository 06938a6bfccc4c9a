"""TLS 1.2 and newer in the nginx configurations of ConfigMaps and Secrets."""

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Unknown, Verdicts, check_each
from policies.engine.topics import TLS
from policies.model.checks import guarded
from policies.model.kubernetes.mounts import FILES, Mounts, mounts
from policies.model.kubernetes.pods import Object, objects
from policies.model.property_values import Value
from policies.model.tls.nginx import SAFE_PROTOCOLS, Files, old_versions, place, protocol_list

_REFERENCE = "https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_protocols"
_REMEDIATION = (
    "Write `ssl_protocols TLSv1.2 TLSv1.3;` in the http block or in every server block that listens with ssl."
)


@TLS.rule(
    "tls-nginx-old-version",
    types=FILES,
    severity=Severity.HIGH,
    controls=("Guide: nginx ssl_protocols", "CIS NGINX 4.1.4"),
    url=_REFERENCE,
    remediation=_REMEDIATION,
)
def nginx(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer in nginx configurations of ConfigMaps and Secrets."""
    for item in objects(resource):
        if item.kind != "Secret":
            data = item.value["data"]
            yield from check_each([data["ssl-protocols"]] if data.known else [], _controller)
        files = Files(item)
        yield from files.unread
        for name, block in files.parsed.items():
            yield from old_versions(files.entries[name], block)


def _controller(value: Value) -> Verdicts:
    if not value.absent:
        yield from protocol_list(value)


@TLS.stack_rule(
    "tls-nginx-version-missing",
    about=FILES,
    severity=Severity.HIGH,
    controls=("Guide: nginx ssl_protocols", "CIS NGINX 4.1.4"),
    url=_REFERENCE,
    remediation=_REMEDIATION,
)
def version_missing(stack: Stack, _: Options) -> Verdicts:
    """Require ssl_protocols for every TLS server of nginx, in its file or in another file of the same pod."""
    for resource in stack.of(FILES):
        yield from guarded(_files(stack, resource), resource.urn)


def _files(stack: Stack, resource: Resource) -> Verdicts:
    for item in objects(resource):
        servers = Files(item).servers()
        missing = [
            # Without the directive, nginx before 1.27.3 also accepts TLS 1.0 and 1.1.
            Finding(
                f"{place(server.entry, server.line, server.name)}: ssl_protocols",
                "not set",
                f"set it to {SAFE_PROTOCOLS}",
                absent=True,
                urn=resource.urn,
            )
            for server in servers
            if server.negotiates and not server.chosen
        ]
        if missing:
            yield from _unless_mounted_with(item, mounts(stack), missing)


def _unless_mounted_with(item: Object, mounted: Mounts, missing: list[Finding]) -> Verdicts:
    """Yield the findings, unless every pod with the object also mounts a file that lists TLS versions."""
    together, unknown_mounts = mounted.mounted_with(item)
    for mounted_items in together or [[item]]:
        all_files = [Files(other) for other in mounted_items]
        if any(files.names_versions() for files in all_files):
            continue
        unknown = [verdict for files in all_files for verdict in files.unread if isinstance(verdict, Unknown)]
        unknown += [] if together else unknown_mounts
        yield from unknown or missing
