"""Surveyed points: marks in photos brought to the ground through the adjusted cameras, against where the points are."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.quality.placement import Placement
from uav_workflow.simulation.photograph import undistort

FloatArray = NDArray[np.float64]

LEAST_MARKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyedPoint:
    """A point as it is, and where it was marked: (image, pixel (2,))."""

    name: str
    place: FloatArray
    is_check: bool
    marks: Sequence[tuple[str, FloatArray]]


def read_points(flight_folder: Path) -> list[SurveyedPoint]:
    """True points of a simulated flight with their marks in gcp_list.txt."""
    marks: dict[str, list[tuple[str, FloatArray]]] = {}
    for line in (flight_folder / "gcp_list.txt").read_text(encoding="utf-8").splitlines()[1:]:
        cells = line.split()
        marks.setdefault(cells[6], []).append((cells[5], np.array(cells[3:5], float)))
    with (flight_folder / "truth" / "control_points.csv").open(encoding="utf-8", newline="") as stream:
        return [
            SurveyedPoint(
                name=row["point"],
                place=np.array([row["x"], row["y"], row["z"]], float),
                is_check=row["role"] == "check",
                marks=marks.get(row["point"], []),
            )
            for row in csv.DictReader(stream)
        ]


def intersect(
    marks: Sequence[tuple[str, FloatArray]], shots: Mapping[str, Shot], cameras: Mapping[str, Camera]
) -> FloatArray | None:
    """Place nearest to the rays through the marks, least squares of the distances; None of fewer than three rays."""
    normal, right = np.zeros((3, 3)), np.zeros(3)
    origin = np.mean([shot.centre for shot in shots.values()], axis=0)
    seen = [(shots[image], pixel) for image, pixel in marks if image in shots]
    for shot, pixel in seen:
        tangent = undistort(cameras[shot.camera_id], pixel[None])[0]
        ray = np.array([*tangent, 1.0]) @ shot.rotation
        ray /= np.linalg.norm(ray)
        across = np.eye(3) - np.outer(ray, ray)
        normal += across
        right += across @ (shot.centre - origin)
    return origin + np.linalg.solve(normal, right) if len(seen) >= LEAST_MARKS else None


def point_figures(points: Sequence[SurveyedPoint], placement: Placement) -> dict[str, float]:
    """RMSE of check and control points, horizontal and vertical, in metres, as the block lies: nothing is fitted."""
    figures: dict[str, float] = {}
    for role, wanted in (("check", True), ("control", False)):
        pairs = [
            (intersect(point.marks, placement.shots, placement.made.cameras), point.place)
            for point in points
            if point.is_check is wanted
        ]
        errors = np.array([found - place for found, place in pairs if found is not None]).reshape(-1, 3)
        known = len(errors) >= LEAST_MARKS
        figures[f"{role}_points"] = float(len(errors))
        figures[f"{role}_h_m"] = float(np.sqrt((errors[:, :2] ** 2).sum(axis=1).mean())) if known else float("nan")
        figures[f"{role}_v_m"] = float(np.sqrt((errors[:, 2] ** 2).mean())) if known else float("nan")
    return figures
