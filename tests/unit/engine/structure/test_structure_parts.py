"""Positions, pairs, photo reading and the files a reconstruction is written to."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from structure_scene import CRS, ORIGIN, position_of

from uav_workflow.domain.flight import Band, BandImage, Capture, Position
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.domain.tags import Tags
from uav_workflow.engine.inputs.priors import camera_name, focal_prior, lens_prior, position_priors, utm_crs
from uav_workflow.engine.products.reconstruction_io import read_reconstruction, write_reconstruction, write_shots
from uav_workflow.engine.structure.facts import placement_findings
from uav_workflow.engine.structure.patches import match_patches
from uav_workflow.engine.ties.features import read_gray
from uav_workflow.engine.ties.matching import MatchSettings, bridging_pairs, choose_pairs
from uav_workflow.errors import EngineError


def photo(name: str, position: Position | None, **changes: object) -> BandImage:
    values: dict[str, object] = {
        "path": Path(name), "name": name, "size_bytes": 1, "band": Band(name="RGB"), "width": 4000, "height": 3000,
        "bits": 8, "make": "DJI", "model": "FC300S", "position": position, "focal_px": 2300.0, "focal_source": "tags",
    }  # fmt: skip
    return BandImage(**{**values, **changes})  # type: ignore[arg-type]


def captures_at(positions: list[Position | None]) -> list[Capture]:
    return [Capture(capture_id=str(i), images=(photo(f"{i}.jpg", p),)) for i, p in enumerate(positions)]


def test_positions_are_utm_minus_whole_metres() -> None:
    places = np.array([(0.0, 0, 50), (30, 0, 51), (0, 40, 52), (30, 40, 53)])
    positions: list[Position | None] = [position_of(place, np.zeros(3)) for place in places]
    positions.insert(2, None)
    found = position_priors(captures_at(positions))
    assert found.crs == CRS
    assert found.offset == (ORIGIN[0] + 15, ORIGIN[1] + 20)
    assert list(found.known) == [True, True, False, True, True]
    expected = places + ORIGIN - (*found.offset, 0)
    assert np.allclose(found.xyz[found.known], expected, atol=1e-4)
    assert np.allclose(found.sigma[0], 0.5)


def test_positions_without_sigma_or_altitude() -> None:
    found = position_priors(captures_at([Position(lon=15.0, lat=45.0)] * 3))
    assert np.isnan(found.xyz[:, 2]).all()
    assert (found.sigma > 1).all()


def test_two_positions_are_too_few() -> None:
    with pytest.raises(EngineError, match="2 of 3 photos have a GPS position"):
        position_priors(captures_at([Position(lon=15, lat=45), Position(lon=15, lat=45), None]))


@pytest.mark.parametrize(
    ("lon", "lat", "crs"), [(101.3, 37.6, "EPSG:32647"), (-70, -30, "EPSG:32719"), (180, 10, "EPSG:32601")]
)
def test_utm_zone(lon: float, lat: float, crs: str) -> None:
    assert utm_crs(lon, lat) == crs


def test_focal_length_without_a_tag_says_so() -> None:
    focal, source = focal_prior(photo("a.jpg", None, focal_px=None))
    assert 0.5 * 4000 < focal < 1.2 * 4000
    assert "assumed" in source


def test_lens_from_tags() -> None:
    tags = Tags({"Camera:PerspectiveDistortion": ("-0.1", "0.14", "-0.02", "0.0003", "0.0007")})
    lens = lens_prior(photo("a.tif", None, principal_point_px=(1990.0, 1510.0), tags=tags))
    assert lens.tolist() == [2300, 1990, 1510, -0.1, 0.14, -0.02, 0.0003, 0.0007]


def test_camera_names_tell_bands_and_bodies_apart() -> None:
    assert camera_name(photo("a", None, model="FC300S\x00\x00")) == "v2 dji fc300s 4000 3000 brown 0.5750"
    assert camera_name(photo("a", None, band=Band(name="NIR"))).endswith("nir")
    assert camera_name(photo("a", None, serial="7")) != camera_name(photo("a", None, serial="8"))


def test_few_photos_meet_all_others_and_many_only_their_neighbours() -> None:
    xy = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    known = np.ones(100, bool)
    settings = MatchSettings(all_pairs_up_to=10, neighbours=8)
    assert len(choose_pairs(xy[:10], known[:10], settings)) == 45
    pairs = choose_pairs(xy, known, settings)
    assert all(i < j for i, j in pairs)
    assert len(set(pairs)) == len(pairs) < 100 * 8
    distance = [np.linalg.norm(xy[i] - xy[j]) for i, j in pairs]
    assert max(distance) < 3
    inner = {j for i, j in pairs if i == 44} | {i for i, j in pairs if j == 44}
    assert {33, 34, 35, 43, 45, 53, 54, 55} <= inner


def test_a_photo_without_position_meets_its_neighbours_in_time() -> None:
    xy = np.column_stack([np.arange(40.0), np.zeros(40)])
    xy[20] = np.nan
    known = np.isfinite(xy[:, 0])
    pairs = choose_pairs(xy, known, MatchSettings(all_pairs_up_to=5, neighbours=6))
    assert {(17, 20), (18, 20), (19, 20), (20, 21), (20, 22), (20, 23)} == {p for p in pairs if 20 in p}


def test_photos_without_any_position_meet_all_others() -> None:
    nowhere = np.full((30, 2), np.nan)
    assert len(choose_pairs(nowhere, np.zeros(30, bool), MatchSettings(all_pairs_up_to=5))) == 30 * 29 // 2


def test_photos_outside_a_block_meet_the_nearest_inside() -> None:
    xy = np.column_stack([np.arange(10.0), np.zeros(10)])
    xy[9] = np.nan
    placed = np.arange(10) < 6
    pairs = bridging_pairs(xy, placed, MatchSettings(neighbours=2))
    assert pairs == [(4, 6), (4, 7), (4, 8), (5, 6), (5, 7), (5, 8)]
    assert bridging_pairs(xy, np.zeros(10, bool), MatchSettings()) == []


def test_what_is_not_in_the_block_is_said() -> None:
    assert placement_findings([], [], 12) == []
    partial, alone = placement_findings(["a", "b", "c"], [["a", "b"]], 12)
    assert partial.code == "reconstruction-partial"
    assert "2 blocks of 9, 2" in partial.message
    assert "a, b" in partial.message
    assert alone.code == "photos-not-placed"
    assert "1 of 12 captures" in alone.message
    assert "(c)" in alone.message


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_images_are_stretched_to_eight_bits(tmp_path: Path, dtype: type) -> None:
    ramp = np.tile(np.linspace(0.1, 0.4, 200), (100, 1))
    values = (ramp * 65535 if dtype is np.uint16 else ramp).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values)
    gray = read_gray(tmp_path / "a.tif")
    assert gray.dtype == np.uint8
    assert gray.shape == (100, 200)
    assert gray.min() == 0
    assert gray.max() == 255
    assert (np.diff(gray[50].astype(int)) >= 0).all()


def test_the_orientation_tag_turns_nothing(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((60, 100), np.uint8)
    pixels[:, :20] = 255
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    gray = read_gray(tmp_path / "a.jpg")
    assert gray.shape == (60, 100)
    assert gray[:, 5].mean() > 200
    assert gray[:, 50].mean() < 50


def test_a_broken_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 nothing")
    with pytest.raises(EngineError, match=r"a\.jpg"):
        read_gray(tmp_path / "a.jpg")
    (tmp_path / "a.tif").write_bytes(b"II*\x00 nothing")
    with pytest.raises(EngineError, match=r"a\.tif"):
        read_gray(tmp_path / "a.tif")


def test_patches_are_found_to_a_fraction_of_a_pixel() -> None:
    noise = np.random.default_rng(1).normal(size=(240, 320)).astype(np.float32)
    first = cv2.GaussianBlur(noise, (0, 0), 2)
    shift = np.array([1.3, -2.4])
    second = cv2.warpAffine(-first, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (320, 240), flags=cv2.INTER_CUBIC)
    found = match_patches(first, second, patch=48, search=6, step=24, min_correlation=0.3)
    assert len(found.centres) > 20
    assert np.abs(np.median(found.shifts, axis=0) - shift).max() < 0.05


def reconstruction() -> Reconstruction:
    camera = Camera(
        camera_id="c", width=4000, height=2250, fx=2238, fy=2238, cx=1977, cy=1142, k1=0.01, k2=-0.02, k3=0.003,
        p1=0.0004, p2=-0.0005,
    )  # fmt: skip
    rotation, _ = cv2.Rodrigues(np.array([2.9, 1.2, -0.1]))
    shots = [
        Shot(
            image=name,
            camera_id="c",
            rotation=np.asarray(rotation),
            centre=np.array([i, 2.0, 50.0]),
            time_utc=datetime(2026, 7, 1, 3, i, tzinfo=UTC),
        )
        for i, name in enumerate(("a.jpg", "sub/b.jpg"))
    ]
    return Reconstruction(
        crs=CRS,
        offset=(500_000.0, 5_000_000.0),
        cameras={"c": camera},
        shots=shots,
        points=np.arange(12.0).reshape(4, 3),
        missing=("lost.jpg",),
        facts={"registered": 2},
    )


def test_a_reconstruction_survives_its_file(tmp_path: Path) -> None:
    before = reconstruction()
    write_reconstruction(before, tmp_path / "r.json")
    after = read_reconstruction(tmp_path / "r.json")
    assert (after.crs, after.offset, after.missing) == (before.crs, before.offset, before.missing)
    assert after.facts == before.facts
    for name in ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "p1", "p2"):
        assert getattr(after.cameras["c"], name) == pytest.approx(getattr(before.cameras["c"], name), abs=1e-9)
    for one, other in zip(before.shots, after.shots, strict=True):
        assert one.image == other.image
        assert np.allclose(one.rotation, other.rotation)
        assert np.allclose(one.centre, other.centre)
        assert one.time_utc == other.time_utc
    assert np.allclose(after.points, before.points)


def test_the_file_is_opensfms(tmp_path: Path) -> None:
    write_reconstruction(reconstruction(), tmp_path / "r.json")
    (document,) = json.loads((tmp_path / "r.json").read_text())
    camera = document["cameras"]["c"]
    assert camera["projection_type"] == "brown"
    assert camera["focal_x"] == pytest.approx(2238 / 4000)
    assert camera["c_y"] == pytest.approx((1142 - 1125) / 4000)
    assert set(document) >= {"shots", "points", "rig_cameras", "rig_instances", "reference_lla", "biases"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '[{"cameras": {}}]', "[1]"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(EngineError, match=r"r\.json"):
        read_reconstruction(tmp_path / "r.json", crs=CRS, offset=(0, 0))


def test_an_unknown_camera_kind_is_refused(tmp_path: Path) -> None:
    write_reconstruction(reconstruction(), tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text().replace('"brown"', '"fisheye_opencv"')
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(EngineError, match="fisheye_opencv"):
        read_reconstruction(tmp_path / "r.json")


def test_a_file_that_does_not_say_its_crs_needs_one(tmp_path: Path) -> None:
    write_reconstruction(reconstruction(), tmp_path / "r.json")
    (document,) = json.loads((tmp_path / "r.json").read_text())
    del document["uav_workflow"]
    (tmp_path / "r.json.gz").write_bytes(gzip.compress(json.dumps([document]).encode()))
    with pytest.raises(EngineError, match="CRS"):
        read_reconstruction(tmp_path / "r.json.gz")
    assert read_reconstruction(tmp_path / "r.json.gz", crs=CRS, offset=(1.0, 2.0)).offset == (1.0, 2.0)


def test_shots_are_points_on_the_map(tmp_path: Path) -> None:
    before = reconstruction()
    write_shots(before, tmp_path / "shots.geojson")
    document = json.loads((tmp_path / "shots.geojson").read_text())
    assert [feature["properties"]["filename"] for feature in document["features"]] == ["a.jpg", "sub/b.jpg"]
    lon, lat, up = document["features"][0]["geometry"]["coordinates"]
    assert lon == pytest.approx(15.0, abs=1e-6)
    assert 45.1 < lat < 45.2
    assert up == 50.0


@pytest.mark.shared
def test_odms_own_reconstruction_can_be_read(shared_data: Path) -> None:
    path = shared_data / "odm_products/brighton_beach/opensfm/reconstruction.json.gz"
    found = read_reconstruction(path, crs="EPSG:32615", offset=(576705.0, 5188171.0))
    assert len(found.shots) == 18
    (camera,) = found.cameras.values()
    assert camera.fx == pytest.approx(2238, abs=1)
    heights = [shot.centre[2] - np.median(found.points[:, 2]) for shot in found.shots]
    assert 30 < min(heights) < max(heights) < 50
    assert all(shot.rotation[2, 2] < -0.95 for shot in found.shots)
