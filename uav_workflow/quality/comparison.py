"""Products of a simulated flight against its truth: value, bound and verdict a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Product
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.quality.heights import surface_figures
from uav_workflow.quality.placement import Placement, centres_of
from uav_workflow.quality.reflectance import BLOCK_M, Mosaic, block_means
from uav_workflow.quality.truth import Truth
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]

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
        "reflectance": lambda product: _reflectance_error(product, Mosaic.of(products), placement),
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
    from uav_workflow.engine.products.reconstruction_io import read_reconstruction

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


def _reflectance_error(reflectance: Product, mosaic: Mosaic, placement: Placement) -> list[Row]:
    """RMSE of block means, worst band; blocks without shadow, seen wholly and by three photos or more."""
    if reflectance.facts.get("quantity") != "reflectance":
        return []
    blocks = block_means(mosaic, placement.truth, placement.similarity)
    errors = {band: blocks.rmse(index) for index, band in enumerate(blocks.bands)}
    worst = max(errors, key=lambda name: errors[name])
    what = f"reflectance on {BLOCK_M:g} m blocks, RMSE of {worst}"
    return [Row(kind="reflectance", what=what, value=errors[worst], bound=0.03, unit="1")]


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
