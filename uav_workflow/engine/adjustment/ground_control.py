"""Surveyed points in a block: where it has them, and which of them or of their marks can't be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.product import Json
from uav_workflow.engine.adjustment.alignment import Similarity, fit_similarity
from uav_workflow.engine.adjustment.block import Block, ControlMarks
from uav_workflow.engine.adjustment.collinearity import intersect, meet, project
from uav_workflow.findings import Finding, warning
from uav_workflow.flights.crs import transformer

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FILE = "gcp_list.txt"
SURVEY_SIGMA_M = (0.02, 0.02, 0.03)
"""Standard deviation of a surveyed point (RTK or PPK with a fixed solution); gcp_list.txt has no place for it."""
MARK_SIGMA_PX = 0.5
"""Standard deviation of a mark that a person sets."""
WRONG_MARK_PX = 4.0
"""A mark this far from where all others of its point meet is taken for a mistake."""
WRONG_POINT_SIGMAS = 4.0
"""A point this many standard deviations off, on any axis, is taken for a mistake."""
LEAST_POINTS = 3
TRIPLES = 2000
"""Triples of points tried at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResidual:
    """What came of one surveyed point.

    Attributes
    ----------
    place, error : (3,) float array
        Surveyed coordinates, and those in the block minus these, metres.
    images : tuple of str
        Photos whose marks were used.
    reprojection_px : float
        RMS distance of the marks from the point where the block has it.
    """

    name: str
    is_check: bool
    used: bool
    place: FloatArray
    error: FloatArray
    images: tuple[str, ...]
    reprojection_px: float

    def to_json(self) -> dict[str, Json]:
        """Row of the facts; errors in metres."""
        x, y, z = (round(float(value), 4) for value in self.error)
        return {
            "name": self.name,
            "check": self.is_check,
            "used": self.used,
            "error_x": x,
            "error_y": y,
            "error_z": z,
            "marks": len(self.images),
            "reprojection_px": round(self.reprojection_px, 2),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Marks that can be used, where the block has their points (c, 3), and what was left out."""

    marks: ControlMarks
    points: FloatArray
    findings: tuple[Finding, ...]


def marks_in(
    points: Sequence[GroundControlPoint], rows: Mapping[str, int], crs: str, offset: tuple[float, float]
) -> ControlMarks:
    """Marks of the points that lie in photos of a block, `rows` by image name.

    The horizontal coordinates are transformed into `crs`; heights pass through it, as OpenDroneMap has it.
    """
    seen = [(point, [mark for mark in point.marks if mark.image in rows]) for point in points]
    seen = [(point, marks) for point, marks in seen if len(marks) >= 2]
    xyz = np.array([_in_crs(point, crs, offset) for point, _ in seen], float).reshape(-1, 3)
    table = [(rows[mark.image], row, mark.x, mark.y) for row, (_, marks) in enumerate(seen) for mark in marks]
    columns = np.array(table, float).reshape(-1, 4)
    return ControlMarks(
        names=tuple(point.name for point, _ in seen),
        xyz=xyz,
        sigma=np.tile(SURVEY_SIGMA_M, (len(seen), 1)),
        image=columns[:, 0].astype(np.int64),
        point=columns[:, 1].astype(np.int64),
        xy=np.ascontiguousarray(columns[:, 2:]),
        sigma_px=MARK_SIGMA_PX,
    )


def _in_crs(point: GroundControlPoint, crs: str, offset: tuple[float, float]) -> tuple[float, float, float]:
    x, y = transformer(point.crs, crs).transform(point.x, point.y)
    return x - offset[0], y - offset[1], point.z


def without_wrong_marks(block: Block, control: ControlMarks) -> Screening:
    """Points intersected from their marks; a mark that the others of its point contradict is left out and named."""
    keep = np.ones(len(control.image), bool)
    findings = []
    for row, name in enumerate(control.names):
        mine = np.flatnonzero(control.point == row)
        wrong = _wrong_mark(block, control, mine)
        if wrong is not None:
            keep[wrong[0]] = False
            image = block.names[control.image[wrong[0]]]
            findings.append(
                warning(
                    "control-mark-wrong",
                    FILE,
                    f"the mark of {name} in {image} lies {wrong[1]:.0f} px from where its other marks meet; "
                    "it is not used",
                    "mark the point again in this photo",
                )
            )
    control = control.subset(np.ones(len(control.names), bool), keep)
    return Screening(marks=control, points=_met(block, control), findings=tuple(findings))


def _met(block: Block, control: ControlMarks) -> FloatArray:
    return intersect(meet(control.in_block(block, control.xyz))).points


def _errors(block: Block, control: ControlMarks, points: FloatArray) -> FloatArray:
    """Distance (q,) of each mark from the image of its point, pixels."""
    placed = control.in_block(block, points)
    return np.asarray(np.linalg.norm(project(placed)[0] - placed.obs_xy, axis=1))


def _wrong_mark(block: Block, control: ControlMarks, mine: NDArray[np.int64]) -> tuple[int, float] | None:
    """Index of the one mark without which the others agree, and how far it is off; None when none is needed."""
    alone = replace(
        control,
        names=("",),
        xyz=np.zeros((1, 3)),
        sigma=np.ones((1, 3)),
        image=control.image[mine],
        point=np.zeros(len(mine), np.int64),
        xy=control.xy[mine],
    )
    if len(mine) < 3 or _errors(block, alone, _met(block, alone)).max() < WRONG_MARK_PX:
        return None
    best: tuple[float, int, float] | None = None
    for index in range(len(mine)):
        others = alone.subset(np.ones(1, bool), np.arange(len(mine)) != index)
        point = _met(block, others)
        rest = float(_errors(block, others, point).max())
        if best is None or rest < best[0]:
            best = rest, index, float(_errors(block, alone, point)[index])
    if best is None or best[2] < WRONG_MARK_PX or best[0] > best[2] / 2:
        return None
    return int(mine[best[1]]), best[2]


def placed_by(free: FloatArray, control: ControlMarks) -> tuple[Similarity, BoolArray] | None:
    """Similarity from a block's points (c, 3) onto the survey, and which points fit it (c,); None when too few.

    Least trimmed squares over triples (Rousseeuw, 1984): up to (n - 3) / 2 mistyped points do no harm.
    """
    count = len(free)
    if count < LEAST_POINTS or not spread_out(control.xyz):
        return None
    triples = np.array(list(combinations(range(count), 3)) if count <= 24 else [])
    if len(triples) == 0 or len(triples) > TRIPLES:
        random = np.random.default_rng(0)
        triples = np.array([random.choice(count, 3, replace=False) for _ in range(TRIPLES)])
    trusted = count - (count - 3) // 2
    best: tuple[float, Similarity] | None = None
    for triple in triples:
        if not spread_out(control.xyz[triple]):
            continue
        fit = fit_similarity(free[triple], control.xyz[triple])
        off = np.sort(np.linalg.norm(fit(free) - control.xyz, axis=1))
        score = float((off[:trusted] ** 2).sum())
        if best is None or score < best[0]:
            best = score, fit
    if best is None:
        return None
    off = np.linalg.norm(best[1](free) - control.xyz, axis=1)
    size = float(np.ptp(control.xyz, axis=0).max())
    limit = max(0.02 * size, 6 * float(np.sqrt(best[0] / trusted)))
    good = off <= limit
    return fit_similarity(free[good], control.xyz[good]), np.asarray(good)


def spread_out(xyz: FloatArray) -> bool:
    """Whether points (c, 3) are three or more and do not lie in a line on the map."""
    if len(xyz) < LEAST_POINTS:
        return False
    spread = np.linalg.svd(xyz[:, :2] - xyz[:, :2].mean(axis=0), compute_uv=False)
    return bool(spread[1] > 0.05 * spread[0] > 0)


def point_wrong(name: str, off_m: float) -> Finding:
    """Finding on a point that the others contradict."""
    return warning(
        "control-point-wrong",
        FILE,
        f"{name} lies {off_m:.2f} m from where the other control points put it; it is not used",
        "compare its coordinates with the survey and its marks with the photos",
    )


def residuals(
    block: Block, control: ControlMarks, *, used: Sequence[str] = (), checks: bool = False
) -> list[PointResidual]:
    """Where an adjusted block has the points, by intersecting their marks, against the survey."""
    points = _met(block, control)
    errors = _errors(block, control, points)
    found = []
    for row, name in enumerate(control.names):
        mine = control.point == row
        found.append(
            PointResidual(
                name=name,
                is_check=checks,
                used=name in used,
                place=control.xyz[row],
                error=points[row] - control.xyz[row],
                images=tuple(block.names[i] for i in control.image[mine]),
                reprojection_px=float(np.sqrt((errors[mine] ** 2).mean())),
            )
        )
    return found
