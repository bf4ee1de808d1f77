"""The package that the step to the satellites starts from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.handover.bridge import Bridge
from uav_workflow.handover.bridge_files import bridge_files
from uav_workflow.handover.footprint import box_footprint, table_footprint
from uav_workflow.handover.grids import SatelliteGrid
from uav_workflow.handover.land_cover import LandCoverMap
from uav_workflow.handover.lineage import lineage_sentence, write_lineage
from uav_workflow.handover.maps import GridMaps, GridSettings, extent, make_grid_maps
from uav_workflow.handover.modis import modis_tiles
from uav_workflow.handover.samples import COLUMNS, write_samples
from uav_workflow.handover.stac import FileEntry, ItemEntry, Subject, write_catalog
from uav_workflow.handover.tables import table_files
from uav_workflow.handover.variables import FlightMaps, Variable, variables_of
from uav_workflow.handover.when import Visit
from uav_workflow.plots.columns import COLUMNS as PLOT_COLUMNS


def make_handover(
    visit: Visit,
    maps: FlightMaps,
    out: Path,
    *,
    plots: Path | None = None,
    grids: GridSettings | None = None,
    bridges: Sequence[Bridge] = (),
    campaign: Campaign | None = None,
    lineage: Mapping[str, Json],
) -> Made:
    """Write cover and biomass on satellite grids, the sample table, the plots, and a STAC catalog that describes them.

    Parameters
    ----------
    visit : Visit
        Where the time zone is unknown the items carry the interval of every moment the local date can mean, and a
        warning says so.
    plots : Path or None
        plots.parquet (GeoParquet): drone and ground rows; plots.csv beside it travels too.
    bridges : sequence of Bridge
        The flight's bands beside satellite scenes.
    campaign : Campaign or None
        Licence, citation, creators.
    lineage : mapping
        Kind of product to its manifest; goes to lineage.json.

    Writes
    ------
    catalog.json, collection.json, <flight>-<grid>.json, lineage.json
    <variable>_<grid>.tif
        float32, NaN; bands: `uav_workflow.handover.cells.BANDS`.
    <variable>_flags_<grid>.tif
        uint8, 255 where nothing was measured; bits: `uav_workflow.handover.cells.FLAGS`.
    samples.parquet, samples.csv
        One row a variable and cell; columns: `uav_workflow.handover.samples.COLUMNS`.
    plots.parquet, plots.csv
    reflectance_<scene>.tif, bridge_<scene>.csv
        The drone's bands on a scene's cells, and how the scene's stand to them.

    Raises
    ------
    NotMade
        There is neither a map nor a plot table.
    """
    variables = list(variables_of(maps))
    if not variables and plots is None:
        raise NotMade("there is no cover, no biomass and no plot table to hand over")
    made = list(make_grid_maps(variables, grids or GridSettings(), out))
    items = [_map_item(visit, grid_maps) for grid_maps in made if grid_maps.files]
    samples = write_samples(made, _crs(variables), visit, maps, out) if items else None
    if samples is not None:
        items.append(_table_item(visit, "samples", "sample table", _sample_files(out, maps.land_cover)))
    items += [_bridge_item(visit, made_bridge, out) for made_bridge in bridges]
    if plots is not None:
        items.append(_table_item(visit, "plots", "plots", _plot_files(plots, out)))
    items[0] = replace(items[0], files=[*items[0].files, write_lineage(lineage, out)])
    themes = [variable.title for variable in variables]
    write_catalog(out, replace(_subject(visit, lineage, campaign), themes=themes), items)
    return _said(visit, made, samples, bridges)


def _crs(variables: Sequence[Variable]) -> str:
    return extent([variable.value.path for variable in variables])[1]


def _said(visit: Visit, made: Sequence[GridMaps], samples: Made | None, bridges: Sequence[Bridge]) -> Made:
    """Findings and facts of all parts."""
    facts: dict[str, Json] = {grid_maps.place.name: grid_maps.facts for grid_maps in made}
    if samples is not None:
        facts["samples"] = dict(samples.facts)
    if bridges:
        facts["half_cell_test"] = {made_bridge.scene.name: made_bridge.shift.to_json() for made_bridge in bridges}
    facts["start_utc"], facts["end_utc"] = visit.span.start.isoformat(), visit.span.end.isoformat()
    findings = [*visit.findings, *(finding for grid_maps in made for finding in grid_maps.findings)]
    findings += [finding for made_bridge in bridges for finding in made_bridge.findings]
    return Made(findings=(*findings, *(samples.findings if samples else ())), facts=facts)


def _subject(visit: Visit, lineage: Mapping[str, Json], campaign: Campaign | None) -> Subject:
    return Subject(
        flight_id=visit.flight_id,
        site=visit.site,
        span=visit.span,
        lineage=lineage_sentence(lineage),
        created=datetime.now(UTC).replace(microsecond=0),
        campaign=campaign,
    )


def _map_item(visit: Visit, made: GridMaps) -> ItemEntry:
    place = made.place
    footprint = box_footprint(place.grid.bounds, place.grid.crs)
    return ItemEntry(
        item_id=f"{visit.flight_id}-{place.name}",
        title=f"{visit.site}: maps on {place.grid.pixel_m:g} m cells ({place.family} grid)",
        bbox=footprint.bbox,
        geometry=footprint.geometry,
        files=made.files,
        grid=place.grid,
        properties={**_properties(visit), **_tile(place)},
    )


def _tile(place: SatelliteGrid) -> dict[str, Json]:
    """Tile of the cells in the words of the grid and MGRS extensions; MODIS' tiles, where they are several, too."""
    found: dict[str, Json] = {"grid:code": place.code} if place.code else {}
    if place.modis:
        return found | {"uav:modis_tiles": list(modis_tiles(place.name, place.grid))}
    if place.code is None:
        return found
    square = place.code.removeprefix("MGRS-")
    parts: dict[str, Json] = {"utm_zone": int(square[:2]), "latitude_band": square[2], "grid_square": square[3:]}
    return found | {f"mgrs:{name}": part for name, part in parts.items()}


def _bridge_item(visit: Visit, made: Bridge, out: Path) -> ItemEntry:
    footprint = box_footprint(made.grid.bounds, made.grid.crs)
    return ItemEntry(
        item_id=f"{visit.flight_id}-bridge-{made.scene.name}",
        title=f"{visit.site}: the drone's bands on cells of {made.scene.name} ({made.scene.day})",
        bbox=footprint.bbox,
        geometry=footprint.geometry,
        files=bridge_files(made, out),
        grid=made.grid,
        properties={
            **_properties(visit),
            "uav:scene_date": made.scene.day.isoformat(),
            "uav:half_cell_test": made.shift.to_json(),
        },
    )


def _table_item(visit: Visit, name: str, title: str, files: Sequence[FileEntry]) -> ItemEntry:
    footprint = table_footprint(files[0].path)
    return ItemEntry(
        item_id=f"{visit.flight_id}-{name}",
        title=f"{visit.site}: {title}",
        bbox=footprint.bbox,
        geometry=footprint.geometry,
        files=files,
        properties=_properties(visit),
    )


def _properties(visit: Visit) -> dict[str, Json]:
    return {"uav:flight_id": visit.flight_id, "uav:site": visit.site}


def _sample_files(out: Path, land_cover: LandCoverMap | None) -> list[FileEntry]:
    meanings = {**COLUMNS, "geometry": "the cell"}
    if land_cover is not None:
        meanings["land_cover"] += f"; here {land_cover.name}"
    return table_files(out / "samples.parquet", meanings, title="Samples: one row a variable and cell")


def _plot_files(plots: Path, out: Path) -> list[FileEntry]:
    for path in (plots, plots.with_suffix(".csv")):
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    meanings = {name: column.meaning for name, column in PLOT_COLUMNS.items()} | {"geometry": "the plot"}
    return table_files(out / plots.name, meanings, title="Plots: drone and ground values")
