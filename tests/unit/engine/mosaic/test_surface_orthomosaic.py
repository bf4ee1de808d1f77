"""The orthomosaic against the texture it shows, and its promises to a rig."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from heightfield_scene import CELL, OFFSET, Scene, camera, meadow, nadir_block, photograph
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.mosaic.orthomosaic import MosaicFacts, render_orthomosaic
from uav_workflow.engine.mosaic.seam_steps import seam_steps
from uav_workflow.engine.mosaic.sources import BandLayer
from uav_workflow.engine.products.odm_report import mosaic_statistics
from uav_workflow.engine.products.point_cloud import write_cloud
from uav_workflow.engine.surface.model import Surface
from uav_workflow.errors import EngineError

GRID = Grid("EPSG:32632", OFFSET[0] - 12, OFFSET[1] + 13, CELL, 480, 520)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return meadow()


@pytest.fixture(scope="module")
def surface(scene: Scene) -> Surface:
    grid = Grid("EPSG:32632", OFFSET[0] - 14, OFFSET[1] + 15, 2 * CELL, 280, 300)
    row, column = np.indices(grid.shape)
    x, y = -14 + (column + 0.5) * grid.pixel_m, 15 - (row + 0.5) * grid.pixel_m
    heights = scene.at(scene.heights, x, y)
    return Surface(
        grid=grid,
        offset=OFFSET,
        dsm=heights,
        filled=heights,
        views=np.full(grid.shape, 4, np.uint8),
        spread=np.zeros(grid.shape, np.float32),
        facts={},
    )


def truth(scene: Scene) -> NDArray[np.float32]:
    row, column = np.indices(GRID.shape)
    return scene.at(scene.texture, -12 + (column + 0.5) * CELL, 13 - (row + 0.5) * CELL)


def standing(scene: Scene) -> NDArray[np.float32]:
    row, column = np.indices(GRID.shape)
    x, y = -12 + (column + 0.5) * CELL, 13 - (row + 0.5) * CELL
    return scene.at(scene.heights, x, y) - scene.at(scene.ground, x, y)


@pytest.fixture(scope="module")
def picture(scene: Scene, surface: Surface, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rgb")
    reconstruction, paths = nadir_block(scene, folder)
    gains = iter(np.random.default_rng(4).uniform(0.8, 1.1, len(paths)))

    def colour(texture: NDArray[np.float32]) -> NDArray[np.uint8]:
        # darker towards the corners by 30 %
        down, across = np.indices(texture.shape)
        vignetting = 1 - 0.3 * ((across - 323) ** 2 + (down - 237) ** 2) / 400**2
        grey = np.clip(np.round(texture * next(gains) * vignetting), 0, 255).astype(np.uint8)
        return np.stack([grey, grey, grey // 2], axis=2)

    photograph(scene, reconstruction, paths, colour)
    out = folder / "orthomosaic.tif"
    facts = render_orthomosaic(reconstruction, [BandLayer(name="RGB", images=paths)], surface, GRID, out)
    assert facts.bands == ("red", "green", "blue")
    assert facts.covered_share > 0.97
    return out


def test_picture_is_a_plain_rgba_geotiff(picture: Path) -> None:
    with rasterio.open(picture) as dataset:
        assert dataset.dtypes == ("uint8",) * 4
        assert dataset.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
        assert dataset.crs.to_epsg() == 32632
        assert dataset.transform == GRID.transform
        assert set(np.unique(dataset.read(4))) <= {0, 255}


def test_picture_lies_where_the_ground_is(picture: Path, scene: Scene) -> None:
    with rasterio.open(picture) as dataset:
        red = dataset.read(1).astype(np.float32)
    expected = truth(scene)
    shifts = []
    for row in range(60, 460, 60):
        for column in range(60, 420, 60):
            part = slice(row, row + 60), slice(column, column + 60)
            window = cv2.createHanningWindow((60, 60), cv2.CV_32F)
            (dx, dy), response = cv2.phaseCorrelate(expected[part].copy(), red[part].copy(), window)
            assert response > 0.5
            shifts.append(np.hypot(dx, dy))
    assert np.sqrt(np.mean(np.square(shifts))) < 0.15
    assert max(shifts) < 0.3
    assert np.corrcoef(red.ravel(), expected.ravel())[0, 1] > 0.98


def test_exposure_and_vignetting_are_evened(picture: Path, scene: Scene) -> None:
    with rasterio.open(picture) as dataset:
        red, alpha = dataset.read(1).astype(float), dataset.read(4)
    ratio = red / truth(scene)
    blocks = [
        np.median(ratio[r : r + 40, c : c + 40])
        for r in range(40, 440, 40)
        for c in range(40, 440, 40)
        if (alpha[r : r + 40, c : c + 40] > 0).all()
    ]
    assert len(blocks) > 60
    # photos differ by 30 % and their corners are 30 % darker: what is left must be a fraction of that
    assert np.std(blocks) < 0.03


def test_seams_do_not_show(picture: Path, scene: Scene, tmp_path: Path) -> None:
    """Against the truth no texture hides a step: the photos' exposures and corners would step by 20 DN and more."""
    with rasterio.open(picture) as dataset:
        values, profile = dataset.read(), dataset.profile
    left = values[0] - truth(scene) * np.median(values[0] / truth(scene))
    values[:3] = np.clip(np.round(120 + left), 0, 255)
    with rasterio.open(tmp_path / "left.tif", "w", **profile) as dataset:
        dataset.write(values)
    found = seam_steps(tmp_path / "left.tif", picture.with_name("source_index.tif"))
    assert found.pieces > 15
    assert found.across < 1


def test_source_and_views_lie_beside_it(picture: Path) -> None:
    with rasterio.open(picture.with_name("source_index.tif")) as dataset:
        source = dataset.read(1)
        names = json.loads(dataset.tags()["sources"])
    with rasterio.open(picture.with_name("views.tif")) as dataset:
        views = dataset.read(1)
    assert len(names) == 12
    assert source.max() <= 12
    assert len(np.unique(source)) > 6
    assert views.max() >= 4
    assert not list(picture.parent.glob(".*.part"))


@pytest.fixture(scope="module")
def rig(scene: Scene, surface: Surface, tmp_path_factory: pytest.TempPathFactory) -> MosaicFacts:
    folder = tmp_path_factory.mktemp("rig")
    bands, cameras, shots, points = [], {}, [], np.empty((0, 3))
    for k, name in enumerate(("green", "nir")):
        lens = camera(name, shift=9.0 * k)
        part, paths = nadir_block(scene, folder, lens=lens, suffix=f"_{name}")
        photograph(scene, part, paths, lambda texture, k=k: (texture * (40 + 60 * k)).astype(np.uint16))  # type: ignore[misc]
        captures = {image: image[: len("photo_00")] for image in paths}
        bands.append(BandLayer(name=name, images=paths, captures=captures))
        cameras |= part.cameras
        shots += part.shots
        points = part.points
    whole = Reconstruction(crs="EPSG:32632", offset=OFFSET, cameras=cameras, shots=tuple(shots), points=points)
    return render_orthomosaic(whole, bands, surface, GRID, folder / "orthomosaic.tif")


def test_bands_of_a_rig_lie_on_each_other(rig: MosaicFacts) -> None:
    assert [shift.band for shift in rig.band_shifts] == ["nir"]
    assert rig.band_shifts[0].tiles >= 6
    assert rig.band_shifts[0].rms < 0.2
    found = mosaic_statistics(rig)["band_shift_px"]
    assert isinstance(found, dict)
    assert found["nir"] == {
        "against": "green",
        "tiles": rig.band_shifts[0].tiles,
        "dx": rig.band_shifts[0].dx,
        "dy": rig.band_shifts[0].dy,
        "rms": rig.band_shifts[0].rms,
        "p95": rig.band_shifts[0].largest,
    }


def test_rig_values_are_samples_of_one_capture(rig: MosaicFacts, scene: Scene) -> None:
    out, captures = rig.orthomosaic, rig.captures
    with rasterio.open(out) as dataset:
        assert dataset.descriptions == ("green", "nir", "alpha")
        assert dataset.dtypes == ("uint16",) * 3
        assert dataset.colorinterp[-1] == ColorInterp.alpha
        green, nir, alpha = dataset.read().astype(float)
    with rasterio.open(out.with_name("source_index.tif")) as dataset:
        source = dataset.read(1)
    assert len(captures) == 12
    assert set(np.unique(alpha)) <= {0.0, 255.0}
    assert np.array_equal(alpha > 0, source > 0)
    assert (alpha[60:-60, 60:-60] > 0).mean() > 0.98
    flat = (alpha > 0) & (standing(scene) < 0.01)
    assert np.median(np.abs(green / 40 - truth(scene))[flat]) < 2.5
    assert np.median(np.abs(nir / 100 - truth(scene))[flat]) < 2.5
    assert (green[alpha == 0] == 0).all()


def test_ground_behind_a_wall_comes_from_a_photo_that_sees_it(rig: MosaicFacts, scene: Scene) -> None:
    out = rig.orthomosaic
    with rasterio.open(out) as dataset:
        green, _, alpha = dataset.read().astype(float)
    roof = standing(scene) > 2.5
    # a strip of half a metre round the box, where the nearest photo often sees only the wall
    foot = (cv2.dilate(roof.astype(np.uint8), np.ones((21, 21))) > 0) & ~(
        cv2.dilate(roof.astype(np.uint8), np.ones((7, 7))) > 0
    )
    use = foot & (alpha > 0) & (standing(scene) < 0.01)
    error = np.abs(green / 40 - truth(scene))[use]
    assert (error < 15).mean() > 0.9


@pytest.mark.parametrize("kind", ["rgb", "green"])
def test_tiles_do_not_show(kind: str, scene: Scene, surface: Surface, request: pytest.FixtureRequest) -> None:
    """Smaller tiles and a cache of one photo give the same pixels."""
    import uav_workflow.engine.mosaic.orthomosaic as room

    out: Path = request.getfixturevalue("tmp_path")
    made: Path = request.getfixturevalue("picture") if kind == "rgb" else request.getfixturevalue("rig").orthomosaic
    reconstruction, paths = nadir_block(
        scene, made.parent, lens=camera(kind), suffix="" if kind == "rgb" else f"_{kind}"
    )
    layer = BandLayer(name=kind, images=paths)
    render_orthomosaic(reconstruction, [layer], surface, GRID, out / "whole.tif")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "TILE", 128)
        render_orthomosaic(reconstruction, [layer], surface, GRID, out / "small.tif", cache_mib=0)
    with rasterio.open(out / "whole.tif") as whole, rasterio.open(out / "small.tif") as small:
        first, second = whole.read().astype(int), small.read().astype(int)
    # a tile's corner is a sum of its own: a position may fall on the other side of 1/32 pixel, the sampling's step
    assert (first == second).mean() > 0.99
    assert np.abs(first - second).max() < (400 if kind == "green" else 8)


def test_a_capture_without_all_bands_is_no_source(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    reconstruction, paths = nadir_block(scene, tmp_path)
    layers = [BandLayer(name="green", images=paths), BandLayer(name="nir", images={})]
    with pytest.raises(EngineError, match="green, nir"):
        render_orthomosaic(reconstruction, layers, surface, GRID, tmp_path / "none.tif")


def test_cloud_drops_the_stray_point_and_knows_the_ground(scene: Scene, surface: Surface, tmp_path: Path) -> None:
    import laspy

    heights = surface.dsm.copy()
    heights[100, 100] += 40
    relief = surface.relief
    row, column = np.indices(heights.shape)
    x, y = relief.x0 + (column + 0.5) * relief.cell, relief.y0 - (row + 0.5) * relief.cell
    stray = Surface(
        grid=surface.grid,
        offset=OFFSET,
        dsm=heights,
        filled=heights,
        views=surface.views,
        spread=surface.spread,
        facts={},
    )
    terrain = scene.at(scene.ground, x, y)
    colours = np.full((*heights.shape, 3), (10, 200, 30), np.uint8)
    facts = write_cloud(stray, terrain, tmp_path / "cloud.laz", colours=colours.__getitem__)
    cloud = laspy.read(tmp_path / "cloud.laz")
    assert facts.outliers >= 1
    assert len(cloud.points) == facts.points
    assert cloud.z.max() < 510
    assert cloud.header.parse_crs().to_epsg() == 32632
    ground = np.asarray(cloud.classification) == 2
    assert 0.5 < ground.mean() < 0.98
    up = np.asarray(cloud["NormalZ"])
    assert (up >= 0).all()
    assert np.median(up) > 0.95
    assert cloud.green[0] == 200 * 257
