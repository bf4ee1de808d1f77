"""Band alignment against a rig of known geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from structure_scene import band_image, capture_of, flight_centres, look_down, render, save, texture

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.reconstruction import Camera
from uav_workflow.domain.tags import Tags
from uav_workflow.engine.adjustment.collinearity import undistort
from uav_workflow.engine.inputs.rig_prior import prior_from_tags
from uav_workflow.engine.structure.patches import gradient_strength
from uav_workflow.engine.structure.rig import RigSettings, align_band

PRIMARY = Camera(camera_id="green", width=640, height=480, fx=720, fy=720, cx=323, cy=236, k1=-0.1, k2=0.12)
BANDS = {
    "Blue": ((0.4, -0.3, 0.2), replace(PRIMARY, fx=724, fy=724, cx=317, cy=243, k1=-0.095, k2=0.13)),
    "NIR": ((-0.5, 0.6, -0.4), replace(PRIMARY, fx=713, fy=713, cx=326, cy=238, k1=-0.108, k2=0.1)),
}


@dataclass(frozen=True, slots=True)
class Rig:
    captures: list[Capture]
    rotations: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    folder = tmp_path_factory.mktemp("rig")
    green = texture(1)
    near_infrared = (-0.55 * green + 0.85 * texture(2)).astype(np.float32)  # contrast turned round, half of it its own
    grounds = {"Blue": (0.8 * green + 0.6 * texture(3)).astype(np.float32), "NIR": near_infrared}
    rotations = {name: cv2.Rodrigues(np.radians(np.array(angles)))[0] for name, (angles, _) in BANDS.items()}
    captures = []
    for i, centre in enumerate(flight_centres(2, 2, 12, 14, 42)):
        attitude = look_down(0.4 * i, 0.03, -0.02)
        path = folder / f"{i}_green.png"
        save(render(green, PRIMARY, attitude, centre), path, 10 * i)
        images = [band_image(path, PRIMARY, band="Green", focal_px=PRIMARY.fx)]
        for j, (name, (_, camera)) in enumerate(BANDS.items()):
            path = folder / f"{i}_{name}.png"
            save(render(grounds[name], camera, rotations[name] @ attitude, centre), path, 10 * i + j + 1)
            images.append(band_image(path, camera, band=name, focal_px=720.0))
        captures.append(capture_of(images))
    return Rig(captures, rotations)


@pytest.mark.parametrize(("band", "bound_px"), [("Blue", 0.06), ("NIR", 0.1)])
def test_a_band_is_aligned_to_a_tenth_of_a_pixel(rig: Rig, band: str, bound_px: float) -> None:
    found = align_band(rig.captures, band, PRIMARY, [42.0] * 4, RigSettings())
    cols, rows = np.meshgrid(np.arange(40, 601, 20.0), np.arange(40, 441, 20.0))
    rays = undistort(PRIMARY, np.stack([cols.ravel(), rows.ravel()], axis=1))
    truth = BANDS[band][1].project(rays @ rig.rotations[band].T)
    error = float(np.sqrt(((found.pixels(rays, 42.0) - truth) ** 2).sum(axis=1).mean()))
    assert error < bound_px
    assert found.precision_px < 2 * bound_px
    assert found.matches > 200


def test_without_common_texture_the_tags_are_kept(rig: Rig, tmp_path: Path) -> None:
    images = []
    for i in range(2):
        path = tmp_path / f"noise{i}.png"
        cv2.imwrite(str(path), np.random.default_rng(i).integers(0, 255, (480, 640), dtype=np.uint8))
        primary = rig.captures[i].images[0]
        images.append(capture_of([primary, band_image(path, PRIMARY, band="LWIR", focal_px=700.0)]))
    found = align_band(images, "LWIR", PRIMARY, [42.0] * 2, RigSettings())
    assert found.matches == 0
    assert np.isnan(found.residual_px)
    assert found.camera.fx == 700.0


def test_rig_relatives_turn_from_camera_to_rig(rig: Rig) -> None:
    reference = rig.captures[0].images[0]
    path = reference.path
    green = band_image(path, PRIMARY, tags=Tags({"Camera:RigRelatives": "0, 0, 0", "Camera:RigTranslations": "0,0,0"}))
    other = band_image(
        path, PRIMARY, tags=Tags({"Camera:RigRelatives": "0, 0, 90", "Camera:RigTranslations": "30, 0, 0"})
    )
    prior = prior_from_tags(green, other, PRIMARY)
    # R_other = Rz(90) takes the other camera's x axis to the rig's y axis: the rig's y is the other's x
    assert np.allclose(prior.rotation @ [0, 1, 0], [1, 0, 0])
    assert np.allclose(prior.lever, [0.03, 0, 0])


def test_gradient_strength_does_not_depend_on_where_the_picture_lies_in_memory() -> None:
    picture = np.random.default_rng(2).integers(0, 255, (61, 83)).astype(np.uint8)
    expected = gradient_strength(picture)
    kept = []
    for size in range(1, 400, 7):
        kept.append(np.empty(size, np.uint8))
        np.testing.assert_array_equal(gradient_strength(picture.copy()), expected)
