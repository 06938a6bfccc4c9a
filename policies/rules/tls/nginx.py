"""TLS 1.2 and newer in nginx configurations, wherever a ConfigMap carries one."""

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Unknown, Verdicts, check_each
from policies.engine.topics import TLS
from policies.model.checks import guarded
from policies.model.config_map_mounts import CONFIG_MAPS, Mounts, mounts
from policies.model.nginx import SAFE_PROTOCOLS, Files, old_versions, place, protocol_list
from policies.model.pods import kubernetes, objects
from policies.model.property_values import Value

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
    """Require TLS versions for every nginx server with TLS, in its file or in a ConfigMap of the same pod."""
    for resource in stack.of(CONFIG_MAPS):
        yield from guarded(_config_maps(stack, resource), resource.urn)


def _config_maps(stack: Stack, resource: Resource) -> Verdicts:
    for item in objects(resource):
        bare = [
            check_each
            for check_each in Files(item.value).servers()
            if check_each.negotiates and not check_each.chosen
        ]
        missing = [
            # Without the directive nginx before 1.27.3 also speaks TLS 1.0 and 1.1.
            Finding(
                f"{place(check_each.entry, check_each.line, check_each.name)}: ssl_protocols",
                "not set",
                f"set it to {SAFE_PROTOCOLS}",
                absent=True,
                urn=resource.urn,
            )
            for check_each in bare
        ]
        if missing:
            yield from _unless_named_beside(item.value, mounts(stack), missing)


def _unless_named_beside(config_map: Value, found: Mounts, missing: list[Finding]) -> Verdicts:
    """What is missing, unless every pod that mounts the ConfigMap mounts the versions as well."""
    together, hidden = found.beside(config_map)
    for mounted in together or [[config_map]]:
        files = [Files(check_each) for check_each in mounted]
        if any(check_each.names_versions() for check_each in files):
            continue
        unknown = [
            check_each for file in files for check_each in file.unread if isinstance(check_each, Unknown)
        ]
        unknown += [] if together else hidden
        yield from unknown or missing
