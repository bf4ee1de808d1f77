"""The garfield captures, broken cloud: what overlapping pictures disagree by without, with the sun sensor, adjusted.

And whether its readings are steadier when they are levelled by the attitude the sensor states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure
from calibration.block.overlaps import adjust_plan, overlap_residual
from calibration.block.ties import tie_captures
from calibration.pictures.folder import read_pictures
from calibration.planning.plan import plan_calibration
from calibration.planning.settings import CalibrationSettings
from calibration.sun.irradiance import sun_of
from calibration.sun.levelling import AS_READ, Levelling
from calibration.sun.sunshine import sunshine_records
from uav_workflow.domain.flight import Capture

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "garfield_sequoia"
BOUND = 0.05
SUN_OVER_SKY = 6.0
"""As the DLS 1 is levelled under a clear sky."""


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
        rows += _scatter(sun.captures, band)
    return rows


def _scatter(captures: Sequence[Capture], band: str) -> list[Figure]:
    """Standard deviation of a picture's list of readings over their mean, median of the pictures, raw and levelled."""
    images = [image for capture in captures for image in capture.images if image.band.name == band]
    listed = [(records, sun_of(image)) for image in images if (records := sunshine_records(image)) is not None]
    found: dict[str, list[float]] = {"as read": [], "levelled": []}
    for records, sun in listed:
        if sun is None:
            continue
        upright = SUN_OVER_SKY * math.sin(math.radians(sun.elevation_deg))
        for name, way in (("as read", AS_READ), ("levelled", Levelling(beam=upright / (1 + upright)))):
            light = way.of(records, sun)
            found[name].append(float(np.nanstd(light) / np.nanmean(light)))
    return [
        Figure(what=f"garfield, {band}: scatter of a list of sun-sensor readings, {name}", value=float(v), unit="1")
        for name, values in found.items()
        for v in [np.median(values)]
    ]
