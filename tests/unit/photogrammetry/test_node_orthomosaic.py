from __future__ import annotations

from pathlib import Path

import numpy as np
import odm_files
import pytest
import rasterio
from rasterio.crs import CRS

from uav_workflow.errors import NotMade, RasterError
from uav_workflow.photogrammetry.flight_grid import flight_grid
from uav_workflow.photogrammetry.node_raster import utm_code
from uav_workflow.photogrammetry.orthomosaic import house_names, make_orthomosaic
from uav_workflow.rasters.reader import Raster


def test_rgb_keeps_every_value_and_alpha_alone_decides(tmp_path: Path) -> None:
    data = odm_files.orthophoto(tmp_path, "uint8", ("red", "green", "blue"))
    grid = flight_grid(tmp_path)
    made = make_orthomosaic(tmp_path, grid, tmp_path)
    with rasterio.open(tmp_path / "orthomosaic.tif") as result:
        values = result.read()
        assert result.descriptions == ("red", "green", "blue", "alpha")
        assert result.dtypes[0] == "uint8"
    assert (values[:3, :, 20:] == data[:, :, 20:]).all()
    assert (values[3, :, :20] == 0).all()
    assert (values[3, :, 20:] == 255).all()
    assert (values[:3, :, :20] == 0).all()
    assert made.facts["covered_share"] == pytest.approx(2 / 3)
    with Raster(tmp_path / "orthomosaic.tif") as raster:
        assert raster.grid == grid
        assert np.isnan(raster.band("red")[:, :20]).all()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_alpha_of_255_is_valid_in_every_type(tmp_path: Path, dtype: str) -> None:
    data = odm_files.orthophoto(tmp_path, dtype, ("Red", "Green", "NIR", "Rededge"))
    make_orthomosaic(tmp_path, flight_grid(tmp_path), tmp_path)
    with Raster(tmp_path / "orthomosaic.tif") as raster:
        assert raster.bands == ("red", "green", "nir", "rededge")
        values = raster.read()
    assert (values[:, :, 20:] == data[:, :, 20:]).all()
    assert np.isnan(values[:, :, :20]).all()


def test_proj4_crs_becomes_a_code(tmp_path: Path) -> None:
    odm_files.orthophoto(tmp_path, "uint8", ("red", "green", "blue"))
    assert flight_grid(tmp_path).crs == "EPSG:32632"


def test_oblong_pixels_are_copied_within_half_a_pixel(tmp_path: Path) -> None:
    data = odm_files.orthophoto(tmp_path, "uint16", ("NIR",), shape=(300, 400), pixels=(0.08, 0.0799))
    grid = flight_grid(tmp_path)
    assert grid.pixel_m == 0.0799
    made = make_orthomosaic(tmp_path, grid, tmp_path)
    assert [finding.code for finding in made.findings] == ["orthomosaic-pixel-oblong"]
    with Raster(tmp_path / "orthomosaic.tif") as raster:
        values = raster.band("nir")
    cols = np.floor((np.arange(grid.width) + 0.5) * 0.0799 / 0.08).astype(int)
    seen = cols >= 400 // 3
    assert (values[:, seen] == data[0][:, cols[seen]]).all()


def test_a_grid_beyond_the_orthophoto_is_empty_there(tmp_path: Path) -> None:
    from uav_workflow.domain.grid import Grid

    data = odm_files.orthophoto(tmp_path, "uint16", ("NIR",))
    grid = Grid("EPSG:32632", odm_files.X0 - 5.0, odm_files.Y0 + 2.0, 0.05, 400, 200)
    make_orthomosaic(tmp_path, grid, tmp_path)
    with Raster(tmp_path / "orthomosaic.tif") as raster:
        values = raster.band("nir")
    assert (values[40:80, 120:160] == data[0, :, 20:]).all()
    assert np.isfinite(values).sum() == 40 * 40


def test_companions_keep_type_and_values(tmp_path: Path) -> None:
    odm_files.orthophoto(tmp_path, "uint8", ("red", "green", "blue"))
    index = np.arange(2400, dtype=np.uint16).reshape(1, 40, 60)
    odm_files.write(tmp_path / "odm_orthophoto/source_index.tif", index, (0.05, 0.05), names=["source"], nodata=0)
    made = make_orthomosaic(tmp_path, flight_grid(tmp_path), tmp_path)
    assert made.facts["companions"] == ["source_index.tif"]
    with rasterio.open(tmp_path / "source_index.tif") as result:
        assert (result.read() == index).all()
        assert result.dtypes == ("uint16",)


def test_no_sign_of_validity_is_said(tmp_path: Path) -> None:
    odm_files.write(tmp_path / "odm_orthophoto/odm_orthophoto.tif", np.ones((3, 10, 10), np.uint8), (0.05, 0.05))
    made = make_orthomosaic(tmp_path, flight_grid(tmp_path), tmp_path)
    assert {finding.code for finding in made.findings} >= {"orthomosaic-validity-unknown"}


def test_bands_without_names_are_said(tmp_path: Path) -> None:
    odm_files.write(
        tmp_path / "odm_orthophoto/odm_orthophoto.tif", np.ones((2, 10, 10), np.uint16), (0.05, 0.05), nodata=0
    )
    made = make_orthomosaic(tmp_path, flight_grid(tmp_path), tmp_path)
    assert [finding.code for finding in made.findings] == ["orthomosaic-bands-unnamed"]
    assert made.facts["bands"] == ["band1", "band2"]


def test_nothing_and_nowhere_are_reasons(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="neither an orthophoto nor a DSM"):
        flight_grid(tmp_path)
    odm_files.write(
        tmp_path / "odm_orthophoto/odm_orthophoto.tif", np.ones((1, 9, 9), np.uint8), (1e-5, 1e-5), crs="EPSG:4326"
    )
    with pytest.raises(RasterError, match="expected UTM on WGS84"):
        flight_grid(tmp_path)
    with pytest.raises(NotMade, match="no orthophoto"):
        make_orthomosaic(tmp_path / "none", None, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "house"),
    [
        (("Red", "Green", "NIR", "RedEdge"), ("red", "green", "nir", "rededge")),
        (("R", "G", "B", "N", "RE"), ("red", "green", "blue", "nir", "rededge")),
        (("Red edge", "Near infrared"), ("rededge", "nir")),
        (("R", "Red"), ("r", "red")),
        (("Blue-444", "Blue"), ("blue444", "blue")),
    ],
)
def test_band_names_are_spelt_one_way(names: tuple[str, ...], house: tuple[str, ...]) -> None:
    assert house_names(names) == house


@pytest.mark.shared
@pytest.mark.parametrize("name", ["node_task", "brighton_beach"])
def test_real_odm_orthophotos_become_ours_unchanged_in_value(name: str, shared_data: Path, tmp_path: Path) -> None:
    assets = shared_data / "odm_products" / name
    grid = flight_grid(assets)
    make_orthomosaic(assets, grid, tmp_path)
    with rasterio.open(assets / "odm_orthophoto/odm_orthophoto.tif") as source:
        theirs, mask, transform = source.read((1, 2, 3)), source.dataset_mask(), source.transform
    with rasterio.open(tmp_path / "orthomosaic.tif") as result:
        ours = result.read()
    assert grid.crs == {"node_task": "EPSG:32632", "brighton_beach": "EPSG:32615"}[name]
    rows = np.floor((grid.y_max - (np.arange(grid.height) + 0.5) * grid.pixel_m - transform.f) / transform.e)
    cols = np.floor((grid.x_min + (np.arange(grid.width) + 0.5) * grid.pixel_m - transform.c) / transform.a)
    rows, cols = rows.astype(int), cols.astype(int)
    assert rows.max() == theirs.shape[1] - 1
    assert cols[:-1].max() <= theirs.shape[2] - 1
    cols = np.minimum(cols, theirs.shape[2] - 1)
    expected = np.where(mask > 0, theirs, 0)[:, rows][:, :, cols]
    inside = ours[3] > 0
    assert (ours[:3][:, inside] == expected[:, inside]).all()
    assert abs(inside.mean() - (mask > 0).mean()) < 2e-3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (odm_files.PROJ4, "EPSG:32632"),
        ("+proj=utm +zone=19 +south +datum=WGS84 +units=m +no_defs +type=crs", "EPSG:32719"),
        ("EPSG:32615", "EPSG:32615"),
        ("EPSG:25832", None),
        ("+proj=utm +zone=32 +datum=WGS84 +units=us-ft", None),
        ("EPSG:4326", None),
        ("EPSG:3857", None),
    ],
)
def test_utm_is_known_by_parameters(text: str, code: str | None) -> None:
    assert utm_code(CRS.from_string(text)) == code
