"""The all.zip of a real NodeODM task, served by a small node, through the client and the tasks into our products."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest
import rasterio
from fake_node import FakeNode
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from scipy import ndimage

from tasks.running import RunResult, run_flight
from uav_workflow.domain.grid import Grid
from uav_workflow.photogrammetry.flight_grid import flight_grid
from uav_workflow.photogrammetry.poses import read_poses
from uav_workflow.photogrammetry.surface import make_surface
from uav_workflow.rasters.reader import Raster
from uav_workflow.recipe import load_recipe

pytestmark = pytest.mark.shared


def zipped(folder: Path, spent_s: float) -> bytes:
    """The tree as NodeODM packs it (7z, stored), every file dated within the run."""
    buffer = io.BytesIO()
    now = time.time()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                date = now - (0 if path.name == "log.json" else spent_s / 2)
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), time.localtime(date)[:6])
                bundle.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def degrees(value: float) -> tuple[IFDRational, ...]:
    minutes = value % 1 * 60
    return (
        IFDRational(int(value), 1),
        IFDRational(int(minutes), 1),
        IFDRational(round(minutes % 1 * 60 * 1e6), 10**6),
    )


def photograph(path: Path, row: dict[str, Any], number: int, *, with_gps: bool = True) -> None:
    """A photo with the name, size, time and place the node's images.json tells."""
    exif = Image.Exif()
    exif[271], exif[272] = row["camera_make"], row["camera_model"]
    exif.get_ifd(0x8769)[36867] = time.strftime("%Y:%m:%d %H:%M:%S", time.gmtime(row["utc_time"] / 1000))
    if with_gps:
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2], gps[3], gps[4] = "N", degrees(row["latitude"]), "E", degrees(row["longitude"])
        gps[5], gps[6] = b"\x00", IFDRational(round(row["altitude"] * 1000), 1000)
    grey = np.random.default_rng(number).integers(60, 180, (row["height"] // 10, row["width"] // 10), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).resize((row["width"], row["height"]))
    picture.save(path, exif=exif, quality=80)


@pytest.fixture(scope="module")
def served() -> Iterator[FakeNode]:
    from threading import Thread

    node = FakeNode()
    node.statuses, node.progress = [40], [100]
    thread = Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield node
    node.shutdown()
    thread.join()
    node.server_close()


OFFS = {"C1": (0.03, -0.02, 0.05), "C2": (0.01, 0.04, -0.03), "G1": (0, 0, 0), "G2": (0.02, 0, 0), "G3": (0, 0, 0.01)}
"""Found minus surveyed of points by name; C are check points. Survey and photos disagree by so much, metres."""


def survey(source: Path, path: Path) -> None:
    """gcp_list.txt of points on the node's own DSM, marked where its cameras see them."""
    reconstruction, _ = read_poses(source)
    with rasterio.open(source / "odm_dem/dsm.tif") as dsm:
        heights, transform = dsm.read(1), dsm.transform
    lines = ["WGS84 UTM 32N"]
    for (name, off), (row, col) in zip(
        OFFS.items(), ((200, 270), (250, 330), (160, 200), (240, 180), (180, 360)), strict=True
    ):
        place = np.array([*(transform @ (col + 0.5, row + 0.5)), heights[row, col]])
        noted = " ".join(f"{value:.4f}" for value in place - off)
        for shot in reconstruction.shots:
            camera = reconstruction.cameras[shot.camera_id]
            x, y = camera.project(shot.to_camera(place[None] - [*reconstruction.offset, 0.0]))[0]
            if 0 < x < camera.width and 0 < y < camera.height:
                extra = " check" if name.startswith("C") else ""
                lines.append(f"{noted} {x:.4f} {y:.4f} {shot.image} {name}{extra}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def surveyed_run(shared_data: Path, served: FakeNode, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The same photos without GPS, with surveyed points instead."""
    source = shared_data / "odm_products/node_task"
    served.zip = zipped(source, json.loads((source / "log.json").read_text())["totalTime"])
    folder = tmp_path_factory.mktemp("surveyed") / "alp"
    for number, row in enumerate(json.loads((source / "images.json").read_text())):
        photograph(folder / "images" / row["filename"], row, number, with_gps=False)
    survey(source, folder / "gcp_list.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UAV_NODE", str(served.address))
        return run_flight(folder, tmp_path_factory.mktemp("workspace"), load_recipe(), until="dsm")


@pytest.fixture(scope="module")
def run(shared_data: Path, served: FakeNode, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    source = shared_data / "odm_products/node_task"
    served.zip = zipped(source, json.loads((source / "log.json").read_text())["totalTime"])
    folder = tmp_path_factory.mktemp("flight") / "alp"
    for number, row in enumerate(json.loads((source / "images.json").read_text())):
        photograph(folder / "images" / row["filename"], row, number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UAV_NODE", str(served.address))
        workspace = tmp_path_factory.mktemp("workspace")
        return run_flight(folder, workspace, load_recipe(), until="point_cloud")


def positions(transform: Any, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns of a source, from its outer corner, at the pixel centres of a grid."""
    rows = (grid.y_max - (np.arange(grid.height) + 0.5) * grid.pixel_m - transform.f) / transform.e
    cols = (grid.x_min + (np.arange(grid.width) + 0.5) * grid.pixel_m - transform.c) / transform.a
    return rows, cols


def resampled(path: Path, grid: Grid) -> NDArray[np.float64]:
    """The file's heights on a grid: linear between the valid cells around, NaN where the cell itself is not valid."""
    with rasterio.open(path) as source:
        cells, transform = source.read(1, masked=True), source.transform
    valid = ~np.ma.getmaskarray(cells)
    rows, cols = positions(transform, grid)
    at = np.meshgrid(rows - 0.5, cols - 0.5, indexing="ij")
    lowest = float(cells.min())
    above = np.where(valid, cells.filled(0).astype(float) - lowest, 0.0)
    total = ndimage.map_coordinates(above, at, order=1, mode="nearest", prefilter=False)
    weight = ndimage.map_coordinates(valid.astype(float), at, order=1, mode="nearest", prefilter=False)
    near_rows, near_cols = np.floor(rows + 1e-6).astype(int), np.floor(cols + 1e-6).astype(int)
    inside = ((near_rows >= 0) & (near_rows < valid.shape[0]))[:, None] & (
        (near_cols >= 0) & (near_cols < valid.shape[1])
    )[None]
    near = valid[np.ix_(near_rows.clip(0, valid.shape[0] - 1), near_cols.clip(0, valid.shape[1] - 1))]
    heights = np.full(grid.shape, np.nan)
    kept = inside & near
    heights[kept] = total[kept] / weight[kept] + lowest
    return heights


def test_the_run_is_complete_and_nothing_is_amiss(run: RunResult) -> None:
    assert run.complete, run.failures
    assert run.not_made == {}
    assert set(run.products) == {"reconstruction", "orthomosaic", "dsm", "dtm", "point_cloud"}
    from_node = {(finding.code, finding.level) for product in run.products.values() for finding in product.findings}
    assert from_node == {("orthomosaic-pixel-oblong", "info"), ("surface-fill-unknown", "info")}
    assert not [finding for finding in run.findings if finding.code.startswith(("product-", "photo-not", "coverage"))]


def test_the_orthomosaic_holds_the_nodes_pixels(run: RunResult, shared_data: Path) -> None:
    path = shared_data / "odm_products/node_task/odm_orthophoto/odm_orthophoto.tif"
    with rasterio.open(path) as source, rasterio.open(run.products["orthomosaic"].file("orthomosaic.tif")) as result:
        theirs, transform = source.read(), source.transform
        ours, crs = result.read(), result.crs
    assert crs.to_epsg() == 32632
    grid = flight_grid(shared_data / "odm_products/node_task")
    rows, cols = (np.floor(part + 1e-6).astype(int) for part in positions(transform, grid))
    inside = (rows < theirs.shape[1])[:, None] & (cols < theirs.shape[2])[None]
    expected = theirs[:, rows.clip(max=theirs.shape[1] - 1)][:, :, cols.clip(max=theirs.shape[2] - 1)]
    covered = inside & (expected[3] > 0)
    assert (ours[3] == np.where(covered, 255, 0)).all()
    assert (ours[:3] == np.where(covered, expected[:3], 0)).all()
    # An oblong pixel was copied at most once more or less: the area seen is that of the node.
    assert covered.sum() * grid.pixel_m**2 == pytest.approx(
        (theirs[3] > 0).sum() * transform.a * -transform.e, rel=1e-3
    )


@pytest.mark.parametrize("kind", ["dsm", "dtm"])
def test_heights_are_the_nodes_and_holes_stay_holes(run: RunResult, shared_data: Path, kind: str) -> None:
    path = shared_data / f"odm_products/node_task/odm_dem/{kind}.tif"
    with Raster(run.products[kind].file(f"{kind}.tif")) as raster:
        expected = resampled(path, raster.grid)
        ours = raster.band(kind)
    assert (np.isnan(ours) == np.isnan(expected)).all()
    assert 0.3 < np.isfinite(ours).mean() < 1
    assert np.nanmax(np.abs(ours - expected)) < 2e-4  # float32 at 1800 m
    assert np.nanmin(ours) > 1000


def test_poses_and_points_are_the_nodes(run: RunResult, shared_data: Path) -> None:
    source = shared_data / "odm_products/node_task"
    features = json.loads((source / "odm_report/shots.geojson").read_text())["features"]
    ours = json.loads(run.products["reconstruction"].file("shots.geojson").read_text())["features"]
    assert len(ours) == len(features) == 9
    facts = run.products["reconstruction"].facts
    assert (facts["registered"], facts["total"]) == (9, 9)
    for mine, theirs in zip(ours, features, strict=True):
        assert mine["properties"]["filename"] == theirs["properties"]["filename"]
        assert mine["properties"]["translation"] == pytest.approx(theirs["properties"]["translation"], abs=1e-6)
        assert mine["geometry"]["coordinates"] == pytest.approx(theirs["geometry"]["coordinates"], abs=1e-7)
    with (
        laspy.open(source / "odm_georeferencing/odm_georeferenced_model.laz") as theirs,
        laspy.open(run.products["point_cloud"].file("cloud.laz")) as mine,
    ):
        assert mine.header.point_count == theirs.header.point_count
        assert (mine.read().xyz == theirs.read().xyz).all()


def test_photos_without_gps_run_with_control_points_and_check_points_stay_here(
    surveyed_run: RunResult, served: FakeNode
) -> None:
    assert surveyed_run.complete, surveyed_run.failures
    assert [finding.level for finding in surveyed_run.findings if finding.code == "no-gps"] == ["warning"]
    sent = {name: content for task in served.tasks.values() for name, content in task.files if name.endswith(".txt")}
    head, *lines = sent["gcp_list.txt"].decode().splitlines()
    assert head == "EPSG:32632"
    assert {line.split()[6] for line in lines} == {"G1", "G2", "G3"}
    assert "check" not in sent["gcp_list.txt"].decode()


def test_marks_tell_the_scale_of_photos_without_gps(surveyed_run: RunResult, shared_data: Path) -> None:
    reconstruction, _ = read_poses(shared_data / "odm_products/node_task")
    camera = next(iter(reconstruction.cameras.values()))
    with rasterio.open(shared_data / "odm_products/node_task/odm_dem/dsm.tif") as dsm:
        ground = float(np.ma.median(dsm.read(1, masked=True)))
    height = float(np.median([shot.centre[2] for shot in reconstruction.shots])) - ground
    (task,) = surveyed_run.products["dsm"].path.parent.glob("node_task-*")
    options = json.loads((task / "manifest.json").read_text())["facts"]["options"]
    assert options["orthophoto-resolution"] == pytest.approx(100 * height / camera.fx, rel=0.06)


def test_the_real_cameras_give_back_what_the_survey_was_moved_by(surveyed_run: RunResult) -> None:
    product = surveyed_run.products["reconstruction"]
    with product.file("check_points.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    for name, off in OFFS.items():
        assert [float(rows[name][key]) for key in ("dx_m", "dy_m", "dz_m")] == pytest.approx(off, abs=2e-3)
    facts: Any = product.facts
    checks = np.array([off for name, off in OFFS.items() if name.startswith("C")])
    assert facts["check_points"]["n"] == 2
    assert facts["check_points"]["rmse_z_m"] == pytest.approx(np.sqrt((checks[:, 2] ** 2).mean()), abs=2e-3)
    assert facts["control_points"]["n"] == 3
    # This task was run without control points, and its stats.json says so.
    assert facts["control_points_used"] is False
    assert "control-points-not-used" in {finding.code for finding in product.findings}
    dsm: Any = surveyed_run.products["dsm"].facts
    assert dsm["n_z_dsm"] == 2
    assert dsm["rmse_z_dsm_m"] == pytest.approx(facts["check_points"]["rmse_z_m"], abs=0.02)


@pytest.mark.parametrize("kind", ["dsm", "dtm"])
def test_heights_of_brighton_beach_are_those_of_odm(shared_data: Path, tmp_path: Path, kind: Any) -> None:
    assets = shared_data / "odm_products/brighton_beach"
    grid = flight_grid(assets)
    assert grid.crs == "EPSG:32615"
    make_surface(assets, grid, tmp_path, kind=kind)
    expected = resampled(assets / f"odm_dem/{kind}.tif", grid)
    with Raster(tmp_path / f"{kind}.tif") as raster:
        ours = raster.band(kind)
    assert (np.isnan(ours) == np.isnan(expected)).all()
    assert np.nanmax(np.abs(ours - expected)) < 5e-5  # float32 at 200 m


def test_unpacked_files_keep_their_dates(run: RunResult, shared_data: Path) -> None:
    """Without them nothing would tell a product that an earlier run left in the archive."""
    (assets,) = run.products["dsm"].path.parent.glob("node_task-*/assets")
    spent = json.loads((shared_data / "odm_products/node_task/log.json").read_text())["totalTime"]
    before = (assets / "log.json").stat().st_mtime - (assets / "odm_dem/dsm.tif").stat().st_mtime
    assert before == pytest.approx(spent / 2, abs=4)
