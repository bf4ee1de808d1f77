"""Overlap, ground sampling and area of flights whose truth is arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_flight import LAT0, LON0, M_PER_LAT, M_PER_LON, FlightFolder, Photo, grid_of_photos, write_photo

from uav_workflow.domain.flight import Capture
from uav_workflow.flights.captures import group_captures
from uav_workflow.flights.geometry import estimate_geometry, local_positions, utm_crs
from uav_workflow.flights.overlap import flight_lines, line_spacing
from uav_workflow.flights.photos import read_photos
from uav_workflow.flights.sensors import load_profiles
from uav_workflow.flights.shifts import shift_px


def captures_of(folder: Path) -> tuple[Capture, ...]:
    images, _ = read_photos(folder)
    return group_captures(images, load_profiles()[-1])[0]


@pytest.mark.parametrize(
    ("lon", "lat", "crs"),
    [
        (100.25, 38.5, "EPSG:32647"),
        (-98.1, 30.2, "EPSG:32614"),
        (179.99, -17.0, "EPSG:32760"),
        (-180.0, 0.0, "EPSG:32601"),
    ],
)
def test_utm_zone(lon: float, lat: float, crs: str) -> None:
    assert utm_crs(lon, lat) == crs


def test_overlaps_gsd_and_area(flight: FlightFolder) -> None:
    captures = captures_of(flight.write())
    geometry, findings = estimate_geometry(captures)
    assert findings == []
    gsd = 40 * 6.25 / (3.61 * 240)
    assert geometry.gsd_m == pytest.approx(gsd)
    assert geometry.forward_overlap == pytest.approx(1 - 6 / (180 * gsd), abs=0.002)
    assert geometry.side_overlap == pytest.approx(1 - 10 / (240 * gsd), abs=0.002)
    half = 180 * gsd / 2
    hull = 20 * 18 + 2 * half * (20 + 18) + math.pi * half**2
    assert geometry.area_m2 == pytest.approx(hull, rel=0.01)
    # declination 18.2, hour angle 15 (3 + 100.25 / 15 - 0.105 - 12) = -36.3 degrees
    assert geometry.sun_elevation_deg == pytest.approx(52.5, abs=0.3)


def test_a_camera_turned_across_the_track_has_its_long_side_along_it(flight: FlightFolder) -> None:
    flight.change_all(yaw_deg=90.0)
    geometry, _ = estimate_geometry(captures_of(flight.write()))
    gsd = geometry.gsd_m
    assert geometry.forward_overlap == pytest.approx(1 - 6 / (240 * gsd), abs=0.002)
    assert geometry.side_overlap == pytest.approx(1 - 10 / (180 * gsd), abs=0.002)


def positions_of(photos: list[Photo]) -> np.ndarray:
    return np.array([(photo.east_m, photo.north_m) for photo in photos])


def test_lines_are_found_and_turns_are_not_lines() -> None:
    lines = flight_lines(positions_of(grid_of_photos(lines=4, a_line=6, step_m=8, spacing_m=12)))
    assert [line.indexes for line in lines] == [tuple(range(6 * i, 6 * i + 6)) for i in range(4)]
    assert line_spacing(positions_of(grid_of_photos(4, 6, 8, 12)), lines) == pytest.approx(12)


def test_lines_survive_noise_hovering_and_missing_positions() -> None:
    rng = np.random.default_rng(3)
    positions = positions_of(grid_of_photos(lines=5, a_line=10, step_m=8, spacing_m=12)).astype(float)
    positions += rng.normal(0, 0.4, positions.shape)
    positions[17] = np.nan
    positions = np.insert(positions, 25, positions[25], axis=0)
    lines = flight_lines(positions)
    assert line_spacing(positions, lines) == pytest.approx(12, abs=0.6)


def test_one_line_has_no_side_overlap_and_one_photo_no_line() -> None:
    single = positions_of(grid_of_photos(lines=1, a_line=6))
    assert math.isnan(line_spacing(single, flight_lines(single)))
    assert flight_lines(single[:1]) == []
    assert flight_lines(np.zeros((4, 2))) == []


def test_local_positions_are_metres(flight: FlightFolder) -> None:
    flight.photos = flight.photos[:3]
    flight.change(1, east_m=1000.0)
    flight.change(2, north_m=1000.0, east_m=0.0)
    from pyproj import Geod

    metres = local_positions(captures_of(flight.write()))
    _, _, east = Geod(ellps="WGS84").inv(LON0, LAT0, LON0 + 1000 / M_PER_LON, LAT0)
    _, _, north = Geod(ellps="WGS84").inv(LON0, LAT0, LON0, LAT0 + 1000 / M_PER_LAT)
    assert metres[1, 0] - metres[0, 0] == pytest.approx(east, rel=2e-4)
    assert metres[2, 1] - metres[0, 1] == pytest.approx(north, rel=2e-4)


def scene_photos(folder: Path, step_px: int, count: int = 6) -> list[Photo]:
    """Windows of one scene, `step_px` apart along the columns of the picture."""
    rng = np.random.default_rng(5)
    scene = rng.uniform(40, 200, (480, 480 + step_px * count)).astype(np.uint8)
    photos = []
    for index in range(count):
        photo = Photo(east_m=index * 5.0, relative_m=None, width=480, height=480, seed=index, yaw_deg=90.0)
        path = write_photo(folder / f"p{index}.jpg", photo)
        window = scene[:, index * step_px : index * step_px + 480]
        with Image.open(path) as old:
            Image.fromarray(np.repeat(window[..., None], 3, 2)).save(
                path, quality=92, exif=old.info["exif"], xmp=old.info["xmp"]
            )
        photos.append(photo)
    return photos


def test_gsd_is_measured_from_neighbouring_pictures(tmp_path: Path) -> None:
    scene_photos(tmp_path, step_px=120)
    captures = captures_of(tmp_path)
    assert shift_px(captures[0].primary, captures[1].primary) == pytest.approx(120, abs=2)
    geometry, findings = estimate_geometry(captures)
    assert [finding.code for finding in findings] == ["height-guessed"]
    assert geometry.gsd_m == pytest.approx(5.0 / 120, rel=0.03)
    assert geometry.forward_overlap == pytest.approx(0.75, abs=0.02)


def test_unlike_pictures_have_no_shift(flight: FlightFolder) -> None:
    captures = captures_of(flight.write())
    assert shift_px(captures[0].primary, captures[1].primary) is None


@pytest.mark.shared
def test_measured_height_of_a_real_flight(shared_data: Path) -> None:
    from uav_workflow.flights.remember import Memory
    from uav_workflow.flights.shifts import measured_gsd

    captures = captures_of(shared_data / "brighton_beach")
    gsd_m = measured_gsd(captures, local_positions(captures), Memory(None))
    assert gsd_m * (captures[0].primary.focal_px or 0) == pytest.approx(40.1, rel=0.06)


def test_photos_without_position_leave_everything_unknown(flight: FlightFolder) -> None:
    flight.photos = [replace(photo, gps=False, relative_m=None) for photo in flight.photos]
    geometry, findings = estimate_geometry(captures_of(flight.write()))
    assert geometry.crs is None
    assert math.isnan(geometry.gsd_m)
    assert math.isnan(geometry.area_m2)
    assert [finding.code for finding in findings] == ["height-unknown"]
