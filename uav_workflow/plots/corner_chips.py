"""Pictures of the corners: where each should lie and where it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
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

CHIP, CAPTION, GAP, ACROSS, DOWN = 150, 30, 6, 8, 8
"""Pixels of a picture, of the lines below it, between pictures; pictures a row, rows a page."""
EXPECTED, USED, LEFT_OUT, EDGE = (255, 140, 0), (0, 220, 255), (255, 40, 60), (255, 235, 120)
LEGEND = "orange +: surveyed   blue o: found, used   red o: found, left out   yellow: edges of the plot as surveyed"


def draw_corners(found: Coregistration, mosaic: Path, out: Path) -> list[Path]:
    """Write ``coregistration_1.png`` … with one picture of every corner on the map; none without any."""
    from PIL import Image, ImageDraw

    shown = [index for index, one in enumerate(found.searches) if one.measured]
    pages = []
    with Raster(mosaic) as raster:
        for start in range(0, len(shown), ACROSS * DOWN):
            part = shown[start : start + ACROSS * DOWN]
            rows, columns = math.ceil(len(part) / ACROSS), min(ACROSS, max(len(part), 5))
            size = (columns * (CHIP + GAP) + GAP, rows * (CHIP + CAPTION + GAP) + GAP + 18)
            page = Image.new("RGB", size, "white")
            ImageDraw.Draw(page).text((GAP, 4), LEGEND, fill="black")
            for place, index in enumerate(part):
                at = (GAP + place % ACROSS * (CHIP + GAP), 22 + place // ACROSS * (CHIP + CAPTION + GAP))
                page.paste(_chip(raster, found, index), at)
            pages.append(out / f"coregistration_{len(pages) + 1}.png")
            page.save(pages[-1])
    return pages


def _chip(raster: Raster, found: Coregistration, index: int) -> Image:
    """One corner with its caption."""
    from PIL import Image, ImageDraw

    search = found.searches[index]
    corner, grid = search.corner, raster.grid
    half = math.ceil(corner.radius_m / grid.pixel_m) + reach_pixels(found.mark, grid.pixel_m) + 1
    block = window_of(grid, corner.x, corner.y, half)
    assert block is not None
    names = [name for name in ("red", "green", "blue") if name in raster.bands]
    picture = Image.fromarray(_natural(raster.read(block, tuple(names)))).resize((CHIP, CHIP), Image.Resampling.NEAREST)
    chip = Image.new("RGB", (CHIP, CHIP + CAPTION), "white")
    draw = ImageDraw.Draw(picture)
    _mark(draw, grid.window(block), found, index)
    chip.paste(picture, (0, 0))
    for line, text in enumerate(_caption(search, found, index)):
        ImageDraw.Draw(chip).text((2, CHIP + 2 + 13 * line), text, fill="black")
    return chip


def _mark(draw: object, window: Grid, found: Coregistration, index: int) -> None:
    """Edges, expected place and sightings."""
    search, zoom = found.searches[index], CHIP / window.width
    used = dict(found.shift.used) if found.shift else {}

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - window.x_min) / window.pixel_m * zoom, (window.y_max - y) / window.pixel_m * zoom

    x, y = search.corner.x, search.corner.y
    far = window.width * window.pixel_m
    for way in search.corner.along:
        draw.line([at(x, y), at(x + far * way[0], y + far * way[1])], fill=EDGE)  # type: ignore[attr-defined]
    col, row = at(x, y)
    for line in ([(col - 7, row), (col + 7, row)], [(col, row - 7), (col, row + 7)]):
        draw.line(line, fill=EXPECTED, width=2)  # type: ignore[attr-defined]
    for number, (east, north) in enumerate(search.sightings):
        col, row = at(x + east, y + north)
        colour = USED if used.get(index) == number else LEFT_OUT
        draw.ellipse([col - 5, row - 5, col + 5, row + 5], outline=colour, width=2)  # type: ignore[attr-defined]


def _caption(search: Search, found: Coregistration, index: int) -> Sequence[str]:
    name = f"{search.corner.plot_id[:16]}  corner {search.corner.number}"
    for place, (corner, sighting) in enumerate(found.shift.used if found.shift else ()):
        if corner == index:
            east, north = search.sightings[sighting]
            left = math.hypot(*found.shift.residuals[place]) if found.shift else math.nan
            return name, f"{100 * east:+.1f} {100 * north:+.1f} cm, off {100 * left:.1f}"
    return name, found.reason(search)


def _natural(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Stretch between the second and the last but second hundredth of all bands together."""
    seen = values[np.isfinite(values)]
    low, high = np.percentile(seen, (1, 99.5))
    scaled = np.nan_to_num((values - low) / max(high - low, 1e-9)).clip(0, 1) ** 0.8
    layers = scaled if len(values) == 3 else np.repeat(scaled[:1], 3, axis=0)
    return np.asarray(255 * np.moveaxis(layers, 0, -1), np.uint8)
