"""Selections of a provider's settings in its kubeconfig: cluster, user, context and namespace."""

import functools
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import yaml

from sandbox.wire.values import UNKNOWN, Json, Unknown, parse_json
from sandbox.workspace.yaml_tree import parse_plain


def active_cluster(settings: Mapping[str, Any]) -> Json:
    """Return the cluster that the settings select; empty if the kubeconfig does not show it."""
    try:
        name = settings.get("cluster") or active_context(settings)["cluster"]
        return cast(Json, _entries(settings, "clusters")[_text(name)]["cluster"])
    except (KeyError, TypeError):
        return {}


def active_user(settings: Mapping[str, Any]) -> Json:
    """Return the credentials that the settings select, such as a command that the plugin runs for a token.

    They are empty if the kubeconfig does not show them.
    """
    try:
        name = active_context(settings)["user"]
        return cast(Json, _entries(settings, "users")[_text(name)]["user"])
    except (KeyError, TypeError):
        return {}


def active_context(settings: Mapping[str, Any]) -> Json:
    """Return the context that the settings select; empty if the kubeconfig does not show it."""
    try:
        name = settings.get("context") or _kubeconfig(settings)["current-context"]
        context = _entries(settings, "contexts")[_text(name)]["context"]
    except (KeyError, TypeError):
        return {}
    return cast(Json, context) if isinstance(context, dict) else {}


def default_namespace(settings: Mapping[str, Any]) -> str | Unknown:
    """Return the namespace that a provider gives to an object without one; empty if no setting names one.

    It may be unknown in a preview. The setting `namespace` comes before that of the active context
    (pulumi-kubernetes, provider/pkg/provider/provider.go: Configure takes `kubeconfig.Namespace()`).
    """
    namespace = settings.get("namespace") or active_context(settings).get("namespace") or ""
    return namespace if namespace is UNKNOWN else _text(namespace)


def _entries(settings: Mapping[str, Any], section: str) -> Json:
    return {item["name"]: item for item in _kubeconfig(settings)[section]}


def _kubeconfig(settings: Mapping[str, Any]) -> Any:
    """Return the content of the kubeconfig, which may already be parsed; None unless it is ASCII.

    Go reads JSON as YAML, and other characters may make it skip characters of that (yaml_tree.AMBIGUOUS).
    """
    setting = settings.get("kubeconfig")
    text = setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False, default=str)
    if not text.isascii():
        return None
    return _parse(setting) if isinstance(setting, str) else setting


@functools.lru_cache(maxsize=16)  # Each resource of a provider asks for the same text.
def _parse(text: str) -> Any:
    """Return the content of a kubeconfig, or None if Python could read it unlike the plugin.

    Client-go reads JSON as YAML, too, by sigs.k8s.io/yaml (kubernetes/client-go, tools/clientcmd).
    """
    with suppress(ValueError, RecursionError):
        return parse_json(text)
    with suppress(yaml.YAMLError, RecursionError):
        return parse_plain(text)
    return None


def _text(value: Any) -> str:
    """Return a setting as a text: a name such as `true` arrives as the value that it looks like."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
