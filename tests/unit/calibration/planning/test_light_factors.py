import math
from datetime import datetime

import numpy as np
import pytest

from calibration.panels.albedo import Albedo
from calibration.panels.search import PanelReading
from calibration.planning.factors import BOTH, PANEL, RELATIVE, SUN_SENSOR
from calibration.planning.factors import illuminate as illuminate_under
from calibration.planning.settings import CalibrationSettings
from calibration.sun.series import Moments, SeriesRule, sun_series
from calibration.sun.sky import Sky, SkyEvidence

AS_READ = CalibrationSettings(smooth_sun_sensor=False)
UNTOLD = Sky(kind="unknown", evidence=SkyEvidence())


def illuminate(*arguments):
    return illuminate_under(*arguments, sky=UNTOLD)


def _reading(image, irradiance, *, albedo=0.5, saturated=0.0, error=0.002):
    return PanelReading(
        image=image.name,
        capture_id=image.name,
        band=image.band.name,
        time_utc=image.time_utc,
        serial="RP02-1603036-SC",
        found_by="qr code",
        corners=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
        radiance=irradiance * (albedo or 1.0) / math.pi,
        cv=0.02,
        gradient=0.01,
        relative_error=error,
        pixels=9000,
        saturated=saturated,
        brightness=0.6,
        albedo=Albedo(value=albedo, relative_sd=0.03, source="table shipped") if albedo else None,
    )


def _sine(image):
    return float(Moments.of([image]).sin_elevation[0])


@pytest.fixture
def survey(picture):
    return [picture(f"s{second}.tif", after_s=second, irradiance=1.0) for second in range(0, 1001, 100)]


def test_the_factor_runs_straight_between_visits_and_stands_outside(rededge, picture, survey):
    before = picture("before.tif", after_s=200, irradiance=1.0)
    after = picture("after.tif", after_s=800, irradiance=1.0)
    light = illuminate(survey, [before, after], [_reading(before, 0.80), _reading(after, 0.86)], rededge, AS_READ)
    expected = [0.80, 0.80, 0.80, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.86, 0.86]
    assert [light.irradiance[image.name] for image in survey] == pytest.approx(expected)
    assert [light.irradiance[name] for name in ("before.tif", "after.tif")] == pytest.approx([0.80, 0.86])
    assert light.basis == BOTH
    assert [factor for _, factor in light.visits] == pytest.approx([0.80, 0.86])
    drift = next(gate for gate in light.gates if gate.name == "panel-drift[Red]")
    assert (drift.value, drift.verdict) == (pytest.approx(0.075), "warn")


def test_a_cloud_over_the_panel_of_a_steady_flight_is_in_the_readings_and_not_in_the_line(rededge, picture, survey):
    """Panel and sensor agree within two per cent at both visits; the second was under a cloud."""
    before = picture("before.tif", after_s=-60, irradiance=1.0)
    after = picture("after.tif", after_s=1060, irradiance=0.4)
    readings = [_reading(before, 0.80), _reading(after, 0.4 * 0.82)]
    light = illuminate(survey, [before, after], readings, rededge, CalibrationSettings())
    assert (light.sun_sensor, light.at_panel) == ("steady sky", "reading")
    assert [factor for _, factor in light.visits] == pytest.approx([0.80, 0.82], rel=0.01)
    truth = [0.81 * _sine(image) / np.mean([_sine(one) for one in survey]) for image in survey]
    assert [light.irradiance[image.name] for image in survey] == pytest.approx(truth, rel=0.03)
    assert light.uncertainty["drift"] < 0.02
    changed = next(gate for gate in light.gates if gate.name == "panel-irradiance-drift[Red]")
    assert changed.verdict == "fail"


def test_a_sensor_shaded_beside_the_panel_does_not_count(rededge, picture, survey):
    before = picture("before.tif", after_s=-60, irradiance=0.2)
    after = picture("after.tif", after_s=1060, irradiance=1.0)
    light = illuminate(
        survey, [before, after], [_reading(before, 0.80), _reading(after, 0.81)], rededge, CalibrationSettings()
    )
    assert light.at_panel == "line"
    assert [factor for _, factor in light.visits] == pytest.approx([0.80, 0.81], rel=0.02)


def test_one_visit_under_a_cloud(rededge, picture, survey):
    panel = picture("p.tif", after_s=-60, irradiance=0.3)
    light = illuminate(survey, [panel], [_reading(panel, 0.3 * 0.9)], rededge, CalibrationSettings())
    assert light.at_panel == "reading"
    assert light.visits[0][1] == pytest.approx(0.9)


def test_light_that_changes_is_followed_by_the_sensor(rededge, picture):
    images = [picture(f"s{n}.tif", after_s=10 * n, irradiance=value) for n, value in enumerate((1.0, 0.4, 0.7))]
    panel = picture("p.tif", after_s=-60, irradiance=0.5)
    light = illuminate(images, [panel], [_reading(panel, 0.45)], rededge, AS_READ)
    assert list(light.irradiance.values()) == pytest.approx([0.9, 0.36, 0.63, 0.45])


def test_shots_of_one_visit_are_one_factor(rededge, picture, survey):
    shots = [picture(f"p{n}.tif", after_s=-60 + n, irradiance=1.0) for n in range(3)]
    readings = [_reading(shot, value) for shot, value in zip(shots, (0.79, 0.80, 0.81), strict=True)]
    light = illuminate(survey, shots, readings, rededge, AS_READ)
    assert len(light.visits) == 1
    assert light.visits[0][1] == pytest.approx(0.80)
    assert light.uncertainty["drift_assumed"] == 0.034


def test_without_a_sensor_the_panel_follows_the_sun(rededge, picture):
    images = [picture(f"s{hour}.tif", after_s=3600 * hour) for hour in (0, 1, 2)]
    panel = picture("p.tif", after_s=0)
    light = illuminate(images, [panel], [_reading(panel, 0.6)], rededge, CalibrationSettings())
    assert light.basis == PANEL
    for image in images:
        assert light.irradiance[image.name] == pytest.approx(0.6 * _sine(image) / _sine(panel))
    assert light.irradiance["s2.tif"] < 0.9 * light.irradiance["s0.tif"]


def test_a_panel_before_and_after_without_a_sensor(rededge, picture):
    image, before, after = (picture(f"{s}.tif", after_s=s) for s in (500, 0, 1000))
    readings = [_reading(before, 1.0 * _sine(before)), _reading(after, 1.1 * _sine(after))]
    light = illuminate([image], [before, after], readings, rededge, CalibrationSettings())
    assert light.irradiance["500.tif"] == pytest.approx(1.05 * _sine(image))
    drift = next(gate for gate in light.gates if gate.name == "panel-irradiance-drift[Red]")
    assert drift.value == pytest.approx(0.1)
    assert not [gate for gate in light.gates if gate.name == "panel-drift[Red]"]


def test_the_sensor_alone_is_called_biased_by_its_uncertainty(rededge, survey):
    light = illuminate(survey, [], [], rededge, AS_READ)
    assert light.basis == SUN_SENSOR
    assert light.irradiance["s0.tif"] == pytest.approx(1.0)
    assert light.uncertainty["combined"] > 0.2
    assert not light.relative


def test_neither_is_relative(rededge, picture):
    light = illuminate([picture()], [], [], rededge, AS_READ)
    assert (light.basis, light.relative, light.irradiance) == (RELATIVE, True, {})


def test_a_panel_nobody_knows_is_an_error_that_says_what_to_write(rededge, picture, survey):
    panel = picture("p.tif", irradiance=1.0)
    with pytest.raises(Exception, match="RP02-1603036-SC.*table") as caught:
        illuminate(survey, [panel], [_reading(panel, 0.8, albedo=None)], rededge, AS_READ)
    assert type(caught.value).__name__ == "CalibrationError"


def test_a_saturated_panel_does_not_count_and_alone_is_an_error(rededge, picture, survey):
    bright, good = picture("bright.tif", irradiance=1.0), picture("good.tif", irradiance=1.0)
    readings = [_reading(bright, 0.5, saturated=0.3), _reading(good, 0.8)]
    light = illuminate(survey, [bright, good], readings, rededge, AS_READ)
    assert light.irradiance["s0.tif"] == pytest.approx(0.8)
    assert next(gate for gate in light.gates if gate.name == "panel-saturated[Red]").verdict == "fail"
    with pytest.raises(Exception, match="saturated"):
        illuminate(survey, [bright], readings[:1], rededge, AS_READ)


def test_a_unit_error_of_the_sensor_fails_the_factor_gate(rededge, picture, survey):
    panel = picture("p.tif", irradiance=1.0)
    light = illuminate(survey, [panel], [_reading(panel, 100.0)], rededge, AS_READ)
    assert next(gate for gate in light.gates if gate.name == "panel-factor[Red]").verdict == "fail"


def test_uncertainty_is_the_root_of_the_sum_of_squares(rededge, picture, survey):
    before, after = picture("b.tif", after_s=-300, irradiance=1.0), picture("a.tif", after_s=1300, irradiance=1.0)
    readings = [_reading(before, 0.8, error=0.004), _reading(after, 0.8, error=0.004)]
    parts = illuminate(survey, [before, after], readings, rededge, AS_READ).uncertainty
    assert parts["panel"] == 0.03
    assert parts["region"] == pytest.approx(0.004 / math.sqrt(2))
    assert parts["drift"] == pytest.approx(0.0)
    assert parts["combined"] ** 2 == pytest.approx(sum(v**2 for k, v in parts.items() if k != "combined"))


def _series(model, images, **options):
    rule = SeriesRule(**options)
    return sun_series(images, Moments.of(images), model, survey=np.ones(len(images), bool), rule=rule)


def test_under_a_steady_sky_the_noise_of_a_tilting_sensor_is_taken_out(rededge, picture):
    rng = np.random.default_rng(8)
    images = [picture(f"{n}.tif", after_s=5 * n) for n in range(80)]
    truth = 1.1 * Moments.of(images).sin_elevation
    noisy = truth * (1 + rng.normal(0, 0.03, 80))
    images = [picture(f"{n}.tif", after_s=5 * n, irradiance=float(value)) for n, value in enumerate(noisy)]
    series = _series(rededge, images, smooth=True)
    assert series.treatment == "steady sky"
    assert series.noise == pytest.approx(0.03, rel=0.4)
    assert series.variation < 0.025
    assert np.abs(series.irradiance / truth - 1).max() < 0.012
    assert np.array_equal(_series(rededge, images, smooth=False).irradiance, noisy)


def test_a_changing_sky_is_followed_and_a_single_wild_reading_is_not(rededge, picture):
    values = np.where(np.arange(60) // 12 % 2, 0.4, 1.0)
    values[30] = 5.0
    images = [picture(f"{n}.tif", after_s=2 * n, irradiance=float(value)) for n, value in enumerate(values)]
    series = _series(rededge, images, smooth=True)
    assert series.treatment == "as read"
    values[30] = 1.0  # index 30 lies in a bright spell
    assert np.abs(series.irradiance / values - 1).max() < 0.01
    assert series.variation > 0.15


def test_a_missing_reading_is_bridged_and_too_many_are_no_sensor(rededge, picture):
    images = [picture(f"{n}.tif", after_s=n, irradiance=v) for n, v in enumerate((1.0, None, 3.0))]
    assert _series(rededge, images, smooth=False).irradiance.tolist() == pytest.approx([1.0, 2.0, 3.0])
    images = [picture(f"{n}.tif", after_s=n, irradiance=v) for n, v in enumerate((1.0, None, None))]
    assert _series(rededge, images, smooth=False) is None


def test_a_reading_at_a_large_tilt_is_not_used(rededge, picture):
    images = [
        picture(f"{n}.tif", after_s=n, irradiance=v, DLS__Yaw=0.0, DLS__Pitch=p, DLS__Roll=0.0)
        for n, (v, p) in enumerate(((1.0, 0.0), (9.0, 0.6), (1.2, 0.0)))
    ]
    series = _series(rededge, images, smooth=False)
    assert series.irradiance.tolist() == pytest.approx([1.0, 1.1, 1.2])
    assert series.used == 2


def test_pictures_without_utc_use_the_cameras_clock_and_no_sun(picture):
    from dataclasses import replace

    images = [replace(picture(), time_utc=None, time_local=datetime(2024, 7, 1, 6, 0, n)) for n in (0, 5)]
    moments = Moments.of(images)
    assert np.diff(moments.seconds).tolist() == [5.0]
    assert not moments.sun_is_known
    assert moments.scale.tolist() == [1.0, 1.0]
