"""Every gate of a calibration: it passes where it should, and it is missed where it should be."""

import math
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from calibration.captures import calibrate_captures
from calibration.gates import RULES, checked_limits, judge
from calibration.panels.gates import between_bands, factor_gate, known_mistake, panel_gates, visit_gates
from calibration.panels.search import PanelReading
from calibration.pictures.dark import dark_share
from calibration.planning.plan import plan_calibration
from calibration.planning.settings import CalibrationSettings
from calibration.sun.daylight import hours_from_noon
from calibration.sun.gates import sensor_gates, sun_gates
from calibration.sun.series import Moments, sun_series
from uav_workflow.cli.run import run
from uav_workflow.domain.flight import Capture
from uav_workflow.domain.tags import Tags
from uav_workflow.errors import CalibrationError, RecipeError
from uav_workflow.recipe import load_recipe
from uav_workflow.sun import sun_position

LEVEL = {"DLS:Pitch": 0.0, "DLS:Roll": 0.0}
BANDS = ("Blue", "Green", "Red", "Red edge", "NIR")


def _verdicts(gates):
    return {gate.name: gate.verdict for gate in gates}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_words_and_bounds_the_right_way_round(name):
    rule = RULES[name]
    assert checked_limits({name: rule.bounds}) == {name: rule.bounds}
    assert rule.what
    assert rule.hint
    assert judge(name, math.nan, {}).verdict == "fail"


def test_bounds_of_the_recipe_come_before_the_rules():
    recipe = load_recipe(overrides=["calibration.limits={panel-cv: [0.01, 0.02], panel-factor: [0.1, 0.2, 5, 9]}"])
    limits = CalibrationSettings.of(recipe.calibration).limits
    assert judge("panel-cv", 0.015, {}, about="Red").verdict == "pass"
    assert judge("panel-cv", 0.015, limits, about="Red").verdict == "warn"
    assert judge("panel-factor", 3.0, limits).verdict == "pass"


@pytest.mark.parametrize("wrong", ["{panel-cw: [1, 2]}", "{panel-cv: [0.06, 0.03]}", "{panel-factor: [0.5, 2]}"])
def test_a_bound_that_makes_no_sense_is_refused(wrong):
    recipe = load_recipe(overrides=[f"calibration.limits={wrong}"])
    with pytest.raises(RecipeError, match=r"calibration\.limits"):
        CalibrationSettings.of(recipe.calibration)


def test_a_run_refuses_a_wrong_bound_before_it_begins(tmp_path):
    app = typer.Typer()
    app.command()(run)
    options = ("--workspace", str(tmp_path / "ws"), "--set", "calibration.limits={panel-cw: [1, 2]}")
    result = CliRunner().invoke(app, [str(tmp_path), *options])
    assert isinstance(result.exception, RecipeError)
    assert not (tmp_path / "ws").exists()


# ---- the sun and its sensor


def test_a_high_sun_near_noon_passes_and_a_low_late_one_does_not(picture):
    """START is 06:00 UTC at 100° E: about twenty to one by the sun."""
    good = sun_gates([Capture(capture_id="a", images=(picture(),))], {})
    assert _verdicts(good) == {"sun-elevation": "pass", "solar-noon": "pass"}
    late = sun_gates([Capture(capture_id="a", images=(picture(after_s=5.6 * 3600),))], {})
    assert _verdicts(late) == {"sun-elevation": "fail", "solar-noon": "warn"}
    low = sun_gates([Capture(capture_id="a", images=(picture(after_s=4.2 * 3600),))], {})
    assert _verdicts(low)["sun-elevation"] == "warn"


@pytest.mark.parametrize("lat", [-33.0, 0.5, 38.0, 60.0])
def test_hours_from_noon_follow_the_clock(picture, lat):
    start = picture().time_utc
    hours = [hours_from_noon(sun_position(start + timedelta(hours=h), 100.0, lat), lat) for h in (-3, -1, 0, 2)]
    np.testing.assert_allclose(np.diff(hours), [2, 1, 2], atol=0.02)
    assert hours[2] == pytest.approx(0.6, abs=0.05)  # 06:00 + 6:40 by longitude - 4 min equation of time


def _series(model, images):
    return sun_series(images, Moments.of(images), model, survey=np.ones(len(images), bool))


def _level(picture, values, **options):
    images = [picture(f"{n}.tif", after_s=5 * n, irradiance=v, **options) for n, v in enumerate(values)]
    sines = Moments.of(images).sin_elevation
    return [
        picture(f"{n}.tif", after_s=5 * n, irradiance=None if v is None else float(v * s), **options)
        for n, (v, s) in enumerate(zip(values, sines, strict=True))
    ]


@pytest.mark.parametrize(
    ("values", "missed"),
    [
        (np.ones(40), set()),
        (np.where(np.arange(40) < 20, 1.0, 0.93), set()),
        (1 + 0.1 * np.sin(np.arange(40) / 3), {"sun-sensor-variation[Red]"}),
        (np.where(np.arange(40) < 20, 1.0, 0.5), {"sun-sensor-variation[Red]", "sun-sensor-jump[Red]"}),
        ([*np.ones(34), *[None] * 6], {"sun-sensor-missing[Red]"}),
    ],
)
def test_gates_of_a_sun_sensor(rededge, picture, values, missed):
    gates = sensor_gates("Red", _series(rededge, _level(picture, list(values))), {})
    assert {name for name, verdict in _verdicts(gates).items() if verdict != "pass"} == missed
    assert {"sun-sensor-missing[Red]", "sun-sensor-variation[Red]", "sun-sensor-jump[Red]"} <= _verdicts(gates).keys()


@pytest.mark.parametrize(("tilt_deg", "verdict"), [(5, "pass"), (18, "warn")])
def test_a_tilted_sun_sensor(rededge, picture, tilt_deg, verdict):
    tags = {"DLS__Yaw": 0.0, "DLS__Pitch": math.radians(tilt_deg), "DLS__Roll": 0.0}
    gates = sensor_gates("Red", _series(rededge, _level(picture, np.ones(12), **tags)), {})
    assert _verdicts(gates)["sun-sensor-tilt[Red]"] == verdict


@pytest.mark.parametrize(("bias", "verdict"), [(0.0, "pass"), (0.08, "warn"), (0.2, "fail")])
def test_a_sun_sensor_that_reads_more_on_the_way_out(rededge, picture, bias, verdict):
    """Six lines of ten; the bias is no change of the light."""
    ways = np.where(np.arange(60) // 10 % 2, -1, 1)
    images = _level(picture, 1 + bias / 2 * ways)
    images = [
        replace(image, tags=Tags({**image.tags.values, "DLS:Yaw": 0.3 if way > 0 else 0.3 + math.pi, **LEVEL}))
        for image, way in zip(images, ways, strict=True)
    ]
    series = _series(rededge, images)
    gates = {gate.name: gate for gate in sensor_gates("Red", series, {})}
    assert gates["heading-bias[Red]"].verdict == verdict
    assert gates["heading-bias[Red]"].value == pytest.approx(bias, abs=0.01)
    assert gates["sun-sensor-variation[Red]"].verdict == "pass"


# ---- panels


def _reading(band="Red", capture="p", **changes):
    good = {
        "image": f"{capture}_{band}.tif",
        "capture_id": capture,
        "band": band,
        "time_utc": None,
        "serial": "X",
        "found_by": "qr code",
        "corners": ((0.0, 0.0), (30.0, 0.0), (30.0, 30.0), (0.0, 30.0)),
        "radiance": 0.2,
        "cv": 0.02,
        "gradient": 0.01,
        "relative_error": 0.002,
        "pixels": 900,
        "saturated": 0.0,
        "brightness": 0.6,
        "albedo": None,
    }
    return PanelReading(**(good | changes))


@pytest.mark.parametrize(
    ("name", "warned", "failed"),
    [
        ("pixels", 399, 149),
        ("cv", 0.031, 0.061),
        ("gradient", 0.031, 0.081),
        ("saturated", 0.0005, 0.002),
        ("brightness", 0.19, 0.04),
        ("brightness", 0.96, 1.01),
    ],
)
def test_gates_of_a_panel(name, warned, failed):
    assert set(_verdicts(panel_gates("Red", [_reading()], {})).values()) == {"pass"}
    for value, verdict in ((warned, "warn"), (failed, "fail")):
        bad = _reading(capture="bad", **{name: value})
        gates = {gate.name: gate for gate in panel_gates("Red", [_reading(), bad], {})}
        gate = gates.pop(f"panel-{name}[Red]")
        assert (gate.verdict, gate.where) == (verdict, "bad_Red.tif")
        assert {other.verdict for other in gates.values()} == {"pass"}


@pytest.mark.parametrize(("cv", "verdict"), [(0.02, "pass"), (0.05, "warn"), (0.09, "fail")])
def test_one_band_whose_panel_is_less_even_than_the_others(cv, verdict):
    readings = [_reading(band, cv=cv if band == "NIR" else 0.02) for band in BANDS]
    assert _verdicts(between_bands(readings, {}))["panel-cv-between-bands[NIR]"] == verdict
    dirty = [_reading(band, cv=0.05) for band in BANDS]
    assert set(_verdicts(between_bands(dirty, {})).values()) == {"pass"}


def test_drift_between_visits_of_both_kinds():
    light = np.array([1.0, 1.10])
    both = _verdicts(visit_gates("Red", [0.9, 0.93], light, {}, sensor=True))
    assert both == {"panel-drift[Red]": "pass", "panel-irradiance-drift[Red]": "warn"}
    assert _verdicts(visit_gates("Red", [0.9, 1.05], light, {}, sensor=True))["panel-drift[Red]"] == "fail"
    assert _verdicts(visit_gates("Red", [0.9, 0.96], light, {}, sensor=True))["panel-drift[Red]"] == "warn"
    alone = _verdicts(visit_gates("Red", [], np.array([1.0, 1.2]), {}, sensor=False))
    assert alone == {"panel-irradiance-drift[Red]": "fail"}
    assert visit_gates("Red", [0.9], np.array([1.0]), {}, sensor=True) == []


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.79, "pass"), (1.21, "pass"), (0.6, "warn"), (1.7, "warn"), (3.1, "fail")]
)
def test_panel_over_sun_sensor(factor, verdict):
    assert factor_gate("Red", [1.0, factor], {}).verdict == verdict


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (1.0, None),
        (0.6, None),
        (100.0, "hundred times"),
        (0.01, "hundredth"),
        (math.pi, "pi times"),
        (1 / math.pi, "one over pi"),
    ],
)
def test_a_factor_of_a_hundred_or_pi_is_named(wrong, words):
    said = known_mistake([wrong * own for own in (0.791, 0.893, 0.875, 0.855, 1.210)])
    assert said is None if words is None else words in said


# ---- the pictures themselves


@pytest.mark.parametrize(("level", "expected"), [(20.0, (0.9, 1.0)), (200.0, (0.03, 0.08)), (2000.0, (0.0, 0.0))])
def test_pixels_that_cannot_be_told_from_black(level, expected):
    rng = np.random.default_rng(3)
    scene = np.full((300, 400), level)
    scene[:15] = 0.0  # a twentieth is black
    dn = np.clip(np.rint((4800 + scene + rng.normal(0, 48, scene.shape)) / 16) * 16, 0, 65520).astype(np.uint16)
    if level == 2000.0:
        dn[:15] = 9000
    assert expected[0] <= dark_share(dn, 4800.0, 16) <= expected[1]


def _calibrated(shoot, flight_of, out, scenes, **options):
    """A flight of three captures in red and NIR with a panel before, and its gates."""
    shape = (60, 80)
    area = ("10,10,60,10,60,50,10,50",)
    told = {"Camera__CalibrationPicture": 2, "Camera__ReflectArea": area, "MicaSense__PanelSerial": "RP02-1603036-SC"}
    panel = tuple(
        shoot(f"P_{band}.tif", np.full(shape, rho), 1.0, band=band, after_s=-30, **told)
        for band, rho in (("Red", 0.68), ("NIR", 0.61))
    )
    captures = [Capture(capture_id="p", images=panel)]
    captures += [
        Capture(
            capture_id=f"s{n}",
            images=tuple(
                shoot(f"S{n}_{band}.tif", np.broadcast_to(scene, shape), 1.0, band=band, after_s=n, **options)
                for band, scene in zip(("Red", "NIR"), scenes, strict=True)
            ),
        )
        for n in range(3)
    ]
    made = calibrate_captures(flight_of(captures), out)
    return {gate["name"]: gate for gate in made.facts["gates"]}, {finding.code: finding for finding in made.findings}


def test_gates_of_the_pictures_pass_over_a_meadow(shoot, flight_of, tmp_path):
    gates, found = _calibrated(shoot, flight_of, tmp_path / "out", (0.05, 0.45))
    names = {"saturated[Red]", "under-exposed[NIR]", "out-of-range[NIR]", "dense-vegetation-ndvi"}
    assert {name: gates[name]["verdict"] for name in names} == dict.fromkeys(names, "pass")
    assert gates["dense-vegetation-ndvi"]["value"] == pytest.approx(0.8, abs=0.002)
    assert not [code for code in found if code.startswith("calibration-") and "band-set" not in code]


@pytest.mark.parametrize(
    ("scenes", "missed"),
    [
        ((0.05, 1.5), "out-of-range[NIR]"),
        ((0.05, -0.1), "out-of-range[NIR]"),
        ((0.0003, 0.45), "under-exposed[Red]"),
        ((3.0, 0.45), "saturated[Red]"),
        ((0.2, 0.3), "dense-vegetation-ndvi"),
        ((0.005, 0.5), "dense-vegetation-ndvi"),
    ],
)
def test_gates_of_the_pictures_are_missed(shoot, flight_of, tmp_path, scenes, missed):
    gates, found = _calibrated(shoot, flight_of, tmp_path / "out", scenes)
    assert gates[missed]["verdict"] != "pass"
    finding = found[f"calibration-{missed.partition('[')[0]}"]
    assert finding.message
    assert finding.hint


def test_the_gates_that_need_a_measuring_sun_sensor(picture, flight_of):
    for ratio, verdict in ((8.0, "pass"), (2.0, "warn"), (0.3, "warn")):
        tags = {"DLS__DirectIrradiance": ratio, "DLS__ScatteredIrradiance": 1.0}
        images = [picture(f"{n}.tif", after_s=n, irradiance=1.0, model="RedEdge-M", **tags) for n in range(3)]
        captures = [Capture(capture_id=image.name, images=(image,)) for image in images]
        plan = plan_calibration(flight_of(captures), CalibrationSettings(use_panels=False))
        gate = next(gate for gate in plan.gates if gate.name == "direct-to-diffuse")
        assert (gate.verdict, gate.value) == (verdict, pytest.approx(ratio))


def test_a_place_in_a_picture_that_is_not_there_is_said(picture, flight_of):
    recipe = load_recipe(
        overrides=["calibration.panel_places={x.tif: {serial: A, corners: [[0, 0], [9, 0], [9, 9], [0, 9]]}}"]
    )
    with pytest.raises(CalibrationError, match=r"x\.tif.*no such picture"):
        plan_calibration(
            flight_of([Capture(capture_id="a", images=(picture(),))]), CalibrationSettings.of(recipe.calibration)
        )


def test_the_page_lists_every_gate_with_its_meaning():
    page = (Path(__file__).parents[3] / "docs/light-and-gates.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert rows.keys() == RULES.keys()
    for name, rule in RULES.items():
        assert rule.what in rows[name]
        told = [float(text) / (100 if rule.share else 1) for text in re.findall(r"-?\d+(?:\.\d+)?", rows[name])]
        assert {bound for bound in rule.bounds if bound != math.inf} <= set(told)
