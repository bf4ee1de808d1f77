"""How sure the mean reflectance of every plot is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from calibration.mosaic.budget import PIXEL, SHARED
from calibration.mosaic.product import SD
from uav_workflow.domain.ground import Plot
from uav_workflow.plots.extraction import ZonalStatistics, zonal


def reflectance_doubts(plots: Sequence[Plot], reflectance: Path) -> dict[tuple[str, str], float]:
    """(plot id, band) -> standard uncertainty of the mean, from reflectance_sd.tif beside the mosaic; empty without it.

    What the pixels of a plot share does not average out, their noise does (`calibration.mosaic.budget.sd_of_mean`).
    """
    layers = reflectance.with_name(SD)
    if not layers.is_file():
        return {}
    rows = {(row.plot_id, row.band): row for row in zonal(plots, layers, statistics=("n_pixels", "mean", "sd"))}
    found = {}
    for (plot_id, name), shared in rows.items():
        band = name.removesuffix(SHARED)
        if name.endswith(SHARED) and math.isfinite(shared.mean):
            found[plot_id, band] = math.hypot(shared.mean, _noise(rows[plot_id, band + PIXEL]))
    return found


def _noise(pixel: ZonalStatistics) -> float:
    """Of the mean: root of the mean square over the number of pixels; 0 where it is not known."""
    return math.sqrt((pixel.mean**2 + pixel.sd**2) / pixel.n_pixels) if pixel.n_pixels > 0 else 0.0
