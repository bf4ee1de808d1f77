"""Products of a simulated flight against its truth: value, bound and verdict a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Product
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.quality.heights import surface_figures
from uav_workflow.quality.placement import Placement, centres_of
from uav_workflow.quality.similarity import Similarity
from uav_workflow.quality.truth import Truth
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]

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


def compare(flight_folder: Path, products: Mapping[str, Product]) -> list[Row]:
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
    """
    truth = Truth.read(flight_folder)
    placement = Placement(truth=truth, made=_reconstruction(products["reconstruction"]))
    centres = centres_of(placement.made)
    rows = [
        Row(
            kind="reconstruction",
            what="captures placed",
            value=placement.placed_share,
            bound=1.0,
            unit="1",
            at_least=True,
        )
    ]
    checks: dict[str, Callable[[Product], list[Row]]] = {
        "orthomosaic": lambda product: [_covered(product, centres)],
        "dsm": lambda product: [_dsm_spread(product, placement)],
        "reflectance": lambda product: _reflectance_error(Mosaic.of(products), truth, placement.similarity),
        "plots": lambda product: _plot_errors(product, truth),
        "biomass": _biomass_error,
    }
    for kind, check in checks.items():
        if kind in products:
            rows += check(products[kind])
        else:
            rows.append(Row(kind=kind, what=f"{kind} made", value=0.0, bound=1.0, unit="1", at_least=True))
    return rows


def camera_centres(reconstruction: Product) -> Mapping[str, FloatArray]:
    """Image -> camera centre (easting, northing, height) as adjusted, metres."""
    return centres_of(_reconstruction(reconstruction))


def _reconstruction(product: Product) -> Reconstruction:
    from uav_workflow.engine.reconstruction_io import read_reconstruction

    return read_reconstruction(product.file("reconstruction.json"))


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


def _dsm_spread(dsm: Product, placement: Placement) -> Row:
    """NMAD of DSM minus truth on open ground, in GSD."""
    spread = surface_figures(dsm.file("dsm.tif"), placement)["dsm_open_nmad_m"]
    value = spread / placement.truth.gsd_m
    return Row(kind="dsm", what="DSM on open ground, NMAD", value=value, bound=1.0, unit="GSD")


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
