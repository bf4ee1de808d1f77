"""The STAC item of an upscaling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import pystac
from pystac.extensions.file import FileExtension
from pystac.extensions.processing import ProcessingExtension
from pystac.extensions.projection import ProjectionExtension

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json
from uav_workflow.handover.footprint import box_footprint
from uav_workflow.handover.stac import COG, RASTER_SCHEMA, multihash
from uav_workflow.handover.when import Span
from uav_workflow.upscaling.mapping import UNKNOWN, Maps, units
from uav_workflow.upscaling.model import BANDS

ITEM = "item.json"
_MEANINGS = {
    "mean": "mean that the model of the card predicts of a cell",
    "q05": "lower end of the 90 % prediction interval of a cell",
    "q95": "upper end of the 90 % prediction interval of a cell",
    "dissimilarity_index": "distance to the nearest training cell over the mean distance between them",
    "local_point_density": "training cells nearer than the threshold of the area of applicability",
}


def write_item(
    out: Path, *, grid: Grid, days: Sequence[str], maps: dict[str, Maps], others: Sequence[Path], lineage: str
) -> Path:
    """Write ``item.json`` beside the files it names, all by relative links.

    Parameters
    ----------
    days : sequence of str
        ISO dates of the flights, one at least: the item spans every moment they can mean.
    maps : mapping of variable to Maps
    others : sequence of Path
        Card, page and table.
    """
    first, last = (Span.of_local_date(date.fromisoformat(day)) for day in (min(days), max(days)))
    footprint = box_footprint(grid.bounds, grid.crs)
    item = pystac.Item(
        id=f"upscaled-{'-'.join(maps)}",
        geometry=dict(footprint.geometry),
        bbox=list(footprint.bbox),
        datetime=None,
        start_datetime=first.start,
        end_datetime=last.end,
        properties={"title": f"{', '.join(maps)} upscaled from drone flights", "gsd": grid.pixel_m},
    )
    ProjectionExtension.ext(item, add_if_missing=True).apply(
        code=grid.crs,
        bbox=list(grid.bounds),
        shape=list(grid.shape),
        transform=[float(value) for value in tuple(grid.transform)[:6]],
    )
    item.stac_extensions.append(RASTER_SCHEMA)
    for variable, made in maps.items():
        _add(item, variable, made.values, COG, _bands(variable, grid))
        _add(item, f"{variable}_aoa", made.area, COG, [_area_band(grid)])
    for path in others:
        kind = {".json": "application/json", ".html": "text/html", ".csv": "text/csv"}[path.suffix]
        _add(item, path.stem, path, kind)
    ProcessingExtension.ext(item, add_if_missing=True).apply(
        lineage=lineage,
        level="L4",
        software={"uav-workflow": version("uav-workflow")},
        processing_datetime=datetime.now(UTC).replace(microsecond=0),
    )
    item.set_self_href(str(out / ITEM))
    item.save_object(include_self_link=False)
    return out / ITEM


def _add(item: pystac.Item, key: str, path: Path, kind: str, bands: Sequence[dict[str, Json]] = ()) -> None:
    roles = ["data" if bands else "metadata"]
    asset = pystac.Asset(href=f"./{path.name}", media_type=kind, roles=roles)
    if bands:
        asset.extra_fields["bands"] = list(bands)
    item.add_asset(key, asset)
    FileExtension.ext(asset, add_if_missing=True).apply(size=path.stat().st_size, checksum=multihash(path))


def _bands(variable: str, grid: Grid) -> list[dict[str, Json]]:
    return [
        {
            "name": name,
            "description": _MEANINGS[name],
            "data_type": "float32",
            "nodata": "nan",
            "unit": unit,
            "raster:sampling": "area",
            "raster:spatial_resolution": grid.pixel_m,
        }
        for name, unit in zip(BANDS, units(variable), strict=True)
    ]


def _area_band(grid: Grid) -> dict[str, Json]:
    return {
        "name": "aoa",
        "description": "1 inside the area of applicability, 0 outside",
        "data_type": "uint8",
        "nodata": UNKNOWN,
        "raster:sampling": "area",
        "raster:spatial_resolution": grid.pixel_m,
    }
