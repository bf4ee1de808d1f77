"""The sample table: one row a variable and cell, to train and to validate on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Json, Made
from uav_workflow.handover.cells import CellMap, Float64
from uav_workflow.handover.folds import SpatialFolds, spatial_folds
from uav_workflow.handover.grids import SatelliteGrid
from uav_workflow.handover.land_cover import land_cover_findings, land_cover_of
from uav_workflow.handover.maps import GridMaps
from uav_workflow.handover.modis import modis_cell_ids
from uav_workflow.handover.terrain import cell_terrain
from uav_workflow.handover.variables import FlightMaps
from uav_workflow.handover.when import Visit

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Mapping[str, str] = {
    "cell_id": "CRS, side and upper left corner of the cell (MODIS: tile, row, column): the same in every flight",
    "grid": "grid of the package, as in the file names",
    "grid_code": "tile that holds the grid, MGRS-47SPC (Sentinel-2), MSIN-2505 (MODIS); empty on other grids",
    "cell_m": "side of the cell, m",
    "x": "easting of the cell's centre in the table's CRS, m",
    "y": "northing of the cell's centre in the table's CRS, m",
    "crs": "CRS of x, y and geometry: that of the flight's maps",
    "variable": "fvc_green, fvc_total, agb_dry",
    "value": "mean over the covered part of the cell",
    "unit": "UCUM unit of value, sd, within_sd, p10 and p90",
    "sd": "standard deviation of the value by the model; empty where the map states none",
    "within_sd": "standard deviation of the flight's pixels within the cell",
    "p10": "10 % of the cell's pixels are below",
    "p90": "10 % of the cell's pixels are above",
    "coverage": "share of the cell that was measured",
    "shadow_fraction": "share of the cell in shadow; empty where the map states none",
    "missing_fraction": "share of the cell neither measured nor in shadow",
    "flagged_fraction": "share of the cell flagged by the biomass model; empty for cover",
    "n_pixels": "measured pixels centred in the cell",
    "flags": "bits: 1 not for training, 2 not for validation, 4 much shadow, 8 much flagged",
    "weight": "coverage times median variance over the cell's own, at most 4; coverage alone without sd",
    "fold_id": "spatial block: leave out all cells of one number together, within a site",
    "elevation_m": "mean height of the terrain model, in the flight's vertical reference",
    "slope_deg": "slope of a plane through the terrain model, degrees",
    "aspect_deg": "direction of its steepest descent, degrees clockwise from grid north; empty on level ground",
    "land_cover": "code of the class with the largest area in the cell; empty without a map of land cover",
    "land_cover_share": "share of the whole cell that it has",
    "land_cover_label": "what the code means; empty where the recipe does not say",
    "flight_id": "flight",
    "site_id": "site",
    "date": "local date of the flight",
    "datetime_utc": "its time; empty where the zone is unknown",
}
"""Columns beside the geometry, and their meaning."""

_OF_THE_GROUND = ("elevation_m", "slope_deg", "aspect_deg", "land_cover", "land_cover_share")
MOST_WEIGHT = 4.0
"""Cap of a weight: twice as certain as the median cell, and no more."""


def write_samples(made: Sequence[GridMaps], crs: str, visit: Visit, maps: FlightMaps, out: Path) -> Made:
    """Write samples.parquet (GeoParquet) and samples.csv (geometry as WKT), and say how they were cut into folds.

    Parameters
    ----------
    crs : str
        Of the table: the flight's; cells of another zone are turned a little in it.
    maps : FlightMaps
        Its terrain and land cover; without one its columns are empty.

    Raises
    ------
    RasterError
        The land cover can't be used.
    """
    import geopandas as gpd
    import pandas as pd
    import shapely

    parts: list[pd.DataFrame] = []
    corners: list[Float64] = []
    for grid_maps in made:
        if not grid_maps.maps:
            continue
        polygons = _corners(grid_maps.place.grid, crs)
        ground = _ground(maps, grid_maps.place.grid, polygons, crs)
        for cells in grid_maps.maps:
            seen = cells.planes["coverage_fraction"] > 0
            if seen.any():
                parts.append(_rows(cells, grid_maps.place, ground, seen))
                corners.append(polygons[seen])
    table = pd.concat(parts, ignore_index=True)
    rings = np.concatenate(corners)
    table["x"], table["y"] = rings.mean(axis=1).T
    folds = _folds(table)
    table["fold_id"] = folds.number(table["x"].to_numpy(), table["y"].to_numpy())
    table["crs"], table["flight_id"], table["site_id"] = crs, visit.flight_id, visit.site
    table["date"] = visit.day.isoformat()
    moment = visit.span.moment.isoformat() if visit.span.moment else None
    table["datetime_utc"] = pd.array([moment] * len(table), dtype="string")
    frame = gpd.GeoDataFrame(table[list(COLUMNS)], geometry=shapely.polygons(rings), crs=crs)
    frame.to_parquet(out / "samples.parquet", compression="zstd", index=False)
    flat = pd.DataFrame(frame.drop(columns="geometry"))
    flat["geometry"] = shapely.to_wkt(frame.geometry.to_numpy(), rounding_precision=4)
    flat.to_csv(out / "samples.csv", index=False, float_format="%.10g")
    facts: dict[str, Json] = {"rows": len(frame), "folds": folds.n, "block_m": folds.side, "note": folds.note}
    if maps.land_cover is None:
        return Made(facts=facts)
    codes = frame.drop_duplicates("cell_id")["land_cover"].to_numpy(np.float64, na_value=np.nan)
    return Made(
        findings=tuple(land_cover_findings(maps.land_cover, codes)), facts=facts | {"land_cover": maps.land_cover.name}
    )


def _ground(maps: FlightMaps, grid: Grid, polygons: Float64, crs: str) -> dict[str, NDArray[Any]]:
    """What is known of the ground of every cell: column -> (rows, columns)."""
    unknown = np.full(grid.shape, np.nan)
    columns: dict[str, NDArray[Any]] = dict.fromkeys(_OF_THE_GROUND, unknown)
    columns["land_cover_label"] = np.full(grid.shape, None, dtype=object)
    if maps.terrain is not None:
        plane = cell_terrain(maps.terrain, grid)
        columns |= {"elevation_m": plane.elevation, "slope_deg": plane.slope, "aspect_deg": plane.aspect}
    if maps.land_cover is not None:
        land = land_cover_of(maps.land_cover, polygons.reshape(-1, 4, 2), crs)
        named = {"land_cover": land.code, "land_cover_share": land.share, "land_cover_label": land.label}
        columns |= {name: values.reshape(grid.shape) for name, values in named.items()}
    return columns


def cell_ids(place: SatelliteGrid) -> NDArray[Any]:
    """``EPSG:32647_10m_600000_4200060`` (rows, columns): CRS, side and upper left corner of every cell, metres."""
    if place.modis:
        return modis_cell_ids(place.name, place.grid)
    grid = place.grid
    name = grid.crs if grid.crs.startswith("EPSG:") else place.name
    east = [_metres(grid.x_min + col * grid.pixel_m) for col in range(grid.width)]
    north = [_metres(grid.y_max - row * grid.pixel_m) for row in range(grid.height)]
    return np.array([[f"{name}_{grid.pixel_m:g}m_{x}_{y}" for x in east] for y in north], dtype=object)


def _metres(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _rows(
    cells: CellMap, place: SatelliteGrid, ground: Mapping[str, NDArray[Any]], seen: NDArray[np.bool_]
) -> pd.DataFrame:
    import pandas as pd

    def of(plane: Float64 | None) -> Float64:
        return np.full(int(seen.sum()), np.nan) if plane is None else plane[seen]

    planes = cells.planes
    table = pd.DataFrame(
        {
            "cell_id": pd.array(cell_ids(place)[seen], dtype="string"),
            "value": of(planes["value"]),
            "sd": of(planes.get("model_sd")),
            "within_sd": of(planes["sd_within"]),
            "p10": of(planes["p10"]),
            "p90": of(planes["p90"]),
            "coverage": of(planes["coverage_fraction"]),
            "shadow_fraction": of(planes.get("shadow_fraction")),
            "missing_fraction": of(planes["missing_fraction"]),
            "flagged_fraction": of(planes.get("flagged_fraction")),
            "n_pixels": of(planes["n"]).astype(np.int64),
            "flags": cells.flags[seen].astype(np.int64),
            **{name: ground[name][seen] for name in _OF_THE_GROUND},
            "land_cover": pd.array(ground["land_cover"][seen], dtype="Int64"),
            "land_cover_label": pd.array(ground["land_cover_label"][seen], dtype="string"),
        }
    )
    table["weight"] = weights(table["sd"].to_numpy(), table["coverage"].to_numpy())
    table["grid"], table["cell_m"] = place.name, place.grid.pixel_m
    table["grid_code"] = pd.array([place.code] * len(table), dtype="string")
    table["variable"], table["unit"] = cells.variable.name, VARIABLES[cells.variable.name]
    return table


def weights(sd: Float64, coverage: Float64) -> Float64:
    """Coverage times the median variance over a cell's own, at most `MOST_WEIGHT` times; coverage alone without sd.

    Relative to the median, so that weights of variables in other units, and of cells without sd, can stand together.
    """
    known = np.isfinite(sd)
    if not known.any():
        return coverage.copy()
    typical = float(np.median(sd[known] ** 2))
    variance = np.where(known, sd**2, typical)
    if typical <= 0:
        return coverage.copy()
    ratio = typical / np.maximum(variance, typical / MOST_WEIGHT)
    result: Float64 = coverage * ratio
    return result


def _corners(grid: Grid, crs: str) -> Float64:
    """Corners of all cells in a CRS: (rows, columns, 4, 2), clockwise from the upper left."""
    x = grid.x_min + np.arange(grid.width + 1) * grid.pixel_m
    y = grid.y_max - np.arange(grid.height + 1) * grid.pixel_m
    east, north = np.meshgrid(x, y)
    if grid.crs != crs:
        from pyproj import Transformer

        east, north = Transformer.from_crs(grid.crs, crs, always_xy=True).transform(east, north)
    nodes = np.stack([east, north], axis=-1)
    return np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2)


def _folds(table: pd.DataFrame) -> SpatialFolds:
    """Blocks cut by how the first variable varies on the finest cells; all grids and variables share them."""
    first = table["variable"].iloc[0]
    finest = table[(table["variable"] == first) & (table["cell_m"] == table["cell_m"].min())]
    x, y, value = (finest[name].to_numpy() for name in ("x", "y", "value"))
    return spatial_folds(x, y, value, cell_m=float(table["cell_m"].min()))
