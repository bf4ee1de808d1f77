"""A whole small flight: files, tags against truth, photos against truth, the same again by its seed."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from uav_workflow.domain.reconstruction import Camera, FloatArray, Shot
from uav_workflow.errors import UsageError
from uav_workflow.rasters.reader import Raster
from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions, SimulationSummary
from uav_workflow.simulation.sky import Sky

Flown = tuple[Path, SimulationSummary]
# as in conftest.py, whose flights are made again here
SMALL = {
    "captures": 4,
    "gsd_cm": 2.0,
    "seed": 7,
    "plots": 4,
    "harvested": 2,
    "texel_m": 0.01,
    "plots_within": (4.0, 3.5),
}


def poses(folder: Path) -> tuple[dict[str, Camera], list[tuple[str, Shot]]]:
    document = json.loads((folder / "truth" / "poses.json").read_text())
    cameras = {name: Camera(**values) for name, values in document["cameras"].items()}
    shots = [
        (
            row["path"],
            Shot(
                image=row["image"],
                camera_id=row["camera_id"],
                rotation=np.array(row["rotation"]),
                centre=np.array(row["centre"]),
            ),
        )
        for row in document["shots"]
    ]
    return cameras, shots


def open_ground(folder: Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Places (n, 3), reflectance (n, 5) and cell numbers of truth cells where nothing stands high."""
    offset = json.loads((folder / "truth" / "poses.json").read_text())["offset"]
    with Raster(folder / "truth" / "surface.tif") as raster:
        surface, grid = raster.band("surface"), raster.grid
    with Raster(folder / "truth" / "terrain.tif") as raster:
        low = surface - raster.band("terrain") < 0.03
    with Raster(folder / "truth" / "reflectance.tif") as raster:
        reflectance = raster.read()
    rows, columns = np.nonzero(low)
    x = grid.x_min + (columns + 0.5) * grid.pixel_m - offset[0]
    y = grid.y_max - (rows + 0.5) * grid.pixel_m - offset[1]
    points = np.column_stack([x, y, surface[rows, columns]]).astype(float)
    return points, reflectance[:, rows, columns].T.astype(float), np.column_stack([rows, columns])


def box_means(picture: FloatArray, pixels: FloatArray, half: int) -> tuple[FloatArray, FloatArray]:
    """Means of boxes around pixels that lie inside, and which do."""
    high, wide = picture.shape
    inside = (pixels > half + 1).all(axis=1) & (pixels[:, 0] < wide - half - 1) & (pixels[:, 1] < high - half - 1)
    column, row = np.floor(pixels[inside]).astype(int).T
    shifts = range(-half, half + 1)
    return np.mean([picture[row + a, column + b] for a in shifts for b in shifts], axis=0), inside


def test_folder_is_a_flight_folder(rig_flight: Flown) -> None:
    folder, _ = rig_flight
    assert len(list((folder / "images").glob("IMG_*_[1-5].tif"))) == 20
    assert {path.name[:8] for path in (folder / "panels").iterdir()} == {"IMG_0000", "IMG_0005"}
    for name in ("flight.yaml", "plots.geojson", "observations.csv"):
        assert (folder / name).is_file()
    truth = {path.name for path in (folder / "truth").iterdir()}
    rasters = {"surface", "terrain", "height", "class", "cover", "biomass", "reflectance"}
    assert {f"{name}.tif" for name in rasters} | {"poses.json", "irradiance.csv", "plots.csv", "summary.json"} <= truth
    assert not list(folder.glob(".scene-*"))


def test_tags_stay_within_the_stated_errors(rig_flight: Flown, rgb_flight: Flown) -> None:
    for _, summary in (rig_flight, rgb_flight):
        errors = summary.errors
        assert 0 < errors["focal_share"] <= 0.02
        assert 0 < errors["principal_point_px"] <= 7
        assert 0.1 < errors["gps_horizontal_m_rms"] < 2.0
        assert 0 < errors["clock_offset_s"] <= 4
    errors = rig_flight[1].errors
    assert 0 < errors["rig_angle_deg"] <= 0.2
    assert 0 < errors["vignetting_share"] <= 0.0101
    assert 0 < errors["panel_albedo_share"] <= 0.01
    assert errors["sun_sensor_bias_min"] >= 0.8
    assert errors["sun_sensor_bias_max"] <= 1.2
    assert 0 < errors["sun_sensor_attitude_deg"] <= 3


def test_rgb_photos_show_the_truth_where_it_lies(rgb_flight: Flown) -> None:
    folder, _ = rgb_flight
    cameras, shots = poses(folder)
    points, reflectance, _ = open_ground(folder)
    for path, shot in shots:
        with Image.open(folder / path) as photo:
            linear = (np.asarray(photo, float)[..., 1] / 255) ** 2.2
        pixels = cameras[shot.camera_id].project(shot.to_camera(points))
        # green of the camera is mostly the green band; exposure is one factor a photo
        likeness = {shift: _likeness(linear, pixels + shift, reflectance[:, 1]) for shift in SHIFTS}
        assert max(likeness, key=lambda shift: likeness[shift]) == (0, 0)
        assert likeness[0, 0] > 0.8


SHIFTS = [(dx, dy) for dx in (-2, 0, 2) for dy in (-2, 0, 2)]


def _likeness(picture: FloatArray, pixels: FloatArray, true: FloatArray) -> float:
    seen, inside = box_means(picture, pixels, 1)
    return float(np.corrcoef(seen, true[inside])[0, 1])


def test_rig_bands_show_the_truth_where_it_lies(rig_flight: Flown) -> None:
    folder, _ = rig_flight
    cameras, shots = poses(folder)
    points, reflectance, _ = open_ground(folder)
    for path, shot in shots:
        band = int(shot.camera_id[-1]) - 1
        picture = tifffile.imread(folder / path).astype(float) - 4800
        pixels = cameras[shot.camera_id].project(shot.to_camera(points))
        likeness = {shift: _likeness(picture, pixels + shift, reflectance[:, band]) for shift in SHIFTS}
        assert max(likeness, key=lambda shift: likeness[shift]) == (0, 0)
        assert likeness[0, 0] > 0.65


def test_rig_bands_below_the_drone_have_the_true_reflectance(rig_flight: Flown) -> None:
    """Counts through the maker's formula and the true light give the truth's area mean, away from leaning plants."""
    folder, _ = rig_flight
    cameras, shots = poses(folder)
    offset = json.loads((folder / "truth" / "poses.json").read_text())["offset"]
    with Raster(folder / "truth" / "terrain.tif") as raster:
        terrain, grid = raster.band("terrain"), raster.grid
    with Raster(folder / "truth" / "reflectance.tif") as raster:
        reflectance, names = raster.read(), raster.bands
    rows, columns = np.indices(terrain.shape)
    x = grid.x_min + (columns + 0.5) * grid.pixel_m - offset[0]
    y = grid.y_max - (rows + 0.5) * grid.pixel_m - offset[1]
    points = np.column_stack([x.ravel(), y.ravel(), terrain.ravel()]).astype(float)
    with (folder / "truth" / "irradiance.csv").open() as file:
        light = list(csv.DictReader(file))
    ratios = []
    for path, shot in shots:
        camera, band = cameras[shot.camera_id], int(shot.camera_id[-1]) - 1
        name = names[band].lower().replace(" ", "_")
        row = light[int(path[-10:-6]) - 1]
        level = float(row[f"direct_{name}"]) + float(row[f"diffuse_{name}"])
        below = camera.project(shot.to_camera(shot.centre[None] - (0, 0, 5.0)))[0]
        seen = _maker_reflectance(folder / path, level)
        v, u = np.indices(seen.shape)
        disc = np.hypot(u + 0.5 - below[0], v + 0.5 - below[1]) < 16
        true = np.hypot(*(camera.project(shot.to_camera(points)) - below).T) < 16
        ratios.append(seen[disc].mean() / reflectance[band].ravel()[true].mean())
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)
    assert np.abs(np.array(ratios) - 1).max() < 0.07


def _maker_reflectance(path: Path, level: float) -> FloatArray:
    """pi L / E with L by the maker's radiometric model, its numbers from the tags."""
    with tifffile.TiffFile(path) as file:
        counts = file.asarray().astype(float) - 4800
        xmp = bytes(file.pages[0].tags[700].value).decode()
        exif = file.pages[0].tags["ExifTag"].value

    def listed(key: str) -> list[float]:
        block = re.search(rf"<{key}>(.*?)</{key}>", xmp, re.S)
        assert block
        return [float(text) for text in re.findall(r"<rdf:li>(.*?)</rdf:li>", block[1])]

    a1, a2, a3 = listed("MicaSense:RadiometricCalibration")
    centre, polynomial = listed("Camera:VignettingCenter"), listed("Camera:VignettingPolynomial")
    exposure_s = exif["ExposureTime"][0] / exif["ExposureTime"][1]
    v, u = np.indices(counts.shape)
    fall = np.polynomial.polynomial.polyval(np.hypot(u - centre[0], v - centre[1]), [1.0, *polynomial])
    row = 1 / (1 + a2 * v / exposure_s - a3 * v)
    radiance = a1 * row * counts / fall / 65536 / (exif["ISOSpeed"] / 100 * exposure_s)
    return np.asarray(np.pi * radiance / level)


def test_a_seed_makes_one_flight(rig_flight: Flown, tmp_path: Path) -> None:
    folder, _ = rig_flight
    small = SimulationOptions(sensor="rededge", image_size=(320, 240), workers=1, **SMALL)
    simulate(tmp_path / "again", small)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "summary.json":
            again = tmp_path / "again" / path.relative_to(folder)
            assert _digest(path) == _digest(again), path.name


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_sensors_over_one_scene_have_one_ground_survey(tmp_path: Path) -> None:
    common = {"captures": 1, "gsd_cm": 2.0, "scene_seed": 9, "plots": 2, "harvested": 1, "texel_m": 0.025}
    for sensor, seed in (("rgb", 1), ("rededge", 2)):
        simulate(
            tmp_path / sensor,
            SimulationOptions(sensor=sensor, seed=seed, image_size=(300, 200), plots_within=(3.0, 2.0), **common),
        )
    for name in ("plots.geojson", "observations.csv", "truth/plots.csv"):
        assert _digest(tmp_path / "rgb" / name) == _digest(tmp_path / "rededge" / name), name


def test_truth_of_plots_agrees_with_the_rasters(rig_flight: Flown) -> None:
    folder, _ = rig_flight
    with Raster(folder / "truth" / "cover.tif") as raster:
        cover, grid = raster.band("fvc_green"), raster.grid
    with Raster(folder / "truth" / "height.tif") as raster:
        height = raster.band("height")
    with (folder / "truth" / "plots.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    y, x = np.meshgrid(
        grid.y_max - (np.arange(grid.height) + 0.5) * grid.pixel_m,
        grid.x_min + (np.arange(grid.width) + 0.5) * grid.pixel_m,
        indexing="ij",
    )
    for row in rows:
        corners = np.array([[float(row[f"corner{k}_{axis}"]) for axis in "xy"] for k in range(1, 5)])
        u, v = corners[1] - corners[0], corners[3] - corners[0]
        assert np.linalg.norm(u) == pytest.approx(1.0, abs=1e-3)
        along = (x - corners[0, 0]) * u[0] + (y - corners[0, 1]) * u[1]
        across = (x - corners[0, 0]) * v[0] + (y - corners[0, 1]) * v[1]
        inside = (along >= 0) & (along <= 1) & (across >= 0) & (across <= 1)
        assert cover[inside].mean() == pytest.approx(float(row["fvc_green"]), abs=0.02)
        assert height[inside].mean() == pytest.approx(float(row["height_mean"]), abs=0.004)


def test_observations_have_units_area_and_their_errors(rig_flight: Flown) -> None:
    folder, summary = rig_flight
    with (folder / "observations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["variable"] for row in rows} == {"fvc_green", "height_mean", "agb_dry"}
    harvests = [row for row in rows if row["variable"] == "agb_dry"]
    assert len(harvests) == 2
    assert {(row["unit"], row["area_m2"]) for row in harvests} == {("g/m2", "0.5")}
    assert 0 < summary.errors["plot_position_m_rms"] < 0.1
    assert 0 < summary.errors["visual_cover_rms"] < 0.15


def test_control_points_lie_where_they_are_marked(rgb_flight: Flown) -> None:
    folder, _ = rgb_flight
    cameras, shots = poses(folder)
    offset = json.loads((folder / "truth" / "poses.json").read_text())["offset"]
    by_image = {shot.image: shot for _, shot in shots}
    lines = (folder / "gcp_list.txt").read_text().splitlines()
    assert lines[0] == "EPSG:32647"
    assert len(lines) > 4
    misses = []
    for line in lines[1:]:
        x, y, z, u, v, image, *_ = line.split()
        point = np.array([[float(x) - offset[0], float(y) - offset[1], float(z)]])
        pixel = cameras[by_image[image].camera_id].project(by_image[image].to_camera(point))[0]
        misses.append(np.hypot(pixel[0] - float(u), pixel[1] - float(v)))
    assert np.max(misses) < 4
    assert np.median(misses) < 1.5


def test_summary_is_printed_and_kept(rig_flight: Flown) -> None:
    folder, summary = rig_flight
    kept = json.loads((folder / "truth" / "summary.json").read_text())
    assert kept["shares"] == summary.to_json()["shares"]
    assert {"shadow", "mixed_at_2cm", "slope_max_deg", "plot_cover_max"} <= set(kept["shares"])
    assert "truth" not in kept["out"]


def test_a_full_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "DJI_0001.JPG").write_bytes(b"mine")
    with pytest.raises(UsageError, match="not empty"):
        simulate(tmp_path, SimulationOptions())
    assert [path.name for path in tmp_path.iterdir()] == ["DJI_0001.JPG"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"sensor": "lidar"}, "lidar"),
        ({"gsd_cm": 0.0}, "GSD"),
        ({"harvested": 5, "plots": 2}, "harvested"),
        ({"texel_m": 0.02}, "texel"),
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        SimulationOptions(**wrong)  # type: ignore[arg-type]


def test_broken_sky_changes_the_light(tmp_path: Path) -> None:
    options = SimulationOptions(
        sensor="rgb", captures=6, seed=3, sky=Sky.BROKEN, plots=0, harvested=0, image_size=(96, 64), texel_m=0.025
    )
    simulate(tmp_path / "broken", options)
    with (tmp_path / "broken" / "truth" / "irradiance.csv").open() as file:
        direct = [float(row["direct_green"]) for row in csv.DictReader(file)]
    assert max(direct) > 1.15 * min(direct)
