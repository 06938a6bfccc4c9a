"""Assets and archives among the inputs of a resource, and the files that the engine reads for them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from review.plain_data import is_map
from sandbox.wire.sentinels import ASSETS, SIGNATURE
from sandbox.wire.values import map_items


@dataclass
class Assets:
    """The assets and archives among the inputs of a resource, by what a report cannot show of them.

    `tree` has the files of the program. `foreign` has the paths and addresses of what is not in the tree,
    `folders` the archived folders of the tree, and `secret` those that are secret, without the contents.
    """

    tree: Path | None
    foreign: list[str] = field(default_factory=list[str])
    folders: list[str] = field(default_factory=list[str])
    secret: list[str] = field(default_factory=list[str])

    def collect(self, value: Any, *, is_secret: bool = False) -> Any:
        """Record the assets in a value, and return the value with paths relative to the tree."""
        if is_map(value) and value.get(SIGNATURE) in ASSETS:
            return self._collect_asset(value, is_secret=is_secret)
        return map_items(value, lambda item: self.collect(item, is_secret=is_secret))

    def _collect_asset(self, asset: dict[str, Any], *, is_secret: bool) -> Any:
        source = asset.get("path") or asset.get("uri")
        name = source if isinstance(source, str) else "a text or an archive of several files"
        if isinstance(address := asset.get("uri"), str):
            self.foreign.append(address)  # The content there may change after the review.
        if isinstance(path := asset.get("path"), str):
            if (inside := self._find_inside(path)) is None:
                self.foreign.append(path)
            else:
                asset, name = asset | {"path": inside}, inside
                if self.tree and (self.tree / inside).is_dir():
                    self.folders.append(inside)
                elif self.tree and not _has_hash(asset, (self.tree / inside).read_bytes()):
                    self.foreign.append(f"{inside} with the hash of another content")
        elif address is None and asset[SIGNATURE] == ASSETS[0]:
            text = str(asset.get("text") or "")  # A plan lacks an empty text.
            if not _has_hash(asset, text.encode(errors="replace")):
                self.foreign.append("a text with the hash of another content")
        if is_secret:
            self.secret.append(name)
        return map_items(asset, lambda item: self.collect(item, is_secret=is_secret))

    def _find_inside(self, path: str) -> str | None:
        """Return a path relative to the tree, or None if the tree lacks the file or folder.

        A path with `..` is another one if a name before is a link. In a tree under review, no link leads out.
        """
        inside = path.removeprefix(f"{self.tree}/") if path != f"{self.tree}" else "."
        if self.tree is None or inside == path or ".." in inside.split("/"):
            return None
        file = self.tree / inside
        return inside if file.is_file() or file.is_dir() else None


def _has_hash(asset: dict[str, Any], content: bytes) -> bool:
    """Return True unless an asset has another hash than its content, which only a forged asset has.

    The engine believes a hash (pulumi/pulumi, sdk/go/common/resource/asset/asset.go and archive/archive.go:
    EnsureHash), and so does a provider that uploads the file.
    """
    return asset.get("hash") in (None, hashlib.sha256(content).hexdigest())
