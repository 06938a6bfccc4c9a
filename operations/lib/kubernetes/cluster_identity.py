"""Identities of clusters, to check that a kubeconfig leads to a stack's cluster."""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml


@dataclass(frozen=True)
class ClusterIdentity:
    """The API server to which a kubeconfig leads, and the authority that signs the server's certificate."""

    server: str
    authority: str
    """SHA-256 of the authority's certificate; empty if the kubeconfig has none. Each EKS cluster and each
    sandbox has its own authority, whereas several clusters may be reached through the same tunnel address.
    """

    def is_same(self, other: "ClusterIdentity") -> bool:
        """Return True if both identities belong to the same cluster."""
        if self.authority and other.authority:
            return self.authority == other.authority
        return self.server == other.server


def of_text(text: str, folder: Path | None = None) -> ClusterIdentity | None:
    """Return the cluster identity of a kubeconfig's current context; None if the context names no cluster."""
    return _of_documents([(_document(text), folder)])


def of_files(paths: str) -> ClusterIdentity | None:
    """Return the cluster identity of the current context in the files that KUBECONFIG names.

    The result is None if the files do not exist or their current context names no cluster.
    """
    files = [Path(path) for path in paths.split(os.pathsep) if path]
    return _of_documents((_document(file.read_text()), file.parent) for file in files if file.is_file())


def _of_documents(documents: Iterable[tuple[dict[str, Any], Path | None]]) -> ClusterIdentity | None:
    """Merge kubeconfigs as kubectl does: the first of several entries with the same name counts."""
    current, contexts, clusters = "", dict[str, Any](), dict[str, tuple[dict[str, Any], Path | None]]()
    for document, folder in documents:
        current = current or document.get("current-context") or ""
        for entry in document.get("contexts") or ():
            contexts.setdefault(entry["name"], entry["context"])
        for entry in document.get("clusters") or ():
            clusters.setdefault(entry["name"], (entry["cluster"], folder))
    cluster, folder = clusters.get(contexts.get(current, {}).get("cluster", ""), ({}, None))
    if not cluster.get("server"):
        return None
    return ClusterIdentity(cluster["server"].rstrip("/"), _authority(cluster, folder))


def _authority(cluster: dict[str, Any], folder: Path | None) -> str:
    if encoded := cluster.get("certificate-authority-data"):
        try:
            content = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return ""
    elif path := cluster.get("certificate-authority"):
        file = (folder or Path()) / path
        content = file.read_bytes() if file.is_file() else b""
    else:
        content = b""
    return hashlib.sha256(content.strip()).hexdigest() if content else ""


def _document(text: str) -> dict[str, Any]:
    """Return a parsed kubeconfig; an empty dictionary if the text is not a YAML mapping."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return cast(dict[str, Any], content) if isinstance(content, dict) else {}
