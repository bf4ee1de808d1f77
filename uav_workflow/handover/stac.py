"""A static STAC 1.1 catalog beside the files it describes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pystac
from pystac.extensions.file import FileExtension
from pystac.extensions.processing import ProcessingExtension
from pystac.extensions.projection import ProjectionExtension

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json
from uav_workflow.handover.when import Span

COG = pystac.MediaType.COG
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"
RASTER_SCHEMA = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
"""Version of STAC 1.1, whose bands are common metadata; PySTAC 1.15's own class writes version 1."""

GRID_SCHEMA = "https://stac-extensions.github.io/grid/v1.1.0/schema.json"
EO_SCHEMA = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
CLASSIFICATION_SCHEMA = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
MGRS_SCHEMA = "https://stac-extensions.github.io/mgrs/v1.0.0/schema.json"
TABLE_SCHEMA = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
SCIENTIFIC_SCHEMA = "https://stac-extensions.github.io/scientific/v1.0.0/schema.json"
_SCHEMA_OF = {
    "classification:": CLASSIFICATION_SCHEMA,
    "eo:": EO_SCHEMA,
    "grid:": GRID_SCHEMA,
    "mgrs:": MGRS_SCHEMA,
    "table:": TABLE_SCHEMA,
}
"""Extension by the prefix of its fields."""

COLLECTION = "collection.json"
_DOI = re.compile(r"10\.\d{4,9}/[^\s,;]+[^\s,;.]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the package.

    Attributes
    ----------
    bands : sequence of mapping
        STAC 1.1 bands (name, description, data_type, nodata, unit, statistics); empty for tables.
    fields : mapping
        Further fields of the asset, such as ``classification:bitfields``.
    """

    key: str
    path: Path
    title: str
    media_type: str
    roles: tuple[str, ...]
    bands: Sequence[Mapping[str, Json]] = ()
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEntry:
    """Files that share one grid, or one footprint when `grid` is None.

    Attributes
    ----------
    bbox : (west, south, east, north)
        Degrees, WGS84.
    """

    item_id: str
    title: str
    bbox: tuple[float, float, float, float]
    geometry: Mapping[str, Any]
    files: Sequence[FileEntry]
    grid: Grid | None = None
    properties: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a catalog is about.

    Attributes
    ----------
    campaign : Campaign or None
        Licence, citation and creators; what it does not say is not said.
    themes : sequence of str
        Titles of the variables that are mapped; empty where plots alone travel.
    lineage : str
        What the files were made of, in a sentence.
    """

    flight_id: str
    site: str
    span: Span
    lineage: str
    created: datetime
    themes: Sequence[str] = ()
    campaign: Campaign | None = None


def write_catalog(out: Path, subject: Subject, items: Sequence[ItemEntry]) -> None:
    """Write catalog.json, collection.json and one JSON an item into ``out``, beside the files they name.

    All links are relative: the folder can be copied, zipped or served as it is.
    """
    flight_id, site = subject.flight_id, subject.site
    catalog = pystac.Catalog(
        id=flight_id,
        title=f"{site}, flight {flight_id}",
        description=f"What drone flight {flight_id} saw at {site}: {_contents(subject)}.",
    )
    collection = _collection(subject, items)
    catalog.add_child(collection)
    for entry in items:
        collection.add_item(_item(entry, subject))
    catalog.set_self_href(str(out / "catalog.json"))
    collection.set_self_href(str(out / COLLECTION))
    for item in collection.get_items():
        item.set_self_href(str(out / f"{item.id}.json"))
        for asset in item.assets.values():
            asset.href = f"./{Path(asset.href).name}"
    catalog.save(pystac.CatalogType.SELF_CONTAINED)


def _collection(subject: Subject, items: Sequence[ItemEntry]) -> pystac.Collection:
    west, south, east, north = zip(*(entry.bbox for entry in items), strict=True)
    box: list[float | int] = [min(west), min(south), max(east), max(north)]
    spatial = pystac.SpatialExtent([box])
    temporal = pystac.TemporalExtent([[subject.span.start, subject.span.end]])
    campaign = subject.campaign or Campaign()
    stated = f"Licence: {campaign.licence}." if campaign.licence else "No licence was stated."
    collection = pystac.Collection(
        id=f"{subject.flight_id}-handover",
        title=f"{subject.site}: {_contents(subject)}",
        description=(
            "Weighted means of a drone flight's pixels in satellite cells. Quantities that depend on the image "
            "in a non-linear way were computed at the flight's pixels and averaged after. Cells that the flight covers "
            f"in part are kept: train on coverage_fraction >= 0.75, validate on >= 0.9. {stated}"
        ),
        extent=pystac.Extent(spatial, temporal),
        license=_licence(campaign.licence),
        keywords=list(dict.fromkeys(("UAV", "upscaling", *map(str.lower, subject.themes), *campaign.keywords))),
        providers=[pystac.Provider(person.name, roles=[pystac.ProviderRole.PRODUCER]) for person in campaign.creators]
        or None,
    )
    if campaign.citation:
        collection.stac_extensions.append(SCIENTIFIC_SCHEMA)
        collection.extra_fields["sci:citation"] = campaign.citation
        if doi := _DOI.search(campaign.citation):
            collection.extra_fields["sci:doi"] = doi.group()
    return collection


def _contents(subject: Subject) -> str:
    """What a package holds, and nothing it does not."""
    return f"{' and '.join(map(str.lower, subject.themes))} on satellite grids" if subject.themes else "ground plots"


def _licence(stated: str | None) -> str:
    """SPDX identifier where that is what was stated, else ``other``; the description has the words."""
    return stated if stated and re.fullmatch(r"[A-Za-z][\w.+-]*\d[\w.+-]*", stated) else "other"


def _item(entry: ItemEntry, subject: Subject) -> pystac.Item:
    span = subject.span
    item = pystac.Item(
        id=entry.item_id,
        geometry=dict(entry.geometry),
        bbox=list(entry.bbox),
        datetime=span.moment,
        start_datetime=None if span.moment else span.start,
        end_datetime=None if span.moment else span.end,
        properties={"title": entry.title, **entry.properties},
    )
    item.common_metadata.created = subject.created
    if entry.grid is not None:
        _describe_grid(item, entry.grid)
    for file in entry.files:
        _add_file(item, file, entry.grid)
    processing = ProcessingExtension.ext(item, add_if_missing=True)
    processing.apply(
        lineage=subject.lineage,
        level="L4",
        software={"uav-workflow": version("uav-workflow")},
        processing_datetime=subject.created,
    )
    item.stac_extensions.extend(_schemas(item))
    return item


def _schemas(item: pystac.Item) -> list[str]:
    """Extensions whose fields stand in the item, its assets or their bands."""
    fields = [*item.properties]
    for asset in item.assets.values():
        bands = asset.extra_fields.get("bands", ())
        fields += [*asset.extra_fields, *(key for band in bands for key in band)]
    found = (schema for prefix, schema in _SCHEMA_OF.items() if any(key.startswith(prefix) for key in fields))
    return [schema for schema in found if schema not in item.stac_extensions]


def _describe_grid(item: pystac.Item, grid: Grid) -> None:
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    is_code = grid.crs.startswith("EPSG:")
    projection.apply(
        code=grid.crs if is_code else None,
        wkt2=None if is_code else _wkt2(grid.crs),
        bbox=list(grid.bounds),
        shape=list(grid.shape),
        transform=[float(value) for value in tuple(grid.transform)[:6]],
    )
    item.properties["gsd"] = grid.pixel_m
    item.stac_extensions.append(RASTER_SCHEMA)


def _wkt2(crs: str) -> str:
    from pyproj import CRS

    return str(CRS.from_user_input(crs).to_wkt("WKT2_2019"))


def _add_file(item: pystac.Item, file: FileEntry, grid: Grid | None) -> None:
    asset = pystac.Asset(href=str(file.path), title=file.title, media_type=file.media_type, roles=list(file.roles))
    if file.bands and grid is not None:
        sampling = {"raster:sampling": "area", "raster:spatial_resolution": grid.pixel_m}
        asset.extra_fields["bands"] = [{**band, **sampling} for band in file.bands]
    asset.extra_fields |= dict(file.fields)
    item.add_asset(file.key, asset)
    info = FileExtension.ext(asset, add_if_missing=True)
    info.apply(size=file.path.stat().st_size, checksum=multihash(file.path))


def multihash(path: Path) -> str:
    """sha256 of a file as a multihash in hexadecimal: code 12, length 20 (both hexadecimal), digest."""
    with path.open("rb") as stream:
        return f"1220{hashlib.file_digest(stream, 'sha256').hexdigest()}"
