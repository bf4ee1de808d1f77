"""Statistics of a raster on every plot, pixels weighted by the share the plot covers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import Plot
from uav_workflow.errors import RasterError
from uav_workflow.rasters.reader import Raster

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_OPERATIONS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "n_pixels": ("count", {}),
    # a pixel is whole but for what float32 shares lose
    "whole_pixels": ("count", {"min_coverage_frac": 0.9999}),
    "mean": ("mean", {}),
    "sd": ("stdev", {}),
    "min": ("min", {}),
    "max": ("max", {}),
    "median": ("quantile", {"q": 0.5}),
    "p95": ("quantile", {"q": 0.95}),
}
"""Field of `ZonalStatistics` -> exactextract's operation and its options."""
_SUFFIXES = {"median": "_50", "p95": "_95"}
"""What exactextract appends to the name a quantile is given."""
_COUNTS = ("n_pixels", "whole_pixels")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonalStatistics:
    """One band on one plot. NaN where no pixel is valid.

    Attributes
    ----------
    n_pixels : float
        Sum of the covered shares of the valid pixels.
    valid_fraction : float
        Area of valid pixels over the area of the plot: what lies outside the raster counts as missing.
    inside_fraction : float
        Share of the plot inside the raster's bounds; 0 is outside.
    whole_pixels : float
        Valid pixels that lie inside the plot as a whole.
    sd : float
        Standard deviation over the plot, weighted, divided by the weight.
    """

    plot_id: str
    band: str
    n_pixels: float
    valid_fraction: float
    inside_fraction: float
    whole_pixels: float
    mean: float
    sd: float
    min: float
    max: float
    median: float
    p95: float

    @property
    def edge_share(self) -> float:
        """Share of the measured area in pixels that the outline cuts; NaN without measured pixels."""
        return max(0.0, 1.0 - self.whole_pixels / self.n_pixels) if self.n_pixels > 0 else math.nan


def in_crs(plots: Sequence[Plot], crs: str) -> list[BaseGeometry]:
    """Geometries of the plots in ``crs``, in order; empty where a geometry can't be brought there."""
    import geopandas as gpd
    import numpy as np
    from shapely.geometry import Polygon

    moved: dict[int, BaseGeometry] = {}
    for own in {plot.crs for plot in plots}:
        members = [index for index, plot in enumerate(plots) if plot.crs == own]
        series = gpd.GeoSeries([plots[index].geometry for index in members], crs=own).to_crs(crs)
        moved.update(zip(members, series, strict=True))
    return [
        moved[index] if moved[index] is not None and np.isfinite(moved[index].bounds).all() else Polygon()
        for index in range(len(plots))
    ]


def zonal(
    plots: Sequence[Plot],
    raster: Path,
    bands: Sequence[str] | None = None,
    *,
    statistics: Sequence[str] = tuple(_OPERATIONS),
) -> list[ZonalStatistics]:
    """Statistics of every band on every plot, by exactextract.

    Parameters
    ----------
    plots : sequence of Plot
        Polygons in any CRS; they are brought into the raster's.
    raster : Path
        Values are used in the file's own precision; nodata, NaN and masked pixels are missing.
    bands : sequence of str, optional
        Names; all bands when absent.
    statistics : sequence of str
        Fields of `ZonalStatistics` that are wanted, n_pixels among them; the others stay NaN.

    Returns
    -------
    list of ZonalStatistics
        Plot by plot, band by band; also for plots outside the raster.

    Raises
    ------
    RasterError
        The raster can't be read, or has no such band.
    """
    with Raster(raster) as opened:
        grid, names = opened.grid, opened.bands
    wanted = tuple(bands) if bands is not None else names
    if missing := [band for band in wanted if band not in names]:
        raise RasterError(f"{raster}: no band {', '.join(missing)}; it has {', '.join(names)}")
    geometries = in_crs(plots, grid.crs)
    table = _extract(raster, {band: names.index(band) + 1 for band in wanted}, geometries, statistics)
    rows = []
    for i, (plot, geometry) in enumerate(zip(plots, geometries, strict=True)):
        inside = _inside(geometry, grid)
        for band in wanted:
            values = {name: table[band][name][i] for name in _OPERATIONS}
            valid = min(1.0, values["n_pixels"] * grid.pixel_m**2 / geometry.area) if geometry.area > 0 else 0.0
            rows.append(
                ZonalStatistics(plot_id=plot.plot_id, band=band, valid_fraction=valid, inside_fraction=inside, **values)
            )
    return rows


def _extract(
    raster: Path, indexes: Mapping[str, int], geometries: Sequence[BaseGeometry], statistics: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """Band -> statistic -> one value a geometry; geometries without an area have no pixel."""
    import geopandas as gpd
    import rasterio
    from exactextract import Operation, exact_extract
    from exactextract.raster import RasterioRasterSource

    result = {
        band: {name: [0.0 if name in _COUNTS else math.nan] * len(geometries) for name in _OPERATIONS}
        for band in indexes
    }
    rows = [row for row, geometry in enumerate(geometries) if geometry.area > 0]
    if not rows:
        return result
    with rasterio.open(raster) as dataset:
        # along the rows of tiles: a tile that was unpacked for one plot is still there for its neighbours
        tile_m = dataset.block_shapes[0][0] * dataset.transform.a
        corners = {row: geometries[row].bounds for row in rows}
        rows.sort(key=lambda row: (-(corners[row][3] // tile_m), corners[row][0]))
        sources = {index: RasterioRasterSource(dataset, index, name=f"b{index}") for index in indexes.values()}
        frame = gpd.GeoDataFrame(geometry=gpd.GeoSeries([geometries[row] for row in rows]), crs=dataset.crs)
        operations = [
            Operation(_OPERATIONS[name][0], f"{index}_{name}", source, None, _OPERATIONS[name][1])
            for index, source in sources.items()
            for name in statistics
        ]
        table = exact_extract(list(sources.values()), frame, operations, output="pandas").to_dict("list")
    for band, index in indexes.items():
        for name in statistics:
            for row, value in zip(rows, table[f"{index}_{name}{_SUFFIXES.get(name, '')}"], strict=True):
                # a band without one measured pixel has no value
                result[band][name][row] = math.nan if value is None else float(value)
    return result


def _inside(geometry: BaseGeometry, grid: Grid) -> float:
    from shapely.geometry import box

    return float(geometry.intersection(box(*grid.bounds)).area / geometry.area) if geometry.area > 0 else 0.0
