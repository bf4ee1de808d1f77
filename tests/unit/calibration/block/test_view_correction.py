"""What the direction of view does to brightness: angles, fit, and its gain on a flight brightened on purpose."""

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile

from calibration.block.view_fit import TwoViews, fit_view
from calibration.captures import calibrate_captures
from calibration.planning.settings import CalibrationSettings
from calibration.planning.view import ViewGeometry, ViewModel
from calibration.sun.irradiance import sun_of
from uav_workflow.domain.flight import Attitude, Capture, Position
from uav_workflow.simulation.path import nadir_rotation

SIZE, FOCAL = 240, 260.0
A, B = 0.35, 0.30
STEP = 60
METRES_PER_PIXEL = 0.05


def _towards_camera(attitude, points):
    """Unit vectors ground to camera, east, north, up: written from the simulator's rotation, not from the library's."""
    tangents = (points - (SIZE / 2 - 0.5)) / FOCAL
    rays = np.column_stack([tangents, np.ones(len(points))]) @ nadir_rotation(*attitude)
    return -rays / np.linalg.norm(rays, axis=1, keepdims=True)


def _brightness(attitude, sun, a=A, b=B):
    """Walthall's polynomial over a picture, from vectors."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    up = _towards_camera(attitude, np.column_stack([columns.ravel(), rows.ravel()]).astype(float))
    zenith = np.arccos(up[:, 2])
    azimuth = math.radians(sun.azimuth_deg)
    level = np.hypot(up[:, 0], up[:, 1])
    cosine = np.where(
        level > 0, (up[:, 0] * math.sin(azimuth) + up[:, 1] * math.cos(azimuth)) / np.maximum(level, 1e-12), 0
    )
    return (1 + a * zenith**2 + b * zenith * cosine).reshape(SIZE, SIZE)


def _rpv(attitude, sun, k=0.75, theta=-0.12, rho=0.2):
    """Brightness of another law than the one that is fitted: Rahman, Pinty and Verstraete (1993), over nadir's."""

    def law(up):
        towards = math.radians(90 - sun.elevation_deg)
        azimuth = math.radians(sun.azimuth_deg)
        sunward = np.array(
            [math.sin(towards) * math.sin(azimuth), math.sin(towards) * math.cos(azimuth), math.cos(towards)]
        )
        mu, phase = up[:, 2], np.clip(up @ sunward, -1, 1)
        tangents = np.sqrt(1 / mu**2 - 1), math.tan(towards)
        # from the angle between the two directions: cos(phase) = mu mu0 + sin sin cos(azimuth)
        crossed = (phase - mu * sunward[2]) / (mu * sunward[2])
        apart = np.sqrt(np.maximum(tangents[0] ** 2 + tangents[1] ** 2 - 2 * crossed, 0))
        bowl = (mu * sunward[2] * (mu + sunward[2])) ** (k - 1)
        scattered = (1 - theta**2) / (1 + 2 * theta * phase + theta**2) ** 1.5
        return bowl * scattered * (1 + (1 - rho) / (1 + apart))

    rows, columns = np.mgrid[:SIZE, :SIZE]
    up = _towards_camera(attitude, np.column_stack([columns.ravel(), rows.ravel()]).astype(float))
    return (law(up) / law(np.array([[0.0, 0.0, 1.0]]))).reshape(SIZE, SIZE)


def _held(image, attitude):
    yaw, pitch, roll = attitude
    return replace(
        image,
        attitude=Attitude(yaw_deg=yaw, pitch_deg=pitch - 90, roll_deg=roll),
        focal_px=FOCAL,
        principal_point_px=(SIZE / 2, SIZE / 2),
    )


@pytest.mark.parametrize("attitude", [(0, 0, 0), (90, 0, 0), (215, 5, -8), (40, -12, 3)])
@pytest.mark.parametrize("told_by", ["camera", "sun sensor"])
def test_angles_agree_with_the_simulator_s_rotation(rededge, picture, attitude, told_by):
    image = picture(
        "a.tif",
        shape=(SIZE, SIZE),
        **{f"DLS__{name}": math.radians(angle) for name, angle in zip(("Yaw", "Pitch", "Roll"), attitude, strict=True)},
    )
    image = _held(image, attitude)
    if told_by == "sun sensor":
        image = replace(image, attitude=None)
    model = ViewModel(a=A, b=B, a_sd=0, b_sd=0, before=1, after=0)
    made = model.map(ViewGeometry.of(image, rededge), SIZE, SIZE)
    np.testing.assert_allclose(made, _brightness(attitude, sun_of(image)), atol=1e-3)


def test_a_picture_stored_upside_down(rededge, picture):
    image = _held(picture("a.tif", shape=(SIZE, SIZE)), (30, 2, 3))
    upright, turned = (ViewGeometry.of(replace(image, orientation=o), rededge) for o in (1, 3))
    points = np.array([[10.0, 20.0], [100.0, 7.0]])
    np.testing.assert_allclose(upright.terms(points), turned.terms(SIZE - 1 - points))
    assert ViewGeometry.of(replace(image, orientation=6), rededge) is None
    assert ViewGeometry.of(replace(image, focal_px=None), rededge) is None
    assert ViewGeometry.of(replace(image, time_utc=None), rededge) is None


def _pairs(seed, *, a=A, b=B):
    rng = np.random.default_rng(seed)
    pairs = []
    for first in range(12):
        for second in range(first + 1, min(first + 3, 12)):
            squared, sided = rng.uniform(0, 0.3, (80, 2)), rng.uniform(-0.5, 0.5, (80, 2))
            bright = 1 + a * squared + b * sided
            logs = np.log(bright[:, 0] / bright[:, 1]) + rng.normal(0, 0.03, 80)
            pairs.append(TwoViews(first=first, second=second, logs=logs, squared=squared, sided=sided))
    return pairs


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_coefficients_come_back_from_ratios(seed):
    model = fit_view(12, _pairs(seed), steady=True)
    assert abs(model.a - A) < 4 * model.a_sd < 0.2
    assert abs(model.b - B) < 4 * model.b_sd < 0.2
    assert model.after < 0.6 * model.before
    assert model.helps


def test_under_changing_light_a_fall_to_one_side_is_not_fitted():
    model = fit_view(12, _pairs(4), steady=False)
    assert model.b == 0.0
    assert abs(model.a - A) < 0.1


def test_ground_that_looks_alike_from_everywhere_is_left_alone():
    assert not fit_view(12, _pairs(5, a=0.0, b=0.0), steady=True).helps
    assert fit_view(12, [], steady=True) is None


@pytest.fixture(params=[_brightness, _rpv], ids=["walthall", "rpv"])
def flown(shoot, request):
    """Two lines of six over textured ground, north and back, each picture brightened by its view."""
    rng = np.random.default_rng(11)
    noise = [cv2.GaussianBlur(rng.normal(0, 1, (640, 640)), (0, 0), sigma) * sigma for sigma in (1.5, 4, 10)]
    ground = np.clip(0.2 + 0.03 * sum(noise), 0.08, 0.4)
    captures, truth = [], {}
    for number in range(12):
        line, along = divmod(number, 6)
        place = along if line == 0 else 5 - along
        column, row = 40 + 90 * line, 340 - STEP * place
        scene = ground[row : row + SIZE, column : column + SIZE]
        attitude = (0.0 if line == 0 else 180.0, float(rng.normal(0, 1.5)), float(rng.normal(0, 1.5)))
        seen = scene if line == 0 else np.rot90(scene, 2)
        bare = shoot(f"F{number:02d}.tif", seen, 1.0, after_s=5.0 * number, irradiance=1.0)
        bright = request.param(attitude, sun_of(bare))
        image = shoot(f"F{number:02d}.tif", seen * bright, 1.0, after_s=5.0 * number, irradiance=1.0)
        north, east = METRES_PER_PIXEL * STEP * place, METRES_PER_PIXEL * 90 * line
        position = Position(lon=100 + east / 87_700, lat=38 + north / 111_000, alt_m=3000.0)
        image = replace(_held(image, attitude), position=position)
        captures.append(Capture(capture_id=f"F{number:02d}", images=(image,)))
        truth[image.name] = seen
    return captures, truth, request.param is _brightness


def test_the_gain_on_a_flight_whose_ground_shines_to_one_side(flown, flight_of, tmp_path):
    captures, truth, same_law = flown
    errors = {}
    for choice in ("off", "walthall"):
        settings = CalibrationSettings(use_panels=False, view_correction=choice, sky="clear")
        made = calibrate_captures(flight_of(captures), tmp_path / choice, settings=settings)
        ratios = [tifffile.imread(tmp_path / choice / name) / seen for name, seen in truth.items()]
        errors[choice] = float(np.std(np.concatenate([ratio.ravel() for ratio in ratios])))
    assert errors["walthall"] < 0.4 * errors["off"]
    document = json.loads((tmp_path / "walthall/calibration.json").read_text())
    fitted = document["view_correction"]["Red"]
    if same_law:
        assert fitted["a"] == pytest.approx(A, abs=0.12)
        assert fitted["b"] == pytest.approx(B, abs=0.08)
    share = 0.5 if same_law else 0.75  # another law is met as far as a parabola can meet it
    assert fitted["held_out_residual_after"] < share * fitted["held_out_residual_before"]
    assert fitted["applied"] is True
    assert "view-correction" in {finding.code for finding in made.findings}
    assert json.loads((tmp_path / "off/calibration.json").read_text())["view_correction"] is None


def test_without_attitude_it_is_said_and_nothing_changes(flown, flight_of, tmp_path):
    captures, *_ = flown
    blind = [replace(c, images=tuple(replace(i, attitude=None) for i in c.images)) for c in captures[:3]]
    for choice in ("off", "walthall"):
        settings = CalibrationSettings(use_panels=False, view_correction=choice)
        made = calibrate_captures(flight_of(blind), tmp_path / choice, settings=settings)
    assert "attitude" in {finding.code: finding for finding in made.findings}["view-correction-impossible"].message
    for path in (tmp_path / "off").glob("*.tif"):
        assert path.read_bytes() == (tmp_path / "walthall" / path.name).read_bytes()
