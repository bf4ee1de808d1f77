"""A truth folder of known shape: hills, one box, a texture, nine cameras over it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.quality.similarity import Similarity
from uav_workflow.quality.truth import Truth
from uav_workflow.rasters.writer import cog
from uav_workflow.simulation.truth import ground_seen

Array = NDArray[np.float64]

CRS, EAST, NORTH = "EPSG:32647", 704_000.0, 4_165_000.0
SIDE, CELL = 24.0, 0.05
GRID = Grid(CRS, EAST - SIDE / 2, NORTH + SIDE / 2, CELL, round(SIDE / CELL), round(SIDE / CELL))
CAMERA = Camera(camera_id="camera_1", width=800, height=800, fx=600.0, fy=600.0, cx=402.0, cy=397.0, k1=-0.02)
BANDS = ("Blue", "Green", "Red", "NIR", "Red edge")
HIGH = 30.0


def terrain(x: Array, y: Array) -> Array:
    return 100 + 0.8 * np.sin((x - EAST) / 4) * np.cos((y - NORTH) / 5)


def box(x: Array, y: Array) -> NDArray[np.bool_]:
    return (np.abs(x - EAST - 2) < 1.5) & (np.abs(y - NORTH - 1) < 1.0)


def surface(x: Array, y: Array) -> Array:
    return terrain(x, y) + 3.0 * box(x, y)


def texture(seed: int = 1) -> NDArray[np.float32]:
    """Reflectance of the five bands on `GRID`: one pattern with detail of its own a band."""
    rng = np.random.default_rng(seed)
    shared = gaussian_filter(rng.normal(0, 1, GRID.shape), 1.5)
    bands = [shared + 0.3 * gaussian_filter(rng.normal(0, 1, GRID.shape), 1.5) for _ in BANDS]
    return np.asarray(0.2 + 0.1 * np.stack(bands) / shared.std(), np.float32)


def stations() -> dict[str, Shot]:
    """True poses, in the projected CRS."""
    places = [(east, north) for north in (-9, 0, 9) for east in (-9, 0, 9)]
    down = np.diag([1.0, -1.0, -1.0])
    return {
        f"P{index}.JPG": Shot(
            image=f"P{index}.JPG",
            camera_id="camera_1",
            rotation=down,
            centre=np.array([EAST + east, NORTH + north, 100 + HIGH + 0.3 * (index % 3)]),
        )
        for index, (east, north) in enumerate(places)
    }


def write_raster(path: Path, bands: tuple[str, ...], values: NDArray[np.float32], grid: Grid = GRID) -> None:
    with cog(path, grid, list(bands)) as writer:
        for block in grid.blocks():
            writer.write(block, values[(slice(None), *block.slices)])


def write_truth(flight: Path, gsd_cm: float = 5.0) -> Truth:
    """truth/ of a flight folder."""
    folder = flight / "truth"
    folder.mkdir(parents=True)
    rows = [
        {
            "path": f"images/{name}",
            "image": name,
            "camera_id": shot.camera_id,
            "rotation": shot.rotation.tolist(),
            "centre": (shot.centre - (EAST, NORTH, 0)).tolist(),
            "tagged": (shot.centre - (EAST, NORTH, 0) + (0.3, -0.4, 0.5)).tolist(),
        }
        for name, shot in stations().items()
    ]
    poses = {"crs": CRS, "offset": [EAST, NORTH], "reference": "camera_1", "shots": rows}
    poses["cameras"] = {"camera_1": asdict(CAMERA)}
    (folder / "poses.json").write_text(json.dumps(poses))
    (folder / "summary.json").write_text(json.dumps({"gsd_cm": gsd_cm, "sensor": "rgb"}))
    x = GRID.x_min + (np.arange(GRID.width) + 0.5) * CELL
    y = GRID.y_max - (np.arange(GRID.height) + 0.5) * CELL
    east, north = np.meshgrid(x, y)
    high, low = surface(east, north), terrain(east, north)
    write_raster(folder / "surface.tif", ("surface",), high[None].astype(np.float32))
    write_raster(folder / "terrain.tif", ("terrain",), low[None].astype(np.float32))
    write_raster(folder / "ground.tif", ("ground",), ground_seen((high - low).astype(np.float32))[None])
    write_raster(folder / "reflectance.tif", BANDS, texture())
    return Truth.read(flight)


def reconstructed(onto_truth: Similarity, camera: Camera = CAMERA) -> Reconstruction:
    """What an engine would say whose block lies off by the inverse of a similarity."""
    back = onto_truth.inverse
    shots = [
        replace(
            shot,
            centre=back.apply(shot.centre[None])[0] - (EAST, NORTH, 0),
            rotation=shot.rotation @ onto_truth.rotation,
        )
        for shot in stations().values()
    ]
    return Reconstruction(
        crs=CRS, offset=(EAST, NORTH), cameras={camera.camera_id: camera}, shots=shots, points=np.zeros((0, 3))
    )


def wrong_by(scale: float = 1.0, tilt: float = 0.0, shift: tuple[float, float, float] = (0, 0, 0)) -> Similarity:
    """Similarity about the middle of the scene: from a block that lies off onto the truth."""
    rotation = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    middle = np.array([EAST, NORTH, 100.0])
    return Similarity(scale, rotation, middle, middle + shift)


def grid_of(pixel_m: float, half_m: float) -> Grid:
    return Grid.covering((EAST - half_m, NORTH - half_m, EAST + half_m, NORTH + half_m), pixel_m, CRS)


def places(grid: Grid) -> tuple[Array, Array]:
    x = grid.x_min + (np.arange(grid.width) + 0.5) * grid.pixel_m
    y = grid.y_max - (np.arange(grid.height) + 0.5) * grid.pixel_m
    east, north = np.meshgrid(x, y)
    return east, north


def lifted(grid: Grid, onto_truth: Similarity, height: object = surface) -> Array:
    """Heights on a grid of the block that lies off: of what the similarity brings onto the true surface."""
    east, north = places(grid)
    up = np.full(east.shape, 100.0)
    for _ in range(30):
        moved = onto_truth.apply(np.stack([east, north, up], axis=-1).reshape(-1, 3))
        up += 0.7 * (height(moved[:, 0], moved[:, 1]) - moved[:, 2]).reshape(up.shape)  # type: ignore[operator]
    return up


def picture(grid: Grid, layers: Mapping[str, tuple[float, float]], up: Array, onto_truth: Similarity) -> Array:
    """Bands of a mosaic: the true texture, its features moved east and north by metres, each band by its own."""
    from scipy.ndimage import map_coordinates

    east, north = places(grid)
    true = dict(zip((name.lower().replace(" ", "") for name in BANDS), texture(), strict=True))
    moved = onto_truth.apply(np.stack([east, north, up], axis=-1).reshape(-1, 3))
    bands = []
    for name, (right, up_m) in layers.items():
        row = (GRID.y_max - (moved[:, 1] - up_m)) / CELL - 0.5
        col = (moved[:, 0] - right - GRID.x_min) / CELL - 0.5
        bands.append(map_coordinates(true[name], [row, col], np.float64, 3, mode="nearest").reshape(east.shape))
    return np.stack(bands)
