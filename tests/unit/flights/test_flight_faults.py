"""Every fault a flight folder can have is made once and must be named by its code."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_flight import START, Checker, FlightFolder, Photo, read, write_photo

from uav_workflow.domain.tags import Tags
from uav_workflow.findings import Level
from uav_workflow.flights.cameras import check_colours
from uav_workflow.flights.sensors import load_profiles, match_profile


def test_a_good_flight_has_no_findings(flight: FlightFolder, checked: Checker) -> None:
    assert checked(flight.write()) == {}


def test_no_photos(tmp_path: Path, checked: Checker) -> None:
    (tmp_path / "empty").mkdir()
    assert checked(tmp_path / "empty")["no-photos"].level is Level.ERROR


def test_no_folder(tmp_path: Path, checked: Checker) -> None:
    found = checked(tmp_path / "not there")
    assert set(found) == {"no-folder"}


def test_unreadable_photo(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / flight.name(2)).write_bytes(b"this is no photo")
    found = checked(folder)["unreadable-photo"]
    assert found.where == flight.name(2)
    assert found.level is Level.WARNING


def test_empty_photo(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / flight.name(2)).write_bytes(b"")
    assert "empty" in checked(folder)["unreadable-photo"].message


@pytest.mark.parametrize("padding", [b"", b"\x00" * 100_000])
def test_truncated_jpg(flight: FlightFolder, checked: Checker, padding: bytes) -> None:
    folder = flight.write()
    path = folder / flight.name(5)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3] + padding)
    assert checked(folder)["truncated-photo"].where == flight.name(5)


def test_many_broken_photos_refuse_the_flight(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    for index in range(4):
        (folder / flight.name(index)).write_bytes(b"\xff\xd8")
    assert checked(folder)["many-broken-photos"].level is Level.ERROR


def test_picture_that_cannot_be_decoded(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    path = folder / flight.name(5)
    data = bytearray(path.read_bytes())
    table = data.rindex(b"\xff\xc4")
    data[table + 5 : table + 21] = b"\xff" * 16
    path.write_bytes(bytes(data))
    assert checked(folder)["undecodable-photo"].where == flight.name(5)


def test_no_gps_at_all(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(gps=False)
    assert checked(flight.write())["no-gps"].level is Level.ERROR


def test_no_gps_on_one(flight: FlightFolder, checked: Checker) -> None:
    flight.change(3, gps=False)
    found = checked(flight.write())["no-gps"]
    assert (found.level, found.where) == (Level.WARNING, flight.name(3))


def test_photo_far_away(flight: FlightFolder, checked: Checker) -> None:
    flight.change(0, east_m=-5000.0)
    found = checked(flight.write())["photo-far-away"]
    assert found.where == flight.name(0)
    assert "5.0 km" in found.message


def test_two_places(flight: FlightFolder, checked: Checker) -> None:
    for index in range(6, 12):
        flight.change(index, east_m=3000.0 + index)
    assert "separate-areas" in checked(flight.write())


def test_duplicate_photo(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / "images/copy of 3.JPG").write_bytes((folder / flight.name(3)).read_bytes())
    found = checked(folder)["duplicate-photo"]
    assert "copy of 3.JPG" in found.where


def test_mixed_cameras(flight: FlightFolder, checked: Checker) -> None:
    flight.change(4, make="Canon", model="Canon PowerShot SX260 HS")
    found = checked(flight.write())["mixed-cameras"]
    assert "11 of DJI FC300S, 1 of Canon PowerShot SX260 HS" in found.message


def test_pictures_of_mixed_bands_are_no_colours(flight: FlightFolder, checked: Checker) -> None:
    """The near-infrared body of a Double 4K writes JPEGs like any camera's."""
    flight.change_all(make="Sentera", model="21022-01_12MP-ERS-0001", lens="5.4mm-0001_0016")
    folder = flight.write()
    refused = checked(folder)["mixed-colours"]
    assert refused.level is Level.ERROR
    assert "12 pictures" in refused.message
    assert "generic_rgb" in refused.hint
    flight.text("flight.yaml", "sensor: sentera_double4k_nir\n")
    assert checked(folder)["mixed-colours"].level is Level.ERROR
    flight.text("flight.yaml", "sensor: generic_rgb\n")
    taken = checked(folder)["mixed-colours"]
    assert taken.level is Level.WARNING
    assert "--until point_cloud" in taken.hint


def test_the_rgb_body_of_the_same_model_is_a_plain_camera(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(make="Sentera", model="21022-01_12MP-ERS-0001", lens="5.4mm-0001_0014")
    assert "mixed-colours" not in checked(flight.write())


@pytest.mark.parametrize(
    ("channels", "mixed"), [(("Green", "Red", "NIR"), True), (("Red", "Green", "Blue"), False), ((), False)]
)
def test_channels_that_tags_name_are_believed(flight: FlightFolder, channels: tuple[str, ...], mixed: bool) -> None:
    image = read(flight.write()).captures[0].primary
    named = replace(image, tags=Tags({**image.tags.values, "Camera:BandName": channels}))
    profiles = load_profiles()
    found = check_colours([image, named], match_profile([named], profiles), profiles)
    assert [finding.where for finding in found] == ([image.name] if mixed else [])


def test_mixed_sizes(flight: FlightFolder, checked: Checker) -> None:
    flight.change(4, width=180, height=240)
    found = checked(flight.write())["mixed-sizes"]
    assert found.where == flight.name(4)


def test_low_forward_overlap(flight: FlightFolder, checked: Checker) -> None:
    for photo in range(len(flight.photos)):
        flight.change(photo, north_m=flight.photos[photo].north_m * 4)
    found = checked(flight.write())
    # 24 m of a frame that is 180 / 240 * 6.25 / 3.61 * 40 m = 51.9 m long
    assert "54%" in found["low-forward-overlap"].message
    assert "low-side-overlap" not in found


def test_low_side_overlap_and_gaps(flight: FlightFolder, checked: Checker) -> None:
    for photo in range(len(flight.photos)):
        flight.change(photo, east_m=flight.photos[photo].east_m * 8)
    assert "gap" in checked(flight.write())["low-side-overlap"].message


def test_blur(flight: FlightFolder, checked: Checker) -> None:
    flight.change(7, blurred=True)
    assert checked(flight.write())["blurred-photos"].where == flight.name(7)


def test_over_exposure(flight: FlightFolder, checked: Checker) -> None:
    flight.change(7, level=1.0)
    assert checked(flight.write())["over-exposed"].where == flight.name(7)


def test_under_exposure(flight: FlightFolder, checked: Checker) -> None:
    flight.change(7, level=0.02)
    assert checked(flight.write())["under-exposed"].where == flight.name(7)


def test_oblique_photo(flight: FlightFolder, checked: Checker) -> None:
    flight.change(0, pitch_deg=-45.0)
    found = checked(flight.write())["oblique-photos"]
    assert "45°" in found.message
    assert found.where == flight.name(0)


def test_clock_not_advancing(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(time=START)
    assert "clock-not-advancing" in checked(flight.write())


def test_clock_never_set(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(time=datetime(1970, 1, 1, 0, 2, 30))
    assert "time-unknown" in checked(flight.write())


def test_time_gap(flight: FlightFolder, checked: Checker) -> None:
    for index in range(6, 12):
        flight.change(index, time=START + timedelta(hours=5, seconds=3 * index))
    found = checked(flight.write())["time-gap"]
    assert found.where == flight.name(6)


def test_time_zone_unknown(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(zone=None)
    assert "time-zone-unknown" in checked(flight.write())


def test_utc_offset_of_flight_yaml_settles_the_zone(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(zone=None)
    flight.text("flight.yaml", "utc_offset: +8:00\n")
    assert checked(flight.write()) == {}


def test_utc_offset_against_the_photos(flight: FlightFolder, checked: Checker) -> None:
    flight.text("flight.yaml", "utc_offset: 6\n")
    assert "utc-offset-mismatch" in checked(flight.write())


def test_low_sun(flight: FlightFolder, checked: Checker) -> None:
    for index, photo in enumerate(flight.photos):
        assert photo.time is not None
        flight.change(index, time=photo.time.replace(hour=7))
    assert "below 30°" in checked(flight.write())["sun-low"].message


def test_sun_below_the_horizon(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(zone="-05:00")
    assert "horizon" in checked(flight.write())["sun-low"].message


def test_orientation_of_some(flight: FlightFolder, checked: Checker) -> None:
    flight.change(1, orientation=6)
    found = checked(flight.write())["exif-orientation"]
    assert (found.level, found.where) == (Level.WARNING, flight.name(1))


def test_orientation_of_all(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(orientation=3)
    assert checked(flight.write())["exif-orientation"].level is Level.INFO


def test_height_unknown(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(relative_m=None)
    assert "height-unknown" in checked(flight.write())


def test_height_from_a_photo_on_the_ground(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(relative_m=None)
    flight.change(0, altitude_m=2998.0)
    assert "42 m" in checked(flight.write())["height-guessed"].message


def test_focal_unknown(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(model="no such camera")
    assert "focal-unknown" in checked(flight.write())


def test_raw_photos_alone(flight: FlightFolder, checked: Checker) -> None:
    flight.text("DJI_0001.DNG", b"II*\x00")
    found = checked(flight.path)
    assert found["unsupported-photo"].level is Level.ERROR


def test_raw_photos_beside_jpgs(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / "images/DJI_0001.DNG").write_bytes(b"II*\x00")
    assert checked(folder)["unsupported-photo"].level is Level.WARNING


def test_a_map_among_the_photos(flight: FlightFolder, checked: Checker) -> None:
    import rasterio

    folder = flight.write()
    with rasterio.open(
        folder / "images/ortho.tif", "w", driver="GTiff", width=20, height=20, count=1, dtype="uint8",
        crs="EPSG:32647", transform=rasterio.Affine(1, 0, 5e5, 0, -1, 4e6),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 20, 20), np.uint8))
    found = checked(folder)
    assert found["map-among-photos"].where == "images/ortho.tif"
    (folder / "images/ortho.tif").rename(folder / "ortho.tif")
    assert checked(folder) == {}


def test_photos_outside_images(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    write_photo(folder / "selfie.jpg", Photo(seed=99))
    assert checked(folder)["photos-outside-images"].where == "selfie.jpg"


def test_a_closed_folder_is_said(flight: FlightFolder, checked: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    folder = flight.write()
    (folder / "images/closed").mkdir()
    scan = os.scandir

    def refusing(path: str | os.PathLike[str]) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert checked(folder)["folder-unreadable"].level is Level.ERROR


def test_mac_shadow_files_are_no_photos(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / "images/._DJI_0001.JPG").write_bytes(b"\x00\x05\x16\x07")
    assert checked(folder) == {}


def test_names_with_spaces_and_chinese(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / flight.name(0)).rename(folder / "images/草地 1.JPG")
    assert checked(folder) == {}


def test_grey_jpg_without_tags(tmp_path: Path, checked: Checker) -> None:
    (tmp_path / "bare").mkdir()
    for index in range(3):
        noise = np.random.default_rng(index).integers(50, 180, (90, 120, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "bare" / f"p{index}.jpg")
    found = checked(tmp_path / "bare")
    assert {"no-gps", "time-unknown", "focal-unknown"} <= set(found)


def test_gps_stamps_that_drift_from_the_clock(flight: FlightFolder, checked: Checker) -> None:
    for index in range(len(flight.photos)):
        flight.change(index, stamp=START - timedelta(hours=8) + timedelta(seconds=5 * index))
    assert "22 s" in checked(flight.write())["gps-clock-drift"].message


def test_altitudes_that_change(flight: FlightFolder, checked: Checker) -> None:
    for index in range(len(flight.photos)):
        flight.change(index, altitude_m=3040.0 + 2 * index)
    assert checked(flight.write())["altitude-changes"].level is Level.INFO


def test_two_bodies_of_one_model(flight: FlightFolder, checked: Checker) -> None:
    for index in range(len(flight.photos)):
        flight.change(index, serial=f"body{index % 2}")
    assert "mixed-bodies" in checked(flight.write())


def test_videos_are_named(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    (folder / "images/DJI_0001.MP4").write_bytes(b"video")
    assert checked(folder)["not-a-photo"].where == "images/DJI_0001.MP4"


def test_tags_with_entities_are_not_read(flight: FlightFolder, checked: Checker) -> None:
    folder = flight.write()
    path = folder / flight.name(2)
    data = path.read_bytes()
    old = b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    path.write_bytes(data.replace(old, b'<!DOCTYPE x [<!ENTITY a "b">]>'.ljust(len(old))))
    assert checked(folder)["broken-tags"].where == flight.name(2)


def test_a_guessed_focal_length_is_said(flight: FlightFolder, checked: Checker) -> None:
    from PIL import Image as Pillow

    flight.change_all(model="unheard of")
    folder = flight.write()
    for path in sorted((folder / "images").iterdir()):
        with Pillow.open(path) as picture:
            exif = picture.getexif()
            exif.get_ifd(0x8769)[41989] = 24
            picture.save(path, exif=exif, xmp=picture.info["xmp"], quality=95)
    found = checked(folder)
    assert found["focal-guessed"].level is Level.INFO
    assert "focal-unknown" not in found


def test_the_date_of_photos_without_one(flight: FlightFolder, checked: Checker) -> None:
    flight.change_all(time=None)
    flight.text("flight.yaml", "date: 2024-07-31\n")
    assert {"time-unknown", "date-from-flight-yaml"} <= set(checked(flight.write()))


def test_bands_that_nothing_names(flight: FlightFolder, checked: Checker) -> None:
    for index, photo in enumerate(flight.photos):
        write_photo(flight.path / f"a{index}.tif", replace(photo, make="MicaSense", model="RedEdge", relative_m=None))
    assert checked(flight.path)["unknown-band"].level is Level.ERROR
