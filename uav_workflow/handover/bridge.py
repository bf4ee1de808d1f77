"""How the drone's bands stand to a satellite scene's, cell by cell: told, never applied."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path

import numpy as np

from uav_workflow.domain.flight import Band
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RecipeError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.handover.aggregation import Cells, aggregate
from uav_workflow.handover.cells import VALIDATION_COVERAGE, Float64
from uav_workflow.handover.grids import template_grid
from uav_workflow.handover.lattice import lattice_findings
from uav_workflow.handover.shift import ShiftTest, shift_findings, shift_test
from uav_workflow.rasters.reader import Raster
from uav_workflow.statistics.agreement import bias, pearson_r, rmse
from uav_workflow.statistics.regression import ordinary

LEAST_CELLS = 3
"""Fewest cells a line is drawn through; the errors of its two parameters need one more than these."""
MOST_REFLECTANCE = 2.0
"""Median of a scene's band above which it is taken for unscaled numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A satellite's scene.

    Attributes
    ----------
    path : Path
        Raster whose bands become reflectance as ``offset + scale * stored``.
    pairs : mapping
        Drone band to scene band; bands of equal names when empty.
    centres_nm, fwhm_nm : mapping
        Nominal, by scene band.
    """

    name: str
    path: Path
    day: date
    scale: float = 1.0
    offset: float = 0.0
    pairs: Mapping[str, str] = field(default_factory=dict)
    centres_nm: Mapping[str, float] = field(default_factory=dict)
    fwhm_nm: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DroneBands:
    """The flight's mosaic.

    Attributes
    ----------
    bands : mapping
        The mosaic's name to the band with its nominal centre and width, as far as these are known.
    quantity : str
        ``reflectance``, or ``relative``: then a slope holds the unknown scale too.
    """

    path: Path
    day: date
    quantity: str
    bands: Mapping[str, Band] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPair:
    """``scene = intercept + slope * drone`` over cells of `VALIDATION_COVERAGE` and more; NaN where not defined.

    Attributes
    ----------
    n : int
        Cells with both.
    bias, bias_low, bias_high : float
        Mean of drone - scene with its 95 % interval (cells taken as independent, so too narrow on few large patches).
    days : int
        Scene minus flight.
    """

    scene: str
    scene_date: str
    days: int
    drone_band: str
    drone_centre_nm: float
    drone_fwhm_nm: float
    scene_band: str
    scene_centre_nm: float
    scene_fwhm_nm: float
    drone_quantity: str
    n: int
    slope: float = math.nan
    slope_se: float = math.nan
    intercept: float = math.nan
    intercept_se: float = math.nan
    r: float = math.nan
    bias: float = math.nan
    bias_low: float = math.nan
    bias_high: float = math.nan
    rmse: float = math.nan
    least_coverage: float = VALIDATION_COVERAGE
    psf_fwhm_cells: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A flight beside a scene, on the scene's cells, and whether these lie where the scene says."""

    scene: Scene
    grid: Grid
    drone: Mapping[str, Cells]
    bands: Mapping[str, Band]
    pairs: tuple[BandPair, ...]
    shift: ShiftTest
    findings: tuple[Finding, ...]


def bridge(drone: DroneBands, scene: Scene, fwhm_cells: float | None = None) -> Bridge:
    """Bring the drone's bands onto the scene's cells and regress the scene's on them.

    Parameters
    ----------
    fwhm_cells : float, optional
        Gaussian point spread in cells; by area when absent, and where scene and flight lie in different CRS.

    Raises
    ------
    RecipeError
        A band that `Scene.pairs` names is in neither raster, or no names are equal.
    RasterError
        The scene can't be used.
    """
    with Raster(drone.path) as raster:
        own, bounds, crs = raster.bands, raster.grid.bounds, raster.grid.crs
    grid = template_grid(bounds, crs, scene.path)
    chosen = _pairs(own, scene)
    spread = fwhm_cells if grid.crs == crs else None
    cells = aggregate(drone.path, own, grid, fwhm_cells=spread)
    seen = _scene_cells(scene, list(dict.fromkeys(chosen.values())), grid)
    rows = tuple(
        _compared(_described(drone, scene, ours, theirs, spread), cells[ours], seen[theirs])
        for ours, theirs in chosen.items()
    )
    shift = shift_test(drone.path, chosen, seen, grid)
    where = f"scene {scene.name}"
    found = [*_findings(drone, scene, rows, seen), *shift_findings(where, shift, grid), *lattice_findings(where, grid)]
    return Bridge(
        scene=scene, grid=grid, drone=cells, bands=drone.bands, pairs=rows, shift=shift, findings=tuple(found)
    )


def refuse_absent_bands(name: str, raster: Path, wanted: Iterable[str]) -> None:
    """See that a scene has the bands a recipe names, before a run begins that needs them at its end.

    Raises
    ------
    RecipeError
        It lacks some.
    RasterError
        It can't be read as a raster.
    """
    with Raster(raster) as opened:
        theirs = opened.bands
    if absent := [band for band in dict.fromkeys(wanted) if band not in theirs]:
        raise RecipeError(
            f"handover scene {name} names bands that are not there: {', '.join(absent)}; {raster} has "
            f"{', '.join(theirs)}"
        )


def mosaic_bands(names: Sequence[str], centres_nm: Sequence[float | None], seen: Sequence[Band]) -> dict[str, Band]:
    """Bands of a mosaic with centre and width.

    Parameters
    ----------
    names, centres_nm : sequence
        Of the mosaic, which names bands in its own way and a rig's two greens apart.
    seen : sequence of Band
        Of the photos; they lend the width of the band at the same centre.
    """
    widths = {band.centre_nm: band.fwhm_nm for band in seen if band.centre_nm is not None}
    return {
        name: Band(name=name, centre_nm=centre, fwhm_nm=None if centre is None else widths.get(centre))
        for name, centre in zip(names, centres_nm, strict=True)
    }


def write_bridge(bridges: Sequence[Bridge], path: Path) -> None:
    """One row a scene and pair of bands; the columns are `BandPair`'s."""
    import pandas as pd

    names = [column.name for column in fields(BandPair)]
    rows = [[getattr(pair, name) for name in names] for made in bridges for pair in made.pairs]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False, float_format="%.8g")


def _pairs(own: Sequence[str], scene: Scene) -> dict[str, str]:
    """Drone band to scene band, in the drone's order."""
    with Raster(scene.path) as raster:
        theirs = raster.bands
    if not scene.pairs:
        by_name = {_key(name): name for name in theirs}
        found = {name: by_name[_key(name)] for name in own if _key(name) in by_name}
        if not found:
            raise RecipeError(
                f"handover scene {scene.name}: no band of {scene.path} ({', '.join(theirs)}) is named as one of the "
                f"flight's ({', '.join(own)}); name the pairs in its `bands`"
            )
        return found
    asked = {_key(name): band for name, band in scene.pairs.items()}
    unknown = [f"the flight's {name}" for name in scene.pairs if _key(name) not in {_key(band) for band in own}]
    unknown += [f"the scene's {band}" for band in asked.values() if band not in theirs]
    if unknown:
        raise RecipeError(
            f"handover scene {scene.name} names bands that are not there: {', '.join(unknown)}; the flight has "
            f"{', '.join(own)}, {scene.path} has {', '.join(theirs)}"
        )
    return {name: asked[_key(name)] for name in own if _key(name) in asked}


def _key(name: str) -> str:
    """What names of one band have in common: ``Red edge`` of the photos, ``red_edge`` of the mosaic."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _scene_cells(scene: Scene, bands: Sequence[str], grid: Grid) -> dict[str, Float64]:
    """Reflectance of the scene's pixels on `grid`, cells of the same lattice; NaN outside of the scene."""
    planes = np.full((len(bands), *grid.shape), np.nan)
    with Raster(scene.path) as raster:
        whole = raster.grid
        col = round((grid.x_min - whole.x_min) / whole.pixel_m)
        row = round((whole.y_max - grid.y_max) / whole.pixel_m)
        first_row, last_row = max(row, 0), min(row + grid.height, whole.height)
        first_col, last_col = max(col, 0), min(col + grid.width, whole.width)
        if last_row > first_row and last_col > first_col:
            window = Block(first_row, first_col, last_row - first_row, last_col - first_col)
            values = raster.read(window, tuple(bands)).astype(np.float64)
            inside = (slice(first_row - row, last_row - row), slice(first_col - col, last_col - col))
            planes[:, *inside] = scene.offset + scene.scale * values
    return dict(zip(bands, planes, strict=True))


def _described(drone: DroneBands, scene: Scene, ours: str, theirs: str, fwhm_cells: float | None) -> BandPair:
    band = drone.bands.get(ours, Band(name=ours))
    return BandPair(
        scene=scene.name,
        scene_date=scene.day.isoformat(),
        days=(scene.day - drone.day).days,
        drone_band=ours,
        drone_centre_nm=_known(band.centre_nm),
        drone_fwhm_nm=_known(band.fwhm_nm),
        scene_band=theirs,
        scene_centre_nm=_known(scene.centres_nm.get(theirs)),
        scene_fwhm_nm=_known(scene.fwhm_nm.get(theirs)),
        drone_quantity=drone.quantity,
        n=0,
        psf_fwhm_cells=_known(fwhm_cells),
    )


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _compared(pair: BandPair, cells: Cells, seen: Float64) -> BandPair:
    both = (cells.coverage >= VALIDATION_COVERAGE - 1e-9) & np.isfinite(seen)
    ours, theirs = cells.mean[both], seen[both]
    n = int(both.sum())
    if n < LEAST_CELLS or not np.ptp(ours) > 0:
        return replace(pair, n=n)
    line = ordinary(ours, theirs).line
    off, low, high = bias(ours, theirs)
    return replace(
        pair,
        n=n,
        slope=line.slope,
        slope_se=line.slope_se,
        intercept=line.intercept,
        intercept_se=line.intercept_se,
        r=pearson_r(ours, theirs),
        bias=off,
        bias_low=low,
        bias_high=high,
        rmse=rmse(ours, theirs),
    )


def _findings(drone: DroneBands, scene: Scene, rows: Sequence[BandPair], seen: Mapping[str, Float64]) -> list[Finding]:
    where, found = f"scene {scene.name}", []
    if max(row.n for row in rows) < LEAST_CELLS:
        text = f"fewer than {LEAST_CELLS} of its cells are covered by {VALIDATION_COVERAGE:.0%}: no line was drawn"
        found.append(warning("bridge-few-cells", where, text, "name a scene with smaller cells that holds the flight"))
    large = [band for band, values in seen.items() if np.isfinite(values).any() and _median(values) > MOST_REFLECTANCE]
    if large:
        text = f"{', '.join(large)}: a median above {MOST_REFLECTANCE:g} is no reflectance"
        found.append(
            warning("bridge-scene-unscaled", where, text, "give its scale and offset, such as 0.0001 and -0.1")
        )
    if drone.quantity != "reflectance":
        text = "the mosaic is not calibrated: slopes and biases hold its unknown scale too"
        found.append(info("bridge-drone-relative", where, text, "calibrate with panels, sun sensor or ground targets"))
    return found


def _median(values: Float64) -> float:
    return float(np.nanmedian(values))
