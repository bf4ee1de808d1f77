"""Bands grouped into captures, and what is said of those that are not whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from synthetic_flight import START, Checker, Photo, write_photo

from uav_workflow.domain.flight import Capture, SensorProfile
from uav_workflow.findings import Finding, Level
from uav_workflow.flights.captures import group_captures
from uav_workflow.flights.photos import read_photos
from uav_workflow.flights.reading import read_flight
from uav_workflow.flights.sensors import match_profile

BANDS = (("Blue", 475), ("Green", 560), ("Red", 668), ("NIR", 840), ("Red edge", 717))


def rig_photo(number: int, index: int, **changes: object) -> Photo:
    name, centre = BANDS[index]
    tags = (
        ("Camera:BandName", name),
        ("Camera:CentralWavelength", str(centre)),
        ("Camera:RigCameraIndex", str(index)),
        ("MicaSense:CaptureId", f"capture{number}"),
    )
    photo = Photo(
        make="MicaSense",
        model="RedEdge-M",
        width=64,
        height=48,
        time=START + timedelta(seconds=2 * number),
        north_m=5.0 * number,
        seed=10 * number + index,
        xmp=tags,
    )
    return replace(photo, **changes)  # type: ignore[arg-type]


def write_rig(folder: Path, captures: int = 4) -> Path:
    for number in range(captures):
        for index in range(5):
            write_photo(folder / f"000/IMG_{number:04d}_{index + 1}.tif", rig_photo(number, index))
    return folder


def grouped(folder: Path) -> tuple[tuple[Capture, ...], list[Finding], SensorProfile]:
    images, findings = read_photos(folder)
    profile = match_profile(images)
    captures, found = group_captures(images, profile)
    return captures, findings + found, profile


def test_captures_by_id_in_rig_and_time_order(tmp_path: Path) -> None:
    captures, findings, profile = grouped(write_rig(tmp_path))
    assert profile.name == "micasense_rededge"
    assert findings == []
    assert [capture.capture_id for capture in captures] == [f"000/IMG_{n:04d}" for n in range(4)]
    assert [image.band.name for image in captures[0].images] == [name for name, _ in BANDS]
    assert captures[0].primary.band.name == "Green"
    assert captures[1].time_utc == captures[0].time_utc + timedelta(seconds=2)  # type: ignore[operator]


def test_captures_by_file_name_without_tags(tmp_path: Path) -> None:
    for number in range(2):
        for index in range(5):
            photo = rig_photo(number, index)
            bare = replace(photo, xmp=tuple(pair for pair in photo.xmp if pair[0] != "MicaSense:CaptureId"))
            write_photo(tmp_path / f"IMG_{number:04d}_{index + 1}.tif", bare)
    captures, findings, _ = grouped(tmp_path)
    assert findings == []
    assert [len(capture.images) for capture in captures] == [5, 5]


def test_captures_by_time_when_nothing_else_tells(tmp_path: Path) -> None:
    for number in range(2):
        for index in range(5):
            photo = rig_photo(number, index)
            bare = replace(photo, xmp=tuple(pair for pair in photo.xmp if pair[0] != "MicaSense:CaptureId"))
            write_photo(tmp_path / f"photo{number * 5 + index}.tif", bare)
    captures, findings, _ = grouped(tmp_path)
    assert findings == []
    assert [len(capture.images) for capture in captures] == [5, 5]


def test_incomplete_capture_is_left_out_and_said(tmp_path: Path, checked: Checker) -> None:
    folder = write_rig(tmp_path / "rig")
    (folder / "000/IMG_0002_4.tif").unlink()
    found = checked(folder)["incomplete-capture"]
    assert found.level is Level.WARNING
    assert "has no NIR 840 nm" in found.message
    flight, _ = read_flight(folder)
    assert flight is not None
    assert len(flight.captures) == 3


def test_truncated_band_makes_its_capture_incomplete(tmp_path: Path, checked: Checker) -> None:
    folder = write_rig(tmp_path / "rig", captures=8)
    path = folder / "000/IMG_0001_2.tif"
    path.write_bytes(path.read_bytes()[:3000])
    assert {"truncated-photo", "incomplete-capture"} <= set(checked(folder))


def test_no_complete_capture(tmp_path: Path, checked: Checker) -> None:
    for number in range(3):
        photo = rig_photo(number, 0)
        write_photo(tmp_path / f"rig/IMG_{number:04d}_1.tif", photo)
        write_photo(tmp_path / f"rig/again/IMG_{number:04d}_1.tif", replace(photo, seed=photo.seed + 500))
    found = checked(tmp_path / "rig")
    assert found["no-complete-capture"].level is Level.ERROR
    assert "band-absent" in found


def test_a_card_copied_twice_is_no_fault_of_the_captures(tmp_path: Path, checked: Checker) -> None:
    folder = write_rig(tmp_path / "rig")
    for path in sorted((folder / "000").iterdir()):
        copy = folder / "000 copy" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    found = checked(folder)
    assert "20 photos" in found["duplicate-photo"].message
    assert "incomplete-capture" not in found


def test_two_multispectral_cameras_are_an_error(tmp_path: Path, checked: Checker) -> None:
    folder = write_rig(tmp_path / "rig")
    for index in range(5):
        write_photo(folder / f"001/IMG_0100_{index + 1}.tif", rig_photo(100, index, model="Altum"))
    assert checked(folder)["mixed-cameras"].level is Level.ERROR


def test_rgb_companions_are_set_aside(tmp_path: Path, checked: Checker) -> None:
    folder = write_rig(tmp_path / "rig")
    write_photo(folder / "000/IMG_0000_6.jpg", Photo(make="MicaSense", model="RedEdge-M", seed=77))
    assert checked(folder)["companion-photos"].level is Level.INFO
    flight, _ = read_flight(folder)
    assert flight is not None
    assert all(len(capture.images) == 5 for capture in flight.captures)


@pytest.mark.parametrize("how", ["folder", "tag"])
def test_panel_captures_stand_apart(tmp_path: Path, how: str) -> None:
    folder = write_rig(tmp_path / "rig")
    name = "panels" if how == "folder" else "000"
    tag = () if how == "folder" else (("Camera:CalibrationPicture", "2"),)
    for index in range(5):
        photo = rig_photo(50, index)
        write_photo(folder / name / f"IMG_0050_{index + 1}.tif", replace(photo, xmp=(*photo.xmp, *tag)))
    flight, _ = read_flight(folder)
    assert flight is not None
    assert (len(flight.captures), len(flight.panel_captures)) == (4, 1)
    assert flight.panel_captures[0].is_panel


@pytest.mark.shared
def test_real_sequoia_captures(shared_data: Path) -> None:
    captures, findings, profile = grouped(shared_data / "garfield_sequoia")
    assert profile.name == "parrot_sequoia"
    assert findings == []
    assert [[image.band.name for image in capture.images] for capture in captures] == [
        ["Green", "Red", "Red edge", "NIR"]
    ] * 4


@pytest.mark.shared
def test_real_sequoia_with_its_rgb(shared_data: Path) -> None:
    captures, findings, _ = grouped(shared_data / "micasense_rededge" / "Sequoia")
    assert [finding.code for finding in findings] == ["companion-photos"]
    assert len(captures) == 1


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "sensor", "captures"),
    [
        ("brighton_beach", "dji_rgb", 18),
        ("caliterra_block", "generic_rgb", 13),
        ("garfield_sequoia", "parrot_sequoia", 4),
        ("micasense_rededge/0000SET", "micasense_rededge", 2),
    ],
)
def test_real_flights_are_usable(shared_data: Path, folder: str, sensor: str, captures: int) -> None:
    flight, findings = read_flight(shared_data / folder)
    assert flight is not None, findings
    assert (flight.sensor.name, len(flight.captures)) == (sensor, captures)
    if folder == "brighton_beach":
        assert 2155 < (flight.captures[0].primary.focal_px or 0) < 2400
        assert {finding.code for finding in findings} == {"time-zone-unknown", "low-forward-overlap"}
        assert 0.58 < flight.geometry.forward_overlap < 0.68
        assert flight.geometry.crs == "EPSG:32615"
    if folder == "caliterra_block":
        assert 0.72 < flight.geometry.forward_overlap < 0.82


def dji_photo(number: int, band: str, **changes: object) -> Photo:
    tags = (("drone-dji:BandName", band), ("drone-dji:CaptureUUID", f"uuid{number}"))
    photo = Photo(
        make="DJI",
        model="M3M",
        width=64,
        height=48,
        time=START + timedelta(seconds=2 * number),
        north_m=5.0 * number,
        seed=100 * number + len(band),
        xmp=tags,
    )
    return replace(photo, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("tagged", [True, False])
def test_mavic_3_multispectral(tmp_path: Path, tagged: bool) -> None:
    for number in range(3):
        for suffix, band in (("G", "Green"), ("R", "Red"), ("RE", "RedEdge"), ("NIR", "NIR")):
            photo = dji_photo(number, band, **({} if tagged else {"xmp": ()}))
            write_photo(tmp_path / f"DJI_2024073111000{number}_000{number}_MS_{suffix}.TIF", photo)
        write_photo(tmp_path / f"DJI_2024073111000{number}_000{number}_D.JPG", dji_photo(number, "RGB", xmp=()))
    captures, findings, profile = grouped(tmp_path)
    assert profile.name == "dji_m3m"
    assert [finding.code for finding in findings] == ["companion-photos"]
    assert [[image.band.name for image in c.images] for c in captures] == [["Green", "Red", "Red edge", "NIR"]] * 3


def test_phantom_4_multispectral_by_file_name(tmp_path: Path) -> None:
    for number in range(2):
        for index in range(6):
            suffix = "JPG" if index == 0 else "TIF"
            photo = dji_photo(number, "x", model="FC6360", xmp=(), seed=10 * number + index)
            write_photo(tmp_path / f"DJI_00{number + 1}{index}.{suffix}", photo)
    captures, _, _ = grouped(tmp_path)
    names = ["Blue", "Green", "Red", "Red edge", "NIR"]
    assert [[image.band.name for image in c.images] for c in captures] == [names] * 2


def test_rgb_photos_of_a_multispectral_drone_are_an_rgb_flight(tmp_path: Path) -> None:
    for number in range(3):
        write_photo(tmp_path / f"DJI_000{number}_D.JPG", dji_photo(number, "RGB", xmp=()))
    captures, findings, profile = grouped(tmp_path)
    assert (profile.name, len(captures), findings) == ("dji_rgb", 3, [])
