"""What people bring: cut-off files, missing tags, bad panels, wrong clocks, night. A finding each, no wrong number."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import tifffile

from calibration.captures import calibrate_captures
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.flight import Capture
from uav_workflow.errors import CalibrationError

SHAPE = (60, 80)
LIGHT = 1.2
TRUTH = np.linspace(0.05, 0.5, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
TOLD = {
    "Camera__CalibrationPicture": 2,
    "Camera__ReflectArea": ("10,10,60,10,60,50,10,50",),
    "MicaSense__PanelSerial": "RP02-1603036-SC",
}
ALBEDO = 0.68


@pytest.fixture
def field(shoot):
    """A panel before (with the light it gets, or a pattern of light) and survey captures of one band."""

    def make(count=4, *, panel_light=1.0, panels=(-30,), sensor=LIGHT, survey_light=None, **options):
        tags = {**TOLD, **options.pop("panel_tags", {})}
        panel = [
            Capture(
                capture_id=f"p{n}",
                images=(
                    shoot(
                        f"a/IMG_{0 if after < 0 else 900 + n:04d}.tif",
                        np.full(SHAPE, ALBEDO) * (panel_light if n == 0 else 1.0),
                        LIGHT,
                        after_s=after,
                        irradiance=sensor,
                        **tags,
                    ),
                ),
                is_panel=True,
            )
            for n, after in enumerate(panels)
        ]
        survey = [
            Capture(
                capture_id=f"s{n}",
                images=(
                    shoot(
                        f"a/IMG_{n + 1:04d}.tif",
                        TRUTH,
                        LIGHT if survey_light is None else survey_light[n],
                        after_s=5 * n,
                        irradiance=sensor
                        if survey_light is None or sensor is None
                        else sensor * survey_light[n] / LIGHT,
                        **options,
                    ),
                ),
            )
            for n in range(count)
        ]
        return survey, tuple(panel)

    return make


def _run(flight_of, out, survey, panels, **options):
    made = calibrate_captures(flight_of(survey, panels), out, settings=CalibrationSettings(**options))
    found = {finding.code: finding for finding in made.findings}
    assert all(finding.message for finding in made.findings)
    return made, found, {gate["name"]: gate for gate in made.facts["gates"]}


def _error(out, name):
    return float(np.abs(tifffile.imread(out / name) / TRUTH - 1).max())


def test_a_cut_off_picture_under_a_changing_sky_costs_itself_alone(field, flight_of, tmp_path):
    """Its overlaps are looked at before it is calibrated."""
    lights = LIGHT * (1 + 0.3 * np.sin(np.arange(14)))
    survey, panels = field(14, survey_light=lights)
    path = survey[3].images[0].path
    path.write_bytes(path.read_bytes()[:3000])
    made, found, _ = _run(flight_of, tmp_path / "out", survey, panels)
    assert made.facts["sky"]["kind"] == "broken"
    assert found["capture-not-calibrated"].where == "s3"
    assert found["capture-not-calibrated"].hint == "copy its pictures again from the card"
    assert made.facts["images"] == 13
    assert _error(tmp_path / "out", "a/IMG_0001.tif") < 2e-3


def test_a_picture_without_exposure_costs_itself_alone(field, flight_of, tmp_path):
    survey, panels = field(12)
    image = survey[2].images[0]
    bare = replace(
        image, tags=type(image.tags)({k: v for k, v in image.tags.values.items() if k != "EXIF:ExposureTime"})
    )
    survey[2] = replace(survey[2], images=(bare,))
    _, found, gates = _run(flight_of, tmp_path / "out", survey, panels)
    assert gates["exposure-tags"]["verdict"] == "warn"
    assert found["calibration-exposure-tags"].where == image.name
    assert "EXIF:ExposureTime" in found["capture-not-calibrated"].message


def test_pictures_without_time_or_place_are_not_corrected_for_the_sun(field, flight_of, tmp_path):
    survey, panels = field()
    strip = [
        [replace(c, images=tuple(replace(i, position=None) for i in c.images)) for c in group]
        for group in (survey, panels)
    ]
    _, found, gates = _run(flight_of, tmp_path / "out", strip[0], tuple(strip[1]))
    assert found["sun-position-unknown"].hint
    assert "sun-elevation" not in gates
    assert _error(tmp_path / "out", "a/IMG_0002.tif") < 2e-3


def test_a_saturated_panel_is_no_panel(field, flight_of, tmp_path):
    survey, panels = field(panel_light=40.0)
    with pytest.raises(CalibrationError, match="saturated.*less exposure"):
        _run(flight_of, tmp_path / "out", survey, panels)
    survey, panels = field(panel_light=40.0, panels=(-30, 60))
    _, found, gates = _run(flight_of, tmp_path / "out", survey, panels)
    assert gates["panel-saturated[Red]"]["verdict"] == "fail"
    assert found["calibration-panel-saturated"].where == "a/IMG_0000.tif"
    assert _error(tmp_path / "out", "a/IMG_0001.tif") < 2e-3


def _edge(shade):
    light = np.ones(SHAPE)
    light[:, 35:] = shade
    return light


def test_a_shadow_s_edge_on_the_panel_is_seen_and_the_other_visit_used(field, flight_of, tmp_path):
    survey, panels = field(panel_light=_edge(0.3), panels=(-30, 60))
    _, found, gates = _run(flight_of, tmp_path / "out", survey, panels)
    assert gates["panel-cv[Red]"]["verdict"] == gates["panel-gradient[Red]"]["verdict"] == "fail"
    assert found["calibration-panel-cv"].where == "a/IMG_0000.tif"
    assert _error(tmp_path / "out", "a/IMG_0001.tif") < 2e-3


def test_a_panel_all_in_shadow_fails_against_the_sun_sensor(field, flight_of, tmp_path):
    survey, panels = field(panel_light=0.2)
    _, found, gates = _run(flight_of, tmp_path / "out", survey, panels)
    assert gates["panel-factor[Red]"]["verdict"] == gates["out-of-range[Red]"]["verdict"] == "fail"
    assert "shadow" in found["calibration-panel-factor"].hint


def test_a_panel_all_in_shadow_fails_by_impossible_ground_without_one(field, flight_of, tmp_path):
    survey, panels = field(panel_light=0.2, sensor=None)
    _, found, gates = _run(flight_of, tmp_path / "out", survey, panels)
    assert gates["out-of-range[Red]"]["verdict"] == "fail"
    assert "shadow" in found["calibration-out-of-range"].hint


def test_a_foreign_panel_is_refused_alone_and_passed_over_beside_a_known_one(field, flight_of, tmp_path):
    foreign = {"MicaSense__PanelSerial": "RP04-1234567-OB"}
    survey, panels = field(panel_tags=foreign)
    with pytest.raises(CalibrationError, match="RP04-1234567-OB.*table"):
        _run(flight_of, tmp_path / "out", survey, panels)
    _, own = field(panels=(-40,))
    other = replace(panels[0], capture_id="other", images=(replace(panels[0].images[0], name="b/IMG_0950.tif"),))
    _, found, _ = _run(flight_of, tmp_path / "out", survey, (*own, other))
    assert "RP04-1234567-OB" in found["panel-unknown"].message
    assert found["panel-unknown"].hint
    assert _error(tmp_path / "out", "a/IMG_0001.tif") < 2e-3


@pytest.mark.parametrize("sensor", [LIGHT, None])
def test_a_clock_that_jumps_back_corrects_nothing(field, flight_of, tmp_path, sensor):
    """Half of the flight seems to be flown at dawn: corrected for that sun it would come out three times too bright."""
    survey, panels = field(6, sensor=sensor)
    shift = timedelta(hours=-5.5)
    late = [replace(c, images=tuple(replace(i, time_utc=i.time_utc + shift) for i in c.images)) for c in survey[3:]]
    made, found, gates = _run(flight_of, tmp_path / "out", [*survey[:3], *late], panels)
    assert gates["clock-jumps"]["value"] == 1
    assert found["calibration-clock-jumps"].where == "a/IMG_0004.tif"
    assert "sun-elevation" not in gates
    assert "sun-position-unknown" not in found
    for number in range(1, 7):
        assert _error(tmp_path / "out", f"a/IMG_{number:04d}.tif") < 2e-3
    assert made.facts["quantity"] == "reflectance"


@pytest.mark.parametrize("sensor", [LIGHT, None])
def test_night_is_said_and_corrects_nothing(field, flight_of, tmp_path, sensor):
    survey, panels = field(sensor=sensor)
    shift = timedelta(hours=12)
    dark = [
        [replace(c, images=tuple(replace(i, time_utc=i.time_utc + shift) for i in c.images)) for c in group]
        for group in (survey, panels)
    ]
    _, found, gates = _run(flight_of, tmp_path / "out", dark[0], tuple(dark[1]))
    assert gates["sun-elevation"]["verdict"] == "fail"
    assert "night" in found["sun-below-horizon"].message
    assert "clock" in found["sun-below-horizon"].hint
    assert _error(tmp_path / "out", "a/IMG_0002.tif") < 2e-3


def test_mixed_firmware_is_counted(field, flight_of, tmp_path):
    survey, panels = field()
    image = survey[0].images[0]
    other = replace(image, tags=type(image.tags)({**image.tags.values, "EXIF:Software": "v5.1.9"}))
    _, found, gates = _run(flight_of, tmp_path / "out", [replace(survey[0], images=(other,)), *survey[1:]], panels)
    assert gates["firmware-versions"]["value"] == 2
    assert "v7.5.0 (4), v5.1.9 (1)" in found["calibration-firmware-versions"].message
