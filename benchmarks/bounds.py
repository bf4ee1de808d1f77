"""The rows of the engine's table: which figure, in which unit, and what it has to reach (reference/engine.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.scenarios import Scenario

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Bound:
    """One row.

    Attributes
    ----------
    low, high : float or None
        What every flight has to keep, `high` in size whatever the sign; both None: printed for information.
    over : str or None
        Name of another figure: the row is the RMS of the one over the flights, divided by the RMS of the other.
    of : tuple of str
        Variants of a flight that have the row.
    """

    key: str
    what: str
    unit: str = "GSD"
    low: float | None = None
    high: float | None = None
    over: str | None = None
    of: tuple[str, ...] = ("gps",)

    def missed(self, value: float) -> bool:
        """NaN reaches nothing."""
        if self.low is None and self.high is None:
            return False
        return not ((self.low is None or value >= self.low) and (self.high is None or abs(value) <= self.high))

    def says(self) -> str:
        """The bound in words."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} - {self.high:g}"
        return f">= {self.low:g}" if self.low is not None else f"<= {self.high:g}" if self.high is not None else ""


RTK, CONTROL = ("rtk",), ("control",)
EVERY = ("gps", "rtk", "control")
BOUNDS = (
    Bound("placed", "captures placed", "1", low=1.0, of=EVERY),
    Bound("focal_percent", "focal length, tag 2 % off, error", "%", high=0.5, of=EVERY),
    Bound("focal_worst_percent", "focal length, error of the worst band", "%"),
    Bound("principal_point_px", "principal point, error", "px"),
    Bound("centres_gsd", "camera centres after similarity, RMS"),
    Bound("dsm_open_nmad_gsd", "DSM on open ground, NMAD", high=0.31),
    Bound("dsm_open_rmse_gsd", "DSM on open ground, RMSE"),
    Bound("dsm_open_median_gsd", "DSM on open ground, median"),
    Bound("dsm_rmse_gsd", "DSM with edges, RMSE", high=4.2),
    Bound("dsm_over_half_metre", "DSM, share off by over 0.5 m", "1"),
    Bound("dsm_covered", "DSM covered where >= 3 photos see", "1", low=0.98),
    Bound("dtm_rmse_gsd", "DTM where ground is visible, RMSE", high=1.5),
    Bound("dtm_rmse_everywhere_gsd", "DTM everywhere, RMSE"),
    Bound("ortho_shift_gsd", "orthomosaic, internal shift, mean", high=0.3),
    Bound("ortho_shift_p95_gsd", "orthomosaic, internal shift, 95th percentile"),
    *(
        Bound(f"register_{band}_gsd", f"band to band on the mosaic, {band} to green, RMS", "px", high=0.2)
        for band in ("blue", "red", "nir", "rededge")
    ),
    Bound("seam_median", "seams of the RGB mosaic, median step", "DN", high=2.0),
    Bound("seam_worst", "seams of the RGB mosaic, largest step", "DN"),
    Bound(
        "shift_h_m", "RMS of the block shift / of the mean position's error, horizontal", "x", high=1.5, over="tags_h_m"
    ),
    Bound(
        "ground_v_m", "RMS of the block shift / of the mean position's error, vertical", "x", high=2.0, over="tags_v_m"
    ),
    Bound("shift_h_m", "block shift, horizontal", "m"),
    Bound("tags_h_m", "error of the mean position, horizontal", "m"),
    Bound("ground_v_m", "block shift, vertical", "m"),
    Bound("tags_v_m", "error of the mean position, vertical", "m"),
    Bound("dsm_residual_tilt_percent", "residual tilt of the surface", "%", high=0.1),
    Bound("tilt_percent", "tilt of the block as it lies", "%"),
    Bound("scale_percent", "scale of the block as it lies", "%"),
    Bound("ground_v_gsd", "RTK positions, vertical", high=1.0, of=RTK),
    Bound("shift_h_gsd", "RTK positions, horizontal", of=RTK),
    Bound("check_h_gsd", "check points, RMSE horizontal", high=1.0, of=CONTROL),
    Bound("check_v_gsd", "check points, RMSE vertical", high=1.5, of=CONTROL),
    Bound("check_points", "check points in a flight", "1", of=CONTROL),
    Bound("control_h_gsd", "control points, RMSE horizontal", of=CONTROL),
    Bound("control_v_gsd", "control points, RMSE vertical", of=CONTROL),
    Bound("half_percent", "progress at half the wall time", "%", low=30, high=70),
    Bound("progress_falls", "times progress fell", "1", high=0),
    Bound("cpu_s_per_mp", "CPU seconds a megapixel", "s"),
    Bound("wall_s", "wall time", "s"),
    Bound("peak_mib", "peak memory", "MiB"),
    Bound("stage_structure_cpu_s", "… structure", "CPU-s"),
    Bound("stage_surface_cpu_s", "… surface", "CPU-s"),
    Bound("stage_orthomosaic_cpu_s", "… orthomosaic", "CPU-s"),
    Bound("simulation_cpu_s", "simulation", "CPU-s"),
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
        verdict = f"missed by {self.missed} of {self.count}" if self.missed else f"reached by {self.count}"
        if not bound.says():
            verdict = ""
        unit = "" if bound.unit == "1" else f" {bound.unit}"
        worst = "" if self.count == 1 else f"{self.worst:.3g}"
        return f"| {group} | {bound.what} | {self.median:.3g}{unit} | {worst} | {bound.says()} | {verdict} |"


HEAD = "| flights | what | median | worst | bound | verdict |\n|---|---|---|---|---|---|"


def lines(flights: Sequence[Figures], sensor: str, variant: str) -> list[Line]:
    """Rows of the table over flights of one kind; a figure without a bound that none of them knows has no row."""
    made = []
    for bound in BOUNDS:
        known = any(bound.key in figures for figures in flights)
        if variant not in bound.of or not (known or bound.says()) or _is_of_others(bound, sensor):
            continue
        values = np.array([figures.get(bound.key, math.nan) for figures in flights], float)
        if bound.over:
            by = np.array([figures.get(bound.over, math.nan) for figures in flights], float)
            values = np.array([np.sqrt(np.mean(values**2)) / np.sqrt(np.mean(by**2))])
        made.append(_line(bound, values))
    return made


def _is_of_others(bound: Bound, sensor: str) -> bool:
    """Seams are asked of pictures, registration of rigs."""
    return bound.key.startswith("register_" if sensor == "rgb" else "seam")


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


def table(scenarios: Sequence[Scenario], measured: Mapping[str, Figures]) -> list[tuple[Line, str]]:
    """Rows of all flights, group by group, each with its text."""
    groups: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        groups.setdefault(scenario.group, []).append(scenario)
    rows = []
    for group, flown in groups.items():
        flights = [measured[scenario.name] for scenario in flown]
        found = lines(flights, flown[0].options.sensor, flown[0].variant)
        rows += [(line, line.to_markdown(group)) for line in found]
    return rows
