"""Products of a simulated flight against its truth: value, bound and verdict a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Product
from uav_workflow.quality.similarity import Similarity, fit_similarity
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]

OPEN_GROUND_M = 0.01
"""Ground counts as open where the truth has less than this of plants above it, on the cell and its neighbours."""
BLOCK_M = 0.5
SHADOWLESS = 0.02
VIEWS = 3
LEAST_PLOTS = 0.9
"""Share of the plots that must have a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure: reached or missed. `kind` is the product it speaks of."""

    kind: str
    what: str
    value: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """NaN reaches nothing."""
        return bool(self.value >= self.bound if self.at_least else self.value <= self.bound)

    def to_json(self) -> dict[str, object]:
        """Plain dictionary for JSON."""
        value = self.value if np.isfinite(self.value) else None
        return {
            "kind": self.kind,
            "what": self.what,
            "value": value,
            "bound": self.bound,
            "at_least": self.at_least,
            "unit": self.unit,
            "verdict": "reached" if self.reached else "missed",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The truth folder of a simulated flight."""

    folder: Path
    poses: Mapping[str, Any]
    summary: Mapping[str, Any]

    @classmethod
    def read(cls, flight_folder: Path) -> Truth:
        """Read ``truth/`` of a simulated flight folder."""
        folder = flight_folder / "truth"
        return cls(
            folder=folder,
            poses=json.loads((folder / "poses.json").read_text(encoding="utf-8")),
            summary=json.loads((folder / "summary.json").read_text(encoding="utf-8")),
        )

    @property
    def gsd_m(self) -> float:
        """Nominal ground sampling distance, metres."""
        return float(self.summary["gsd_cm"]) / 100

    def centres(self) -> dict[str, FloatArray]:
        """Base name of an image -> camera centre (easting, northing, height), metres."""
        offset = np.array([*self.poses["offset"], 0.0])
        return {Path(shot["path"]).name: np.asarray(shot["centre"], float) + offset for shot in self.poses["shots"]}

    def raster(self, name: str) -> tuple[Raster, NDArray[np.float32]]:
        """Grid and values (bands, rows, columns) of a truth raster."""
        with Raster(self.folder / f"{name}.tif") as raster:
            return raster, raster.read()


def compare(flight_folder: Path, products: Mapping[str, Product], captures: int) -> list[Row]:
    """Compare what was made of a simulated flight with what was there.

    Horizontal and vertical places are compared after the similarity that brings the adjusted camera centres onto the
    true ones, because the absolute place of a flight without control points is the receiver's, not the engine's.
    Plot values are compared as they are: between the plot as surveyed and the map as made.

    Parameters
    ----------
    flight_folder : Path
        With ``truth/``.
    products : mapping
        Kind -> product of the run.
    captures : int
        Survey captures of the flight.
    """
    truth = Truth.read(flight_folder)
    centres = camera_centres(products["reconstruction"])
    similarity, placed = _camera_similarity(centres, truth)
    rows = [
        Row(kind="reconstruction", what="captures placed", value=placed / captures, bound=1.0, unit="1", at_least=True)
    ]
    checks: dict[str, Callable[[Product], list[Row]]] = {
        "orthomosaic": lambda product: [_covered(product, centres)],
        "dsm": lambda product: [_dsm_spread(product, truth, similarity)],
        "reflectance": lambda product: _reflectance_error(Mosaic.of(products), truth, similarity),
        "plots": lambda product: _plot_errors(product, truth),
        "biomass": _biomass_error,
    }
    for kind, check in checks.items():
        if kind in products:
            rows += check(products[kind])
        else:
            rows.append(Row(kind=kind, what=f"{kind} made", value=0.0, bound=1.0, unit="1", at_least=True))
    return rows


def _camera_similarity(made: Mapping[str, FloatArray], truth: Truth) -> tuple[Similarity, int]:
    """Similarity onto the true camera centres, and the number of captures placed."""
    true = truth.centres()
    names = sorted(true.keys() & made.keys())
    similarity = fit_similarity(np.array([made[name] for name in names]), np.array([true[name] for name in names]))
    return similarity, len({name.rpartition("_")[0] if name.endswith(".tif") else name for name in names})


def camera_centres(reconstruction: Product) -> dict[str, FloatArray]:
    """Image -> camera centre (easting, northing, height) as adjusted, metres."""
    from uav_workflow.engine.reconstruction_io import read_reconstruction

    document = read_reconstruction(reconstruction.file("reconstruction.json"))
    offset = np.array([*document.offset, 0.0])
    return {shot.image: shot.centre + offset for shot in document.shots}


def covered_share(orthomosaic: Product, centres: Mapping[str, FloatArray]) -> float:
    """Share of the hull of the camera positions in which the orthomosaic has values."""
    from rasterio.features import geometry_mask
    from shapely.geometry import MultiPoint

    hull = MultiPoint([tuple(centre[:2]) for centre in centres.values()]).convex_hull
    with Raster(orthomosaic.file("orthomosaic.tif")) as raster:
        inside = covered = 0
        for block in raster.grid.blocks(2048):
            window = raster.grid.window(block)
            wanted = geometry_mask([hull], window.shape, window.transform, invert=True)
            if wanted.any():
                inside += int(wanted.sum())
                covered += int((wanted & np.isfinite(raster.read(block)).all(axis=0)).sum())
    return covered / inside if inside else float("nan")


def _covered(orthomosaic: Product, centres: Mapping[str, FloatArray]) -> Row:
    value = covered_share(orthomosaic, centres)
    return Row(
        kind="orthomosaic", what="hull of camera positions covered", value=value, bound=0.97, unit="1", at_least=True
    )


def _dsm_spread(dsm: Product, truth: Truth, similarity: Similarity) -> Row:
    """NMAD of DSM minus truth on open ground, in GSD (Höhle & Höhle, 2009)."""
    points = _sample(dsm.file("dsm.tif"), 400_000)
    moved = similarity.apply(points)
    surface, heights = truth.raster("surface")
    _, canopy = truth.raster("height")
    bare = _minimum_filter_bare(canopy[0])
    row, col, inside = _cells(surface, moved)
    open_ground = inside.copy()
    open_ground[inside] = bare[row[inside], col[inside]]
    error = moved[open_ground, 2] - heights[0][row[open_ground], col[open_ground]]
    error = error[np.isfinite(error)]
    spread = 1.4826 * float(np.median(np.abs(error - np.median(error)))) if error.size > 100 else float("nan")
    return Row(kind="dsm", what="DSM on open ground, NMAD", value=spread / truth.gsd_m, bound=1.0, unit="GSD")


def _minimum_filter_bare(canopy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells that are open ground together with their eight neighbours."""
    from scipy.ndimage import binary_erosion

    eroded: NDArray[np.bool_] = binary_erosion(canopy < OPEN_GROUND_M, np.ones((3, 3), bool))
    return eroded


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """A reflectance mosaic with the rasters that say where its pixels lie and how often they were seen."""

    reflectance: Product
    views: Path
    dsm: Path

    @classmethod
    def of(cls, products: Mapping[str, Product]) -> Mosaic:
        """Put it together from a run's products."""
        return cls(
            reflectance=products["reflectance"],
            views=products["orthomosaic"].file("views.tif"),
            dsm=products["dsm"].file("dsm.tif"),
        )


def _reflectance_error(mosaic: Mosaic, truth: Truth, similarity: Similarity) -> list[Row]:
    """RMSE of block means, worst band; blocks without shadow, seen wholly and by three photos or more."""
    if mosaic.reflectance.facts.get("quantity") != "reflectance":
        return []
    surface, true = truth.raster("reflectance")
    _, cover = truth.raster("cover")
    factor = round(BLOCK_M / surface.grid.pixel_m)
    wanted, shadow = _block_mean(true, factor), _block_mean(cover[2:3], factor)[0]
    made, full = _mean_by_block(mosaic, surface, similarity, factor)
    good = full & (shadow < SHADOWLESS)
    errors = {}
    for index, band in enumerate(surface.bands):
        name = band.lower().replace(" ", "_")
        difference = made[name][good] - wanted[index][good]
        errors[name] = float(np.sqrt(np.mean(difference**2))) if good.any() else float("nan")
    worst = max(errors, key=lambda name: errors[name])
    what = f"reflectance on 0.5 m blocks, RMSE of {worst}"
    return [Row(kind="reflectance", what=what, value=errors[worst], bound=0.03, unit="1")]


def _mean_by_block(
    mosaic: Mosaic, truth: Raster, similarity: Similarity, factor: int
) -> tuple[dict[str, FloatArray], NDArray[np.bool_]]:
    """Mean of each band in the truth's blocks, and the blocks whose pixels are all there."""
    rows, columns = truth.grid.height // factor, truth.grid.width // factor
    with (
        Raster(mosaic.reflectance.file("reflectance.tif")) as raster,
        Raster(mosaic.views) as views,
        Raster(mosaic.dsm) as dsm,
    ):
        sums, counts = np.zeros((len(raster.bands), rows * columns)), np.zeros(rows * columns)
        for block in raster.grid.blocks():
            values, height = raster.read(block), dsm.read(block)[0]
            valid = np.isfinite(values).all(axis=0) & np.isfinite(height) & (views.read(block)[0] >= VIEWS)
            points = _points(raster.grid.window(block), valid, height)
            row, col, inside = _cells(truth, similarity.apply(points))
            row, col = row // factor, col // factor
            inside &= (row < rows) & (col < columns)
            index = (row * columns + col)[inside]
            counts += np.bincount(index, minlength=counts.size)
            for band in range(len(sums)):
                sums[band] += np.bincount(index, weights=values[band][valid][inside], minlength=counts.size)
        names, pixel = raster.bands, raster.grid.pixel_m
    means = (sums / np.maximum(counts, 1)).reshape(len(names), rows, columns)
    full = (counts > 0.9 * (BLOCK_M / pixel) ** 2).reshape(rows, columns)
    return dict(zip(names, means, strict=True)), full


def _plot_errors(plots: Product, truth: Truth) -> list[Row]:
    """RMSE of what the drone says of the plots."""
    import pandas as pd

    with (truth.folder / "plots.csv").open(encoding="utf-8", newline="") as stream:
        true = {row["plot_id"]: row for row in csv.DictReader(stream)}
    table = pd.read_parquet(plots.file("plots.parquet"), columns=["plot_id", "source", "variable", "value"])
    drone = table[(table["source"] == "drone") & table["value"].notna()]
    rows = []
    for variable, what, bound, unit in (
        ("fvc_green", "plot cover, RMSE", 0.08, "1"),
        ("height_mean", "plot height, RMSE", 0.04, "m"),
    ):
        pairs = drone[drone["variable"] == variable]
        error = [
            float(value) - float(true[str(plot_id)][variable])
            for plot_id, value in zip(pairs["plot_id"], pairs["value"], strict=True)
        ]
        # a plot in shadow is rightly left empty; many empty ones are a failure
        enough = len(error) >= LEAST_PLOTS * len(true)
        value = float(np.sqrt(np.mean(np.square(error)))) if enough else float("nan")
        rows.append(
            Row(kind="plots", what=f"{what} ({len(error)} of {len(true)} plots)", value=value, bound=bound, unit=unit)
        )
    return rows


def _biomass_error(biomass: Product) -> list[Row]:
    """Return the leave-one-out error the model card states."""
    card = json.loads(biomass.file("model.json").read_text(encoding="utf-8"))
    value = card.get("leave_one_out", {}).get("rrmse_percent")
    number = float(value) if isinstance(value, int | float) else float("nan")
    return [Row(kind="biomass", what="biomass, leave-one-out rRMSE", value=number, bound=40.0, unit="%")]


def _sample(path: Path, count: int) -> FloatArray:
    """Valid cells of a one-band raster as points (n, 3), evenly thinned to about ``count``."""
    with Raster(path) as raster:
        step = max(1, int(np.sqrt(raster.grid.width * raster.grid.height / count)))
        parts = []
        for block in raster.grid.blocks():
            values = raster.read(block)[0]
            wanted = np.zeros(values.shape, bool)
            wanted[::step, ::step] = True
            parts.append(_points(raster.grid.window(block), wanted & np.isfinite(values), values))
    return np.concatenate(parts)


def _points(grid: Grid, wanted: NDArray[np.bool_], height: NDArray[np.float32]) -> FloatArray:
    """Centres of the wanted cells with their heights, (n, 3)."""
    y, x = np.nonzero(wanted)
    east = grid.x_min + (x + 0.5) * grid.pixel_m
    north = grid.y_max - (y + 0.5) * grid.pixel_m
    return np.stack([east, north, height[y, x].astype(float)], axis=1)


def _cells(raster: Raster, points: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Row and column of points, and which of them lie inside."""
    grid = raster.grid
    col = np.floor((points[:, 0] - grid.x_min) / grid.pixel_m).astype(np.int64)
    row = np.floor((grid.y_max - points[:, 1]) / grid.pixel_m).astype(np.int64)
    inside = (row >= 0) & (row < grid.height) & (col >= 0) & (col < grid.width)
    return row, col, inside


def _block_mean(values: NDArray[np.float32], factor: int) -> FloatArray:
    bands, rows, columns = values.shape
    trimmed = values[:, : rows // factor * factor, : columns // factor * factor]
    blocks = trimmed.reshape(bands, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)), float)
