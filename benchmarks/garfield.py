"""The garfield captures, broken cloud: what overlapping pictures disagree by without, with the sun sensor, adjusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure
from calibration.folder import read_pictures
from calibration.overlaps import adjust_plan, overlap_residual
from calibration.plan import plan_calibration
from calibration.settings import CalibrationSettings
from calibration.ties import tie_captures

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "garfield_sequoia"
BOUND = 0.05


def garfield_figures(folder: Path = FOLDER) -> list[Figure]:
    """Median |ratio - 1| a band: gains from half of the common places, judged on the other half.

    One row that says how many captures were skipped where the folder is absent.
    """
    if not folder.is_dir():
        return [Figure(what="garfield captures (../shared/data is absent): skipped", value=1, unit="set")]
    pictures, _ = read_pictures(folder)
    none = plan_calibration(pictures, CalibrationSettings(use_sun_sensor=False))
    sun = plan_calibration(pictures, CalibrationSettings())
    ties = tie_captures(sun.captures)
    used, judged = (
        tuple(replace(t, first_points=t.first_points[k::2], second_points=t.second_points[k::2]) for t in ties)
        for k in (0, 1)
    )
    adjusted = adjust_plan(sun, CalibrationSettings(block_adjustment="on"), ties=used)
    rows = []
    for band in sun.light:
        title = f"garfield, {band}: overlap residual"
        for name, plan, bound in (("none", none, None), ("sun sensor", sun, None), ("adjusted", adjusted, BOUND)):
            value = overlap_residual(plan, judged, band)
            rows.append(Figure(what=f"{title}, {name}", value=value, unit="1", bound=bound))
    return rows
