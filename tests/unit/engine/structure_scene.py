"""A small textured hill seen by cameras of known pose: the truth for the tests of structure from motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from uav_workflow.domain.flight import Band, BandImage, Capture, Position
from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.domain.tags import Tags
from uav_workflow.engine.adjustment.collinearity import undistort

FloatArray = NDArray[np.float64]

CRS = "EPSG:32633"
ORIGIN = np.array([500_000.0, 5_000_000.0, 800.0])
TEXEL_M = 0.05


def texture(seed: int, side_m: float = 110.0) -> NDArray[np.float32]:
    """Random texture with detail at every scale, mean 0, standard deviation 1."""
    size = int(side_m / TEXEL_M)
    random = np.random.default_rng(seed)
    total = np.zeros((size, size), np.float32)
    for octave in range(8):
        cells = max(4, size >> octave)
        noise = random.normal(size=(cells, cells)).astype(np.float32)
        total += 0.9**-octave * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    return (total - total.mean()) / total.std()


def relief(x: FloatArray, y: FloatArray) -> FloatArray:
    """Height of the hill over the origin, metres."""
    return 3 * np.sin(x / 9) * np.cos(y / 7) + 0.03 * x


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A photo and what it was taken with."""

    shot: Shot
    camera: Camera


def look_down(yaw: float, tilt_x: float = 0.0, tilt_y: float = 0.0) -> FloatArray:
    """World-to-camera rotation of a nadir view, its image top to the heading `yaw`, tilted a little; radians."""
    nadir = np.array([[np.cos(yaw), -np.sin(yaw), 0], [-np.sin(yaw), -np.cos(yaw), 0], [0, 0, -1]])
    tilt, _ = cv2.Rodrigues(np.array([tilt_x, tilt_y, 0.0]))
    return np.asarray(tilt) @ nadir


def render(
    ground: NDArray[np.float32], camera: Camera, rotation: FloatArray, centre: FloatArray
) -> NDArray[np.float32]:
    """What the camera sees; centre relative to the origin."""
    rows, cols = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = undistort(camera, np.stack([cols.ravel(), rows.ravel()], axis=1) + 0.5) @ rotation
    distance = -centre[2] / rays[:, 2]
    for _ in range(12):
        place = centre + rays * distance[:, None]
        distance += (relief(place[:, 0], place[:, 1]) - place[:, 2]) / rays[:, 2]
    place = centre + rays * distance[:, None]
    half = ground.shape[0] / 2
    col = (place[:, 0] / TEXEL_M + half - 0.5).reshape(rows.shape).astype(np.float32)
    row = (half - place[:, 1] / TEXEL_M - 0.5).reshape(rows.shape).astype(np.float32)
    return np.asarray(cv2.remap(ground, col, row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


def save(values: NDArray[np.float32], path: Path, seed: int) -> None:
    """8-bit PNG with a little noise."""
    noise = np.random.default_rng(seed).normal(size=values.shape)
    cv2.imwrite(str(path), np.clip(128 + 40 * values + 1.5 * noise, 0, 255).astype(np.uint8))


def position_of(centre: FloatArray, noise: FloatArray) -> Position:
    """WGS84 position of a camera centre relative to the origin."""
    east, north, up = ORIGIN + centre + noise
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(east, north)
    return Position(lon=lon, lat=lat, alt_m=up, sigma_h_m=0.5, sigma_v_m=0.5)


def band_image(
    path: Path,
    camera: Camera,
    *,
    band: str = "RGB",
    position: Position | None = None,
    focal_px: float | None = None,
    orientation: int = 1,
    tags: Tags | None = None,
) -> BandImage:
    """The image as the flights room would describe it."""
    return BandImage(
        path=path,
        name=path.name,
        size_bytes=path.stat().st_size,
        band=Band(name=band),
        width=camera.width,
        height=camera.height,
        bits=8,
        orientation=orientation,
        make="Test",
        model="Camera",
        position=position,
        focal_px=focal_px,
        focal_source="test",
        tags=tags or Tags(),
    )


def flight_centres(lines: int, per_line: int, step: float, line_step: float, height: float) -> FloatArray:
    """Camera centres of parallel lines, (n, 3), relative to the origin."""
    return np.array(
        [
            ((line - (lines - 1) / 2) * line_step, (i - (per_line - 1) / 2) * step, height + 0.7 * ((i + line) % 3))
            for line in range(lines)
            for i in range(per_line)
        ]
    )


def capture_of(images: Sequence[BandImage]) -> Capture:
    """One trigger."""
    return Capture(capture_id=images[0].name, images=tuple(images))
