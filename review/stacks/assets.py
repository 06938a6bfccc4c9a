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

    `tree` has the files of the program. The engine keeps assets of the base at paths of ignored changes, so
    their files may be in its tree (`base`). `foreign` has the paths and addresses of what is in neither tree,
    `folders` the archived folders, and `secret` those that are secret, without the contents.
    """

    tree: Path | None
    base: Path | None = None
    foreign: list[str] = field(default_factory=list[str])
    folders: list[str] = field(default_factory=list[str])
    secret: list[str] = field(default_factory=list[str])

    def collect(self, value: Any, *, is_secret: bool = False) -> Any:
        """Record the assets in a value, and return the value with relative paths and with hashes.

        The engine has added the hashes, except to what a program declares at a path of ignored changes.
        """
        if is_map(value) and value.get(SIGNATURE) in ASSETS:
            return self._collect_asset(value, is_secret=is_secret)
        return map_items(value, lambda item: self.collect(item, is_secret=is_secret))

    def collect_declared(self, value: Any, *, is_secret: bool = False) -> Any:
        """Do the same with what the program declares, which may not be in the tree of the base."""
        declared = Assets(self.tree)
        collected = declared.collect(value, is_secret=is_secret)
        for part in ("foreign", "folders", "secret"):
            names: list[str] = getattr(self, part)
            names += [name for name in getattr(declared, part) if name not in names]
        return collected

    def _collect_asset(self, asset: dict[str, Any], *, is_secret: bool) -> Any:
        source = asset.get("path") or asset.get("uri")
        name = source if isinstance(source, str) else "a text or an archive of several files"
        if isinstance(address := asset.get("uri"), str):
            self.foreign.append(address)  # The content there may change after the review.
        if isinstance(path := asset.get("path"), str):
            trees = (tree for tree in (self.tree, self.base) if tree and _is_inside(path, tree))
            if (tree := next(trees, None)) is None:
                self.foreign.append(path)
            else:
                file, name = Path(path), path.removeprefix(f"{tree}/") if path != f"{tree}" else "."
                asset = asset | {"path": name}
                if file.is_dir():
                    self.folders.append(name)
                    asset = asset if "hash" in asset else asset | {"hash": _folder_digest(file)}
                else:
                    asset = self._check_hash(asset, file.read_bytes(), name)
        elif address is None and asset[SIGNATURE] == ASSETS[0]:
            text = str(asset.get("text") or "")  # A plan lacks an empty text.
            asset = self._check_hash(asset, text.encode(errors="replace"), "a text")
        if is_secret:
            self.secret.append(name)
        return map_items(asset, lambda item: self.collect(item, is_secret=is_secret))

    def _check_hash(self, asset: dict[str, Any], content: bytes, name: str) -> dict[str, Any]:
        """Return an asset with its hash; record one with another hash, which only a forged asset has.

        The engine believes a hash (pulumi/pulumi, sdk/go/common/resource/asset/asset.go and archive/
        archive.go: EnsureHash), and so does a provider that uploads the file.
        """
        digest = hashlib.sha256(content).hexdigest()
        asset = {"hash": digest} | asset
        if asset["hash"] not in (None, digest):
            self.foreign.append(f"{name} with the hash of another content")
        return asset


def _is_inside(path: str, tree: Path) -> bool:
    """Return True if a path leads to a file or a folder in a tree.

    A path with `..` is another one if a name before is a link. In a tree under review, no link leads out.
    """
    is_below = path == f"{tree}" or path.startswith(f"{tree}/")
    return is_below and ".." not in path.split("/") and (Path(path).is_file() or Path(path).is_dir())


def _folder_digest(folder: Path) -> str:
    """Return a hash of the names and contents of the files in a folder, which is not that of the engine."""
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(folder)}\0".encode(errors="surrogateescape"))
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
