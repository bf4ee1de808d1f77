"""A picture of every plot: natural colours, index and height side by side, its outline drawn, all at one scale."""

from __future__ import annotations

import base64
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from uav_workflow.domain.ground import Plot
from uav_workflow.plots.extraction import in_crs
from uav_workflow.quality.maps import MapStyle, natural_limits, naturally
from uav_workflow.rasters.preview import preview

if TYPE_CHECKING:
    from PIL.Image import Image
    from shapely.geometry.base import BaseGeometry

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

AROUND = 1.7
"""Side of a picture over the longest side of a plot."""
_SIDES = ((60, 140), (200, 104), (math.inf, 76))
"""Pixels of a picture, by how many plots there are: the page stays light."""
_MISSING = np.array((224, 224, 224), np.uint8)
_OUTLINE, _HALO = (228, 0, 43), (255, 255, 255)
_GAP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Colours of a picture: a strip from the least to the greatest value."""

    title: str
    image: str = ""
    low: str = ""
    high: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chips:
    """Pictures of plots.

    Attributes
    ----------
    images : mapping of plot id to data URI
    across_m : mapping of plot id to m
        Ground each picture is across; the same for all but plots much larger than the others.
    scales : sequence of Scale
        From left to right.
    bar_m : float
        Length of the bar in the first picture, m, at the common scale.
    """

    images: Mapping[str, str]
    across_m: Mapping[str, float]
    scales: Sequence[Scale]
    bar_m: float

    @property
    def common_m(self) -> float:
        """Ground most pictures are across."""
        return statistics.mode(self.across_m.values()) if self.across_m else math.nan


def draw_chips(plots: Sequence[Plot], layers: Sequence[tuple[Path, MapStyle]]) -> Chips:
    """Pictures of every plot on every layer.

    Parameters
    ----------
    plots : sequence of Plot
    layers : sequence of (path, style)
        Rasters on one grid, from left to right; a style without a band is drawn in natural colours.
    """
    if not plots or not layers:
        return Chips(images={}, across_m={}, scales=(), bar_m=math.nan)
    pixels = next(side for most, side in _SIDES if len(plots) <= most)
    with rasterio.open(layers[0][0]) as first:
        outlines = in_crs(plots, str(first.crs))
    across = _across(outlines)
    common = statistics.mode(across)
    bar = _round_down(common / 3)
    painters = [_Painter.of(path, style) for path, style in layers]
    images = {}
    for plot, outline, ground in zip(plots, outlines, across, strict=True):
        panels = [painter.paint(outline, ground, pixels) for painter in painters]
        _draw_bar(panels[0], round(bar / ground * pixels))
        images[plot.plot_id] = _side_by_side(panels)
    ids = [plot.plot_id for plot in plots]
    return Chips(
        images=images,
        across_m=dict(zip(ids, across, strict=True)),
        scales=[painter.scale() for painter in painters],
        bar_m=bar,
    )


def _across(outlines: Sequence[BaseGeometry]) -> list[float]:
    """Ground a picture of each plot is across: one figure for all that are not much larger than most."""
    sides = [0.0 if shape.is_empty else max(_size(shape)) for shape in outlines]
    usual = statistics.median_low([side for side in sides if side > 0] or [1.0])
    common = AROUND * max((side for side in sides if 0 < side <= 3 * usual), default=usual)
    return [common if side <= 3 * usual else AROUND * side for side in sides]


def _size(shape: BaseGeometry) -> tuple[float, float]:
    x_min, y_min, x_max, y_max = shape.bounds
    return x_max - x_min, y_max - y_min


@dataclass(frozen=True, slots=True)
class _Painter:
    """One raster with the colours that its values have in every picture."""

    path: Path
    style: MapStyle
    limits: tuple[float, float]
    bands: tuple[int, ...]
    """Bands to read, 1 on."""
    gamma: float

    @classmethod
    def of(cls, path: Path, style: MapStyle) -> _Painter:
        view = preview(path, 500)
        if style.band is None:
            order = naturally(view.bands)
            low, high, gamma = natural_limits(view.values[list(order)])
            return cls(path, style, (low, high), tuple(index + 1 for index in order), gamma)
        band = view.bands.index(style.band)
        finite = view.values[band][np.isfinite(view.values[band])]
        found = tuple(float(value) for value in np.percentile(finite, (1, 99))) if finite.size else (0.0, 1.0)
        low, high = style.limits or (found[0], found[1])
        return cls(path, style, (low, max(high, low + 1e-6)), (band + 1,), 1.0)

    def paint(self, outline: BaseGeometry, ground_m: float, pixels: int) -> Image:
        """Picture around an outline; grey where nothing is measured or known."""
        from PIL import Image

        if outline.is_empty:
            return Image.fromarray(np.full((pixels, pixels, 3), _MISSING, np.uint8))
        x_min, y_min, x_max, y_max = outline.bounds
        left, top = (x_min + x_max - ground_m) / 2, (y_min + y_max + ground_m) / 2
        picture = Image.fromarray(self._colours(_read(self.path, self.bands, (left, top), ground_m, pixels)))
        _draw_outline(picture, outline, (left, top), pixels / ground_m)
        return picture

    def scale(self) -> Scale:
        if self.style.band is None:
            return Scale(title=self.style.title)
        ramp = np.linspace(*self.limits, 96, dtype=np.float32)[None, None, :].repeat(8, axis=1)
        unit = f" {self.style.unit}" if self.style.unit not in ("", "1") else ""
        digits = max(0, 1 - math.floor(math.log10(self.limits[1] - self.limits[0])))
        low, high = (f"{round(limit, digits) + 0.0:.{digits}f}{unit}" for limit in self.limits)
        return Scale(title=self.style.title, image=_uri(self._colours(ramp), "PNG"), low=low, high=high)

    def _colours(self, values: Floats) -> Bytes:
        from matplotlib import colormaps

        low, high = self.limits
        share = np.clip((values - low) / (high - low), 0, 1)
        known = np.asarray(np.isfinite(values).all(axis=0))
        if self.style.band is None:
            colours = np.moveaxis(np.nan_to_num(share) ** self.gamma, 0, -1)
        else:
            colours = colormaps[self.style.colours](np.nan_to_num(share[0]))[..., :3]
        drawn: Bytes = np.round(255 * colours).astype(np.uint8)
        drawn[~known] = _MISSING
        return drawn


def _read(path: Path, bands: tuple[int, ...], corner: tuple[float, float], ground_m: float, pixels: int) -> Floats:
    """Values (bands, pixels, pixels) of a square, NaN outside the raster and where masked."""
    found = np.full((len(bands), pixels, pixels), np.nan, np.float32)
    with rasterio.open(path) as dataset:
        cell = dataset.transform.a
        col, row = (corner[0] - dataset.transform.c) / cell, (dataset.transform.f - corner[1]) / cell
        step = ground_m / cell / pixels
        # pixels of the picture whose middle lies in the raster
        middles = (np.arange(pixels) + 0.5) * step
        across = np.flatnonzero((col + middles >= 0) & (col + middles < dataset.width))
        down = np.flatnonzero((row + middles >= 0) & (row + middles < dataset.height))
        if not across.size or not down.size:
            return found
        window = Window(col + across[0] * step, row + down[0] * step, across.size * step, down.size * step)
        inside = window.intersection(Window(0, 0, dataset.width, dataset.height))
        resampling = Resampling.average if step > 1 else Resampling.nearest
        shape = (len(bands), down.size, across.size)
        read = dataset.read(bands, window=inside, out_shape=shape, masked=True, resampling=resampling)
        mask = np.ma.getmaskarray(read).any(axis=0)
    part = read.data.astype(np.float32)
    part[:, mask] = np.nan
    found[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1] = part
    return found


def _draw_outline(picture: Image, outline: BaseGeometry, corner: tuple[float, float], pixels_a_m: float) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    for part in getattr(outline, "geoms", [outline]):
        for ring in (part.exterior, *part.interiors):
            places = (np.asarray(ring.coords)[:, :2] - corner) * (pixels_a_m, -pixels_a_m)
            points = [(float(x), float(y)) for x, y in places]
            pen.line(points, fill=_HALO, width=3)
            pen.line(points, fill=_OUTLINE, width=1)


def _draw_bar(picture: Image, length: int) -> None:
    from PIL import ImageDraw

    pen, y = ImageDraw.Draw(picture), picture.height - 6
    pen.rectangle((5, y - 2, 7 + length, y + 2), fill=_HALO)
    pen.rectangle((6, y - 1, 6 + length, y + 1), fill=(0, 0, 0))


def _side_by_side(panels: Sequence[Image]) -> str:
    from PIL import Image

    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, panels[0].height), _HALO)
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + _GAP
    return _uri(np.asarray(sheet), "JPEG", quality=76, subsampling=0)


def _uri(picture: Bytes, kind: str, **options: Any) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=kind, **options)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(buffer.getvalue()).decode()


def _round_down(value: float) -> float:
    step = 10.0 ** math.floor(math.log10(value))
    return max(factor * step for factor in (1, 2, 5) if factor * step <= value * (1 + 1e-9))
