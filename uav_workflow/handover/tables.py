"""Tables of the package: the files, and what the catalog says of their columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.handover.stac import CSV, PARQUET, FileEntry

GEOMETRY = "geometry"
_SHORT = {"large_string": "string", "large_binary": "binary"}
"""Arrow's 64-bit offsets are none of a reader's business."""


def table_files(parquet: Path, meanings: Mapping[str, str], *, title: str) -> list[FileEntry]:
    """Entries of a GeoParquet table and of the CSV beside it, if there is one.

    Columns, types and rows are read from the files; a column without a meaning has none in the catalog.
    """
    fields, types = _of_parquet(parquet, meanings)
    found = [(parquet.stem, parquet, PARQUET, fields)]
    flat = parquet.with_suffix(".csv")
    if flat.is_file():
        # geometry is words there
        fields = csv_fields(flat, meanings, types | {GEOMETRY: "string"})
        found.append((f"{parquet.stem}_csv", flat, CSV, fields))
    return [
        FileEntry(key=key, path=path, title=title, media_type=media_type, roles=("data",), fields=fields)
        for key, path, media_type, fields in found
    ]


def csv_fields(path: Path, meanings: Mapping[str, str], types: Mapping[str, str]) -> dict[str, Json]:
    """STAC's table fields of a CSV file with a header; types are those its columns stand for."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream)
        header = next(rows, [])
        count = sum(1 for row in rows if row)
    return _fields([(name, types.get(name, "")) for name in header], meanings, count, GEOMETRY)


def _of_parquet(path: Path, meanings: Mapping[str, str]) -> tuple[dict[str, Json], dict[str, str]]:
    """Table fields of a GeoParquet file, and its columns' types."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        schema, count = table.schema_arrow, table.metadata.num_rows
    types = {column.name: _SHORT.get(str(column.type), str(column.type)) for column in schema}
    geo = (schema.metadata or {}).get(b"geo")
    primary = str(json.loads(geo)["primary_column"]) if geo else ""
    return _fields(list(types.items()), meanings, count, primary), types


def _fields(
    columns: Sequence[tuple[str, str]], meanings: Mapping[str, str], count: int, primary: str
) -> dict[str, Json]:
    told: list[Json] = []
    for name, kind in columns:
        known = {"name": name, "description": meanings.get(name, ""), "type": kind}
        told.append({key: words for key, words in known.items() if words})
    found: dict[str, Json] = {"table:columns": told, "table:row_count": count}
    if primary in dict(columns):
        found["table:primary_geometry"] = primary
    return found
