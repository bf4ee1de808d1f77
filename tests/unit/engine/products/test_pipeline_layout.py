from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer

from uav_workflow.domain.flight import Band, BandImage, Capture, Position
from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.pipeline import band_layers, colours_on_grid
from uav_workflow.engine.products.odm_layout import odm_band_order, write_document, write_georeference
from uav_workflow.engine.products.odm_report import gps_errors
from uav_workflow.rasters.writer import cog

BANDS = ("Blue", "Green", "Red", "Red edge", "NIR")


def capture(index: int, position: Position | None = None) -> Capture:
    """Five bands of one trigger, in rig order."""
    images = tuple(
        BandImage(
            path=Path(f"IMG_{index:04d}_{band + 1}.tif"),
            name=f"IMG_{index:04d}_{band + 1}.tif",
            size_bytes=1,
            band=Band(name=name),
            width=640,
            height=480,
            bits=16,
            position=position,
        )
        for band, name in enumerate(BANDS)
    )
    return Capture(capture_id=f"IMG_{index:04d}", images=images)


def reconstruction(crs: str, shots: tuple[Shot, ...] = ()) -> Reconstruction:
    camera = Camera(camera_id="c", width=640, height=480, fx=600, fy=600, cx=320, cy=240)
    return Reconstruction(
        crs=crs, offset=(560_000.0, 5_180_000.0), cameras={"c": camera}, shots=shots, points=np.zeros((0, 3))
    )


def test_bands_stand_in_the_order_of_odm() -> None:
    assert odm_band_order(BANDS) == ["Red", "Green", "Blue", "NIR", "Red edge"]
    assert odm_band_order(["Deep blue", "N", "RE", "G"]) == ["G", "N", "RE", "Deep blue"]


def test_bands_of_a_capture_share_the_primary_images_name() -> None:
    layers = band_layers([capture(1), capture(2)])
    assert [layer.name for layer in layers] == ["Red", "Green", "Blue", "NIR", "Red edge"]
    assert {name for layer in layers for name in layer.captures.values()} == {"IMG_0001_2.tif", "IMG_0002_2.tif"}
    assert list(layers[3].images) == ["IMG_0001_5.tif", "IMG_0002_5.tif"]


@pytest.mark.parametrize(("crs", "zone", "south"), [("EPSG:32632", "32N", False), ("EPSG:32719", "19S", True)])
def test_zone_and_offset_are_written_as_odm_does(tmp_path: Path, crs: str, zone: str, south: bool) -> None:
    write_georeference(tmp_path, reconstruction(crs))
    folder = tmp_path / "odm_georeferencing"
    assert (folder / "coords.txt").read_text() == f"WGS84 UTM {zone}\n560000 5180000\n"
    assert ("+south" in (folder / "proj.txt").read_text()) is south


def test_gps_errors_are_found_minus_given() -> None:
    to_degrees = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    shots, captures = [], []
    for index, (east, north, up) in enumerate([(0.0, 0.0, 400.0), (10.0, 5.0, 401.0)]):
        lon, lat = to_degrees.transform(560_000 + east, 5_180_000 + north)
        captures.append(capture(index, Position(lon=lon, lat=lat, alt_m=up)))
        centre = np.array([east + 1.0, north - 2.0, up + 2.0])
        shots.append(Shot(image=captures[-1].primary.name, camera_id="c", rotation=np.eye(3), centre=centre))
    errors = gps_errors(reconstruction("EPSG:32632", tuple(shots)), captures)
    assert errors["average_error"] == pytest.approx(3.0, abs=1e-3)
    assert errors["mean"] == pytest.approx({"x": 1.0, "y": -2.0, "z": 2.0}, abs=1e-3)
    assert errors["std"] == pytest.approx({"x": 0.0, "y": 0.0, "z": 0.0}, abs=1e-3)
    assert gps_errors(reconstruction("EPSG:32632"), captures) == {}


def test_colours_of_the_cloud_are_means_of_the_mosaic(tmp_path: Path) -> None:
    fine = Grid("EPSG:32632", 500_000.0, 5_180_000.0, 0.02, 40, 20)
    picture = np.zeros((4, *fine.shape), np.uint8)
    picture[:, :, :20] = np.array([10, 20, 30, 255])[:, None, None]
    picture[:3, :, 20:] = 99
    with cog(
        tmp_path / "mosaic.tif", fine, ("red", "green", "blue", "alpha"), dtype="uint8", nodata=None, rgb=True
    ) as out:
        for block in fine.blocks():
            out.write(block, picture[:, *block.slices])
    with colours_on_grid(tmp_path / "mosaic.tif", fine.coarser(4)) as rows:
        assert rows(slice(1, 3)).shape == (2, 10, 3)
        colours = rows(slice(0, 5))
    assert (colours[:, :5] == [10, 20, 30]).all()
    assert (colours[:, 5:] == 0).all(), "where the mosaic shows nothing"


def test_numbers_that_are_none_become_null(tmp_path: Path) -> None:
    write_document(tmp_path / "a" / "b.json", {"x": float("nan"), "y": np.float32(2), "z": (np.int64(3), None)})
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": None, "y": 2.0, "z": [3, None]}
