"""The package that the step to the satellites starts from."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, warning
from uav_workflow.handover.footprint import box_footprint, table_footprint
from uav_workflow.handover.grids import LANDSAT_M, label
from uav_workflow.handover.maps import CellMaps, make_cell_maps
from uav_workflow.handover.stac import PARQUET, FileEntry, ItemEntry, Span, write_catalog

_KEPT_OF_MANIFESTS = ("kind", "fingerprint", "created_utc", "parameters", "upstream", "inputs", "packages", "facts")


def make_handover(
    *,
    flight_id: str,
    site: str,
    flight_datetime: datetime | None,
    cover: Path | None,
    biomass: Path | None,
    plots: Path | None,
    grids: Sequence[float] = (10.0, 30.0),
    lineage: Mapping[str, Json],
    out: Path,
    flight_date: date | None = None,
) -> Made:
    """Write cover and biomass on satellite grids, the plots, and a STAC catalog that describes them.

    Parameters
    ----------
    flight_id : str
        ``<yyyymmdd>-<digest>``.
    flight_datetime : datetime or None
        Aware; None when the time zone is unknown. The items then carry the interval of every moment the local date can
        mean, and a warning says so.
    cover, biomass, plots : Path or None
        cover.tif, biomass.tif, plots.parquet (GeoParquet).
    grids : sequence of float
        Cells, metres: 30 is Landsat's grid, others Sentinel-2's, both in the flight's own UTM zone.
    lineage : mapping
        Kind of product to its manifest; goes to lineage.json.
    flight_date : date, optional
        Local date; read from `flight_id` when absent.

    Writes
    ------
    catalog.json, collection.json, <flight>-<cell>.json, lineage.json
    <variable>_<cell>.tif
        float32, NaN: value, sd_within, coverage_fraction, n, and shadow_fraction, model_sd or flagged_fraction.
    plots.parquet

    Raises
    ------
    NotMade
        There is neither a map nor a plot table, or no date.
    """
    if cover is None and biomass is None and plots is None:
        raise NotMade("there is no cover, no biomass and no plot table to hand over")
    span, findings = _span(flight_id, flight_datetime, flight_date)
    facts: dict[str, Json] = {}
    items = []
    for made in make_cell_maps([path for path in (cover, biomass) if path is not None], grids, out):
        items.append(_map_item(flight_id, site, made))
        facts[label(made.grid.pixel_m)] = {"grid": dict(made.grid.to_json()), **made.facts}
        findings += made.findings
    if plots is not None:
        items.append(_plots_item(flight_id, site, plots, out))
    summary = _write_lineage(lineage, items, out)
    created = datetime.now(UTC).replace(microsecond=0)
    write_catalog(out, flight_id=flight_id, site=site, span=span, items=items, lineage=summary, created=created)
    facts["start_utc"], facts["end_utc"] = span.start.isoformat(), span.end.isoformat()
    return Made(findings=tuple(findings), facts=facts)


def _span(flight_id: str, moment: datetime | None, day: date | None) -> tuple[Span, list[Finding]]:
    if moment is not None:
        return Span.at(moment), []
    if day is None:
        try:
            day = datetime.strptime(flight_id[:8], "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            raise NotMade("the date of the flight is unknown: give `date` in flight.yaml") from None
    span = Span.of_local_date(day)
    text = (
        f"the flight's time zone is unknown: the package says only that it was between {span.start:%Y-%m-%d %H:%M} and "
        f"{span.end:%Y-%m-%d %H:%M} UTC, which is every moment {day} can mean"
    )
    return span, [warning("handover-time-unknown", "catalog.json", text, "give utc_offset in flight.yaml")]


def _map_item(flight_id: str, site: str, made: CellMaps) -> ItemEntry:
    grid = made.grid
    footprint = box_footprint(grid.bounds, grid.crs)
    family = "Landsat" if grid.pixel_m == LANDSAT_M else "Sentinel-2"
    return ItemEntry(
        item_id=f"{flight_id}-{label(grid.pixel_m)}",
        title=f"{site}: maps on {grid.pixel_m:g} m cells ({family} grid)",
        bbox=footprint.bbox,
        geometry=footprint.geometry,
        files=made.files,
        grid=grid,
        properties={"uav:flight_id": flight_id, "uav:site": site},
    )


def _plots_item(flight_id: str, site: str, plots: Path, out: Path) -> ItemEntry:
    target = out / "plots.parquet"
    shutil.copyfile(plots, target)
    footprint = table_footprint(target)
    file = FileEntry(
        key="plots", path=target, title="Plots: drone and ground values", media_type=PARQUET, roles=("data",)
    )
    return ItemEntry(
        item_id=f"{flight_id}-plots",
        title=f"{site}: plots",
        bbox=footprint.bbox,
        geometry=footprint.geometry,
        files=[file],
        properties={"uav:flight_id": flight_id, "uav:site": site},
    )


def _write_lineage(lineage: Mapping[str, Json], items: list[ItemEntry], out: Path) -> str:
    """Write lineage.json, name it in the first item, and say it in one sentence."""
    kept: dict[str, Json] = {}
    for kind, manifest in lineage.items():
        rows = manifest if isinstance(manifest, dict) else {}
        kept[kind] = {key: rows[key] for key in _KEPT_OF_MANIFESTS if key in rows}
    path = out / "lineage.json"
    path.write_text(json.dumps(_without_nan(kept), indent=1, ensure_ascii=False), "utf-8")
    file = FileEntry(
        key="lineage",
        path=path,
        title="Inputs, parameters and versions of every product",
        media_type="application/json",
        roles=("metadata",),
    )
    items[0] = replace(items[0], files=[*items[0].files, file])
    sources = ", ".join(
        f"{kind} {str(rows.get('fingerprint', ''))[:12]}".strip() if isinstance(rows, dict) else kind
        for kind, rows in kept.items()
    )
    return f"Area-weighted means of the flight's pixels in satellite cells, from {sources or 'maps without a manifest'}"


def _without_nan(value: Json) -> Json:
    """The same document with null for numbers JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
