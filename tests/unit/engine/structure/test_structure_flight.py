"""Structure from motion of a small hill whose every pose is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from structure_scene import (
    CRS,
    ORIGIN,
    band_image,
    capture_of,
    flight_centres,
    look_down,
    position_of,
    render,
    save,
    texture,
)

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.reconstruction import Camera, Reconstruction
from uav_workflow.engine.adjustment.alignment import fit_similarity
from uav_workflow.engine.structure.from_motion import StructureSettings, reconstruct
from uav_workflow.engine.ties.features import FeatureSettings
from uav_workflow.engine.ties.fine_ties import FineTieSettings
from uav_workflow.engine.ties.free_block import TieSettings
from uav_workflow.engine.ties.matching import MatchSettings
from uav_workflow.errors import EngineError

CAMERA = Camera(camera_id="c", width=640, height=480, fx=560, fy=560, cx=324, cy=236, k1=-0.03, k2=0.01)
GSD_M = 40 / 560


@dataclass(frozen=True, slots=True)
class Flown:
    captures: list[Capture]
    centres: np.ndarray
    rotations: list[np.ndarray]
    result: Reconstruction
    progress: list[float]


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Flown:
    folder = tmp_path_factory.mktemp("flight")
    random = np.random.default_rng(5)
    ground = texture(4)
    centres = flight_centres(3, 4, 9, 12, 40)
    captures, rotations = [], []
    for i, centre in enumerate(centres):
        rotation = look_down(0.2 + np.pi * ((i // 4) % 2), *random.normal(0, 0.04, 2))
        path = folder / f"photo{i:02d}.png"
        save(render(ground, CAMERA, rotation, centre), path, i)
        position = position_of(centre, random.normal(0, 0.3, 3))
        # the tag is 2 % off; the EXIF orientation must change nothing
        image = band_image(path, CAMERA, position=position, focal_px=1.02 * CAMERA.fx, orientation=6 if i == 3 else 1)
        captures.append(capture_of([image]))
        rotations.append(rotation)
    blank = folder / "water.png"
    cv2.imwrite(str(blank), np.full((480, 640), 90, np.uint8))
    lost = band_image(blank, CAMERA, position=position_of(centres[0], np.zeros(3)), focal_px=1.02 * CAMERA.fx)
    captures.append(capture_of([lost]))
    progress: list[float] = []
    structure = reconstruct(captures, folder / "work", progress=lambda share, text: progress.append(share))
    return Flown(captures, centres, rotations, structure.reconstruction, progress)


def test_every_photo_with_texture_is_placed_and_the_other_is_named(flown: Flown) -> None:
    assert [shot.image for shot in flown.result.shots] == [f"photo{i:02d}.png" for i in range(12)]
    assert flown.result.missing == ("water.png",)
    assert flown.result.facts["registered"] == 12
    assert flown.result.facts["total"] == 13


def test_same_photos_give_the_same_numbers_whatever_the_threads(flown: Flown, tmp_path: Path) -> None:
    settings = StructureSettings(
        ties=TieSettings(
            features=FeatureSettings(threads=3), matching=MatchSettings(threads=3), fine=FineTieSettings(threads=3)
        )
    )
    again = reconstruct(flown.captures, tmp_path, settings=settings).reconstruction
    for shot, other in zip(flown.result.shots, again.shots, strict=True):
        np.testing.assert_array_equal(shot.centre, other.centre, shot.image)
        np.testing.assert_array_equal(shot.rotation, other.rotation, shot.image)
    np.testing.assert_array_equal(flown.result.points, again.points)
    assert flown.result.cameras == again.cameras


def test_camera_centres_have_the_true_shape(flown: Flown) -> None:
    found = np.array([shot.centre for shot in flown.result.shots])
    fit = fit_similarity(found, flown.centres)
    assert np.sqrt(((fit(found) - flown.centres) ** 2).mean()) < 0.3 * GSD_M
    assert fit.scale == pytest.approx(1, abs=0.02)
    relative = [
        fit.rotation @ shot.rotation.T @ truth for shot, truth in zip(flown.result.shots, flown.rotations, strict=True)
    ]
    angles = [np.degrees(np.linalg.norm(cv2.Rodrigues(turn)[0])) for turn in relative]
    assert max(angles) < 0.1


def test_the_block_lies_on_its_positions(flown: Flown) -> None:
    found = np.array([shot.centre for shot in flown.result.shots])
    there = found + np.array([*flown.result.offset, 0]) - ORIGIN
    assert flown.result.crs == CRS
    assert np.abs((there - flown.centres).mean(axis=0)).max() < 0.3
    below = there[0] + flown.result.shots[0].rotation[2] * 40
    assert abs(below[2]) < 5


def test_focal_length_and_principal_point_are_found(flown: Flown) -> None:
    (camera,) = flown.result.cameras.values()
    assert camera.fx == pytest.approx(CAMERA.fx, rel=0.005)
    assert (camera.cx, camera.cy) == pytest.approx((CAMERA.cx, CAMERA.cy), abs=2)
    assert flown.result.facts["focal_guard_used"] is False
    assert 0 < float(str(flown.result.facts["reprojection_px"])) < 0.5


def test_sparse_points_lie_on_the_hill(flown: Flown) -> None:
    from structure_scene import relief

    found = np.array([shot.centre for shot in flown.result.shots])
    points = fit_similarity(found, flown.centres)(flown.result.points)
    off = points[:, 2] - relief(points[:, 0], points[:, 1])
    assert len(points) > 1000
    assert np.median(np.abs(off)) < 1.5 * GSD_M


def test_progress_rises_to_one(flown: Flown) -> None:
    assert flown.progress == sorted(flown.progress)
    assert flown.progress[-1] == 1.0


def test_a_second_run_gives_the_same_numbers(flown: Flown, tmp_path: Path) -> None:
    again = reconstruct(flown.captures[:8], tmp_path / "a").reconstruction
    once_more = reconstruct(flown.captures[:8], tmp_path / "b").reconstruction
    for first, second in zip(again.shots, once_more.shots, strict=True):
        assert np.allclose(first.centre, second.centre, atol=1e-6)


def test_photos_without_positions_are_refused(flown: Flown, tmp_path: Path) -> None:
    bare = [capture_of([band_image(c.primary.path, CAMERA, focal_px=560)]) for c in flown.captures[:4]]
    with pytest.raises(EngineError, match="GPS position"):
        reconstruct(bare, tmp_path)


def test_too_few_photos_are_refused(flown: Flown, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="at least 3"):
        reconstruct(flown.captures[:2], tmp_path)


def test_photos_that_share_nothing_are_refused(tmp_path: Path) -> None:
    captures = []
    for i in range(3):
        path = tmp_path / f"{i}.png"
        save(cv2.resize(texture(20 + i)[:640, :640], (640, 480)), path, i)
        captures.append(
            capture_of([band_image(path, CAMERA, position=position_of(np.array([9.0 * i, 0, 40]), np.zeros(3)))])
        )
    with pytest.raises(EngineError, match="overlap"):
        reconstruct(captures, tmp_path / "work")
