"""Cover of plots in photos: where a plot lies in the stored picture, and what several photos say of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from shapely.geometry import Polygon, box

from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.vegetation.cover import CoverSettings, make_cover
from uav_workflow.vegetation.cover_frames import FrameError, FrameSource, frame_cover
from uav_workflow.vegetation.cover_record import FIT_JSON, read_fit

PIXEL = 0.02
SIZE = 400
ORIGIN = (5e5, 4.2e6)
SOIL, LEAF = (0.23, 0.17, 0.12), (0.05, 0.09, 0.03)
GROUND_M = 100.0
HEIGHT_M = 20.0


def truth() -> np.ndarray:
    """Green in the west, bare in the east, half and half in stripes of eight pixels in the south."""
    green = np.zeros((SIZE, SIZE), bool)
    green[:, : SIZE // 2] = True
    green[SIZE // 2 :] = (np.arange(SIZE) // 8 % 2 == 0)[None, :]
    return green


def reflectance(green: np.ndarray) -> np.ndarray:
    """(3, rows, columns) with a little noise."""
    draw = np.random.default_rng(0)
    light = np.exp(0.1 * draw.standard_normal(green.shape))
    return np.where(green, np.array(LEAF)[:, None, None], np.array(SOIL)[:, None, None]) * light


def camera(k1: float = 0.0) -> Camera:
    return Camera(camera_id="c", width=640, height=480, fx=1000, fy=1000, cx=320, cy=240, k1=k1)


def shot(name: str, east: float, north: float, tilt_deg: float = 0.0) -> Shot:
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    down = np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]], float)
    lean = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    return Shot(image=name, camera_id="c", rotation=lean @ down, centre=np.array([east, north, GROUND_M + HEIGHT_M]))


def photograph(path: Path, view: Shot, lens: Camera, exposure: float, orientation: int | None = None) -> Path:
    """Write what the camera sees of the flat ground: every pixel the mosaic's pixel under its ray, gamma coded."""
    v, u = np.mgrid[0 : lens.height, 0 : lens.width] + 0.5
    tangents = cv2.undistortPoints(np.stack([u, v], -1).reshape(-1, 1, 2), lens.matrix, lens.distortion)[:, 0]
    rays = np.column_stack([tangents, np.ones(len(tangents))]) @ view.rotation
    ground = view.centre + rays * (-(view.centre[2] - GROUND_M) / rays[:, 2:])
    col = np.floor(ground[:, 0] / PIXEL).astype(int).clip(0, SIZE - 1)
    row = np.floor(-ground[:, 1] / PIXEL).astype(int).clip(0, SIZE - 1)
    linear = np.clip(reflectance(truth())[:, row, col].reshape(3, lens.height, lens.width) * exposure, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    stored = np.rint(255 * coded).astype(np.uint8).transpose(1, 2, 0)[..., ::-1]
    data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()
    if orientation is not None:
        exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0\0\0\0\0\0\0"
        data = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    path.write_bytes(data)
    return path


@pytest.fixture
def source(write_raster: Callable[..., Path], tmp_path: Path) -> Callable[..., FrameSource]:
    """A flight of the photos that are given: its mosaic, its surface, and cover as fitted."""

    def make(views: list[Shot], *, k1: float = 0.0, orientation: int | None = None) -> FrameSource:
        mosaic = write_raster("r.tif", dict(zip(("red", "green", "blue"), reflectance(truth()), strict=True)))
        surface = write_raster("dsm.tif", {"dsm": np.full((SIZE, SIZE), GROUND_M)})
        make_cover(mosaic, tmp_path, settings=CoverSettings())
        photos = {
            view.image: photograph(tmp_path / view.image, view, camera(k1), 0.8 + 0.7 * k, orientation)
            for k, view in enumerate(views)
        }
        block = Reconstruction(
            crs="EPSG:32647", offset=ORIGIN, cameras={"c": camera(k1)}, shots=views, points=np.zeros((0, 3))
        )
        return FrameSource(
            fit=read_fit(tmp_path / FIT_JSON), reconstruction=block, mosaic=mosaic, surface=surface, photos=photos
        )

    return make


def plot(col: float, row: float, side: float = 1.0) -> Polygon:
    """Square whose north-west corner lies so many metres east and south of the mosaic's."""
    return box(ORIGIN[0] + col, ORIGIN[1] - row - side, ORIGIN[0] + col + side, ORIGIN[1] - row)


PLOTS = [("green", plot(1.5, 1.5)), ("bare", plot(5.5, 1.5)), ("half", plot(1.6, 5.44, 1.28))]


@pytest.mark.parametrize("k1", [0.0, -0.08])
@pytest.mark.parametrize("orientation", [None, 1, 3, 6])
def test_every_plot_is_found_in_the_stored_picture(
    source: Callable[..., FrameSource], k1: float, orientation: int | None
) -> None:
    """Turned by its EXIF orientation a picture has the same cover as a whole and another on every plot."""
    views = [shot("a.jpg", 4.0, -4.0), shot("b.jpg", 4.3, -3.8)]
    found = {one.plot_id: one for one in frame_cover(PLOTS, source(views, k1=k1, orientation=orientation))}
    assert [len(one.values) for one in found.values()] == [2, 2, 2]
    assert found["green"].median == pytest.approx(1, abs=0.02)
    assert found["bare"].median == pytest.approx(0, abs=0.02)
    assert found["half"].median == pytest.approx(0.5, abs=0.04)
    assert found["half"].spread < 0.03
    assert found["half"].n_pixels == 64**2


def test_photos_that_look_aside_or_show_a_part_are_left_out(source: Callable[..., FrameSource]) -> None:
    views = [shot("a.jpg", 4.0, -4.0), shot("aside.jpg", -4.0, -4.0, 15.0), shot("far.jpg", 9.4, -4.0)]
    found = frame_cover(PLOTS, source(views))
    assert [len(one.values) for one in found] == [1, 2, 1]
    assert np.isnan(found[0].spread)
    outside = frame_cover([("away", plot(50, 50))], source(views))
    assert outside[0].values == ()
    assert np.isnan(outside[0].median)


def test_a_photo_that_is_gone(source: Callable[..., FrameSource]) -> None:
    flight = source([shot("a.jpg", 4.0, -4.0)])
    flight.photos["a.jpg"].write_bytes(b"")
    with pytest.raises(FrameError, match=r"a\.jpg"):
        frame_cover(PLOTS, flight)
