"""Reflectance of a simulated flight's mosaic against the truth, block by block, with its stated uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.product import Product
from uav_workflow.quality.registration import Settling, settle
from uav_workflow.quality.similarity import Similarity
from uav_workflow.quality.truth import Truth
from uav_workflow.rasters.reader import Raster
from uav_workflow.simulation.dji import MIX

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

BLOCK_M = 0.5
SHADOWLESS = 0.02
VIEWS = 3
_NINETY = 1.6449
"""Half width of the 90 % interval of a normal distribution, in standard deviations."""
_FULL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """A reflectance mosaic with the rasters that say where its pixels lie and how often they were seen.

    Attributes
    ----------
    sd : Path or None
        reflectance_sd.tif, where it was made.
    """

    reflectance: Path
    views: Path
    dsm: Path
    sd: Path | None = None

    @classmethod
    def of(cls, products: Mapping[str, Product]) -> Mosaic:
        """Put it together from a run's products."""
        sd = products["reflectance"].file("reflectance_sd.tif")
        return cls(
            reflectance=products["reflectance"].file("reflectance.tif"),
            views=products["orthomosaic"].file("views.tif"),
            dsm=products["dsm"].file("dsm.tif"),
            sd=sd if sd.is_file() else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMeans:
    """Means over blocks of `BLOCK_M` without shadow, every pixel seen by `VIEWS` photos or more.

    Attributes
    ----------
    bands : tuple of str
    made, true, sd : float64 (bands, n)
        Of the mosaic, of the truth, and the standard uncertainty stated for the block's mean; NaN where none is stated.
    """

    bands: tuple[str, ...]
    made: FloatArray
    true: FloatArray
    sd: FloatArray

    def rmse(self, index: int) -> float:
        """Of one band; NaN without blocks."""
        difference = self.made[index] - self.true[index]
        return float(np.sqrt(np.mean(difference**2))) if difference.size else float("nan")

    def bound(self, index: int, absolute: float, share: float = 0.04) -> float:
        """An absolute bound, or a share of the band's mean where that is larger."""
        return max(absolute, share * float(self.true[index].mean())) if self.true[index].size else absolute

    def inside(self) -> NDArray[np.bool_]:
        """(bands, n): whether the truth lies in the stated 90 % interval."""
        return np.asarray(np.abs(self.made - self.true) <= _NINETY * self.sd)


def block_means(mosaic: Mosaic, truth: Truth, similarity: Similarity) -> BlockMeans:
    """Compare a mosaic with the truth, its pixels brought onto true places (see `registration.settle`)."""
    settled = settle(mosaic.reflectance, truth, similarity)
    surface, true = truth.raster("reflectance")
    names, true = _as_seen(truth, surface.bands, true)
    _, cover = truth.raster("cover")
    factor = round(BLOCK_M / surface.grid.pixel_m)
    wanted, shadow = _averaged(true, factor), _averaged(cover[2:3], factor)[0]
    sums = _sums(mosaic, surface, settled, factor)
    bands = tuple(name for name in names if name in sums.bands)
    good = (sums.counts > _FULL * (BLOCK_M / sums.pixel_m) ** 2) & (shadow < SHADOWLESS)
    rows, true_rows = [sums.bands.index(name) for name in bands], [names.index(name) for name in bands]
    count = sums.counts[good]
    return BlockMeans(
        bands=bands,
        made=sums.values[rows][:, good] / count,
        true=wanted[true_rows][:, good],
        sd=np.hypot(sums.shared[rows][:, good] / count, np.sqrt(sums.noise[rows][:, good]) / count),
    )


def _as_seen(truth: Truth, bands: Sequence[str], values: Layer) -> tuple[list[str], Layer]:
    """Names and true reflectance of the bands of the flight's camera: an RGB camera's are broad mixtures."""
    if truth.summary["sensor"] != "rgb":
        return [band.lower().replace(" ", "_") for band in bands], values
    return ["red", "green", "blue"], np.einsum("cb,brk->crk", MIX, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Sums over the pixels of every block, (bands, rows, columns): values, shared sd, and squares of pixel noise."""

    bands: tuple[str, ...]
    values: FloatArray
    shared: FloatArray
    noise: FloatArray
    counts: FloatArray
    pixel_m: float


def _sums(mosaic: Mosaic, truth: Raster, settled: Settling, factor: int) -> _Sums:
    rows, columns = truth.grid.height // factor, truth.grid.width // factor
    with ExitStack() as stack:
        raster, views, dsm = (
            stack.enter_context(Raster(path)) for path in (mosaic.reflectance, mosaic.views, mosaic.dsm)
        )
        sd = stack.enter_context(Raster(mosaic.sd)) if mosaic.sd is not None else None
        bands = raster.bands
        sums = np.zeros((3, len(bands), rows * columns))
        counts = np.zeros(rows * columns)
        for block in raster.grid.blocks():
            values, height = raster.read(block), dsm.read(block)[0]
            valid = np.isfinite(values).all(axis=0) & np.isfinite(height) & (views.read(block)[0] >= VIEWS)
            points = _points(raster.grid.window(block), valid, height)
            row, col, inside = cells(truth.grid, settled.apply(points))
            row, col = row // factor, col // factor
            inside &= (row < rows) & (col < columns)
            index = (row * columns + col)[inside]
            counts += np.bincount(index, minlength=counts.size)
            for kind, layers in enumerate((values, *_layers(sd, bands, block, values.shape))):
                for band, layer in enumerate(layers):
                    sums[kind, band] += np.bincount(index, weights=layer[valid][inside], minlength=counts.size)
        pixel = raster.grid.pixel_m
    shape = (3, len(bands), rows, columns)
    values_sum, shared, noise = sums.reshape(shape)
    return _Sums(
        bands=bands, values=values_sum, shared=shared, noise=noise, counts=counts.reshape(rows, columns), pixel_m=pixel
    )


def _layers(
    sd: Raster | None, bands: Sequence[str], block: Block, shape: tuple[int, ...]
) -> Iterator[NDArray[np.float32]]:
    """Shared sd and squares of pixel noise, (bands, rows, columns); NaN where no uncertainty is stated."""
    if sd is None:
        nothing = np.full(shape, np.nan, np.float32)
        yield nothing
        yield nothing
        return
    yield sd.read(block, tuple(f"{band}_shared" for band in bands))
    yield np.nan_to_num(sd.read(block, tuple(f"{band}_pixel" for band in bands))) ** 2


def _points(grid: Grid, wanted: NDArray[np.bool_], height: NDArray[np.float32]) -> FloatArray:
    """Centres of the wanted cells with their heights, (n, 3)."""
    y, x = np.nonzero(wanted)
    east = grid.x_min + (x + 0.5) * grid.pixel_m
    north = grid.y_max - (y + 0.5) * grid.pixel_m
    return np.stack([east, north, height[y, x].astype(float)], axis=1)


def cells(grid: Grid, points: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Row and column of points, and which of them lie inside."""
    col = np.floor((points[:, 0] - grid.x_min) / grid.pixel_m).astype(np.int64)
    row = np.floor((grid.y_max - points[:, 1]) / grid.pixel_m).astype(np.int64)
    inside = (row >= 0) & (row < grid.height) & (col >= 0) & (col < grid.width)
    return row, col, inside


def _averaged(values: NDArray[np.float32], factor: int) -> FloatArray:
    bands, rows, columns = values.shape
    trimmed = values[:, : rows // factor * factor, : columns // factor * factor]
    blocks = trimmed.reshape(bands, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)), float)
