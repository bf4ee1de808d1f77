"""A flight with two camera bodies, one of them turned upright, no GPS at all, and surveyed points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from structure_scene import (
    CRS,
    ORIGIN,
    band_image,
    capture_of,
    flight_centres,
    look_down,
    relief,
    render,
    save,
    texture,
)

from uav_workflow.domain.ground import GroundControlPoint, ImageMark
from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.engine.structure.from_motion import Structure, reconstruct

WIDE = Camera(camera_id="wide", width=560, height=420, fx=490, fy=490, cx=283, cy=207, k1=-0.03, k2=0.01)
UPRIGHT = Camera(camera_id="upright", width=400, height=540, fx=560, fy=560, cx=203, cy=266, k1=-0.02)
PLACES = np.array([(-9.0, -11), (10, -10), (9, 12), (-10, 11), (1, 0), (5, 4)])
GSD_M = 40 / 520


@dataclass(frozen=True, slots=True)
class Flown:
    structure: Structure
    centres: np.ndarray


def surveyed(shots: list[tuple[Camera, Shot]]) -> list[GroundControlPoint]:
    """Five control points and a check point, surveyed to a centimetre."""
    random = np.random.default_rng(3)
    points = []
    for number, place in enumerate(np.column_stack([PLACES, relief(*PLACES.T)])):
        marks = []
        for camera, shot in shots:
            x, y = camera.project(shot.to_camera(place[None]))[0] + random.normal(0, 0.3, 2)
            if 5 < x < camera.width - 5 and 5 < y < camera.height - 5:
                marks.append(ImageMark(image=shot.image, x=float(x), y=float(y)))
        x, y, z = place + ORIGIN + random.normal(0, 0.01, 3)
        points.append(
            GroundControlPoint(name=f"G{number}", crs=CRS, x=x, y=y, z=z, marks=tuple(marks), is_check=number == 5)
        )
    return points


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Flown:
    folder = tmp_path_factory.mktemp("mixed")
    random, ground = np.random.default_rng(7), texture(8)
    centres = flight_centres(3, 4, 8, 9, 40)
    captures, shots = [], []
    for i, centre in enumerate(centres):
        upright = i // 4 == 1
        camera = UPRIGHT if upright else WIDE
        rotation = look_down(np.pi * ((i // 4) % 2) + (np.pi / 2 if upright else 0), *random.normal(0, 0.03, 2))
        path = folder / f"photo{i:02d}.png"
        save(render(ground, camera, rotation, centre), path, i)
        image = band_image(path, camera, focal_px=1.015 * camera.fx)
        captures.append(capture_of([replace(image, serial="2" if upright else "1")]))
        shots.append((camera, Shot(image=path.name, camera_id=camera.camera_id, rotation=rotation, centre=centre)))
    return Flown(reconstruct(captures, folder / "work", control=surveyed(shots)), centres)


def test_all_are_placed_by_the_points_alone(flown: Flown) -> None:
    made = flown.structure.reconstruction
    assert made.crs == CRS
    assert not made.missing
    assert not flown.structure.findings
    there = np.array([shot.centre for shot in made.shots]) + np.array([*made.offset, 0]) - ORIGIN
    off = (there - flown.centres).mean(axis=0)
    assert np.abs(off[:2]).max() < GSD_M
    # over level ground a camera stands as much too high as its focal length is too long
    assert abs(off[2]) < 0.005 * 40


def test_each_body_has_its_own_camera(flown: Flown) -> None:
    found = {camera.width: camera for camera in flown.structure.reconstruction.cameras.values()}
    assert set(found) == {WIDE.width, UPRIGHT.width}
    for true in (WIDE, UPRIGHT):
        camera = found[true.width]
        assert camera.fx == pytest.approx(true.fx, rel=0.01)
    # the other body flew one line in one direction: its principal point and its roll can't be told apart
    assert (found[WIDE.width].cx, found[WIDE.width].cy) == pytest.approx((WIDE.cx, WIDE.cy), abs=3)


def test_the_check_point_is_measured_and_not_adjusted_to(flown: Flown) -> None:
    (check,) = [point for point in flown.structure.points if point.is_check]
    assert not check.used
    assert np.hypot(*check.error[:2]) < GSD_M
    assert abs(check.error[2]) < 1.5 * GSD_M
    assert sum(point.used for point in flown.structure.points) == 5
    rows = flown.structure.reconstruction.facts["surveyed_points"]
    assert isinstance(rows, list)
    assert len(rows) == 6
