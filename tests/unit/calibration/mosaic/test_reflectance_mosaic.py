import json

import numpy as np
import pytest
import rasterio

from calibration.mosaic.bands import band_key
from calibration.mosaic.product import make_reflectance
from calibration.mosaic.sources import MosaicInputs
from calibration.pictures.rgb import linearise
from uav_workflow.domain.flight import Band, SensorProfile
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import CalibrationError, RasterError
from uav_workflow.rasters.writer import cog

GRID = Grid("EPSG:32647", 600000.0, 4200000.0, 0.05, 90, 70)
WHOLE = Block(0, 0, 70, 90)
RIG = SensorProfile(
    name="rig",
    title="",
    kind="multispectral",
    bands=(Band(name="Red", centre_nm=668), Band(name="Blue", centre_nm=475)),
)
RGB = SensorProfile(name="rgb", title="", kind="rgb", bands=(Band(name="RGB"),))


def calibrated(folder, bands, quantity="reflectance", cap=2.0, panel=None):
    """A folder of calibrated captures with its document alone."""
    folder.mkdir(exist_ok=True)
    sure = {"relative_uncertainty": {"panel": panel}} if panel else {}
    rows = [{"band": name, "centre_nm": centre, **sure} for name, centre in bands]
    (folder / "calibration.json").write_text(json.dumps({"quantity": quantity, "cap": cap, "bands": rows}))
    return folder


def _make(orthomosaic, sensor, captures, out):
    return make_reflectance(MosaicInputs(orthomosaic=orthomosaic, captures=captures), sensor, out)


@pytest.fixture
def cube():
    return np.random.default_rng(6).uniform(0.01, 0.6, (3, *GRID.shape)).astype(np.float32)


@pytest.fixture
def mosaic(tmp_path, cube):
    """Red, NIR, Red edge in the order of ODM, with a hole and a capped pixel."""
    values = cube.copy()
    values[:, 10:20, 30:40] = np.nan
    values[1, 5, 5] = 2.0
    with cog(tmp_path / "orthomosaic.tif", GRID, ["Red", "NIR", "Rededge"]) as writer:
        writer.write(WHOLE, values)
    return tmp_path / "orthomosaic.tif"


def test_bands_by_name_in_wavelength_order(tmp_path, mosaic, cube):
    calibration = calibrated(tmp_path / "c", [("NIR", 840.0), ("Red", 668.0), ("Red edge", 717.0)])
    made = _make(mosaic, RIG, calibration, tmp_path / "out")
    with rasterio.open(tmp_path / "out/reflectance.tif") as dataset:
        values = dataset.read()
        assert dataset.descriptions == ("red", "red_edge", "nir")
        assert set(dataset.dtypes) == {"float32"}
        assert np.isnan(dataset.nodata)
        assert dataset.tags()["quantity"] == "reflectance"
        assert dataset.tags()["centre_nm"] == "668,717,840"
        assert dataset.transform == GRID.transform
    assert np.isnan(values[:, 10:20, 30:40]).all()
    assert np.isnan(values[2, 5, 5])
    expected = cube[[0, 2, 1]]
    expected[:, 10:20, 30:40] = np.nan
    expected[2, 5, 5] = np.nan
    np.testing.assert_array_equal(values, expected)
    assert made.facts["bands"] == ["red", "red_edge", "nir"]
    assert made.facts["at_cap"] == pytest.approx(1 / (3 * 70 * 90 - 3 * 100))
    assert [finding.code for finding in made.findings] == ["overlaps-not-compared"]


def test_names_a_node_has_stripped_are_known_again(tmp_path):
    """OpenDroneMap keeps letters and digits of a band's name only: the second camera of a dual rig."""
    with cog(tmp_path / "orthomosaic.tif", GRID, ("red", "rededge", "rededge705")) as writer:
        writer.write(WHOLE, np.stack([np.full(GRID.shape, value, np.float32) for value in (0.1, 0.3, 0.2)]))
    calibration = calibrated(tmp_path / "c", [("Red", 668.0), ("Red edge-705", 705.0), ("Red edge", 717.0)])
    made = _make(tmp_path / "orthomosaic.tif", RIG, calibration, tmp_path / "out")
    assert made.facts["bands"] == ["red", "red_edge_705", "red_edge"]
    with rasterio.open(tmp_path / "out/reflectance.tif") as dataset:
        assert dataset.read()[:, 50, 50].tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_a_band_the_node_lost_is_an_error(tmp_path, mosaic):
    calibration = calibrated(tmp_path / "c", [("Blue", 475.0), ("Red", 668.0)])
    with pytest.raises(CalibrationError, match="lacks band blue"):
        _make(mosaic, RIG, calibration, tmp_path / "out")


def test_relative_captures_make_a_relative_mosaic(tmp_path, mosaic):
    calibration = calibrated(tmp_path / "c", [("Red", 668.0)], quantity="relative")
    made = _make(mosaic, RIG, calibration, tmp_path / "out")
    assert made.facts["quantity"] == "relative"
    assert [finding.code for finding in made.findings] == ["reflectance-relative"]


def test_captures_nobody_calibrated_make_a_relative_mosaic(tmp_path, mosaic):
    made = _make(mosaic, RIG, None, tmp_path / "out")
    assert made.facts["quantity"] == "relative"
    assert made.facts["bands"] == ["red", "red_edge", "nir"]
    with rasterio.open(tmp_path / "out/reflectance.tif") as dataset:
        assert "centre_nm" not in dataset.tags()


def test_rgb_is_linearised_under_its_alpha(tmp_path):
    rng = np.random.default_rng(7)
    values = rng.integers(0, 256, (4, *GRID.shape), dtype=np.uint8)
    values[3] = 255
    values[3, :, :20] = 0
    names = ("red", "green", "blue", "alpha")
    with cog(tmp_path / "orthomosaic.tif", GRID, names, dtype="uint8", nodata=None, rgb=True) as writer:
        writer.write(WHOLE, values)
    made = _make(tmp_path / "orthomosaic.tif", RGB, None, tmp_path / "out")
    with rasterio.open(tmp_path / "out/reflectance.tif") as dataset:
        linear = dataset.read()
        assert dataset.descriptions == ("blue", "green", "red")
        assert dataset.tags()["quantity"] == "relative"
    assert np.isnan(linear[:, :, :20]).all()
    np.testing.assert_array_equal(linear[:, :, 20:], linearise(values[[2, 1, 0]])[:, :, 20:])
    assert [finding.code for finding in made.findings] == ["reflectance-relative"]


def test_inverse_of_the_srgb_curve():
    """Coded anew by the standard's own forward formula, every value comes back."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    linear = linearise(values)
    assert linear.dtype == np.float32
    assert (linear[0, 0], linear[15, 15]) == (0.0, 1.0)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(coded * 255, values, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Red edge", "red_edge"),
        ("RedEdge", "red_edge"),
        ("RE", "red_edge"),
        ("NIR", "nir"),
        ("N", "nir"),
        ("Blue-444", "blue_444"),
    ],
)
def test_house_names_of_bands(name, key):
    assert band_key(name) == key


def test_a_broken_calibration_and_a_missing_mosaic_say_so(tmp_path, mosaic):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/calibration.json").write_text("{}")
    with pytest.raises(CalibrationError, match=r"calibration\.json"):
        _make(mosaic, RIG, tmp_path / "c", tmp_path / "out")
    with pytest.raises(RasterError, match=r"absent\.tif"):
        _make(tmp_path / "absent.tif", RIG, None, tmp_path / "out")


def test_an_empty_mosaic_is_warned_of(tmp_path):
    with cog(tmp_path / "orthomosaic.tif", GRID, ["red"]):
        pass
    made = _make(tmp_path / "orthomosaic.tif", RIG, None, tmp_path / "out")
    assert "reflectance-empty" in [finding.code for finding in made.findings]
