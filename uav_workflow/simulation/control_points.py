"""Surveyed points on open ground and where they show in the photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.simulation.scene import Scene
from uav_workflow.simulation.site import Site
from uav_workflow.simulation.tables import write_table
from uav_workflow.simulation.truth import CELL_M, SceneTruth

FloatArray = NDArray[np.float64]

SURVEY_SD_M = (0.010, 0.010, 0.015)
MARK_SD_PX = 0.3
MARGIN_PX = 15
BAREST = 0.05
"""Share of the cells that count as bare."""


def place_points(scene: Scene, truth: SceneTruth, count: int, within: tuple[float, float], seed: int) -> FloatArray:
    """Points (n, 3) on the barest and sunniest ground, spread over the block."""
    rng = np.random.default_rng((seed, 71))
    x_min, _, _, y_max = scene.bounds
    rows, columns = np.indices(truth.maps["surface"].shape)
    places = np.stack([x_min + (columns + 0.5) * CELL_M, y_max - (rows + 0.5) * CELL_M], axis=-1)
    near = (np.abs(places) <= np.asarray(within) / 2 + CELL_M).all(axis=-1)
    grown = truth.maps["fvc_total"] + truth.maps["shadow"] + 10 * (truth.maps["surface"] - truth.maps["terrain"])
    bare = near & (grown <= np.quantile(grown[near], BAREST))
    places = places[bare]
    chosen = [int(rng.integers(len(places)))]
    while len(chosen) < count:
        # the place furthest from all taken so far
        away = np.min([np.linalg.norm(places - places[index], axis=1) for index in chosen], axis=0)
        chosen.append(int(np.argmax(away)))
    return np.column_stack([places[chosen], truth.maps["surface"][bare][chosen]])


def write_control_points(
    path: Path,
    points: FloatArray,
    site: Site,
    shots: Sequence[tuple[Camera, Shot]],
    *,
    seed: int,
    check_every: int,
) -> None:
    """gcp_list.txt in ODM's format; the extras of every third point (or so) say ``check``."""
    rng = np.random.default_rng((seed, 73))
    lines = [site.crs]
    for number, point in enumerate(points, start=1):
        noted = point + rng.normal(0, SURVEY_SD_M) + (*site.centre, 0.0)
        extra = " check" if number % check_every == 0 else ""
        for camera, shot in shots:
            x, y = camera.project(shot.to_camera(point[None]))[0] + rng.normal(0, MARK_SD_PX, 2)
            if MARGIN_PX < x < camera.width - MARGIN_PX and MARGIN_PX < y < camera.height - MARGIN_PX:
                place = " ".join(f"{value:.3f}" for value in noted)
                lines.append(f"{place} {x:.2f} {y:.2f} {shot.image} {point_name(number)}{extra}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_true_points(path: Path, points: FloatArray, site: Site, check_every: int) -> None:
    """truth/control_points.csv: where the points truly are."""
    places = points + np.array([*site.centre, 0.0])
    rows = [
        [point_name(number), *(f"{value:.4f}" for value in place), "check" if number % check_every == 0 else "control"]
        for number, place in enumerate(places, start=1)
    ]
    write_table(path, ("point", "x", "y", "z", "role"), rows)


def point_name(number: int) -> str:
    """Name of a point in gcp_list.txt."""
    return f"G{number:02d}"
