"""Ground targets in a mosaic: read, fitted, applied, or refused with a sentence."""

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_allclose
from shapely.geometry import box

from calibration.mosaic.product import make_reflectance
from calibration.mosaic.sources import MosaicInputs
from calibration.pictures.rgb import linearise
from tests.unit.calibration.mosaic.test_reflectance_mosaic import RGB, RIG, calibrated
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.ground import ReferenceTarget
from uav_workflow.rasters.writer import cog

GRID = Grid("EPSG:32647", 600000.0, 4200000.0, 0.05, 240, 160)
WHOLE = Block(0, 0, 160, 240)
LEVELS = (0.03, 0.10, 0.22, 0.40)
SIDE = 24
"""Pixels of a target; they lie in a row, their first columns 20, 70, ..."""


def outline(number, grow=0.0):
    x, y = GRID.x_min + (20 + 50 * number) * 0.05, GRID.y_max - 60 * 0.05
    return box(x - grow, y - SIDE * 0.05 - grow, x + SIDE * 0.05 + grow, y + grow)


def targets(bands, levels=LEVELS, sd=0.004):
    return [
        ReferenceTarget(
            target_id=f"T{number}", geometry=outline(number), crs=GRID.crs, band=band, reflectance=rho, sd=sd
        )
        for number, rho in enumerate(levels)
        for band in bands
    ]


def scene(rng, bands=3):
    """True reflectance: a mottled meadow with the targets on it."""
    truth = rng.uniform(0.04, 0.35, (bands, *GRID.shape))
    for number, rho in enumerate(LEVELS):
        truth[:, 60 : 60 + SIDE, 20 + 50 * number : 20 + 50 * number + SIDE] = rho
    return truth


def rgb_mosaic(folder, truth, gain=1.9):
    """Eight-bit sRGB of the truth times a gain, as the standard's forward formula has it."""
    linear = np.clip(gain * truth, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    values = np.concatenate([np.rint(255 * coded), np.full((1, *GRID.shape), 255)]).astype(np.uint8)
    names = ("red", "green", "blue", "alpha")
    with cog(folder / "orthomosaic.tif", GRID, names, dtype="uint8", nodata=None, rgb=True) as writer:
        writer.write(WHOLE, values)
    return MosaicInputs(orthomosaic=folder / "orthomosaic.tif")


def read(path):
    with rasterio.open(path) as dataset:
        return dict(zip(dataset.descriptions, dataset.read(), strict=True))


def test_rgb_becomes_reflectance_by_its_targets(tmp_path):
    truth = scene(np.random.default_rng(1))
    inputs = rgb_mosaic(tmp_path, truth)
    made = make_reflectance(inputs, RGB, tmp_path / "out", targets=targets(("Red", "Green", "Blue")))
    found = read(tmp_path / "out/reflectance.tif")
    for name, expected in zip(("red", "green", "blue"), truth, strict=True):
        assert_allclose(found[name], expected, atol=0.004)
    assert made.facts["quantity"] == "reflectance"
    assert [(row["band"], row["applied"], row["targets"]) for row in made.facts["empirical_line"]] == [
        ("blue", True, 4),
        ("green", True, 4),
        ("red", True, 4),
    ]
    assert [finding.code for finding in made.findings] == ["overlaps-not-compared"]
    gates = {row["name"]: row["verdict"] for row in made.facts["gates"]}
    assert set(gates.values()) == {"pass"}
    assert {name.partition("[")[0] for name in gates} == {
        "target-levels",
        "target-r2",
        "target-loo-rmse",
        "target-intercept",
        "target-extrapolated",
    }
    sd = read(tmp_path / "out/reflectance_sd.tif")
    assert list(sd) == [f"{band}_{kind}" for band in ("blue", "green", "red") for kind in ("shared", "pixel")]
    assert np.nanmedian(sd["green_shared"]) == pytest.approx(0.002, abs=0.001)
    assert np.isnan(sd["green_pixel"]).all()  # nobody knows an RGB camera's noise


def test_a_line_comes_after_calibrated_captures_too(tmp_path):
    """A panel 6 % off is put right; without the recipe's leave it stays."""
    truth = scene(np.random.default_rng(2)).astype(np.float32)
    with cog(tmp_path / "orthomosaic.tif", GRID, ["Red", "NIR", "Red edge"]) as writer:
        writer.write(WHOLE, 1.06 * truth)
    bands = [("Red", 668.0), ("NIR", 840.0), ("Red edge", 717.0)]
    inputs = MosaicInputs(
        orthomosaic=tmp_path / "orthomosaic.tif", captures=calibrated(tmp_path / "captures", bands, panel=0.05)
    )
    alone = make_reflectance(inputs, RIG, tmp_path / "alone")
    both = make_reflectance(inputs, RIG, tmp_path / "both", targets=targets(("Red", "Red edge")))
    assert_allclose(read(tmp_path / "alone/reflectance.tif")["nir"], 1.06 * truth[1], rtol=1e-6)
    found = read(tmp_path / "both/reflectance.tif")
    assert_allclose(found["red"], truth[0], atol=1e-4)
    assert_allclose(found["red_edge"], truth[2], atol=1e-4)
    assert_allclose(found["nir"], 1.06 * truth[1], rtol=1e-6)  # no target has a value in NIR
    before, after = read(tmp_path / "alone/reflectance_sd.tif"), read(tmp_path / "both/reflectance_sd.tif")
    assert_allclose(before["red_shared"], 0.05 * 1.06 * truth[0], rtol=1e-4)
    assert_allclose(after["nir_shared"], before["nir_shared"])
    assert after["red_shared"].mean() < 0.5 * before["red_shared"].mean()
    assert alone.facts["quantity"] == both.facts["quantity"] == "reflectance"


def test_what_lies_outside_the_targets_is_counted(tmp_path):
    rng = np.random.default_rng(3)
    truth = scene(rng)
    truth[:, 100:, :] = rng.uniform(0.42, 0.50, (3, 60, 240))
    made = make_reflectance(
        rgb_mosaic(tmp_path, truth), RGB, tmp_path / "out", targets=targets(("Red", "Green", "Blue"))
    )
    gate = next(row for row in made.facts["gates"] if row["name"] == "target-extrapolated[green]")
    assert gate["value"] == pytest.approx(60 / 160, abs=0.01)
    assert gate["verdict"] == "warn"
    assert "calibration-target-extrapolated" in [finding.code for finding in made.findings]


def test_one_band_without_a_line_leaves_rgb_relative(tmp_path):
    truth = scene(np.random.default_rng(4))
    inputs = rgb_mosaic(tmp_path, truth)
    made = make_reflectance(inputs, RGB, tmp_path / "out", targets=targets(("Red", "Green")))
    assert made.facts["quantity"] == "relative"
    codes = [finding.code for finding in made.findings]
    assert codes == ["reflectance-relative", "empirical-line-refused"]
    with rasterio.open(inputs.orthomosaic) as dataset:
        assert_allclose(read(tmp_path / "out/reflectance.tif")["red"], linearise(dataset.read(1)))
    assert not (tmp_path / "out/reflectance_sd.tif").exists()


def test_targets_that_contradict_each_other_change_nothing(tmp_path):
    truth = scene(np.random.default_rng(5))
    swapped = targets(("Red", "Green", "Blue"), levels=(0.40, 0.22, 0.10, 0.03))
    made = make_reflectance(rgb_mosaic(tmp_path, truth), RGB, tmp_path / "out", targets=swapped)
    assert made.facts["quantity"] == "relative"
    refused = next(finding for finding in made.findings if finding.code == "empirical-line-refused")
    assert "brighter targets are darker" in refused.message


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("outside", "outside the mosaic"),
        ("small", "smaller than"),
        ("hole", "a hole"),
        ("beside", "something else lies there"),
        ("saturated", "saturated"),
    ],
)
def test_a_target_that_cannot_be_read_is_named_and_left_out(tmp_path, spoil, words):
    rng = np.random.default_rng(6)
    truth = scene(rng)
    laid = targets(("Red", "Green", "Blue"))
    first = laid[9]  # T3, the brightest
    moved = {"outside": box(0, 0, 1, 1), "small": outline(3).buffer(-0.5), "beside": outline(3, grow=0.8)}
    if spoil in moved:
        laid = [row if row.target_id != "T3" else _at(row, moved[spoil]) for row in laid]
    if spoil == "saturated":
        truth[:, 60 : 60 + SIDE, 170 : 170 + SIDE] = 0.6
    inputs = rgb_mosaic(tmp_path, truth)
    if spoil == "hole":
        with rasterio.open(inputs.orthomosaic, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
            alpha = dataset.read(4)
            alpha[65:70, 175:180] = 0
            dataset.write(alpha, 4)
    made = make_reflectance(inputs, RGB, tmp_path / "out", targets=laid)
    said = [finding for finding in made.findings if finding.code == "target-not-used"]
    assert len(said) == 3
    assert first.target_id in said[0].where
    assert words in said[0].message
    assert made.facts["quantity"] == "reflectance"
    assert made.facts["empirical_line"][0]["targets"] == 3


def _at(target, geometry):
    return ReferenceTarget(
        target_id=target.target_id,
        geometry=geometry,
        crs=target.crs,
        band=target.band,
        reflectance=target.reflectance,
        sd=target.sd,
    )
