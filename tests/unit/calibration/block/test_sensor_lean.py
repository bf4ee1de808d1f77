"""A sun sensor that leans: told by lines both ways, taken out of the panel's factor."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from calibration.block.lean import SensorLean, certain_lean, fit_lean
from calibration.block.ties import BandPlace
from calibration.captures import calibrate_captures
from calibration.planning.settings import CalibrationSettings
from calibration.sun.heading import bias_of, headings_of, line_axis, way_along_lines
from calibration.sun.irradiance import sun_of
from uav_workflow.domain.flight import Capture, Position

AXIS = 0.4
RATIO = 6.0


def _pictures(picture, headings, *, ratio=RATIO, start=0):
    tags = {"DLS__DirectIrradiance": ratio, "DLS__ScatteredIrradiance": 1.0, "DLS__Pitch": 0.0, "DLS__Roll": 0.0}
    return [
        picture(
            f"{start + n}.tif", after_s=5 * (start + n), irradiance=1.0, model="RedEdge-M", DLS__Yaw=float(h), **tags
        )
        for n, h in enumerate(headings)
    ]


def _share(image, ratio=RATIO):
    upright = ratio * math.sin(math.radians(sun_of(image).elevation_deg))
    return upright / (1 + upright)


@pytest.fixture
def lines():
    """Four lines of eight, there and back."""
    return np.where(np.arange(32) // 8 % 2, AXIS + math.pi, AXIS)


def test_lines_and_ways(picture, rededge, lines):
    images = _pictures(picture, lines)
    headings = headings_of(images, rededge, np.arange(32.0))
    assert headings == pytest.approx(lines)
    assert line_axis(headings) % math.pi == pytest.approx(AXIS)
    ways = way_along_lines(headings)
    assert set(ways) == {1.0, -1.0}
    assert abs(bias_of(0.03 * ways, ways)) == pytest.approx(0.06)
    assert not way_along_lines(np.full(32, AXIS)).any()


def test_headings_without_attitude_are_the_courses_flown(picture, rededge):
    images = [
        replace(picture(f"{n}.tif"), position=Position(lon=100 + 1e-4 * n, lat=38 + 1e-4 * n, alt_m=0))
        for n in range(6)
    ]
    expected = math.atan2(math.cos(math.radians(38)), 1)
    assert headings_of(images, rededge, np.arange(6.0)) == pytest.approx(np.full(6, expected), abs=1e-3)
    assert np.isnan(headings_of([replace(i, position=None) for i in images], rededge, np.arange(6.0))).all()


@pytest.mark.parametrize("turn", [0.0, 0.5, math.pi])
def test_the_error_beside_the_panel_follows_from_that_along_the_lines(picture, rededge, lines, turn):
    rng = np.random.default_rng(6)
    images = _pictures(picture, lines)
    (beside,) = _pictures(picture, [AXIS + turn], start=90)
    # along the axis the sensor reads 4 % of the sun too much, so the pictures there ask for gains below 1
    gains = np.array([-0.04 * math.cos(h - AXIS) * _share(i) for h, i in zip(lines, images, strict=True)])
    lean = certain_lean([fit_lean(images, gains + rng.normal(0, 0.003, 32), rededge)])
    assert lean.beside([beside], rededge) == pytest.approx([0.04 * math.cos(turn) * _share(beside)], abs=0.003)
    assert abs(lean.along) == pytest.approx(0.04, abs=0.003)
    (cloudy,) = _pictures(picture, [AXIS + turn], start=90, ratio=0.01)
    assert abs(lean.beside([cloudy], rededge)[0]) < 0.001
    untold = replace(beside, tags=picture(irradiance=1.0).tags)
    assert lean.beside([untold], rededge) is None


def test_gains_that_do_not_follow_the_heading_tell_no_lean(picture, rededge, lines):
    rng = np.random.default_rng(7)
    assert certain_lean([fit_lean(_pictures(picture, lines), rng.normal(0, 0.05, 32), rededge)]) is None
    assert fit_lean(_pictures(picture, np.full(32, AXIS)), np.linspace(-0.1, 0.1, 32), rededge) is None
    assert fit_lean([picture(f"{n}.tif", irradiance=1.0) for n in range(32)], np.zeros(32), rededge) is None


def test_a_noisy_band_leans_with_the_others():
    """One body carries all bands."""
    sure, noisy = SensorLean(along=0.03, along_sd=0.004, axis=0.1), SensorLean(along=0.08, along_sd=0.03, axis=0.1)
    assert certain_lean([sure, noisy]).along == pytest.approx(0.03, abs=0.002)
    assert certain_lean([noisy]) is None
    assert certain_lean([]) is None


def test_it_is_taken_out_of_the_factor_and_said(shoot, flight_of, tmp_path, lines, monkeypatch):
    """True light 1; the sensor reads 5 % of the sun too much there, too little back; the panel lies that way."""
    from calibration.block import overlaps
    from calibration.block.adjustment import PairRatio

    shape, reads = (40, 50), []
    tags = {"DLS__DirectIrradiance": RATIO, "DLS__ScatteredIrradiance": 1.0, "DLS__Pitch": 0.0, "DLS__Roll": 0.0}
    area = ("5,5,40,5,40,35,5,35",)
    told = {"Camera__CalibrationPicture": 2, "Camera__ReflectArea": area, "MicaSense__PanelSerial": "RP02-1603036-SC"}

    def take(name, rho, heading, **more):
        plain = shoot(name, np.full(shape, rho), 1.0, irradiance=1.0, **more)
        read = 1 + 0.05 * math.cos(heading - AXIS) * _share(plain)
        reads.append(read)
        return shoot(
            name, np.full(shape, rho), 1.0, irradiance=read, model="RedEdge-M", DLS__Yaw=float(heading), **tags, **more
        )

    panel = Capture(capture_id="p", images=(take("p.tif", 0.68, AXIS, after_s=-30, **told),), is_panel=True)
    reads.clear()
    survey = [
        Capture(capture_id=f"s{n}", images=(take(f"s{n}.tif", 0.3, h, after_s=5 * n),)) for n, h in enumerate(lines)
    ]
    monkeypatch.setattr(overlaps, "tie_captures", lambda captures, workers: ())
    monkeypatch.setattr(overlaps, "band_places", lambda captures, bands: dict.fromkeys(bands, BandPlace()))
    pairs = [
        PairRatio.of(i, j, np.full((20, 2), (1 / reads[i], 1 / reads[j])))
        for i in range(32)
        for j in (i + 1, i + 8)
        if j < 32
    ]
    monkeypatch.setattr(overlaps, "pair_ratios", lambda samples: pairs)
    settings = CalibrationSettings(block_adjustment="on", smooth_sun_sensor=False, sky="broken")
    made = calibrate_captures(flight_of(survey, (panel,)), tmp_path / "out", settings=settings)
    document = json.loads((tmp_path / "out/calibration.json").read_text())
    found = [row["mean"] for name, row in document["images"].items() if name.startswith("s")]
    assert np.mean(found) == pytest.approx(0.3, rel=0.004)
    assert np.std(found) < 0.004 * 0.3
    assert "sun-sensor-lean" in {finding.code for finding in made.findings}
    lean = document["bands"][0]["block_adjustment"]["sun_sensor_lean"]
    assert abs(lean["along_lines"]) == pytest.approx(0.05, rel=0.1)
