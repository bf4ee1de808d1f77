"""Pictures of the corners: where each should lie and where it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.plots.coregistration import Coregistration, Search, window_of
from uav_workflow.plots.mark_fit import reach_pixels
from uav_workflow.rasters.reader import Raster

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

CHIP, CAPTION, GAP, ACROSS, DOWN = 150, 30, 6, 8, 8
"""Pixels of a picture, of the lines below it, between pictures; pictures a row, rows a page."""
EXPECTED, USED, LEFT_OUT, EDGE = (255, 140, 0), (0, 220, 255), (255, 40, 60), (255, 235, 120)
LEGEND = "orange +: surveyed   blue o: found, used   red o: found, left out   yellow: edges of the plot as surveyed"


def draw_corners(found: Coregistration, mosaic: Path, out: Path) -> list[Path]:
    """Write ``coregistration_1.png`` … with one picture of every corner on the map; none without any."""
    from PIL import Image, ImageDraw

    shown = [index for index, one in enumerate(found.searches) if one.measured]
    pages: list[Path] = []
    with Raster(mosaic) as raster:
        windows = {index: _window(raster, found, index) for index in shown}
    limits = _limits(list(windows.values()))
    for start in range(0, len(shown), ACROSS * DOWN):
        part = shown[start : start + ACROSS * DOWN]
        rows, columns = math.ceil(len(part) / ACROSS), min(ACROSS, max(len(part), 5))
        size = (columns * (CHIP + GAP) + GAP, rows * (CHIP + CAPTION + GAP) + GAP + 18)
        page = Image.new("RGB", size, "white")
        ImageDraw.Draw(page).text((GAP, 4), LEGEND, fill="black")
        for place, index in enumerate(part):
            at = (GAP + place % ACROSS * (CHIP + GAP), 22 + place // ACROSS * (CHIP + CAPTION + GAP))
            page.paste(_chip(windows[index], found, index, limits), at)
        pages.append(out / f"coregistration_{len(pages) + 1}.png")
        page.save(pages[-1])
    return pages


@dataclass(frozen=True, slots=True)
class _Window:
    """What the map shows about a corner."""

    grid: Grid
    values: NDArray[np.float32]


def _window(raster: Raster, found: Coregistration, index: int) -> _Window:
    corner, grid = found.searches[index].corner, raster.grid
    half = math.ceil(corner.radius_m / grid.pixel_m) + reach_pixels(found.mark, grid.pixel_m) + 1
    block = window_of(grid, corner.x, corner.y, half)
    assert block is not None
    names = tuple(name for name in ("red", "green", "blue") if name in raster.bands)
    return _Window(grid.window(block), raster.read(block, names))


def _limits(windows: Sequence[_Window]) -> tuple[float, float]:
    """Values drawn black and white: the same in every picture, or a corner without a mark would shine."""
    seen = np.concatenate([one.values[np.isfinite(one.values)] for one in windows]) if windows else np.zeros(1)
    low, high = np.percentile(seen, (0.5, 99.5))
    return float(low), max(float(high), float(low) + 1e-9)


def _chip(window: _Window, found: Coregistration, index: int, limits: tuple[float, float]) -> Image:
    """One corner with its caption."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(_natural(window.values, limits)).resize((CHIP, CHIP), Image.Resampling.NEAREST)
    chip = Image.new("RGB", (CHIP, CHIP + CAPTION), "white")
    _mark(ImageDraw.Draw(picture), window.grid, found, index)
    chip.paste(picture, (0, 0))
    for line, text in enumerate(_caption(found.searches[index], found, index)):
        ImageDraw.Draw(chip).text((2, CHIP + 2 + 13 * line), text, fill="black")
    return chip


def _mark(draw: ImageDraw, window: Grid, found: Coregistration, index: int) -> None:
    """Edges, expected place and sightings."""
    search, zoom = found.searches[index], CHIP / window.width
    used = dict(found.shift.used) if found.shift else {}

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - window.x_min) / window.pixel_m * zoom, (window.y_max - y) / window.pixel_m * zoom

    x, y = search.corner.x, search.corner.y
    far = window.width * window.pixel_m
    for way in search.corner.along:
        draw.line([at(x, y), at(x + far * way[0], y + far * way[1])], fill=EDGE)
    col, row = at(x, y)
    for line in ([(col - 7, row), (col + 7, row)], [(col, row - 7), (col, row + 7)]):
        draw.line(line, fill=EXPECTED, width=2)
    for number, (east, north) in enumerate(search.sightings):
        col, row = at(x + east, y + north)
        colour = USED if used.get(index) == number else LEFT_OUT
        draw.ellipse([col - 5, row - 5, col + 5, row + 5], outline=colour, width=2)


def _caption(search: Search, found: Coregistration, index: int) -> Sequence[str]:
    name = f"{search.corner.plot_id[:16]}  corner {search.corner.number}"
    for place, (corner, sighting) in enumerate(found.shift.used if found.shift else ()):
        if corner == index:
            east, north = search.sightings[sighting]
            left = math.hypot(*found.shift.residuals[place]) if found.shift else math.nan
            return name, f"E {100 * east:+.1f} N {100 * north:+.1f} off {100 * left:.1f} cm"
    return name, found.reason(search)


def _natural(values: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.uint8]:
    scaled = np.nan_to_num((values - limits[0]) / (limits[1] - limits[0])).clip(0, 1) ** 0.6
    layers = scaled if len(values) == 3 else np.repeat(scaled[:1], 3, axis=0)
    return np.asarray(255 * np.moveaxis(layers, 0, -1), np.uint8)
