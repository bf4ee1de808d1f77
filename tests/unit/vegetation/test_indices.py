"""Indices against formulas worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.indices import NIR_DEFAULT, RGB_DEFAULT, find_index, make_indices

LEAF = {"blue": 0.04, "green": 0.09, "red": 0.05, "red_edge": 0.2, "nir": 0.45}


def planes(**bands: float) -> dict[str, np.ndarray]:
    return {name: np.full((2, 3), value, np.float32) for name, value in bands.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NDVI", (0.45 - 0.05) / 0.5),
        ("NDRE", (0.45 - 0.2) / 0.65),
        ("GNDVI", (0.45 - 0.09) / 0.54),
        ("MSAVI", (2 * 0.45 + 1 - np.sqrt((2 * 0.45 + 1) ** 2 - 8 * 0.4)) / 2),
        ("SAVI", 1.5 * 0.4 / (0.5 + 0.5)),
        ("ExG", (0.18 - 0.05 - 0.04) / 0.18),
        ("ExR", (1.3 * 0.05 - 0.09) / 0.18),
        ("ExGR", (0.18 - 0.05 - 0.04) / 0.18 - (1.3 * 0.05 - 0.09) / 0.18),
        ("GLI", (0.18 - 0.05 - 0.04) / (0.18 + 0.09)),
        ("NGRDI", 0.04 / 0.14),
        ("VARI", 0.04 / 0.10),
        ("RGBVI", (0.0081 - 0.002) / (0.0081 + 0.002)),
        ("MGRVI", (0.0081 - 0.0025) / (0.0081 + 0.0025)),
    ],
)
def test_formula(name: str, expected: float) -> None:
    values, negative, pole = find_index(name).compute(planes(**LEAF))
    np.testing.assert_allclose(values, expected, rtol=2e-6)
    assert values.dtype == np.float32
    assert not negative.any()
    assert not pole.any()


def test_the_second_camera_of_a_ten_band_rig() -> None:
    """MTCI = (RE2 - RE1) / (RE1 - R), Dash and Curran 2004: red edge at 740 and 717 nm."""
    index = find_index("MTCI")
    assert set(index.bands) == {"red", "red_edge", "red_edge_740"}
    values, *_ = index.compute(planes(red=0.05, red_edge=0.2, red_edge_740=0.35))
    np.testing.assert_allclose(values, 1.0, rtol=1e-6)


def test_excess_green_has_no_scale_and_needs_three_colours() -> None:
    """The catalogue writes R, G, B for chromaticities: taken at its word ExG would change with the light."""
    index = find_index("ExR")
    assert index.bands == ("red", "green", "blue")
    assert index.scale_free
    black = {band: np.zeros((1, 1), np.float32) for band in index.bands}
    values, _, pole = index.compute(black)
    assert np.isnan(values).all()
    assert pole.all()


def test_pole_of_vari_is_masked_and_its_flanks_are_cut() -> None:
    bands = {
        "green": np.array([[0.10, 0.10, 0.3]], np.float32),
        "red": np.array([[0.101, 0.05, 0.05]], np.float32),
        "blue": np.array([[0.2, 0.12, 0.28]], np.float32),
    }
    values, _, pole = find_index("VARI").compute(bands)
    assert pole.tolist() == [[True, False, False]]
    assert np.isnan(values[0, 0])
    assert values[0, 1:].tolist() == [1.0, 1.0]


def test_black_negative_and_missing_pixels_have_no_ndvi() -> None:
    bands = {"nir": np.array([[0, 0.3, np.nan, 0.3]], np.float32), "red": np.array([[0, -0.01, 0.1, 0.1]], np.float32)}
    values, negative, pole = find_index("NDVI").compute(bands)
    assert np.isnan(values).tolist() == [[True, True, True, False]]
    assert negative.tolist() == [[False, True, False, False]]
    assert pole.tolist() == [[True, False, False, False]]


def test_index_that_no_camera_here_can_make() -> None:
    with pytest.raises(RecipeError, match="no index NDWHAT"):
        find_index("NDWHAT")
    with pytest.raises(RecipeError, match="NDMI needs S1"):
        find_index("NDMI")


@pytest.mark.parametrize(("bands", "expected"), [(("red", "green", "blue"), RGB_DEFAULT), (tuple(LEAF), NIR_DEFAULT)])
def test_default_set_and_names(
    write_raster: Callable[..., Path], tmp_path: Path, bands: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    source = write_raster("reflectance.tif", {band: np.full((30, 40), LEAF[band]) for band in bands})
    made = make_indices(source, tmp_path)
    with Raster(tmp_path / "indices.tif") as raster, Raster(source) as original:
        assert raster.bands == expected
        assert raster.grid == original.grid
        assert np.isfinite(raster.read()).all()
    assert made.findings == ()
    assert set(made.facts["indices"]) == set(expected)  # type: ignore[arg-type]


def test_blocks_join_without_a_seam(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    red, nir = draw.uniform(0.02, 0.6, (2, 1100, 1300)).astype(np.float32)
    red[1000:1050, 1020:1030] = np.nan
    source = write_raster("reflectance.tif", {"red": red, "nir": nir})
    made = make_indices(source, tmp_path, names=["NDVI"])
    with Raster(tmp_path / "indices.tif") as raster:
        np.testing.assert_allclose(raster.read()[0], (nir - red) / (nir + red), rtol=1e-5, atol=1e-7)
    facts = made.facts["indices"]["NDVI"]  # type: ignore[index,call-overload]
    assert facts["valid_pixels"] == 1100 * 1300 - 500
    assert facts["masked_pole_share"] == 0


def test_missing_band_leaves_the_index_out_and_says_so(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    source = write_raster("reflectance.tif", {"red": np.full((9, 9), 0.1), "nir": np.full((9, 9), 0.4)})
    made = make_indices(source, tmp_path)
    assert [(finding.code, finding.where) for finding in made.findings] == [
        ("index-band-missing", "NDRE"),
        ("index-band-missing", "GNDVI"),
    ]
    with pytest.raises(NotMade, match="none of GLI"):
        make_indices(source, tmp_path, names=["GLI"])


def test_relative_reflectance_is_enough_for_ratios_alone(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    assert {name: find_index(name).scale_free for name in ("NDVI", "GLI", "VARI", "MSAVI", "SAVI", "EVI2")} == {
        "NDVI": True,
        "GLI": True,
        "VARI": True,
        "MSAVI": False,
        "SAVI": False,
        "EVI2": False,
    }
    bands = {band: np.full((9, 9), LEAF[band]) for band in LEAF}
    made = make_indices(write_raster("r.tif", bands, tags={"quantity": "relative"}), tmp_path)
    assert [(finding.code, finding.where) for finding in made.findings] == [("index-needs-reflectance", "MSAVI")]
    assert make_indices(write_raster("r.tif", bands, tags={"quantity": "reflectance"}), tmp_path).findings == ()
