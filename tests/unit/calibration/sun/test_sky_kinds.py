"""The sky told from the data, and what follows from each kind."""

import math

import numpy as np
import pytest

from calibration.block.overlaps import adjust_plan
from calibration.block.ties import BandPlace
from calibration.captures import calibrate_captures
from calibration.planning.plan import plan_calibration
from calibration.planning.settings import CalibrationSettings
from calibration.sun.daylight import beam_share, clearness, top_of_atmosphere
from calibration.sun.irradiance import horizontal_irradiance, sun_of
from calibration.sun.series import Moments
from calibration.sun.sky import Sky, SkyEvidence, classify
from uav_workflow.domain.flight import Capture

ALONE = CalibrationSettings(use_panels=False)


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        ({"direct_to_diffuse": 6.0, "variation": 0.01}, "clear"),
        ({"direct_to_diffuse": 2.0, "variation": 0.01}, "haze"),
        ({"direct_to_diffuse": 0.1, "variation": 0.01}, "overcast"),
        ({"direct_to_diffuse": 0.1, "variation": 0.09}, "overcast"),
        ({"direct_to_diffuse": 4.0, "variation": 0.09}, "broken"),
        ({"direct_to_diffuse": 0.5, "variation": 0.3}, "broken"),
        ({"clearness": 0.75, "variation": 0.01}, "clear"),
        ({"clearness": 0.45}, "haze"),
        ({"clearness": 0.2, "variation": 0.02}, "overcast"),
        ({"clearness": 0.2, "direct_to_diffuse": 5.0}, "clear"),
        ({"overlap_variation": 0.2}, "broken"),
        ({"overlap_variation": 0.01, "clearness": 0.7}, "clear"),
        ({"panel_drift": 0.2, "clearness": 0.7}, "broken"),
        ({"panel_drift": 0.2, "variation": 0.01, "clearness": 0.7}, "clear"),
        ({}, "unknown"),
    ],
)
def test_the_kind_of_sky(evidence, kind):
    sky = classify(SkyEvidence(**evidence))
    assert sky.kind == kind
    assert sky.to_json()["told_by"] == "data"
    assert sky.finding().code == "sky"


def test_a_person_knows_better_and_it_is_said():
    sky = classify(SkyEvidence(variation=0.4), "overcast")
    assert (sky.kind, sky.given, sky.light_from) == ("overcast", True, "sky")
    assert "recipe says so" in sky.finding().message
    assert "variation 0.4" in sky.finding().message
    assert sky.with_overlaps(0.5).kind == "overcast"


def test_the_words_fit_the_sensor():
    told = {
        way: classify(SkyEvidence(clearness=0.7, variation=0.01), sensor=way).treatment
        for way in ("levelled", "measures both", "as given", "none")
    }
    assert "levelled by the sun's angle" in told["levelled"]
    assert "direct and diffuse" in told["measures both"]
    assert "not levelled" in told["as given"]
    assert "no sun sensor" in told["none"]
    assert "picture by picture" in classify(SkyEvidence(variation=0.3)).treatment


def test_light_above_the_air_is_planck_s():
    """Measured spectra: 1.8 at 560 nm, 1.0 at 850 nm, W m-2 nm-1."""
    assert top_of_atmosphere(560) == pytest.approx(1.8, rel=0.05)
    assert top_of_atmosphere(850) == pytest.approx(1.0, rel=0.05)


def test_clearness_needs_a_sun(picture):
    sun = sun_of(picture())
    full = top_of_atmosphere(668) * math.sin(math.radians(sun.elevation_deg))
    assert clearness(0.7 * full, 668.0, sun) == pytest.approx(0.7)
    assert math.isnan(clearness(1.0, None, sun))
    assert math.isnan(clearness(1.0, 668.0, None))
    assert [beam_share(value) for value in (0.9, 0.45, 0.1, math.nan)] == pytest.approx([1.0, 0.5, 0.0, 1.0])


def _dls1(picture, level, *, pitch_deg=12.0, **options):
    tags = {"DLS__Yaw": 0.5, "DLS__Pitch": math.radians(pitch_deg), "DLS__Roll": 0.0, "DLS__SpectralIrradiance": level}
    return picture(**{"name": "a.tif"} | options, **tags)


@pytest.mark.parametrize(("level", "levelled"), [(1.1, 1.0), (0.1, 0.0), (0.65, None)])
def test_a_dls_1_is_levelled_as_far_as_the_sun_shone(rededge, picture, level, levelled):
    image = _dls1(picture, level)
    sun = sun_of(image)
    read = {way: horizontal_irradiance(rededge, image, sun, way).horizontal for way in ("sun", "both", "sky")}
    assert read["sky"] == pytest.approx(level)
    assert read["sun"] != pytest.approx(level, rel=0.02)
    share = (read["both"] - read["sky"]) / (read["sun"] - read["sky"])
    if levelled is None:
        assert 0.05 < share < 0.95
    else:
        assert share == pytest.approx(levelled)


def test_under_an_overcast_sky_a_tilting_dls_1_is_not_levelled(rededge, picture, flight_of):
    """Diffuse light does not care for the tilt; levelled by the sun it would swing by the heading."""
    images = [
        picture(
            f"{n}.tif",
            after_s=5 * n,
            **{
                "DLS__Yaw": math.pi * (n // 5 % 2),
                "DLS__Pitch": 0.2,
                "DLS__Roll": 0.0,
                "DLS__SpectralIrradiance": 0.25,
            },
        )
        for n in range(40)
    ]
    plan = plan_calibration(flight_of([Capture(capture_id=i.name, images=(i,)) for i in images]), ALONE)
    assert plan.sky.kind == "overcast"
    assert list(plan.light["Red"].irradiance.values()) == pytest.approx([0.25] * 40)
    given = CalibrationSettings(use_panels=False, sky="clear", smooth_sun_sensor=False)
    swinging = plan_calibration(flight_of([Capture(capture_id=i.name, images=(i,)) for i in images]), given)
    assert np.ptp(list(swinging.light["Red"].irradiance.values())) > 0.02


def test_light_that_wanders_under_clouds_is_followed_not_drawn_straight(picture, flight_of):
    """A cloud deck of changing thickness: a straight line would leave its swing in the reflectance."""
    values = 0.3 * (1 + 0.06 * np.sin(np.arange(60) / 4))
    tags = {"DLS__DirectIrradiance": 0.01, "DLS__ScatteredIrradiance": 1.0}
    images = [
        picture(f"{n}.tif", after_s=3 * n, irradiance=float(v), model="RedEdge-M", **tags) for n, v in enumerate(values)
    ]
    plan = plan_calibration(flight_of([Capture(capture_id=i.name, images=(i,)) for i in images]), ALONE)
    assert plan.sky.kind == "overcast"
    np.testing.assert_allclose(list(plan.light["Red"].irradiance.values()), values)


def test_a_clear_sky_given_draws_the_line_whatever_the_readings_say(picture, flight_of):
    rng = np.random.default_rng(4)
    images = [picture(f"{n}.tif", after_s=5 * n) for n in range(60)]
    truth = Moments.of(images).sin_elevation
    noisy = truth * (1 + 0.12 * rng.normal(0, 1, 60))
    images = [picture(f"{n}.tif", after_s=5 * n, irradiance=float(v)) for n, v in enumerate(noisy)]
    captures = [Capture(capture_id=i.name, images=(i,)) for i in images]
    plan = plan_calibration(flight_of(captures), CalibrationSettings(use_panels=False, sky="clear"))
    assert np.abs(list(plan.light["Red"].irradiance.values()) / truth - 1).max() < 0.06


def test_the_sky_stands_in_document_facts_and_findings(shoot, flight_of, tmp_path):
    images = [shoot(f"{n}.tif", np.full((40, 50), 0.2), 1.0, after_s=n, irradiance=1.0) for n in range(3)]
    captures = [Capture(capture_id=i.name, images=(i,)) for i in images]
    made = calibrate_captures(flight_of(captures), tmp_path / "out")
    assert made.facts["sky"]["kind"] == "clear"
    assert made.facts["sky"]["evidence"]["clearness"] > 0.55
    assert "sky" in {finding.code for finding in made.findings}


def test_where_no_sun_sensor_watched_the_overlaps_tell(picture, flight_of, monkeypatch):
    """Six pictures of one ground under light that swings, or does not."""
    from calibration.block import overlaps
    from calibration.block.adjustment import PairRatio

    images = [picture(f"{n}.tif", after_s=n) for n in range(6)]
    plan = plan_calibration(flight_of([Capture(capture_id=i.name, images=(i,)) for i in images]), ALONE)
    assert (plan.sky.kind, plan.sky.unwatched) == ("unknown", True)
    monkeypatch.setattr(overlaps, "tie_captures", lambda captures, workers: ())
    monkeypatch.setattr(overlaps, "band_places", lambda captures, bands: dict.fromkeys(bands, BandPlace()))
    for swing, kind, mended in ((0.3, "broken", True), (0.005, "unknown", False)):
        lights = 1 + swing * np.sin(np.arange(6) * 2.0)
        pairs = [PairRatio.of(i, i + 1, np.full((20, 2), (lights[i], lights[i + 1]))) for i in range(5)]
        monkeypatch.setattr(overlaps, "pair_ratios", lambda samples, pairs=pairs: pairs)
        after = adjust_plan(plan, CalibrationSettings(use_panels=False))
        assert after.sky.kind == kind
        assert (after.light != plan.light) is mended
        assert [gate for gate in after.gates if gate.name == "overlap-residual[Red]"]
    assert Sky(kind="unknown", evidence=SkyEvidence(), given=True).unwatched is False


@pytest.mark.parametrize(("choice", "code"), [("auto", "light-not-mended"), ("off", "light-not-mended")])
def test_light_that_changed_and_was_not_mended_is_said(shoot, flight_of, tmp_path, choice, code):
    """Pictures without anything to tie: even ground."""
    lights = np.where(np.arange(14) % 5 < 2, 0.5, 1.0)
    images = [
        shoot(f"{n}.tif", np.full((40, 50), 0.2), v, after_s=3 * n, irradiance=float(v)) for n, v in enumerate(lights)
    ]
    captures = [Capture(capture_id=i.name, images=(i,)) for i in images]
    settings = CalibrationSettings(use_panels=False, block_adjustment=choice)
    made = calibrate_captures(flight_of(captures), tmp_path / "out", settings=settings)
    assert made.facts["sky"]["kind"] == "broken"
    assert {finding.code: finding for finding in made.findings}[code].hint
