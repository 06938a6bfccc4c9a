"""TLS 1.2 and newer in the nginx configurations of ConfigMaps."""

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Unknown, Verdicts, check_each
from policies.engine.topics import TLS
from policies.model.checks import guarded
from policies.model.kubernetes.config_map_mounts import CONFIG_MAPS, Mounts, mounts
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.property_values import Value
from policies.model.tls.nginx import SAFE_PROTOCOLS, Files, old_versions, place, protocol_list

_REFERENCE = "https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_protocols"
_REMEDIATION = (
    "Write `ssl_protocols TLSv1.2 TLSv1.3;` in the http block or in every server block that listens with ssl."
)


@TLS.rule(
    "tls-nginx-old-version",
    types=kubernetes("core/v1", "ConfigMap"),
    severity=Severity.HIGH,
    controls=("Guide: nginx ssl_protocols", "CIS NGINX 4.1.4"),
    url=_REFERENCE,
    remediation=_REMEDIATION,
)
def nginx(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer in nginx configurations of ConfigMaps."""
    for item in objects(resource):
        data = item.value["data"]
        yield from check_each([data["ssl-protocols"]] if data.known else [], _controller)
        files = Files(item.value)
        yield from files.unread
        for name, block in files.parsed.items():
            yield from old_versions(files.entries[name], block)


def _controller(value: Value) -> Verdicts:
    if not value.absent:
        yield from protocol_list(value)


@TLS.stack_rule(
    "tls-nginx-version-missing",
    about=CONFIG_MAPS,
    severity=Severity.HIGH,
    controls=("Guide: nginx ssl_protocols", "CIS NGINX 4.1.4"),
    url=_REFERENCE,
    remediation=_REMEDIATION,
)
def version_missing(stack: Stack, _: Options) -> Verdicts:
    """Require ssl_protocols for every TLS server of nginx, in its file or in a ConfigMap of the same pod."""
    for resource in stack.of(CONFIG_MAPS):
        yield from guarded(_config_maps(stack, resource), resource.urn)


def _config_maps(stack: Stack, resource: Resource) -> Verdicts:
    for item in objects(resource):
        servers = Files(item.value).servers()
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
            yield from _unless_mounted_with(item.value, mounts(stack), missing)


def _unless_mounted_with(config_map: Value, mounted: Mounts, missing: list[Finding]) -> Verdicts:
    """Yield the findings, unless every pod with the ConfigMap also mounts a file that lists TLS versions."""
    together, unknown_mounts = mounted.mounted_with(config_map)
    for config_maps in together or [[config_map]]:
        all_files = [Files(value) for value in config_maps]
        if any(files.names_versions() for files in all_files):
            continue
        unknown = [verdict for files in all_files for verdict in files.unread if isinstance(verdict, Unknown)]
        unknown += [] if together else unknown_mounts
        yield from unknown or missing
