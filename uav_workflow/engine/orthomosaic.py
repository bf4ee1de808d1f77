"""The orthomosaic: photos projected on the surface, tile by tile, one source a pixel."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.blending import HALO, TwoBands
from uav_workflow.engine.exposure import exposure_gains
from uav_workflow.engine.photo_cache import LeastRecent, read_pixels
from uav_workflow.engine.surface import Surface
from uav_workflow.engine.views import Float32, Float64, View, views_of
from uav_workflow.engine.visibility import consider, depth_buffer, photo_positions, tile_heights
from uav_workflow.errors import EngineError

TILE = 1024
Array = NDArray[Any]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLayer:
    """The photos of one band.

    Attributes
    ----------
    name : str
        Band name, written as description; a layer of three-channel photos becomes red, green, blue.
    images : mapping
        Image file name (as in the reconstruction) to path.
    captures : mapping
        Image file name to the name of its capture; a file not named here is its own capture. Bands of one capture
        carry the same name: they share every choice of view.
    centre_nm : float or None
        Band centre.
    """

    name: str
    images: Mapping[str, Path]
    captures: Mapping[str, str] = field(default_factory=dict)
    centre_nm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicFacts:
    """What was rendered: files, captures in the order of source_index.tif (index 1 is the first), shares."""

    orthomosaic: Path
    source_index: Path
    views: Path
    captures: tuple[str, ...]
    bands: tuple[str, ...]
    covered_share: float
    hidden_share: float


@dataclass(frozen=True, slots=True)
class _Capture:
    name: str
    views: tuple[View, ...]
    paths: tuple[Path, ...]


def render_orthomosaic(
    reconstruction: Reconstruction,
    bands: Sequence[BandLayer],
    surface: Surface,
    grid: Grid,
    out: Path,
    *,
    cache_mib: int = 512,
    progress: Progress | None = None,
) -> MosaicFacts:
    """Render the photos over ``surface.filled`` and write ``out``, source_index.tif and views.tif beside it.

    Each pixel comes from the photo that looks down on it most steeply and that nothing hides. One layer of 8-bit
    three-channel photos is a picture: exposure is evened and seams are softened; a pixel hidden in every photo takes
    the best of them and has 0 in views.tif. All else is measurement: every band of a pixel is a bilinear sample of
    one capture, nothing is changed, and a pixel hidden everywhere is left out.

    Parameters
    ----------
    bands : sequence of BandLayer
        First the band on which the choice of view is made (the one the surface was made from).
    grid : Grid
        Pixels to render, in the reconstruction's CRS.
    out : Path
        GeoTIFF: the bands in the source's dtype, then alpha (255 where every band has content, else 0).

    Raises
    ------
    EngineError
        No capture has all bands placed, or the photos' dtypes differ.
    """
    captures = _captures(reconstruction, bands)
    first = read_pixels(captures[0].paths[0])
    picture = len(bands) == 1 and first.ndim == 3 and first.dtype == np.uint8
    names = ("red", "green", "blue") if first.ndim == 3 else tuple(layer.name for layer in bands)
    files = out, out.with_name("source_index.tif"), out.with_name("views.tif")
    listing = {"sources": json.dumps([capture.name for capture in captures])}
    mosaic = _Mosaic(captures, surface, grid, picture, cache_mib)
    covered = hidden = 0
    blocks = list(grid.blocks(TILE))
    with (
        _tiled(files[0], grid, (*names, "alpha"), str(first.dtype), {}) as colours,
        _tiled(files[1], grid, ("source",), "uint16", listing) as sources,
        _tiled(files[2], grid, ("views",), "uint16", {}) as counts,
    ):
        for k, block in enumerate(blocks):
            tile = mosaic.tile(block)
            window = Window(block.col, block.row, block.width, block.height)
            if tile is not None:
                covered += int(np.count_nonzero(tile.source))
                hidden += int(np.count_nonzero((tile.source > 0) & (tile.views == 0)))
                colours.write(tile.values, window=window)
                sources.write(tile.source, 1, window=window)
                counts.write(tile.views, 1, window=window)
            if progress is not None:
                progress((k + 1) / len(blocks))
    return MosaicFacts(
        orthomosaic=files[0],
        source_index=files[1],
        views=files[2],
        captures=tuple(capture.name for capture in captures),
        bands=names,
        covered_share=covered / (grid.width * grid.height),
        hidden_share=hidden / max(covered, 1),
    )


def _captures(reconstruction: Reconstruction, bands: Sequence[BandLayer]) -> list[_Capture]:
    """Captures of which every band is placed, sorted by name."""
    members: dict[str, list[tuple[View, Path]]] = {}
    for k, layer in enumerate(bands):
        for view in views_of(reconstruction, layer.images):
            name = layer.captures.get(view.image, view.image)
            if k == 0 or len(members.get(name, ())) == k:
                members.setdefault(name, []).append((view, layer.images[view.image]))
    found = [
        _Capture(name, tuple(view for view, _ in rows), tuple(path for _, path in rows))
        for name, rows in sorted(members.items())
        if len(rows) == len(bands)
    ]
    if not found:
        raise EngineError(f"no capture has all of the bands {', '.join(layer.name for layer in bands)} placed")
    return found


@dataclass(frozen=True, slots=True)
class _Tile:
    values: Array
    source: NDArray[np.uint16]
    views: NDArray[np.uint16]


class _Mosaic:
    """Photos, surface and caches of one mosaic under construction."""

    def __init__(self, captures: list[_Capture], surface: Surface, grid: Grid, picture: bool, cache_mib: int) -> None:
        self._captures, self._grid, self._picture = captures, grid, picture
        self._offset, self._relief = surface.offset, surface.relief
        self._tolerance = 3.0 * surface.grid.pixel_m + 6.0 * grid.pixel_m
        self._photos: LeastRecent[Array] = LeastRecent(cache_mib << 20, lambda photo: photo.nbytes)
        self._depths: LeastRecent[Float32] = LeastRecent(cache_mib << 18, lambda depths: depths.nbytes)
        self._gains: Float32 | None = None
        if picture and len(captures) > 1:
            primary = [capture.views[0] for capture in captures]
            self._gains = exposure_gains(primary, {c.views[0].image: c.paths[0] for c in captures}, self._relief)

    def tile(self, block: Block) -> _Tile | None:
        """One tile; None where nothing is seen."""
        halo = HALO if self._picture else 0
        wide = Block(block.row - halo, block.col - halo, block.height + 2 * halo, block.width + 2 * halo)
        window = self._grid.window(wide)
        corner = np.array([window.x_min - self._offset[0], window.y_max - self._offset[1], window.pixel_m])
        heights = np.empty(window.shape, np.float32)
        tile_heights(self._relief.heights, self._relief.frame, corner, heights)
        self._cut_to_surface(heights, corner)
        label, count = self._choose(heights, corner)
        if not (label >= 0).any():
            return None
        inner = (slice(halo, halo + block.height), slice(halo, halo + block.width))
        values = self._blended(heights, corner, label) if self._picture else self._sampled(heights, corner, label)
        source = np.where(values[-1] > 0, label + 1, 0).astype(np.uint16)
        return _Tile(values[:, inner[0], inner[1]], source[inner], count[inner])

    def _cut_to_surface(self, heights: Float32, corner: Float64) -> None:
        """NaN outside the surface's own grid: heights are not carried beyond its border."""
        rows, columns = self._relief.heights.shape
        y = corner[1] - (np.arange(heights.shape[0]) + 0.5) * corner[2]
        x = corner[0] + (np.arange(heights.shape[1]) + 0.5) * corner[2]
        relief = self._relief
        heights[(y > relief.y0) | (y < relief.y0 - rows * relief.cell)] = np.nan
        heights[:, (x < relief.x0) | (x > relief.x0 + columns * relief.cell)] = np.nan

    def _choose(self, heights: Float32, corner: Float64) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        best = np.full(heights.shape, np.inf, np.float32)
        label = np.full(heights.shape, -1, np.int32)
        count = np.zeros(heights.shape, np.uint16)
        for index, capture in enumerate(self._captures):
            part = _part_seen(capture.views[0], heights, corner)
            if part is None:
                continue
            around = _shifted(corner, *part)
            maps = _positions(capture.views[0], heights[part], around)
            for view in capture.views[1:]:
                maps[:, _positions(view, heights[part], around)[0] < 0] = -1e4
            depths = self._depth(capture.views[0])
            consider(
                heights[part],
                around,
                capture.views[0].packed,
                maps,
                depths,
                self._tolerance,
                index,
                best[part],
                label[part],
                count[part],
            )
        if not self._picture:
            label[best >= 10] = -1
        return label, count

    def _sampled(self, heights: Float32, corner: Float64, label: NDArray[np.int32]) -> Array:
        """Bands and alpha, each pixel a bilinear sample of its capture."""
        layers = len(self._captures[0].views)
        values: Array | None = None
        for index in np.unique(label[label >= 0]):
            capture = self._captures[index]
            rows, columns = _box(label == index)
            won = label[rows, columns] == index
            for band in range(layers):
                sample = self._sample(capture, band, heights[rows, columns], _shifted(corner, rows, columns))
                planes = sample[np.newaxis] if sample.ndim == 2 else np.moveaxis(sample, 2, 0)
                if values is None:
                    values = np.zeros((layers * len(planes) + 1, *heights.shape), sample.dtype)
                for k, plane in enumerate(planes):
                    values[band * len(planes) + k, rows, columns][won] = plane[won]
            assert values is not None
            values[-1, rows, columns][won] = 255
        assert values is not None
        if values.dtype.kind == "f":
            values[-1][~np.isfinite(values[:-1]).all(axis=0)] = 0
        return values

    def _blended(self, heights: Float32, corner: Float64, label: NDArray[np.int32]) -> Array:
        """Red, green, blue and alpha of a picture."""
        label = _calmed(label)
        bands = TwoBands(label.shape)
        for index in np.unique(label[label >= 0]):
            view = self._captures[index].views[0]
            rows, columns = bands.reach(_box(label == index))
            part = heights[rows, columns]
            maps = _positions(view, part, _shifted(corner, rows, columns))
            photo = self._photo(self._captures[index].paths[0])
            sample = np.asarray(cv2.remap(photo, maps[0], maps[1], cv2.INTER_CUBIC), np.float32)
            if self._gains is not None:
                sample *= self._gains[index]
            bands.add(sample, label[rows, columns] == index, maps[0] >= 0, (rows, columns))
        colours = np.clip(bands.result() + 0.5, 0, 255).astype(np.uint8)
        alpha = np.where(label >= 0, 255, 0).astype(np.uint8)
        colours[alpha == 0] = 0
        return np.concatenate([np.moveaxis(colours, 2, 0), alpha[np.newaxis]])

    def _sample(self, capture: _Capture, band: int, heights: Float32, corner: Float64) -> Array:
        maps = _positions(capture.views[band], heights, corner)
        photo = self._photo(capture.paths[band])
        sample: Array = cv2.remap(photo, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return sample

    def _depth(self, view: View) -> Float32:
        return self._depths.get(view.image, lambda: depth_buffer(view, self._relief))

    def _photo(self, path: Path) -> Array:
        return self._photos.get(str(path), lambda: read_pixels(path))


def _positions(view: View, heights: Float32, corner: Float64) -> Float32:
    maps = np.empty((2, *heights.shape), np.float32)
    photo_positions(np.ascontiguousarray(heights), corner, view.packed, maps)
    return maps


def _part_seen(view: View, heights: Float32, corner: Float64) -> tuple[slice, slice] | None:
    """Part of a tile that may lie in the photo, found on every 32nd pixel; None when none does."""
    rows = np.unique(np.r_[np.arange(0, heights.shape[0], 32), heights.shape[0] - 1])
    columns = np.unique(np.r_[np.arange(0, heights.shape[1], 32), heights.shape[1] - 1])
    z = heights[np.ix_(rows, columns)].astype(float)
    y, x = np.meshgrid(corner[1] - (rows + 0.5) * corner[2], corner[0] + (columns + 0.5) * corner[2], indexing="ij")
    pixels, _ = view.pixels(np.ascontiguousarray(np.stack([x, y, np.nan_to_num(z)], axis=2).reshape(-1, 3)))
    u, v = pixels.reshape(*z.shape, 2)[..., 0], pixels.reshape(*z.shape, 2)[..., 1]
    pad = 96.0
    near = (u > -pad) & (u < view.lens[9] + pad) & (v > -pad) & (v < view.lens[10] + pad)
    near &= np.isfinite(z) & ~((u == -1.0) & (v == -1.0))
    if not near.any():
        return None
    across, down = _box(near)[1], _box(near)[0]
    return (
        slice(int(max(0, rows[down.start] - 32)), int(rows[down.stop - 1]) + 33),
        slice(int(max(0, columns[across.start] - 32)), int(columns[across.stop - 1]) + 33),
    )


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _shifted(corner: Float64, rows: slice, columns: slice) -> Float64:
    return np.array([corner[0] + columns.start * corner[2], corner[1] - rows.start * corner[2], corner[2]])


def _calmed(label: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels without specks: a lone pixel of another photo costs more in seams than it gains."""
    calm = cv2.medianBlur(np.asarray(label + 1, np.uint16), 5).astype(np.int32) - 1
    # a median of numbers may name a third photo, or cut the border: only labels found right beside are taken
    near = np.zeros(label.shape, np.bool_)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1), (0, 2), (0, -2), (1, 2), (1, -2)):
        near |= np.roll(label, step, axis) == calm
    return np.where(near & (label >= 0) & (calm >= 0), calm, label).astype(np.int32)


@contextmanager
def _tiled(
    path: Path, grid: Grid, bands: tuple[str, ...], dtype: str, tags: Mapping[str, str]
) -> Iterator[DatasetWriter]:
    """Tiled GeoTIFF under construction; it gets its name when it is whole."""
    scratch = path.with_name(f".{path.name}.part")
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(bands),
        "dtype": dtype,
        "crs": grid.crs,
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "DEFLATE",
        "predictor": 3 if dtype.startswith("float") else 2,
        "zlevel": 3,
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
        "interleave": "pixel" if len(bands) <= 4 else "band",
        "photometric": "RGB" if len(bands) == 4 and dtype == "uint8" else "MINISBLACK",
    }
    with rasterio.Env(GDAL_NUM_THREADS="2"):
        try:
            with rasterio.open(scratch, "w", **profile) as dataset:
                dataset.descriptions = bands
                if bands[-1] == "alpha":
                    dataset.colorinterp = _interpretation(bands)
                dataset.update_tags(**tags)
                yield dataset
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def _interpretation(bands: tuple[str, ...]) -> list[ColorInterp]:
    """Red, green and blue for a picture; grey for the bands of a rig, whose file is no RGB picture; alpha last."""
    if [name.lower() for name in bands] == ["red", "green", "blue", "alpha"]:
        return [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    return [ColorInterp.gray] * (len(bands) - 1) + [ColorInterp.alpha]
