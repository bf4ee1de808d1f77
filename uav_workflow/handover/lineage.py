"""Where the numbers of a package come from: the manifests of the products they were made of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.handover.stac import FileEntry

_KEPT_OF_MANIFESTS = ("kind", "fingerprint", "created_utc", "parameters", "upstream", "inputs", "packages", "facts")


def write_lineage(manifests: Mapping[str, Json], out: Path) -> FileEntry:
    """Write lineage.json: of every product its parameters, inputs, versions and facts."""
    kept: dict[str, Json] = {}
    for kind, manifest in manifests.items():
        rows = manifest if isinstance(manifest, dict) else {}
        kept[kind] = {key: rows[key] for key in _KEPT_OF_MANIFESTS if key in rows}
    path = out / "lineage.json"
    path.write_text(json.dumps(without_nan(kept), indent=1, ensure_ascii=False), "utf-8")
    return FileEntry(
        key="lineage",
        path=path,
        title="Inputs, parameters and versions of every product",
        media_type="application/json",
        roles=("metadata",),
    )


def lineage_sentence(manifests: Mapping[str, Json]) -> str:
    """Say in one sentence what the cells were made of."""
    sources = ", ".join(
        f"{kind} {str(rows.get('fingerprint', ''))[:12]}".strip() if isinstance(rows, dict) else kind
        for kind, rows in manifests.items()
    )
    return f"Weighted means of the flight's pixels in satellite cells, from {sources or 'maps without a manifest'}"


def without_nan(value: Json) -> Json:
    """The same document with null for numbers JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
