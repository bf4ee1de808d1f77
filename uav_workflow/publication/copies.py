"""Copies of hand-overs: what they were made of keeps its name and digest, and no path of a machine leaves with them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.product import Json, Product
from uav_workflow.publication import licences
from uav_workflow.store import MANIFEST, sha256_of

_PATH = re.compile(r"(?:file://)?(?:/|~[/\\]|[A-Za-z]:[/\\]|\\\\)[^\n]*[^\n/\\][/\\]?")
_SENTENCE = re.compile(r"[:;,.] ")
_TOKEN = re.compile(r"(?<![\w/:.])(?:/[\w.+@~-]+)+/([\w.+@~-]+)")
"""A path of two or more steps inside a sentence, without spaces: what is left where nothing is known of it."""
TIMESTAMPS_SCHEMA = "https://stac-extensions.github.io/timestamps/v1.1.0/schema.json"
NOT_STATED = "No licence was stated."
"""What the catalog of a hand-over says where nobody had stated a licence when it was made."""
_SHA256_MULTIHASH = "1220"


class Places:
    """Paths of the machine that the products were made on.

    Parameters
    ----------
    folders : iterable of str
        Known from elsewhere: the workspace, the flight folders.
    manifests : iterable of mapping
        Of products; every text in them that is a path is known then, and is recognised inside sentences too.
    """

    def __init__(self, folders: Iterable[str], manifests: Iterable[Mapping[str, Json]]) -> None:
        said = (manifest.get(key) for manifest in manifests for key in ("parameters", "facts"))
        named = {text for value in said for text in _texts(value) if _is_path(text)}
        named |= {folder for folder in folders if _is_path(folder)}
        paths = [PurePosixPath(text) for text in named if text.startswith("/")]
        # Other files of the same folders are named in sentences: "/home" alone says too little to be looked for.
        found = {str(place) for path in paths for place in (path, *path.parents) if len(place.parts) > 2}
        found |= {str(path) for path in paths} | (named - set(map(str, paths)))
        known = "|".join(re.escape(place) for place in sorted(found - {"", "/"}, key=len, reverse=True))
        # Not within an address or a longer path: "/data" may be a place, "https://example.org/data" is none.
        self._inside = re.compile(rf"(?<![\w/:.])({known})(?![\w.-])(/(?=\S))?") if known else None

    def cut(self, value: Json) -> Json:
        """The same document, names in place of paths."""
        if isinstance(value, dict):
            return {self._in_text(key): self.cut(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.cut(item) for item in value]
        return self._in_text(value) if isinstance(value, str) else value

    def left_in(self, path: Path) -> bool:
        """Whether a file still holds one of the paths."""
        # Latin-1 reads any bytes; the pattern is turned the same way.
        text = path.read_bytes().decode("latin-1")
        return bool(self._inside and re.search(self._inside.pattern.encode().decode("latin-1"), text))

    def _in_text(self, text: str) -> str:
        if _is_path(text):
            return _name(text)
        if self._inside is not None:
            text = self._inside.sub(lambda found: "" if found.group(2) else _name(found.group(1)), text)
        return _TOKEN.sub(lambda found: found.group(1), text)


def copy_handover(product: Product, out: Path, places: Places, campaign: Campaign) -> None:
    """Copy a hand-over; documents that named a path are written anew, and the checksums of them follow.

    Parameters
    ----------
    out : Path
        Folder, which does not exist.
    campaign : Campaign
        Its licence stands in the catalog of a hand-over that was made before anybody had stated one; a catalog that
        states another keeps it. The moment of publication stands in items and collection where it is stated.
    """
    shutil.copytree(product.path, out)
    documents = [path for path in sorted(out.rglob("*.json")) if path.name != MANIFEST]
    changed = {path for path in documents if _rewrite(path, lambda document: _stated(places.cut(document), campaign))}
    if changed:
        changed |= {path for path in documents if _rewrite(path, lambda item: _sealed(item, changed))}
    manifest = out / MANIFEST
    _rewrite(manifest, lambda document: _listed(places.cut(document), out, changed))


def _stated(document: Any, campaign: Campaign) -> Any:
    return _published(_licensed(document, campaign.licence), campaign.published)


def _published(document: Any, moment: datetime | None) -> Any:
    """A STAC item or collection that says when it is open to others; a folder on a disk is not published yet."""
    kind = document.get("type") if isinstance(document, dict) and "stac_version" in document else None
    if moment is None or kind not in ("Feature", "Collection"):
        return document
    told = {"published": moment.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    extended = [*document.get("stac_extensions", ()), TIMESTAMPS_SCHEMA]
    if kind == "Feature":
        return {**document, "stac_extensions": extended, "properties": {**document["properties"], **told}}
    return {**document, "stac_extensions": extended, **told}


def _licensed(document: Any, licence: str | None) -> Any:
    silent = isinstance(document, dict) and document.get("type") == "Collection" and licence
    if not silent or NOT_STATED not in document.get("description", ""):
        return document
    stated = licence if licence in licences.KNOWN else "other"
    words = document["description"].replace(NOT_STATED, f"Licence: {licence}.")
    return {**document, "license": stated, "description": words}


def _rewrite(path: Path, change: Any) -> bool:
    text = path.read_text(encoding="utf-8")
    before = json.loads(text)
    after = change(before)
    if after == before:
        return False
    path.write_text(json.dumps(after, indent=2, ensure_ascii=False), encoding="utf-8")
    return True


def _sealed(document: Any, changed: set[Path]) -> Any:
    """A STAC item with the checksums of assets that were written anew."""
    assets = document.get("assets") if isinstance(document, dict) else None
    if not isinstance(assets, dict):
        return document
    anew = {f"./{path.name}": path for path in changed}
    sealed = {
        key: _with_checksum(asset, anew[asset["href"]]) if asset.get("href") in anew else asset
        for key, asset in assets.items()
    }
    return {**document, "assets": sealed}


def _with_checksum(asset: Mapping[str, Any], path: Path) -> dict[str, Any]:
    facts = {"file:checksum": f"{_SHA256_MULTIHASH}{sha256_of(path)}", "file:size": path.stat().st_size}
    return {**asset, **{key: value for key, value in facts.items() if key in asset}}


def _listed(manifest: Any, out: Path, changed: set[Path]) -> Any:
    files = dict(manifest.get("files", {}))
    for path in changed:
        name = path.relative_to(out).as_posix()
        if name in files:
            files[name] = {**files[name], "sha256": sha256_of(path), "bytes": path.stat().st_size}
    return {**manifest, "files": files}


def _is_path(text: str) -> bool:
    return bool(_PATH.fullmatch(text)) and not _SENTENCE.search(text)


def _name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
