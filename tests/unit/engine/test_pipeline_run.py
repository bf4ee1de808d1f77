from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer

from uav_workflow.engine.options import OPTIONS, EngineOptions
from uav_workflow.engine.pipeline import EngineSummary, process
from uav_workflow.errors import FlightDataError

CRS = "EPSG:32632"
EAST, NORTH, GROUND, ABOVE = 560_000.0, 5_180_000.0, 400.0, 30.0
FOCAL, WIDTH, HEIGHT = 620.0, 640, 480
GSD = ABOVE / FOCAL


def height_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two gentle hills, metres above the ground's level."""
    return 2.0 * np.exp(-((x - 6) ** 2 + (y - 4) ** 2) / 60) + 1.2 * np.exp(-((x + 9) ** 2 + (y + 6) ** 2) / 40)


def meadow(rng: np.random.Generator) -> np.ndarray:
    """Texture of 60 m x 60 m at 2.5 cm, centred on the scene, with detail at several scales."""
    side = 2400
    picture = np.full((side, side, 3), (90, 110, 70), np.float32)
    for cells, strength in ((40, 30), (160, 30), (600, 35), (1200, 25)):
        noise = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def photograph(texture: np.ndarray, east: float, north: float) -> np.ndarray:
    """Nadir photo from ABOVE metres over the ground's level: rays meet the hills by fixed-point iteration."""
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    z = np.zeros_like(u)
    for _ in range(12):
        x, y = east + u / FOCAL * (ABOVE - z), north - v / FOCAL * (ABOVE - z)
        z = height_at(x, y)
    column, row = (x + 30) / 0.025 - 0.5, (30 - y) / 0.025 - 0.5
    return cv2.remap(texture, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)


def save(path: Path, pixels: np.ndarray, east: float, north: float) -> None:
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(EAST + east, NORTH + north)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Test", "Pinhole"
    # the focal length as a 36 mm wide frame would need it
    exif.get_ifd(0x8769)[0xA405] = round(FOCAL / WIDTH * 36)
    gps = exif.get_ifd(0x8825)
    gps.update({1: "N", 2: degrees(lat), 3: "E", 4: degrees(lon), 5: b"\x00", 6: GROUND + ABOVE})
    Image.fromarray(pixels).save(path, quality=95, exif=exif)


def degrees(value: float) -> tuple[float, float, float]:
    whole, rest = divmod(value, 1)
    minutes, rest = divmod(rest * 60, 1)
    return float(whole), float(minutes), round(rest * 60, 6)


class Watched(EngineOptions):
    """Options that remember which of them the engine looked at; writing all of them down does not count."""

    __slots__ = ()
    seen: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        if name in EngineOptions.__dataclass_fields__:
            Watched.seen.add(name)
        return object.__getattribute__(self, name)

    def to_json(self) -> Any:
        values = {name: object.__getattribute__(self, name) for name in EngineOptions.__dataclass_fields__}
        return EngineOptions(**values).to_json()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EngineSummary, list[float], list[str]]:
    """Nine photos of a known meadow through the whole engine."""
    project = tmp_path_factory.mktemp("project")
    (project / "images").mkdir()
    texture = meadow(np.random.default_rng(7))
    stations = [(east, north) for north in (-6, 0, 6) for east in (-8, 0, 8)]
    for index, (east, north) in enumerate(stations):
        save(project / "images" / f"DJI_{index:04d}.JPG", photograph(texture, east, north), east, north)
    percents: list[float] = []
    lines: list[str] = []
    options = Watched(dsm=True, dtm=True, orthophoto_resolution=5.0, dem_resolution=5.0, max_concurrency=2)
    summary = process(project, options, progress=percents.append, say=lines.append)
    return project, summary, percents, lines


def test_all_photos_are_placed_and_progress_never_falls(
    run: tuple[Path, EngineSummary, list[float], list[str]],
) -> None:
    _, summary, percents, lines = run
    assert (summary.photos, summary.placed, summary.missing) == (9, 9, ())
    assert summary.crs == CRS
    assert summary.gsd_m == pytest.approx(GSD, rel=0.1)
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert any(line.startswith("peak memory of the engine:") for line in lines)


def test_the_layout_is_that_of_odm(run: tuple[Path, EngineSummary, list[float], list[str]]) -> None:
    project = run[0]
    for name in (
        "odm_orthophoto/odm_orthophoto.tif",
        "odm_orthophoto/source_index.tif",
        "odm_orthophoto/views.tif",
        "odm_dem/dsm.tif",
        "odm_dem/dtm.tif",
        "odm_dem/interpolated.tif",
        "odm_georeferencing/odm_georeferenced_model.laz",
        "opensfm/reconstruction.json",
        "odm_report/shots.geojson",
    ):
        assert (project / name).stat().st_size > 0, name
    assert (project / "odm_georeferencing/coords.txt").read_text().splitlines()[0] == "WGS84 UTM 32N"
    assert "+proj=utm +zone=32" in (project / "odm_georeferencing/proj.txt").read_text()
    stats = json.loads((project / "odm_report/stats.json").read_text())
    assert stats["reconstruction_statistics"]["reconstructed_shots_count"] == 9
    assert stats["odm_processing_statistics"]["average_gsd"] == pytest.approx(GSD * 100, rel=0.1)
    assert stats["gps_errors"]["average_error"] < 1.0
    images = json.loads((project / "images.json").read_text())
    assert [row["filename"] for row in images] == [f"DJI_{index:04d}.JPG" for index in range(9)]
    assert json.loads((project / "log.json").read_text())["success"] is True
    cameras = json.loads((project / "cameras.json").read_text())
    assert [camera["width"] for camera in cameras.values()] == [WIDTH]


def test_products_share_grid_and_crs(run: tuple[Path, EngineSummary, list[float], list[str]]) -> None:
    project = run[0]
    with (
        rasterio.open(project / "odm_orthophoto/odm_orthophoto.tif") as mosaic,
        rasterio.open(project / "odm_dem/dsm.tif") as dsm,
        rasterio.open(project / "odm_dem/dtm.tif") as dtm,
    ):
        assert mosaic.crs == dsm.crs == dtm.crs == rasterio.CRS.from_string(CRS)
        assert mosaic.count == 4
        assert mosaic.dtypes[0] == "uint8"
        assert dsm.nodata == dtm.nodata == -9999
        assert dsm.dtypes == ("float32",)
        for dataset in (mosaic, dsm, dtm):
            assert dataset.transform.a == pytest.approx(0.05)
            for corner in (dataset.transform.c, dataset.transform.f):
                assert corner / 0.05 == pytest.approx(round(corner / 0.05), abs=1e-4)


def test_the_surface_has_the_shape_of_the_hills(run: tuple[Path, EngineSummary, list[float], list[str]]) -> None:
    with rasterio.open(run[0] / "odm_dem/dsm.tif") as dsm:
        heights = dsm.read(1, masked=True)
        rows, columns = np.nonzero(~np.ma.getmaskarray(heights))
        east, north = rasterio.transform.xy(dsm.transform, rows, columns)
    x, y = np.array(east) - EAST, np.array(north) - NORTH
    inner = (abs(x) < 10) & (abs(y) < 8)
    assert inner.sum() > 0.9 * 20 * 16 / 0.05**2
    found = heights.compressed()[inner] - GROUND
    # a tilt and a shift are the positions' business, the shape is the surface's
    plane = np.column_stack([np.ones(inner.sum()), x[inner], y[inner]])
    residual = found - height_at(x[inner], y[inner])
    residual -= plane @ np.linalg.lstsq(plane, residual, rcond=None)[0]
    nmad = 1.4826 * np.median(abs(residual - np.median(residual)))
    assert nmad < 1.0 * GSD
    assert math.isfinite(nmad)


def test_the_mosaic_shows_the_meadow_where_it_is(run: tuple[Path, EngineSummary, list[float], list[str]]) -> None:
    with rasterio.open(run[0] / "odm_orthophoto/odm_orthophoto.tif") as mosaic:
        window = mosaic.window(EAST - 8, NORTH - 6, EAST + 8, NORTH + 6).round_offsets().round_lengths()
        pixels = mosaic.read(window=window)
    truth = cv2.resize(meadow(np.random.default_rng(7)), (1200, 1200), interpolation=cv2.INTER_AREA)
    truth = truth[600 - 120 : 600 + 120, 600 - 160 : 600 + 160]
    assert (pixels[3] == 255).mean() > 0.99
    got = pixels[:3].mean(axis=0)
    shift, response = cv2.phaseCorrelate(truth.mean(axis=2).astype(float), got[:240, :320].astype(float))
    assert np.hypot(*shift) * 0.05 < 0.5, "GPS is exact to a millimetre here; the block must not wander"
    assert response > 0.1


def test_a_folder_without_usable_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"no photo")
    with pytest.raises(FlightDataError, match="can't be processed"):
        process(tmp_path, EngineOptions(), say=lambda line: None)


def test_every_option_offered_is_looked_at(run: tuple[Path, EngineSummary, list[float], list[str]]) -> None:
    """No dead option. The one that is not looked at has a single value, so that any other is refused, not ignored."""
    assert set(EngineOptions.__dataclass_fields__) - Watched.seen == {"radiometric_calibration"}
    (only,) = [spec for spec in OPTIONS if spec.name == "radiometric-calibration"]
    assert only.domain == ("none",)
