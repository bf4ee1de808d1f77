"""The rows of the engine's table: which figure, in which unit, and what it has to reach (reference/engine.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One row.

    Attributes
    ----------
    low, high : float or None
        What every flight has to keep; both None: printed for information.
    over : str or None
        Name of the figure by which the root mean square over the flights is divided, instead of a row for each.
    """

    key: str
    what: str
    unit: str = "GSD"
    low: float | None = None
    high: float | None = None
    over: str | None = None

    def missed(self, value: float) -> bool:
        """NaN reaches nothing."""
        if self.low is None and self.high is None:
            return False
        return not ((self.low is None or value >= self.low) and (self.high is None or value <= self.high))

    def says(self) -> str:
        """The bound in words."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} - {self.high:g}"
        return f">= {self.low:g}" if self.low is not None else f"<= {self.high:g}" if self.high is not None else ""


BOUNDS = (
    Bound(key="placed", what="captures placed", unit="1", low=1.0),
    Bound(key="focal_percent", what="focal length, error", unit="%", high=0.5),
    Bound(key="focal_worst_percent", what="focal length, error of the worst band", unit="%"),
    Bound(key="principal_point_px", what="principal point, error", unit="px"),
    Bound(key="centres_gsd", what="camera centres after similarity, RMS"),
    Bound(key="dsm_open_nmad_gsd", what="DSM on open ground, NMAD", high=0.31),
    Bound(key="dsm_open_rmse_gsd", what="DSM on open ground, RMSE"),
    Bound(key="dsm_open_median_gsd", what="DSM on open ground, median"),
    Bound(key="dsm_rmse_gsd", what="DSM with edges, RMSE", high=4.2),
    Bound(key="dsm_over_half_metre", what="DSM, share off by over 0.5 m", unit="1"),
    Bound(key="dsm_covered", what="DSM covered where >= 3 photos see", unit="1", low=0.98),
    Bound(key="dsm_residual_tilt_percent", what="DSM, residual tilt", unit="%", high=0.1),
    Bound(key="dtm_rmse_gsd", what="DTM where ground is visible, RMSE", high=1.5),
    Bound(key="dtm_rmse_everywhere_gsd", what="DTM everywhere, RMSE"),
    Bound(key="ortho_shift_gsd", what="orthomosaic, internal shift, mean", high=0.3),
    Bound(key="ortho_shift_p95_gsd", what="orthomosaic, internal shift, 95th percentile"),
    *(
        Bound(key=f"register_{band}_gsd", what=f"band to band on the mosaic, {band} to green, RMS", unit="px", high=0.2)
        for band in ("blue", "red", "nir", "rededge")
    ),
    Bound(key="seam_median", what="seams of the RGB mosaic, median step", unit="DN", high=2.0),
    Bound(key="seam_worst", what="seams of the RGB mosaic, largest step", unit="DN"),
    Bound(
        key="shift_h_m",
        what="block shift / error of the mean position, horizontal",
        unit="x",
        high=1.5,
        over="tags_h_m",
    ),
    Bound(
        key="shift_v_m", what="block shift / error of the mean position, vertical", unit="x", high=2.0, over="tags_v_m"
    ),
    Bound(key="shift_h_m", what="block shift, horizontal", unit="m"),
    Bound(key="tags_h_m", what="error of the mean position, horizontal", unit="m"),
    Bound(key="shift_v_m", what="block shift, vertical", unit="m"),
    Bound(key="tags_v_m", what="error of the mean position, vertical", unit="m"),
    Bound(key="tilt_percent", what="tilt of the block", unit="%"),
    Bound(key="scale_percent", what="scale of the block", unit="%"),
    Bound(key="half_percent", what="progress at half the wall time", unit="%", low=30, high=70),
    Bound(key="progress_falls", what="times progress fell", unit="1", high=0),
    Bound(key="cpu_s_per_mp", what="CPU seconds a megapixel", unit="s"),
    Bound(key="wall_s", what="wall time", unit="s"),
    Bound(key="peak_mib", what="peak memory", unit="MiB"),
    Bound(key="stage_structure_cpu_s", what="… structure", unit="CPU-s"),
    Bound(key="stage_surface_cpu_s", what="… surface", unit="CPU-s"),
    Bound(key="stage_orthomosaic_cpu_s", what="… orthomosaic", unit="CPU-s"),
    Bound(key="simulation_cpu_s", what="simulation", unit="CPU-s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row over several flights: median, worst, and how many of them miss the bound."""

    bound: Bound
    median: float
    worst: float
    missed: int
    count: int

    def to_markdown(self, group: str) -> str:
        """One row of the table."""
        bound = self.bound
        verdict = (
            "" if not bound.says() else "reached" if not self.missed else f"missed by {self.missed} of {self.count}"
        )
        unit = "" if bound.unit == "1" else f" {bound.unit}"
        worst = "" if self.count == 1 else f"{self.worst:.3g}"
        return f"| {group} | {bound.what} | {self.median:.3g}{unit} | {worst} | {bound.says()} | {verdict} |"


HEAD = "| flights | what | median | worst | bound | verdict |\n|---|---|---|---|---|---|"


def lines(flights: Sequence[Figures]) -> list[Line]:
    """Rows of the table over flights of one kind; a figure that no flight of the kind knows has no row."""
    made = []
    for bound in BOUNDS:
        if not any(bound.key in figures for figures in flights):
            continue
        values = np.array([figures.get(bound.key, math.nan) for figures in flights], float)
        if bound.over:
            by = np.array([figures.get(bound.over, math.nan) for figures in flights], float)
            values = np.array([np.sqrt(np.mean(values**2)) / np.sqrt(np.mean(by**2))])
        made.append(_line(bound, values))
    return made


def _line(bound: Bound, values: np.ndarray) -> Line:
    missed = sum(bound.missed(float(value)) for value in values)
    known = values[np.isfinite(values)]
    if (len(known) < len(values) and bound.says()) or not len(known):
        worst = math.nan
    elif bound.low is not None and bound.high is None:
        worst = float(known.min())
    elif bound.low is not None and bound.high is not None:
        middle = (bound.low + bound.high) / 2
        worst = float(known[np.argmax(np.abs(known - middle))])
    else:
        worst = float(known[np.argmax(np.abs(known))])
    median = float(np.median(known)) if len(known) else math.nan
    return Line(bound=bound, median=median, worst=worst, missed=missed, count=len(values))
