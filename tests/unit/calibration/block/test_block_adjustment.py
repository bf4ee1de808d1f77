"""Overlapping pictures: gains that make them agree, and what the overlaps can't know."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile

from calibration.block.adjustment import BlockAdjustment, PairRatio, adjust_block, without_trend
from calibration.block.overlaps import adjust_plan, overlap_residual, uncertainty_after
from calibration.block.ties import BandPlace, tie_captures
from calibration.captures import calibrate_captures
from calibration.mosaic.budget import Photos, budget_of
from calibration.pictures.folder import read_pictures
from calibration.planning.factors import PANEL, BandIllumination
from calibration.planning.plan import plan_calibration
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.flight import Capture, Position


def _ratios(logs, pairs, rng, noise=0.01, places=60):
    ground = rng.uniform(0.05, 0.5, (len(pairs), places))
    values = [
        np.column_stack([ground[n] * np.exp(logs[i]), ground[n] * np.exp(logs[j])])
        * np.exp(rng.normal(0, noise, (places, 2)))
        for n, (i, j) in enumerate(pairs)
    ]
    return [PairRatio.of(i, j, value) for (i, j), value in zip(pairs, values, strict=True)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gains_come_back_up_to_their_common_level(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 0.15, 12)
    pairs = [(i, j) for i in range(12) for j in range(i + 1, min(i + 4, 12))]
    block = adjust_block(12, _ratios(truth, pairs, rng), 0.5)
    found = np.log(block.gains)
    np.testing.assert_allclose(found - found.mean(), truth - truth.mean(), atol=0.02)
    assert found.mean() == pytest.approx(0, abs=1e-9)
    assert block.after < 0.02 < block.before
    assert block.relative_error < 0.02


def test_one_wild_pair_is_outvoted():
    rng = np.random.default_rng(4)
    truth = np.linspace(-0.2, 0.2, 8)
    pairs = [(i, j) for i in range(8) for j in range(i + 1, min(i + 4, 8))]
    ratios = _ratios(truth, pairs, rng)
    wild = replace(ratios[5], log_ratio=ratios[5].log_ratio + 1.0)
    found = np.log(adjust_block(8, [*ratios[:5], wild, *ratios[6:]], 0.5).gains)
    np.testing.assert_allclose(found - found.mean(), truth, atol=0.04)


def test_a_picture_without_overlap_keeps_the_sensors_word():
    block = adjust_block(3, _ratios([0.3, -0.3, 5.0], [(0, 1)], np.random.default_rng(5)), 0.5)
    assert block.gains[2] == 1.0
    assert block.unlinked == 1
    assert np.log(block.gains[0] / block.gains[1]) == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize(("misread", "left"), [(0.004, 0.1), (0.3, 0.85)])
def test_a_trend_across_the_block_is_the_grounds_as_far_as_the_sensor_is_good(misread, left):
    """Gains that run from west to east: ground that is brighter from one side, or a sensor that misread."""
    rng = np.random.default_rng(6)
    places = np.column_stack([np.tile(np.arange(6.0), 2), np.repeat([0.0, 1.0], 6)])
    trend = 0.02 * (places[:, 0] - 2.5)
    off = rng.normal(0, misread, 12)
    off -= (
        off.mean() + (places - places.mean(axis=0)) @ np.linalg.lstsq(places - places.mean(axis=0), off, rcond=None)[0]
    )
    pairs = [(i, j) for i in range(12) for j in range(i + 1, 12)]
    ratios = _ratios(trend + off, pairs, rng, noise=0.003)
    block = adjust_block(12, ratios, 0.5)
    gains = np.log(without_trend(block, ratios, places).gains)
    slope = np.polyfit(places[:, 0], gains, 1)[0] / 0.02
    assert slope < left if misread < 0.1 else slope > left
    np.testing.assert_allclose(gains - slope * trend, off, atol=0.01)
    unknown = np.full((12, 2), np.nan)
    np.testing.assert_allclose(without_trend(block, ratios, unknown).gains, block.gains)


@pytest.mark.parametrize("visits", [1, 2])
def test_without_a_sun_sensor_the_level_is_as_sure_as_the_visits_to_the_panel(visits):
    """Passing clouds, the panel read at one end or at both: how far the light is off over many flights."""
    rng = np.random.default_rng(8)
    off, stated = [], []
    seconds = np.arange(40.0)
    for _ in range(300):
        waves = rng.normal(0, 0.12, 3) * np.sqrt(2)
        periods, phases = rng.uniform((20, 9, 5), (35, 15, 8)), rng.uniform(0, 2 * np.pi, 3)
        light = np.sin(2 * np.pi * seconds[:, None] / periods + phases) @ waves
        ends = [0, 39][:visits]
        taken = np.interp(seconds, seconds[ends], light[ends])
        gains = light - taken
        gains -= gains.mean()  # the block keeps the level of the panel
        band = BandIllumination(
            band="NIR",
            basis=PANEL,
            visits=tuple((float(seconds[end]), float(np.exp(light[end]))) for end in ends),
            uncertainty={"panel": 0.01, "drift": 0.03, "combined": 0.0316},
        )
        block = BlockAdjustment(
            gains=np.exp(gains), before=0.2, after=0.02, relative_error=0.005, pairs=9, ties=99, unlinked=0
        )
        parts = uncertainty_after(band, block)
        assert set(parts) == {"panel", "block", "level", "combined"}
        off.append(np.mean(light - taken))
        stated.append(parts["level"])
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(np.sqrt(np.mean(np.square(off))), rel=0.2)
    photos = Photos(facts=({"seconds": 3.0},))
    told = {"band": "NIR", "visits": (), "relative_uncertainty": parts}
    assert budget_of("nir", told, photos, noise_per_count=1.0, repeated=None, line=None).flight["level"] == stated[-1]


def test_without_pairs_nothing_is_adjusted():
    assert adjust_block(3, [], 0.2) is None
    assert PairRatio.of(0, 1, np.full((50, 2), np.nan)) is None
    assert PairRatio.of(0, 1, np.full((3, 2), 0.2)) is None


SIZE = 240
LIGHTS = np.array([1.0, 0.5, 0.8, 1.1, 0.6, 0.9])
MISREAD = np.array([1.0, 1.12, 0.9, 1.1, 0.92, 1.0])
"""What the sun sensor says too much of the light: it is not where the ground is."""


@pytest.fixture
def strip(shoot):
    """Six captures along a strip of textured ground under clouds, and the ground of each."""
    rng = np.random.default_rng(7)
    noise = [cv2.GaussianBlur(rng.normal(0, 1, (SIZE, 700)), (0, 0), sigma) * sigma for sigma in (1.5, 4, 10)]
    ground = {"Green": np.clip(0.1 + 0.03 * sum(noise), 0.02, 0.4)}
    ground["NIR"] = np.clip(0.55 - ground["Green"], 0.05, 0.6)
    captures = []
    for number, light in enumerate(LIGHTS):
        window = slice(80 * number, 80 * number + SIZE)
        images = tuple(
            replace(
                shoot(
                    f"S{number}_{band}.tif",
                    scene[:, window],
                    float(light),
                    band=band,
                    after_s=5.0 * number,
                    irradiance=float(light * MISREAD[number]),
                ),
                position=Position(lon=100.0 + 1e-5 * number, lat=38.0, alt_m=3000.0),
            )
            for band, scene in ground.items()
        )
        captures.append(Capture(capture_id=f"S{number}", images=images))
    return captures, {band: [scene[:, 80 * n : 80 * n + SIZE] for n in range(6)] for band, scene in ground.items()}


def test_a_misread_sky_is_mended_from_the_overlaps(strip, flight_of, tmp_path):
    captures, ground = strip
    errors = {}
    for choice in ("off", "on"):
        settings = CalibrationSettings(block_adjustment=choice, smooth_sun_sensor=False)
        made = calibrate_captures(flight_of(captures), tmp_path / choice, settings=settings)
        for band, scenes in ground.items():
            read = [tifffile.imread(tmp_path / choice / f"S{n}_{band}.tif") for n in range(6)]
            ratio = np.log([np.median(values / scene) for values, scene in zip(read, scenes, strict=True)])
            errors[choice, band] = np.std(ratio)
    assert errors["off", "NIR"] > 0.07
    for band in ground:
        assert errors["on", band] < 0.015
    said = next(finding for finding in made.findings if finding.code == "block-adjusted")
    assert "NIR" in said.message
    names = {gate["name"]: gate for gate in made.facts["gates"]}
    assert names["overlap-residual[NIR]"]["verdict"] == "pass"
    document = json.loads((tmp_path / "on/calibration.json").read_text())
    adjustment = document["bands"][0]["block_adjustment"]
    assert adjustment["residual_after"] < 0.02 < adjustment["residual_before"]
    assert document["bands"][0]["relative_uncertainty"]["block"] < 0.03
    off = json.loads((tmp_path / "off/calibration.json").read_text())
    assert off["bands"][0]["block_adjustment"] is None


@pytest.mark.parametrize(("spread", "mended"), [(0.0, False), (0.3, True)])
def test_by_itself_it_works_under_a_changing_sky_alone(picture, flight_of, monkeypatch, spread, mended):
    from calibration.block import overlaps

    asked = []
    monkeypatch.setattr(overlaps, "tie_captures", lambda captures, workers: asked.append(len(captures)) or ())
    monkeypatch.setattr(overlaps, "band_places", lambda captures, bands: dict.fromkeys(bands, BandPlace()))
    images = [
        picture(f"{n}.tif", after_s=2 * n, irradiance=1.0 + spread * (n // 6 % 2), EXIF__BlackLevel=(4800.0,) * 4)
        for n in range(24)
    ]
    captures = [Capture(capture_id=image.name, images=(image,)) for image in images]
    settings = CalibrationSettings(use_panels=False)
    plan = plan_calibration(flight_of(captures), settings)
    assert adjust_plan(plan, settings).light == plan.light
    assert bool(asked) is mended


@pytest.mark.shared
def test_garfield_none_sun_sensor_adjusted(shared_data):
    """Broken cloud, no panel: gains from half of the common places, judged on the other half."""
    folder, _ = read_pictures(shared_data / "garfield_sequoia")
    none = plan_calibration(folder, CalibrationSettings(use_sun_sensor=False))
    sun = plan_calibration(folder, CalibrationSettings())
    ties = tie_captures(sun.captures)
    halves = [
        tuple(replace(t, first_points=t.first_points[k::2], second_points=t.second_points[k::2]) for t in ties)
        for k in (0, 1)
    ]
    mended = adjust_plan(sun, CalibrationSettings(block_adjustment="on"), ties=halves[0])
    for band in sun.light:
        raw, sensed, adjusted = (overlap_residual(plan, halves[1], band) for plan in (none, sun, mended))
        assert adjusted < sensed < raw
        assert adjusted <= 0.05
