"""What the mosaic promises of values: one sample of one capture, flaws avoided, any camera, any attitude."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from heightfield_scene import OFFSET, Scene, camera, meadow, nadir_block, photograph
from numpy.typing import NDArray
from PIL import Image

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.mosaic.orthomosaic import MosaicFacts, render_orthomosaic
from uav_workflow.engine.mosaic.sources import BandLayer
from uav_workflow.engine.surface.model import Surface
from uav_workflow.errors import EngineError

PIXEL = 0.1
GRID = Grid("EPSG:32632", OFFSET[0] - 7, OFFSET[1] + 6, PIXEL, 140, 120)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return meadow()


def places(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, column = np.indices(grid.shape)
    return (
        grid.x_min - OFFSET[0] + (column + 0.5) * grid.pixel_m,
        grid.y_max - OFFSET[1] - (row + 0.5) * grid.pixel_m,
    )


@pytest.fixture(scope="module")
def surface(scene: Scene) -> Surface:
    """On the mosaic's own pixels, so that their heights are the surface's."""
    grid = Grid(GRID.crs, GRID.x_min - 20 * PIXEL, GRID.y_max + 20 * PIXEL, PIXEL, 180, 160)
    heights = scene.at(scene.heights, *places(grid))
    return Surface(
        grid=grid,
        offset=OFFSET,
        dsm=heights,
        filled=heights,
        views=np.full(grid.shape, 4, np.uint8),
        spread=np.zeros(grid.shape, np.float32),
        facts={},
    )


def photos(
    scene: Scene, folder: Path, kind: type[np.generic] = np.uint16, lens: Camera | None = None
) -> tuple[Reconstruction, dict[str, Path]]:
    """Six photos of two lines: texture times 100."""
    reconstruction, paths = nadir_block(scene, folder, columns=3, rows=2, lens=lens)
    photograph(scene, reconstruction, paths, lambda texture: (texture * 100).astype(kind))
    return reconstruction, paths


def render(
    reconstruction: Reconstruction, paths: dict[str, Path], surface: Surface, out: Path, grid: Grid = GRID
) -> tuple[NDArray[np.float64], NDArray[np.uint16], MosaicFacts]:
    """Bands and alpha, source index, facts."""
    facts = render_orthomosaic(reconstruction, [BandLayer(name="green", images=paths)], surface, grid, out)
    with rasterio.open(out) as colours, rasterio.open(facts.source_index) as sources:
        return colours.read().astype(float), sources.read(1), facts


def edit(path: Path, rows: slice, columns: slice, value: float) -> None:
    with rasterio.open(path) as dataset:
        values, profile = dataset.read(), dataset.profile
    values[:, rows, columns] = value
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)


pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_every_pixel_is_one_bilinear_sample_of_the_capture_it_names(
    kind: type[np.generic], scene: Scene, surface: Surface, tmp_path: Path
) -> None:
    reconstruction, paths = photos(scene, tmp_path, kind)
    (green, alpha), source, facts = render(reconstruction, paths, surface, tmp_path / "mosaic.tif")
    x, y = places(GRID)
    world = np.stack([x, y, scene.at(scene.heights, x, y)], axis=2)
    for index, name in enumerate(facts.captures, start=1):
        mine = source == index
        shot = reconstruction.shot(name)
        pixels = reconstruction.cameras[shot.camera_id].project(shot.to_camera(world[mine])) - 0.5
        with rasterio.open(paths[name]) as dataset:
            photo = dataset.read(1).astype(float)
        column, row = np.floor(pixels).astype(int).T
        across, down = (pixels - np.floor(pixels)).T
        part = np.stack([photo[row + i, column + j] for i in (0, 1) for j in (0, 1)])
        weight = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
        expected = (part * weight).sum(axis=0)
        # positions are rounded to 1/32 pixel each way, integers to one
        slack = np.ptp(part, axis=0) / 32 + 1.01
        assert (np.abs(green[mine] - expected) <= slack).all()
    assert set(np.unique(alpha)) <= {0.0, 255.0}
    assert np.array_equal(alpha > 0, source > 0)


def test_a_saturated_spot_is_taken_from_the_next_best_capture(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    reconstruction, paths = photos(scene, tmp_path)
    before, first, facts = render(reconstruction, paths, surface, tmp_path / "before.tif")
    often = int(np.bincount(first[first > 0]).argmax())
    edit(paths[facts.captures[often - 1]], slice(150, 330), slice(220, 420), 65535)
    after, second, _ = render(reconstruction, paths, surface, tmp_path / "after.tif")
    assert (before[0] < 60000).all()
    assert (after[0] < 60000).all()
    assert np.count_nonzero(second == often) < 0.9 * np.count_nonzero(first == often)
    assert np.array_equal(after[1] > 0, before[1] > 0)


def test_what_is_saturated_in_every_capture_stays_and_what_is_no_number_stays_out(
    scene: Scene, surface: Surface, tmp_path: Path
) -> None:
    reconstruction, paths = photos(scene, tmp_path, np.float32)
    for path in paths.values():
        edit(path, slice(0, 480), slice(0, 640), 2.0)
        edit(path, slice(0, 480), slice(300, 340), np.nan)
    (values, alpha), source, _ = render(reconstruction, paths, surface, tmp_path / "mosaic.tif")
    assert np.isfinite(values[alpha > 0]).all()
    assert (values[alpha > 0] == 2).all()
    assert (alpha > 0).mean() > 0.95
    assert np.array_equal(alpha > 0, source > 0)


def test_a_photo_of_another_kind_is_refused_by_name(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    reconstruction, paths = photos(scene, tmp_path)
    odd = paths["photo_04.tif"]
    with rasterio.open(odd) as dataset:
        values, profile = dataset.read(), dataset.profile
    with rasterio.open(odd, "w", **{**profile, "dtype": "float32"}) as dataset:
        dataset.write(values.astype(np.float32))
    with pytest.raises(EngineError, match="photo_04.tif: is a photo of 1 x float32, others are of 1 x uint16"):
        render(reconstruction, paths, surface, tmp_path / "mosaic.tif")
    assert not list(tmp_path.glob(".*.part"))


def test_the_tag_of_orientation_does_not_turn_a_photo(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    """The engine's cameras are of the stored pixels."""
    reconstruction, paths = nadir_block(scene, tmp_path, columns=3, rows=2)
    photograph(scene, reconstruction, paths, lambda texture: texture.astype(np.uint8))
    jpegs, shots = {}, []
    exif = Image.Exif()
    exif[0x0112] = 6
    for shot in reconstruction.shots:
        name = Path(shot.image).with_suffix(".jpg").name
        with rasterio.open(paths[shot.image]) as dataset:
            grey = dataset.read(1)
        Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2)).save(tmp_path / name, quality=95, exif=exif)
        jpegs[name] = tmp_path / name
        shots.append(replace(shot, image=name))
    values, _, facts = render(replace(reconstruction, shots=shots), jpegs, surface, tmp_path / "mosaic.tif")
    assert facts.bands == ("red", "green", "blue")
    expected = scene.at(scene.texture, *places(GRID))
    assert np.corrcoef(values[0].ravel(), expected.ravel())[0, 1] > 0.95


def test_the_finer_of_two_cameras_is_preferred(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    fine, paths = photos(scene, tmp_path)
    coarse = Camera(camera_id="coarse", width=160, height=120, fx=130, fy=130, cx=80, cy=60)
    (tmp_path / "coarse").mkdir()
    other, more = photos(scene, tmp_path / "coarse", lens=coarse)
    shots = [replace(shot, image=f"coarse_{shot.image}") for shot in other.shots]
    both = Reconstruction(
        crs=fine.crs,
        offset=OFFSET,
        cameras={**fine.cameras, **other.cameras},
        shots=(*fine.shots, *shots),
        points=fine.points,
    )
    paths |= {f"coarse_{name}": path for name, path in more.items()}
    (green, alpha), source, facts = render(both, paths, surface, tmp_path / "mosaic.tif")
    expected = scene.at(scene.texture, *places(GRID))
    assert np.median(np.abs(green / 100 - expected)[alpha > 0]) < 3
    names = np.array(["", *facts.captures])[source]
    assert np.char.startswith(names[alpha > 0], "coarse").mean() < 0.05


def test_a_tilted_flight_shows_the_ground_where_it_is(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    """Cameras look 35 degrees aside; nothing lies straight below them in the frame."""
    straight, paths = nadir_block(scene, tmp_path, columns=3, rows=2)
    tilt = cv2.Rodrigues(np.array([np.deg2rad(35), 0.0, 0.0]))[0]
    shots = []
    for shot in straight.shots:
        rotation = tilt @ shot.rotation
        ahead = rotation[2]
        # the ground looked at stays the same
        moved = shot.centre - np.array([ahead[0], ahead[1], 0]) * 24 / -ahead[2]
        shots.append(Shot(image=shot.image, camera_id=shot.camera_id, rotation=rotation, centre=moved))
    tilted = replace(straight, shots=tuple(shots))
    photograph(scene, tilted, paths, lambda texture: (texture * 100).astype(np.uint16))
    (green, alpha), _, _ = render(tilted, paths, surface, tmp_path / "mosaic.tif")
    x, y = places(GRID)
    flat = (alpha > 0) & (scene.at(scene.heights, x, y) - scene.at(scene.ground, x, y) < 0.01)
    assert flat.mean() > 0.3
    assert np.median(np.abs(green / 100 - scene.at(scene.texture, x, y))[flat]) < 4


def test_ground_that_no_photo_sees_is_left_out_of_a_measurement_and_shown_in_a_picture(
    scene: Scene, surface: Surface, tmp_path: Path
) -> None:
    """One photo from aside: behind the box lies ground that it can't see."""
    lens = camera()
    down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    shot = Shot(image="photo.tif", camera_id="rgb", rotation=down, centre=np.array([-2.0, -2.0, 516.0]))
    one = Reconstruction(crs=GRID.crs, offset=OFFSET, cameras={"rgb": lens}, shots=(shot,), points=np.empty((0, 3)))
    paths = {"photo.tif": tmp_path / "photo.tif"}
    grid = Grid(GRID.crs, OFFSET[0], OFFSET[1] + 1, PIXEL, 66, 50)
    x, y = places(grid)
    behind = (x > 5.3) & (x < 6.0) & (np.abs(y + 2) < 1)
    photograph(scene, one, paths, lambda texture: (texture * 100).astype(np.uint16))
    (_, alpha), _, measured = render(one, paths, surface, tmp_path / "values.tif", grid)
    assert (alpha[behind] == 0).mean() > 0.9
    assert measured.hidden_share == 0
    photograph(scene, one, paths, lambda texture: np.repeat(texture[:, :, None], 3, axis=2).astype(np.uint8))
    values, _, shown = render(one, paths, surface, tmp_path / "picture.tif", grid)
    assert (values[3][behind] == 255).all()
    assert shown.hidden_share > 0
    with rasterio.open(shown.views) as dataset:
        assert (dataset.read(1)[behind] == 0).mean() > 0.9
