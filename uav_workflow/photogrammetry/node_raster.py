"""A raster as a node made it, seen through the flight's grid, block by block.

GDAL's warper is not used here: it weighs by alpha, which ODM writes as 255 in uint16 and float32 files too, and
resamples within a tolerance. Source and grid share their CRS, so rows and columns are looked up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window
from scipy import ndimage

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

EDGE = 1e-6
"""Share of a pixel by which a position on a pixel's edge may be off."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where the pixels of one side of a block fall in the source: nearest index, and position between centres."""

    nearest: NDArray[np.int64]
    position: Float64
    inside: Bool

    @classmethod
    def of(cls, centres_m: NDArray[np.floating[Any]], *, origin_m: float, step_m: float, size: int) -> _Axis:
        """Pixel centres on the ground, in a source of signed step from its outer edge."""
        edge = (np.asarray(centres_m, np.float64) - origin_m) / step_m
        nearest = np.floor(edge + EDGE).astype(np.int64)
        return cls(nearest, edge - 0.5, (nearest >= 0) & (nearest < size))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of an area is valid.

    Attributes
    ----------
    share : float
        Of the area.
    hole_m2 : float
        Largest connected part of the area inside the raster that is not valid.
    hole_at : (x, y) or None
        Its middle; None without a hole.
    """

    share: float
    hole_m2: float
    hole_at: tuple[float, float] | None


class NodeRaster:
    """A raster of a node, opened for reading; a context manager.

    Attributes
    ----------
    crs : str or None
        ``EPSG:326zz`` / ``EPSG:327zz`` when the file is in UTM WGS84 by code or by parameters, else None.
    bounds : tuple
        (x_min, y_min, x_max, y_max), metres.
    pixel : (x, y)
        Sides of a pixel, metres.
    names : tuple of str
        Names of the data bands: descriptions, else their colours, else ``band<n>``.
    alpha : int or None
        Number of the alpha band.
    validity : str
        What says which pixels are valid: ``alpha``, ``mask``, ``nodata`` or ``none``.

    Raises
    ------
    RasterError
        The file is missing, unreadable or rotated.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._dataset = rasterio.open(path)
        except rasterio.errors.RasterioIOError as exc:
            raise RasterError(f"{path}: can't be read as a raster ({exc}); the node's product is broken") from exc
        self.path = path
        transform = self._dataset.transform
        if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
            raise RasterError(f"{path}: rotated or upside down; only north-up rasters are read")
        self.pixel = (float(transform.a), float(-transform.e))
        self.shape = (int(self._dataset.height), int(self._dataset.width))
        self.bounds: tuple[float, float, float, float] = tuple(self._dataset.bounds)
        self.crs = utm_code(self._dataset.crs)
        self.crs_text = self._dataset.crs.to_string()[:80] if self._dataset.crs else "none"
        self.alpha = self._alpha_band()
        self.indexes = [index for index in self._dataset.indexes if index != self.alpha]
        self.names = tuple(self._name(index) for index in self.indexes)
        self.named = all(self._dataset.descriptions[index - 1] or self._is_coloured(index) for index in self.indexes)
        self.dtype = str(self._dataset.dtypes[0])
        self.nodata = self._dataset.nodata
        self.tags: dict[str, str] = dict(self._dataset.tags())
        self.validity = self._validity()

    def __enter__(self) -> NodeRaster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dataset.close()

    def nearest(self, grid: Grid, block: Block) -> tuple[NDArray[Any], Bool]:
        """Data bands (bands, rows, columns) unchanged in value, and which pixels are valid."""
        rows, cols = self._axes(grid, block)
        inside = rows.inside[:, None] & cols.inside[None, :]
        window = self._window(rows.nearest, cols.nearest, 0)
        if window is None:
            return np.zeros((len(self.indexes), *inside.shape), self.dtype), np.zeros(inside.shape, bool)
        source = self._dataset.read(self.indexes, window=window)
        valid = self._valid(window, source)
        take = np.ix_(
            np.clip(rows.nearest - window.row_off, 0, source.shape[1] - 1),
            np.clip(cols.nearest - window.col_off, 0, source.shape[2] - 1),
        )
        return source[(slice(None), *take)], valid[take] & inside

    def bilinear(self, grid: Grid, block: Block, invalid: Callable[[Window], Bool] | None = None) -> Float32:
        """First band as float32 between the centres of the valid pixels, NaN where the nearest one is not valid.

        Weights of missing neighbours go to the others (normalised convolution), so a hole neither grows nor shrinks.

        Parameters
        ----------
        invalid : callable, optional
            Says for a window of this raster which values count as missing.
        """
        rows, cols = self._axes(grid, block)
        inside = rows.inside[:, None] & cols.inside[None, :]
        window = self._window(rows.nearest, cols.nearest, 1)
        if window is None:
            return np.full(inside.shape, np.nan, np.float32)
        source = self._dataset.read([self.indexes[0]], window=window)
        valid = self._valid(window, source)
        if invalid is not None:
            valid &= ~invalid(window)
        height, width = valid.shape
        near = np.ix_(
            np.clip(rows.nearest - window.row_off, 0, height - 1), np.clip(cols.nearest - window.col_off, 0, width - 1)
        )
        weights = valid.astype(np.float64)
        filled = np.where(valid, source[0], 0).astype(np.float64)
        row, col = rows.position - window.row_off, cols.position - window.col_off
        total = _between(_between(weights, row).T, col).T
        mean = _between(_between(filled, row).T, col).T
        with np.errstate(invalid="ignore", divide="ignore"):
            values = (mean / total).astype(np.float32)
        values[~(valid[near] & inside)] = np.nan
        return values

    def flagged(self, window: Window) -> Bool:
        """Where the first band is above 0."""
        band: NDArray[Any] = self._dataset.read(self.indexes[0], window=window)
        return band > 0

    def coverage(self, area: Any, side: int = 1024) -> Coverage:
        """How much of a polygon (in the raster's CRS) is valid, looked at on at most ``side`` pixels a side."""
        from rasterio.features import geometry_mask

        height, width = (min(side, n) for n in self.shape)
        x_min, y_min, x_max, y_max = self.bounds
        thinned = Affine((x_max - x_min) / width, 0, x_min, 0, (y_min - y_max) / height, y_max)
        inside = geometry_mask([area], (height, width), thinned, invert=True)
        rows = ((np.arange(height) + 0.5) * self.shape[0] / height).astype(int)
        cols = ((np.arange(width) + 0.5) * self.shape[1] / width).astype(int)
        seen = np.zeros_like(inside)
        for index, row in enumerate(rows):
            if inside[index].any():
                seen[index] = self._valid(Window(0, int(row), self.shape[1], 1), None)[0][cols]
        cell_m2 = (x_max - x_min) * (y_max - y_min) / (height * width)
        share = float(min((seen & inside).sum() * cell_m2 / area.area, 1.0))
        labels, count = ndimage.label(inside & ~seen)
        if not count:
            return Coverage(share, 0.0, None)
        sizes = np.bincount(labels.ravel())[1:]
        row_at, col_at = np.argwhere(labels == sizes.argmax() + 1).mean(axis=0) + 0.5
        x, y = thinned @ (float(col_at), float(row_at))
        return Coverage(share, float(sizes.max() * cell_m2), (float(x), float(y)))

    def _valid(self, window: Window, source: NDArray[Any] | None) -> Bool:
        if self.validity == "alpha":
            alpha: NDArray[Any] = self._dataset.read(self.alpha, window=window)
            return alpha > 0
        if self.validity == "mask":
            mask: NDArray[np.uint8] = self._dataset.read_masks(1, window=window)
            return mask > 0
        data = self._dataset.read(self.indexes, window=window) if source is None else source
        valid: Bool = np.ones(data.shape[1:], bool)
        if self.validity == "nodata" and not np.isnan(self.nodata):
            valid &= ~(data == self.nodata).all(axis=0)
        if data.dtype.kind == "f":
            valid &= np.isfinite(data).all(axis=0)
        return valid

    def _axes(self, grid: Grid, block: Block) -> tuple[_Axis, _Axis]:
        centres_x = grid.x_min + grid.pixel_m * (block.col + 0.5 + np.arange(block.width, dtype=np.float64))
        centres_y = grid.y_max - grid.pixel_m * (block.row + 0.5 + np.arange(block.height, dtype=np.float64))
        rows = _Axis.of(centres_y, origin_m=self.bounds[3], step_m=-self.pixel[1], size=self.shape[0])
        cols = _Axis.of(centres_x, origin_m=self.bounds[0], step_m=self.pixel[0], size=self.shape[1])
        return rows, cols

    def _window(self, rows: NDArray[np.int64], cols: NDArray[np.int64], margin: int) -> Window | None:
        """Part of the source that a block needs; None when it needs nothing."""
        row0, row1 = max(int(rows[0]) - margin, 0), min(int(rows[-1]) + 1 + margin, self.shape[0])
        col0, col1 = max(int(cols[0]) - margin, 0), min(int(cols[-1]) + 1 + margin, self.shape[1])
        return Window(col0, row0, col1 - col0, row1 - row0) if row1 > row0 and col1 > col0 else None

    def _alpha_band(self) -> int | None:
        """The alpha band by colour, else by the name ``alpha``."""
        for index, colour in enumerate(self._dataset.colorinterp, start=1):
            name = self._dataset.descriptions[index - 1] or ""
            if colour is ColorInterp.alpha or name.lower() == "alpha":
                return index
        return None

    def _is_coloured(self, index: int) -> bool:
        return self._dataset.colorinterp[index - 1] in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)

    def _name(self, index: int) -> str:
        text = self._dataset.descriptions[index - 1]
        if text:
            return str(text)
        return str(self._dataset.colorinterp[index - 1].name) if self._is_coloured(index) else f"band{index}"

    def _validity(self) -> str:
        if self.alpha is not None:
            return "alpha"
        flags: Sequence[MaskFlags] = self._dataset.mask_flag_enums[0]
        if MaskFlags.per_dataset in flags:
            return "mask"
        return "nodata" if self.nodata is not None else "none"


def _between(values: Float64, position: Float64) -> Float64:
    """Linear interpolation along the first axis at fractional indexes; held constant beyond the first and last."""
    last = values.shape[0] - 1
    inside = np.clip(position, 0, last)
    low = np.minimum(np.floor(inside).astype(int), max(last - 1, 0))
    high = np.minimum(low + 1, last)
    share = (inside - low)[:, None]
    # A share a rounding error away from a centre is that centre: coinciding grids keep their values to the bit.
    share = np.where(share < EDGE, 0.0, np.where(share > 1 - EDGE, 1.0, share))
    between: Float64 = values[low] * (1 - share) + values[high] * share
    return between


def utm_code(crs: Any) -> str | None:
    """EPSG code of a CRS that is UTM on WGS84, whether it carries its code or its parameters alone (ODM's proj4)."""
    if crs is None:
        return None
    parsed = CRS.from_wkt(crs.to_wkt())
    if parsed.is_compound:
        parsed = parsed.sub_crs_list[0]
    zone = parsed.utm_zone
    datum = parsed.geodetic_crs.datum.name if parsed.geodetic_crs and parsed.geodetic_crs.datum else ""
    ellipsoid = parsed.ellipsoid.name if parsed.ellipsoid else ""
    wgs84 = "1984" in datum or "WGS84" in datum.replace(" ", "") or ("unknown" in datum and "WGS 84" in ellipsoid)
    if zone is None or not wgs84 or parsed.axis_info[0].unit_name not in ("metre", "meter"):
        return None
    return f"EPSG:{326 if zone[-1] == 'N' else 327}{int(zone[:-1]):02d}"
