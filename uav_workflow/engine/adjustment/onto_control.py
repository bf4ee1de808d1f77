"""Bringing an adjusted block onto its control points, without those that can't be right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from uav_workflow.engine.adjustment.block import ControlMarks
from uav_workflow.engine.adjustment.bundle import AdjustmentPriors, AdjustmentResult, adjust, without_outliers
from uav_workflow.engine.adjustment.ground_control import (
    FILE,
    LEAST_POINTS,
    WRONG_POINT_SIGMAS,
    placed_by,
    point_wrong,
    spread_out,
    without_wrong_marks,
)
from uav_workflow.findings import Finding, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """An adjusted block with the error model found on the way."""

    result: AdjustmentResult
    priors: AdjustmentPriors
    limit_px: float
    alike: float


def onto_control(
    relaxed: Relaxed, control: ControlMarks, *, force_gps: bool
) -> tuple[Relaxed, ControlMarks, list[Finding]]:
    """The block adjusted to its control points, those that were used, and what was left out.

    As in OpenDroneMap, positions of the receiver have no weight beside control points unless they are forced. With
    fewer than three points, or points in a line, the block stays where it is and the points are not used.
    """
    block = relaxed.result.block
    screened = without_wrong_marks(block, control)
    findings, marks = list(screened.findings), screened.marks
    found = placed_by(screened.points, marks)
    if found is None:
        return relaxed, ControlMarks.none(), [*findings, _too_few(control)]
    place, good = found
    off = np.linalg.norm(place(screened.points) - marks.xyz, axis=1)
    findings += [point_wrong(marks.names[row], float(off[row])) for row in np.flatnonzero(~good)]
    priors = relaxed.priors
    if not force_gps:
        priors = replace(priors, positions=np.full_like(priors.positions, np.nan))
    result = replace(relaxed.result, block=block.transformed(place.scale, place.rotation, place.shift))
    marks = marks.subset(good)
    while True:
        priors = replace(priors, control=marks)
        result = adjust(without_outliers(result, relaxed.limit_px), priors, max_iterations=20, tolerance=1e-5)
        wrong = _wrong_point(result, marks)
        if wrong is None:
            return replace(relaxed, result=result, priors=priors), marks, findings
        row, off_m = wrong
        findings.append(point_wrong(marks.names[row], off_m))
        marks = marks.subset(np.arange(len(marks.names)) != row)


def _wrong_point(result: AdjustmentResult, marks: ControlMarks) -> tuple[int, float] | None:
    """The point that fits worst and how far it is off; None when all fit or none can be spared."""
    off = result.control_points - marks.xyz
    worst = int(np.argmax((np.abs(off) / marks.sigma).max(axis=1)))
    others = np.arange(len(marks.names)) != worst
    if (np.abs(off[worst]) / marks.sigma[worst]).max() < WRONG_POINT_SIGMAS or not spread_out(marks.xyz[others]):
        return None
    return worst, float(np.linalg.norm(off[worst]))


def _too_few(control: ControlMarks) -> Finding:
    return warning(
        "control-points-few",
        FILE,
        f"{len(control.names)} control points are marked in two or more placed photos; {LEAST_POINTS} that do not lie "
        "in a line are needed, so the block is placed by GPS",
        "mark more points, each in three photos or more",
    )
