"""Seams, exposure and the measure of seams, each on truth made by hand."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.mosaic.coverage import NONE
from uav_workflow.engine.mosaic.exposure import even_exposure
from uav_workflow.engine.mosaic.glimpses import Glimpse, Sightings
from uav_workflow.engine.mosaic.minimum_cut import minimum_cut
from uav_workflow.engine.mosaic.seam_steps import seam_steps
from uav_workflow.engine.mosaic.seams import lay_seams
from uav_workflow.engine.mosaic.visibility import depth_buffer
from uav_workflow.engine.surface.heightmap import HeightMap
from uav_workflow.engine.surface.views import views_of


def test_what_stands_far_outside_the_frame_does_not_coarsen_a_depth_buffer() -> None:
    """A photo from 50 m over level ground, within a kilometre of land that rises to a hill out of its sight."""
    lens = Camera(camera_id="rgb", width=640, height=480, fx=500, fy=500, cx=320, cy=240)
    down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    shot = Shot(image="photo", camera_id="rgb", rotation=down, centre=np.array([0.0, 0, 50]))
    block = Reconstruction(
        crs="EPSG:32632", offset=(0, 0), cameras={"rgb": lens}, shots=(shot,), points=np.zeros((1, 3))
    )
    heights = np.zeros((2000, 2000), np.float32)
    heights[:, 1400:] = 40
    buffer = depth_buffer(views_of(block, {"photo"})[0], HeightMap(heights=heights, x0=-500, y0=500, cell=0.5))
    # a cell and a half of the ground in view
    assert buffer.step == 8
    assert buffer.depths == pytest.approx(np.full((60, 80), 50.0), abs=0.01)


def price(terminal: NDArray[np.int32], arcs: NDArray[np.int32], sunk: NDArray[np.bool_]) -> int:
    """What a cut costs: arcs from the source's side to the sink's."""
    total = np.where(sunk, np.maximum(terminal, 0), np.maximum(-terminal, 0)).sum()
    for way, (down, across) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
        for row, col in np.argwhere(~sunk):
            other = row + down, col + across
            if 0 <= other[0] < sunk.shape[0] and 0 <= other[1] < sunk.shape[1] and sunk[other]:
                total += arcs[row, col, way]
    return int(total)


@pytest.mark.parametrize("seed", range(8))
def test_no_cut_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terminal = rng.integers(-50, 50, (3, 3)).astype(np.int32)
    arcs = (rng.integers(0, 40, (3, 3, 4)) * (rng.random((3, 3, 4)) < 0.8)).astype(np.int32)
    cheapest = min(
        price(terminal, arcs, np.array(sides).reshape(3, 3)) for sides in itertools.product((False, True), repeat=9)
    )
    assert price(terminal, arcs, minimum_cut(terminal, arcs)) == cheapest


def glimpse(columns: slice, costs: NDArray[np.int64], colours: NDArray[np.float64]) -> Glimpse:
    return Glimpse(
        rows=slice(0, costs.shape[0]),
        columns=columns,
        costs=costs.astype(np.uint16),
        colours=np.repeat(colours[:, :, None], 3, axis=2).astype(np.uint8),
        seen=costs != NONE,
    )


def test_a_seam_goes_round_what_looks_different() -> None:
    """Two photos meet in the middle; a crown stands there, seen from two sides."""
    rng = np.random.default_rng(2)
    ground = rng.uniform(60, 180, (40, 60))
    other = ground.copy()
    other[12:28, 24:36] += 60
    across = np.broadcast_to(np.arange(60), (40, 60))
    left, right = np.abs(across - 15) * 10, np.abs(across - 44) * 10
    label = lay_seams([glimpse(slice(0, 60), left, ground), glimpse(slice(0, 60), right, other)], (40, 60))
    assert (label[0] == np.where(np.arange(60) < 30, 0, 1)).mean() > 0.9
    # where they are alike the middle is best, but the crown is whole, whoever shows it
    assert len(np.unique(label[12:28, 24:36])) == 1
    seams = np.count_nonzero(label[:, 1:] != label[:, :-1], axis=1)
    assert (seams == 1).all()


def test_cells_that_nobody_shows_have_no_source() -> None:
    costs = np.full((8, 10), 100)
    costs[:, :4] = NONE
    label = lay_seams([glimpse(slice(2, 12), costs, np.full((8, 10), 90.0))], (8, 14))
    assert (label[:, 6:12] == 0).all()
    assert (label[:, :6] == -1).all()
    assert (label[:, 12:] == -1).all()


def sightings(rng: np.random.Generator, photos: int, gains: NDArray[np.float64], fall: float) -> Sightings:
    """Photos in a line, each seeing 60 of the cells, darkening by ``fall`` in the corners, with a tenth of outliers."""
    rows = []
    for photo in range(photos):
        cell = photo * 12 + np.arange(60)
        along, side = (np.arange(60) - 30) / 30, rng.uniform(-0.7, 0.7, 60)
        r2 = (along**2 + side**2) / 1.5
        rows.append(
            (
                cell.astype(np.int32),
                np.full(60, photo, np.int32),
                np.stack([r2, r2**2, along * 0.4, side * 0.4], axis=1),
            )
        )
    cell, photo, basis = (np.concatenate(column) for column in zip(*rows, strict=True))
    light = rng.uniform(60, 150, cell.max() + 1)[cell] * np.exp(-gains[photo] - fall * basis[:, 0])
    light[::10] *= rng.uniform(0.5, 1.5, len(light[::10]))
    return Sightings(cell, photo, np.repeat(light[:, None], 3, axis=1).astype(np.float32), basis.astype(np.float32))


def test_gains_and_vignetting_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    gains = rng.normal(0, 0.1, 20)
    seen = sightings(rng, 20, gains, fall=0.35)
    exposure = even_exposure(seen, np.zeros(20, np.int64))
    left = exposure.gains[:, 0] - gains
    # what all have in common is nobody's: the mosaic keeps its brightness
    assert np.std(left) < 0.03
    r2 = np.linspace(0, 1, 5)
    curve = exposure.shape[0, 0, 0] * r2 + exposure.shape[0, 1, 0] * r2**2
    assert curve == pytest.approx(0.35 * r2, abs=0.03)
    evened = seen.values[:, 0] * np.array(
        [exposure.factors(source, basis[None])[0, 0] for source, basis in zip(seen.source, seen.basis, strict=True)]
    )
    assert np.mean(np.log(evened / seen.values[:, 0])) == pytest.approx(0, abs=0.02)


def test_a_line_of_photos_does_not_drift() -> None:
    """Photos that differ in nothing but noise stay as they are, end to end."""
    seen = sightings(np.random.default_rng(6), 40, np.zeros(40), fall=0.0)
    assert np.abs(even_exposure(seen, np.zeros(40, np.int64)).gains).max() < 0.03


def test_the_brightness_of_cells_is_eliminated_exactly() -> None:
    """Against the solution with an unknown a cell; sightings in any order, some without any slope."""
    rng = np.random.default_rng(8)
    pairs = np.array([(cell, photo) for cell in range(30) for photo in range(6) if rng.random() < 0.5], np.int32)
    cell, photo = rng.permutation(pairs).T
    basis = rng.normal(0, 0.3, (len(cell), 4)).astype(np.float32) * (rng.random((len(cell), 1)) < 0.8)
    light = rng.normal(4.5, 0.003, (len(cell), 3))
    seen = Sightings(cell, photo, np.exp(light).astype(np.float32), basis.astype(np.float32))
    exposure = even_exposure(seen, np.zeros(6, np.int64))
    logs = np.log(seen.values[:, 0].astype(float))
    design = np.zeros((len(cell), 10 + 30))
    design[np.arange(len(cell)), photo] = 1
    design[:, 6:10] = basis
    design[np.arange(len(cell)), 10 + cell] = -1
    weights = np.ones(len(cell))
    for _ in range(6):
        seen_by = np.bincount(photo, weights, 6)
        prior = np.concatenate([0.05 * np.append(seen_by, [seen_by.mean()] * 4) + 1e-6, np.zeros(30)])
        normal = design.T @ (weights[:, None] * design) + np.diag(prior)
        found = np.linalg.solve(normal, -design.T @ (weights * logs))
        left = logs + design @ found
        left -= (np.bincount(cell, weights * left) / np.bincount(cell, weights))[cell]
        weights = 1 / (1 + (left / 0.08) ** 2)
    common = (design[:, :10] @ found[:10]).mean()
    assert exposure.gains[:, 0] == pytest.approx(found[:6] - common, abs=1e-6)
    assert exposure.shape[0, :, 0] == pytest.approx(found[6:10], abs=1e-6)


def test_exposure_needs_memory_for_sightings_not_for_their_pairs() -> None:
    """Each cell is seen by twenty photos, as where thousands overlap by 80 %."""
    rng = np.random.default_rng(9)
    first = rng.integers(0, 280, 5000)
    photo = (first[:, None] + np.arange(20)).ravel().astype(np.int32)
    cell = np.repeat(np.arange(5000, dtype=np.int32), 20)
    values = rng.uniform(60, 150, (len(cell), 3)).astype(np.float32)
    seen = Sightings(cell, photo, values, rng.normal(0, 0.3, (len(cell), 4)).astype(np.float32))
    lens = np.zeros(300, np.int64)
    # compiling is not counted
    even_exposure(seen, lens)
    tracemalloc.start()
    try:
        even_exposure(seen, lens)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200 * len(cell)


@pytest.mark.parametrize("step", [0.0, 6.0])
def test_a_step_across_seams_is_found_in_texture(step: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    source = np.ones((600, 600), np.uint16)
    edge = 300 + np.cumsum(rng.integers(-1, 2, 600)) // 2
    source[np.arange(600)[None, :] > edge[:, None]] = 2
    values = np.full((4, 600, 600), 255, np.uint8)
    values[:3] = np.round(120 + rng.normal(0, 20, (600, 600)) + step * (source == 2))
    profile = {"driver": "GTiff", "width": 600, "height": 600, "crs": "EPSG:32632"}
    transform = Affine(1, 0, 0, 0, -1, 600)
    for name, array in (("picture.tif", values), ("source.tif", source[None])):
        with rasterio.open(
            tmp_path / name, "w", count=len(array), dtype=array.dtype, transform=transform, **profile
        ) as dataset:
            dataset.write(array)
    found = seam_steps(tmp_path / "picture.tif", tmp_path / "source.tif")
    assert found.pieces >= 4
    assert found.across == pytest.approx(step, abs=1.5)
    assert found.inside < 1.5
    assert found.excess == pytest.approx(step, abs=1.5)


def test_a_mosaic_of_one_source_has_no_seams(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "width": 80, "height": 80, "crs": "EPSG:32632"}
    transform = Affine(1, 0, 0, 0, -1, 80)
    with rasterio.open(tmp_path / "one.tif", "w", count=2, dtype="uint16", transform=transform, **profile) as dataset:
        dataset.write(np.ones((2, 80, 80), np.uint16))
    found = seam_steps(tmp_path / "one.tif", tmp_path / "one.tif")
    assert found.pieces == 0
    assert np.isnan(found.across)
