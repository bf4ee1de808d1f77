"""A Frictionless data package: the CSV table with the type, unit, meaning and bounds of every column."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Json
from uav_workflow.plots.columns import COLUMNS, NUMBER, TEXT, WHOLE, Column
from uav_workflow.plots.schema import FLAGS, REASONS
from uav_workflow.store import write_json

TABLE = "plots.csv"
PRIMARY_KEY = ("flight_id", "row_id")
_TYPES = {TEXT: "string", NUMBER: "number", WHOLE: "integer"}


def table_schema() -> dict[str, Json]:
    """Frictionless Table Schema (v1) of the plot table; `unit` (UCUM) is a property of our own."""
    fields: list[Json] = [_field(name, column) for name, column in COLUMNS.items()]
    geometry: dict[str, Json] = {
        "name": "geometry",
        "type": "string",
        "description": "Outline as WKT, in the CRS of the column crs; degrees (EPSG:4326) where `uav plots` wrote it",
    }
    return {"fields": [*fields, geometry], "missingValues": [""], "primaryKey": list(PRIMARY_KEY)}


def write_datapackage(folder: Path, *, name: str, title: str, campaign: Campaign | None = None) -> None:
    """Write ``datapackage.json`` beside the ``plots.csv`` in a folder, with its size and digest.

    Licence and authors are the campaign's; without one they stay out.
    """
    content = (folder / TABLE).read_bytes()
    resource: dict[str, Json] = {
        "name": "plots",
        "path": TABLE,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"', "header": True},
        "schema": table_schema(),
    }
    document: dict[str, Json] = {
        "profile": "tabular-data-package",
        # a name has no other letters: https://specs.frictionlessdata.io/data-package/#name
        "name": re.sub(r"[^a-z0-9._-]+", "-", name.lower()),
        "title": title,
        **_rights(campaign),
        "resources": [resource],
        "variables": {key: unit or "text" for key, unit in VARIABLES.items()},
        "qc_flags": {str(int(flag)): text for flag, text in FLAGS.items()},
        "reasons": dict(REASONS),
    }
    write_json(folder / "datapackage.json", document)


def _rights(campaign: Campaign | None) -> dict[str, Json]:
    if campaign is None:
        return {}
    found: dict[str, Json] = {}
    if campaign.licence:
        found["licenses"] = [{"name": campaign.licence}]
    if campaign.creators:
        found["contributors"] = [{"title": one.name, "role": "author"} for one in campaign.creators]
    return found


def _field(name: str, column: Column) -> dict[str, Json]:
    field: dict[str, Json] = {"name": name, "type": _TYPES[column.dtype], "description": column.meaning}
    if column.unit:
        field["unit"] = column.unit
    if column.constraints:
        field["constraints"] = dict(column.constraints)
    return field
