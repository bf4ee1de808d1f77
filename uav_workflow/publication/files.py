"""Files of the published folder, each with what its catalog says it is."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from pathlib import Path

from uav_workflow.publication.record import PublishedFile
from uav_workflow.store import MANIFEST, sha256_of

_MEDIA = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".parquet": "application/vnd.apache.parquet",
}


def published_files(root: Path) -> Iterator[PublishedFile]:
    """Every file below a folder, by name."""
    root = root.resolve()
    titles = dict(_titles(root))
    for path in sorted(root.rglob("*")):
        if path.is_file():
            media = _MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            yield PublishedFile(
                name=path.relative_to(root).as_posix(),
                title=titles.get(path, path.name),
                media_type=media,
                size=path.stat().st_size,
                sha256=sha256_of(path),
            )


def _titles(root: Path) -> Iterator[tuple[Path, str]]:
    """Titles from STAC: of the documents themselves, and of the assets they name."""
    for path in sorted(root.rglob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if path.name == MANIFEST:
            yield path, "How the hand-over was made: inputs, parameters, versions, findings"
        if not isinstance(document, dict) or "stac_version" not in document:
            continue
        kind = "STAC Item" if document.get("type") == "Feature" else f"STAC {document.get('type')}"
        title = document.get("title") or document.get("properties", {}).get("title")
        yield path, f"{kind}: {title}" if title else kind
        for asset in document.get("assets", {}).values():
            if asset.get("title"):
                yield (path.parent / asset["href"]).resolve(), asset["title"]
