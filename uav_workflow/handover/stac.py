"""A static STAC 1.1 catalog beside the files it describes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pystac
from pystac.extensions.file import FileExtension
from pystac.extensions.processing import ProcessingExtension
from pystac.extensions.projection import ProjectionExtension

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json

COG = pystac.MediaType.COG
PARQUET = "application/vnd.apache.parquet"
RASTER_SCHEMA = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
"""Version of STAC 1.1, whose bands are common metadata; PySTAC 1.15's own class writes version 1."""

COLLECTION = "collection.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When the flight was: a moment, or when only its local date is known every moment that date can mean.

    A calendar day begins 14 hours before it begins in UTC (UTC+14) and ends 12 hours after (UTC-12).
    """

    moment: datetime | None
    start: datetime
    end: datetime

    @classmethod
    def at(cls, moment: datetime) -> Span:
        """Span of an aware time."""
        if moment.tzinfo is None:
            raise ValueError("a flight's time needs its zone; pass None when the zone is unknown")
        utc = moment.astimezone(UTC)
        return cls(moment=utc, start=utc, end=utc)

    @classmethod
    def of_local_date(cls, day: date) -> Span:
        """Span of a local date in an unknown zone: 50 hours."""
        midnight = datetime.combine(day, time(), UTC)
        return cls(moment=None, start=midnight - timedelta(hours=14), end=midnight + timedelta(hours=36))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the package.

    Attributes
    ----------
    bands : sequence of mapping
        STAC 1.1 bands (name, description, data_type, nodata, unit, statistics); empty for tables.
    """

    key: str
    path: Path
    title: str
    media_type: str
    roles: tuple[str, ...]
    bands: Sequence[Mapping[str, Json]] = ()


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


def write_catalog(
    out: Path, *, flight_id: str, site: str, span: Span, items: Sequence[ItemEntry], lineage: str, created: datetime
) -> list[Path]:
    """Write catalog.json, collection.json and one JSON an item into ``out``, beside the files they name.

    All links are relative: the folder can be copied, zipped or served as it is. Returns the files written.
    """
    catalog = pystac.Catalog(
        id=flight_id,
        title=f"{site}, flight {flight_id}",
        description=f"Vegetation maps of drone flight {flight_id} at {site}, on satellite grids.",
    )
    collection = _collection(flight_id, site, span, items)
    catalog.add_child(collection)
    for entry in items:
        collection.add_item(_item(entry, span, lineage, created))
    catalog.set_self_href(str(out / "catalog.json"))
    collection.set_self_href(str(out / COLLECTION))
    for item in collection.get_items():
        item.set_self_href(str(out / f"{item.id}.json"))
        for asset in item.assets.values():
            asset.href = f"./{Path(asset.href).name}"
    catalog.save(pystac.CatalogType.SELF_CONTAINED)
    return [out / "catalog.json", out / COLLECTION, *(out / f"{entry.item_id}.json" for entry in items)]


def _collection(flight_id: str, site: str, span: Span, items: Sequence[ItemEntry]) -> pystac.Collection:
    west, south, east, north = zip(*(entry.bbox for entry in items), strict=True)
    box: list[float | int] = [min(west), min(south), max(east), max(north)]
    spatial = pystac.SpatialExtent([box])
    temporal = pystac.TemporalExtent([[span.start, span.end]])
    return pystac.Collection(
        id=f"{flight_id}-handover",
        title=f"{site}: cover and biomass on satellite grids",
        description=(
            "Area-weighted means of a drone flight's pixels in satellite cells. Quantities that depend on the image "
            "in a non-linear way were computed at the flight's pixels and averaged after. Cells that the flight covers "
            "in part are kept: train on coverage_fraction >= 0.75, validate on >= 0.9. No licence was stated."
        ),
        extent=pystac.Extent(spatial, temporal),
        license="other",
        keywords=["UAV", "vegetation cover", "above-ground biomass", "grassland", "upscaling"],
    )


def _item(entry: ItemEntry, span: Span, lineage: str, created: datetime) -> pystac.Item:
    item = pystac.Item(
        id=entry.item_id,
        geometry=dict(entry.geometry),
        bbox=list(entry.bbox),
        datetime=span.moment,
        start_datetime=None if span.moment else span.start,
        end_datetime=None if span.moment else span.end,
        properties={"title": entry.title, **entry.properties},
    )
    if entry.grid is not None:
        _describe_grid(item, entry.grid)
    for file in entry.files:
        _add_file(item, file, entry.grid)
    processing = ProcessingExtension.ext(item, add_if_missing=True)
    processing.apply(
        lineage=lineage, level="L4", software={"uav-workflow": version("uav-workflow")}, processing_datetime=created
    )
    return item


def _describe_grid(item: pystac.Item, grid: Grid) -> None:
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    projection.apply(
        code=grid.crs,
        bbox=list(grid.bounds),
        shape=list(grid.shape),
        transform=[float(value) for value in tuple(grid.transform)[:6]],
    )
    item.properties["gsd"] = grid.pixel_m
    item.stac_extensions.append(RASTER_SCHEMA)


def _add_file(item: pystac.Item, file: FileEntry, grid: Grid | None) -> None:
    asset = pystac.Asset(href=str(file.path), title=file.title, media_type=file.media_type, roles=list(file.roles))
    if file.bands and grid is not None:
        sampling = {"raster:sampling": "area", "raster:spatial_resolution": grid.pixel_m}
        asset.extra_fields["bands"] = [{**band, **sampling} for band in file.bands]
    item.add_asset(file.key, asset)
    info = FileExtension.ext(asset, add_if_missing=True)
    info.apply(size=file.path.stat().st_size, checksum=multihash(file.path))


def multihash(path: Path) -> str:
    """sha256 of a file as a multihash in hexadecimal: code 12, length 20 (both hexadecimal), digest."""
    with path.open("rb") as stream:
        return f"1220{hashlib.file_digest(stream, 'sha256').hexdigest()}"
