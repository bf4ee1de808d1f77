"""A mark on a mosaic: how it looks, and where it lies to a fraction of a pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from uav_workflow.errors import RecipeError

Floats = NDArray[np.float64]
Shape = Literal["square", "disc", "angle", "chequer"]
Colour = Literal["white", "red", "blue", "yellow", "magenta"]
Pair = tuple[float, float]

CONTRASTS: Mapping[Colour, tuple[float, float, float]] = {
    "white": (1 / 3, 1 / 3, 1 / 3),
    "red": (1.0, -0.5, -0.5),
    "blue": (-0.5, -0.5, 1.0),
    "yellow": (0.5, 0.5, -1.0),
    "magenta": (0.5, -1.0, 0.5),
}
"""Weights of red, green, blue. Linear: a pixel half of paint lies half-way, and edges stay where they are."""
ARM = 0.2
"""Width of an angle's arms over their length."""
LEAST_PIXELS = 3.0
"""Least side of a mark, and twice the least width of an angle's arm, pixels."""
LIKE = 0.5
"""Least correlation of a place with the mark that is looked at closely."""
EXPLAINED = 0.6
"""Least share of the window's variance that a mark must explain."""
BEST = 3
"""Places looked at closely in a window, at most."""
_PIXEL_VARIANCE = 1 / 12
"""Of a pixel's own square, in squared pixels: it blurs like a Gaussian of this variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CornerMark:
    """What lies on the corners.

    Attributes
    ----------
    shape : {"square", "disc", "angle", "chequer"}
        Board or spot whose middle is the corner; painted lines along both edges that meet on it; a board of two by two
        light and dark squares whose middle is the corner. Boards lie along the plot's edges.
    colour : {"white", "red", "blue", "yellow", "magenta"}
        Of a chequer, that of its light squares.
    size_m : float
        Side, diameter, or length of an arm.
    """

    shape: Shape = "square"
    colour: Colour = "white"
    size_m: float

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape) or self.colour not in CONTRASTS or not self.size_m > 0:
            raise RecipeError(f"plots.corner_marks: no such mark ({self.shape}, {self.colour}, {self.size_m} m)")

    @property
    def reach_m(self) -> float:
        """Furthest it extends from the corner."""
        return self.size_m * {"angle": 1.0, "disc": 0.5}.get(self.shape, math.sqrt(0.5))

    @property
    def detail_m(self) -> float:
        """What must be a few pixels wide."""
        return self.size_m * (2 * ARM if self.shape == "angle" else 1.0)

    def contrast(self, values: NDArray[np.float32], bands: Sequence[str]) -> Floats | None:
        """How much of the mark's colour is in each pixel; None where a band it needs is missing.

        Parameters
        ----------
        values : float32 (bands, rows, columns)
        bands : sequence of str
            Their names; white is also seen without some of red, green and blue.
        """
        layers = {name: values[i].astype(np.float64) for i, name in enumerate(bands)}
        weights = dict(zip(("red", "green", "blue"), CONTRASTS[self.colour], strict=True))
        if self.colour == "white":
            seen = [layers[name] for name in weights if name in layers]
            return np.asarray(np.mean(seen, axis=0)) if seen else None
        if not weights.keys() <= layers.keys():
            return None
        return np.asarray(sum(weight * layers[name] for name, weight in weights.items()), np.float64)

    def drawn(self, x: Floats, y: Floats, along: tuple[Pair, Pair], size: float, blur: float) -> Floats:
        """Share of paint at places about the corner, seen through a Gaussian blur.

        Exact for what is made of rectangles; a disc's edge is taken for straight.

        Parameters
        ----------
        x, y : float64
            From the corner.
        along : pair of (x, y)
            Unit vectors along the plot's two edges, from the corner.
        size, blur : float
            Of the mark, and the Gaussian's standard deviation, in units of x and y.
        """
        from scipy.special import erf

        scale = blur * math.sqrt(2.0)

        def step(distance: Floats) -> Floats:
            return np.asarray(0.5 * (1.0 + erf(distance / scale)), np.float64)

        def bar(way: Pair, start: float, end: float, half: float) -> Floats:
            u, v = x * way[0] + y * way[1], y * way[0] - x * way[1]
            return (step(u - start) - step(u - end)) * (step(v + half) - step(v - half))

        half, (first, second) = size / 2, along
        if self.shape == "disc":
            return step(half - np.hypot(x, y))
        if self.shape == "square":
            return bar(first, -half, half, half)
        if self.shape == "angle":
            arm = ARM * size / 2
            return bar(first, -arm, size, arm) + bar(second, -arm, size, arm) - bar(first, -arm, arm, arm)
        u, v = x * first[0] + y * first[1], y * first[0] - x * first[1]
        across = [2 * step(d) - step(d + half) - step(d - half) for d in (u, v)]
        return np.asarray(across[0] * across[1], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Something that looks like the mark.

    Attributes
    ----------
    col, row : float
        Of the corner, pixels of the window; the middle of its first pixel is (0.5, 0.5).
    sd : float
        Standard error of either, pixels, from the scatter about the fit.
    explained : float
        Share of the variance of its surroundings that the mark explains.
    """

    col: float
    row: float
    sd: float
    explained: float


def find_marks(
    contrast: Floats, mark: CornerMark, along: tuple[Pair, Pair], pixel_m: float, radius: float
) -> tuple[Sighting, ...]:
    """Everything in a window that looks like the mark, most like it first.

    Correlation with the drawn mark says where to look; a least-squares fit of place, blur, brightness and an even
    slope of the background says where it lies.

    Parameters
    ----------
    contrast : float64 (rows, columns)
    along : pair of (x, y)
        Directions of the edges on the ground, y north.
    radius : float
        Furthest from the window's middle, pixels.
    """
    import cv2
    from scipy.ndimage import maximum_filter

    half = reach_pixels(mark, pixel_m)
    steps = np.arange(-half, half + 1.0)
    right, up = np.meshgrid(steps, -steps)
    pattern = mark.drawn(right, up, along, mark.size_m / pixel_m, 0.8)
    likeness = cv2.matchTemplate(contrast.astype(np.float32), pattern.astype(np.float32), cv2.TM_CCOEFF_NORMED)
    likeness = np.nan_to_num(np.abs(likeness) if mark.shape == "chequer" else likeness)
    near = max(3, 2 * int(mark.detail_m / pixel_m / 2) + 1)
    peaks = np.argwhere((likeness >= LIKE) & (likeness == maximum_filter(likeness, near)))
    peaks = peaks[np.argsort(-likeness[tuple(peaks.T)], kind="stable")][: 2 * BEST]
    middle = np.array(contrast.shape) / 2
    found = []
    for row, col in peaks:
        one = _fitted(contrast, mark, along, pixel_m, (int(row) + half, int(col) + half))
        if one is not None and math.hypot(one.row - middle[0], one.col - middle[1]) <= radius:
            found.append(one)
    return tuple(sorted(found, key=lambda one: -one.explained)[:BEST])


def reach_pixels(mark: CornerMark, pixel_m: float) -> int:
    """Pixels about a mark that are compared with it."""
    return math.ceil(mark.reach_m / pixel_m) + 2


def _fitted(
    contrast: Floats, mark: CornerMark, along: tuple[Pair, Pair], pixel_m: float, at: tuple[int, int]
) -> Sighting | None:
    """Least squares about a pixel; None where the mark explains too little."""
    from scipy.optimize import least_squares

    half = reach_pixels(mark, pixel_m)
    window = contrast[at[0] - half : at[0] + half + 1, at[1] - half : at[1] + half + 1].ravel()
    steps = np.arange(-half, half + 1.0)
    right, down = (part.ravel() for part in np.meshgrid(steps, steps))
    plane = np.stack([np.ones_like(right), right, down], axis=1)
    # light and dark squares of a chequer lie about a brightness that is not the ground's
    layers = [mark, replace(mark, shape="square")] if mark.shape == "chequer" else [mark]

    def solved(place: Floats) -> tuple[Floats, Floats]:
        blur = math.sqrt(_PIXEL_VARIANCE + math.exp(2 * min(float(place[2]), 2.0)))
        x, y = right - place[0], place[1] - down
        design = np.column_stack([*(one.drawn(x, y, along, mark.size_m / pixel_m, blur) for one in layers), plane])
        linear = np.linalg.lstsq(design, window, rcond=None)[0]
        return np.asarray(window - design @ linear, np.float64), linear

    fit = least_squares(lambda place: solved(place)[0], [0.0, 0.0, math.log(0.6)], method="lm", max_nfev=60)
    off, linear = solved(fit.x)
    if (linear[0] <= 0 and mark.shape != "chequer") or max(abs(fit.x[0]), abs(fit.x[1])) > 2.5:
        return None
    # the mark's own share: an even slope alone explains nothing of a mark
    bare = window - plane @ np.linalg.lstsq(plane, window, rcond=None)[0]
    explained = 1.0 - float(off @ off) / max(float(bare @ bare), 1e-300)
    freedom = window.size - 7
    spread = np.linalg.pinv(fit.jac.T @ fit.jac)[:2, :2] * float(off @ off) / max(freedom, 1)
    if explained < EXPLAINED:
        return None
    return Sighting(
        col=at[1] + 0.5 + float(fit.x[0]),
        row=at[0] + 0.5 + float(fit.x[1]),
        sd=math.sqrt(max(float(np.trace(spread)) / 2, 0.0)),
        explained=explained,
    )
