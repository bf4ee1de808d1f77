"""How far the bands of a mosaic lie from each other, to a few hundredths of a pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.rasters.reader import Raster

Float64 = NDArray[np.float64]
Complex = NDArray[np.complex128]

SIDE = 128
"""Side of the tile a shift is measured on, pixels; twice that on a mosaic of `LARGE` and more, for half the noise."""
LARGE = 12 * SIDE
LIMIT_PX = 8
"""Largest shift that is looked for, pixels; tiles are read that much wider."""
MOST_TILES = 81
LEAST_VALID = 0.9

_SMOOTHING_PX = 1.0
_SURROUNDINGS_PX = 41
_TURNS = 4
_CLOSE_PX = 0.005
_LEAST_CORRELATION = 0.1
_LEAST_CONTRAST = 7.0
"""Height of the correlation's peak over the spread around it; 2000 pairs of unlike tiles reach 5.7 at most."""
_NOISE_PX = 0.025
"""Noise of a small tile on one axis where half of what it shows is common (0.019 - 0.027 for plants over soil)."""
_REFERENCES = ("green", "rgb", "red")


@dataclass(frozen=True, slots=True)
class Shift:
    """Where the second of two images shows what the first shows: ``second(x + dx, y + dy) ~ first(x, y)``, pixels.

    NaN where there is no common texture to tell it from. `correlation` is 0 - 1; `noise` the standard deviation of the
    shift's length that it stands for, pixels: of a peak of height r it is proportional to sqrt(1 - r2) / r (Carter,
    Proc. IEEE 75, 1987, on time delays).
    """

    dx: float
    dy: float
    correlation: float
    noise: float

    @property
    def known(self) -> bool:
        """Whether there was texture enough."""
        return math.isfinite(self.dx)


@dataclass(frozen=True, slots=True)
class BandShift:
    """Shift of one band against the reference band over the tiles of a mosaic, pixels of the mosaic.

    Attributes
    ----------
    tiles : int
        Tiles it could be measured on; with none the figures are NaN.
    dx, dy : float
        Medians, x to the right, y down.
    rms : float
        Root mean square length over the tiles, their noise included.
    noise : float
        What noise alone would give for `rms`, to a factor of 1.5.
    largest : float
        95th percentile of the lengths.
    """

    band: str
    against: str
    tiles: int
    dx: float
    dy: float
    rms: float
    noise: float
    largest: float


_UNKNOWN = Shift(math.nan, math.nan, 0.0, math.nan)


def shift_between(first: NDArray[Any], second: NDArray[Any], limit_px: int = LIMIT_PX) -> Shift:
    """Shift between two images of one place in different bands.

    Correlates the directions of edges with their angles doubled, weighted by their strength, so that an edge counts
    whichever side is the brighter one (orientation correlation: Fitch et al., BMVC 2002, with doubled angles): near
    infrared is bright where red is dark. The second image is then moved by what was found and correlated again until
    nothing is left, which takes out the pull of the window towards no shift.

    Parameters
    ----------
    first, second : (rows, columns) arrays of one shape
        The outer ``limit_px`` pixels serve the search alone. NaN is no texture.
    limit_px : int
        Largest shift looked for.
    """
    margin = limit_px
    one, two = _filled(first), _filled(second)
    inner = (slice(margin, -margin), slice(margin, -margin))
    window = _window((one.shape[0] - 2 * margin, one.shape[1] - 2 * margin))
    edges = _edges(one, _missing(first))[inner] * window
    gaps = _missing(second)
    found = np.zeros(2)
    correlation = 0.0
    for turn in range(_TURNS):
        moved = two if turn == 0 else ndimage.shift(two, -found, order=3, mode="nearest")
        other = _edges(moved, _moved(gaps, -found))[inner] * window
        peak = _peak(edges, other, limit_px if turn == 0 else 2)
        if peak is None:
            return _UNKNOWN
        step, correlation, contrast = peak
        if turn == 0 and contrast < _LEAST_CONTRAST:
            return _UNKNOWN
        found = found + step
        if np.abs(found).max() > limit_px:
            return _UNKNOWN
        if np.abs(step).max() < _CLOSE_PX:
            break
    if correlation < _LEAST_CORRELATION:
        return _UNKNOWN
    noise = _NOISE_PX * math.sqrt(2 * max(1 - correlation**2, 0)) / correlation * SIDE / math.sqrt(window.size)
    return Shift(float(found[1]), float(found[0]), correlation, noise)


def band_shifts(path: Path, bands: Sequence[str] | None = None, reference: str | None = None) -> list[BandShift]:
    """Shift of every band of a mosaic against the reference band.

    Parameters
    ----------
    path : Path
        Any raster `Raster` reads; band names are its descriptions.
    bands : sequence of str, optional
        Bands to look at; all but alpha when absent.
    reference : str, optional
        Green, RGB, red or the first, whichever is there, when absent.

    Raises
    ------
    RasterError
        The raster can't be read, or has no band of that name.
    """
    with Raster(path) as raster:
        names = tuple(bands or [name for name in raster.bands if name.lower() != "alpha"])
        by_name = {name.lower(): name for name in names}
        against = reference or next((by_name[name] for name in _REFERENCES if name in by_name), names[0])
        others = [name for name in names if name != against]
        found: dict[str, list[Shift]] = {name: [] for name in others}
        for block in _tiles(raster.grid):
            first = raster.band(against, block)
            if np.isfinite(first).mean() < LEAST_VALID:
                continue
            for name in others:
                second = raster.band(name, block)
                if np.isfinite(second).mean() >= LEAST_VALID:
                    found[name].append(shift_between(first, second))
    return [_summary(name, against, found[name]) for name in others]


def _summary(band: str, against: str, shifts: Sequence[Shift]) -> BandShift:
    rows = np.array([(shift.dx, shift.dy) for shift in shifts if shift.known], float).reshape(-1, 2)
    if not len(rows):
        return BandShift(band, against, 0, math.nan, math.nan, math.nan, math.nan, math.nan)
    lengths = np.hypot(rows[:, 0], rows[:, 1])
    dx, dy = np.median(rows, axis=0)
    rms = float(np.sqrt((lengths**2).mean()))
    noise = math.sqrt(float(np.mean([shift.noise**2 for shift in shifts if shift.known])))
    return BandShift(band, against, len(rows), float(dx), float(dy), rms, noise, float(np.percentile(lengths, 95)))


def _tiles(grid: Grid) -> Iterator[Block]:
    """Tiles spread over a grid, their margins included: about `MOST_TILES` small or a quarter as many large."""
    inner = 2 * SIDE if min(grid.width, grid.height) >= LARGE else SIDE
    side = inner + 2 * LIMIT_PX
    if grid.width < side or grid.height < side:
        if min(grid.width, grid.height) >= 4 * LIMIT_PX:
            yield Block(0, 0, min(side, grid.height), min(side, grid.width))
        return
    most = MOST_TILES * (SIDE / inner) ** 2
    step = max(float(inner), math.sqrt(grid.width * grid.height / most))
    for row in np.arange((grid.height - side) % step / 2, grid.height - side + 1, step).astype(int):
        for col in np.arange((grid.width - side) % step / 2, grid.width - side + 1, step).astype(int):
            yield Block(int(row), int(col), side, side)


def _missing(image: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~np.isfinite(image))


def _moved(missing: NDArray[np.bool_], by: Float64) -> NDArray[np.bool_]:
    """Gaps moved with their image; what comes in from beyond it stays within the margin."""
    if not missing.any() or not by.any():
        return missing
    return np.asarray(ndimage.shift(missing.astype(np.float64), by, order=1) > 0)


def _filled(image: NDArray[Any]) -> Float64:
    known = np.isfinite(image)
    mean = float(np.mean(image, where=known)) if known.any() else 0.0
    return np.where(known, image, mean).astype(np.float64)


def _window(shape: tuple[int, int]) -> Float64:
    rows, cols = (np.hanning(n + 2)[1:-1] for n in shape)
    return np.asarray(rows[:, None] * cols[None, :])


def _edges(image: Float64, missing: NDArray[np.bool_]) -> Complex:
    """Strength of the edge at each pixel, with its direction's angle doubled; 0 near missing pixels.

    What is common to all surroundings, a gradient of light, is taken out: it would pull every peak to no shift.
    """
    across = ndimage.gaussian_filter(image, _SMOOTHING_PX, order=(0, 1), mode="nearest")
    down = ndimage.gaussian_filter(image, _SMOOTHING_PX, order=(1, 0), mode="nearest")
    slope = across + 1j * down
    strength = np.abs(slope)
    # A spline's ringing and rounding leave 1e-12 of the values where nothing is to be seen.
    floor = 1e-6 * float(np.abs(image).max())
    edges = np.where(strength > floor, slope**2 / np.maximum(strength, 1e-300), 0)
    edges = edges - ndimage.uniform_filter(edges, _SURROUNDINGS_PX)
    if missing.any():
        edges[ndimage.binary_dilation(missing, iterations=math.ceil(4 * _SMOOTHING_PX))] = 0
    return np.asarray(edges, np.complex128)


def _peak(first: Complex, second: Complex, limit: int) -> tuple[Float64, float, float] | None:
    """(row, column) of the correlation's peak within the limit, its coefficient, and its contrast; None if flat."""
    energy = float((np.abs(first) ** 2).sum() * (np.abs(second) ** 2).sum())
    if energy <= 0:
        return None
    spectrum = np.conj(np.fft.fft2(first)) * np.fft.fft2(second)
    surface = np.fft.fftshift(np.fft.ifft2(spectrum)).real / math.sqrt(energy)
    middle = np.array(surface.shape) // 2
    near = surface[middle[0] - limit : middle[0] + limit + 1, middle[1] - limit : middle[1] + limit + 1]
    at = np.array(np.unravel_index(int(near.argmax()), near.shape)) - limit
    height = float(near.max())
    reach = np.minimum(np.array(surface.shape) // 4, 4 * LIMIT_PX)
    ring = surface[middle[0] - reach[0] : middle[0] + reach[0], middle[1] - reach[1] : middle[1] + reach[1]].copy()
    centre = reach + at
    ring[max(centre[0] - 4, 0) : centre[0] + 5, max(centre[1] - 4, 0) : centre[1] + 5] = np.nan
    contrast = (height - float(np.nanmean(ring))) / max(float(np.nanstd(ring)), 1e-12)
    return at + _between_lags(surface, middle + at), height, contrast


def _between_lags(surface: Float64, at: NDArray[np.int64]) -> Float64:
    """Place of the top of a parabola in each direction, from the highest lag, at most half a lag away."""
    row, col = int(at[0]), int(at[1])
    top = surface[row, col]
    steps = []
    for low, high in (
        (surface[row - 1, col], surface[row + 1, col]),
        (surface[row, col - 1], surface[row, col + 1]),
    ):
        bend = low - 2 * top + high
        steps.append(float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5)) if bend < 0 else 0.0)
    return np.array(steps)
