"""Heights from one stereo pair, rastered onto the surface grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.scratch import strips
from uav_workflow.engine.surface.guide import Guide
from uav_workflow.engine.surface.heightmap import HeightMap
from uav_workflow.engine.surface.pairs import StereoPair
from uav_workflow.engine.surface.rectification import Rectified, guided_parallax, rectify, resampled_pair
from uav_workflow.engine.surface.subpixel import refined
from uav_workflow.engine.surface.views import Float32, Float64

STEP = 1.5
"""Difference of neighbouring disparities that is a step of the surface, rectified pixels."""
_RIM = np.ones((3, 3), np.uint8)
BAND_PIXELS = 4_000_000
"""Rectified pixels matched at a time."""
OVERLAP = 32
"""Rows that a band sees beyond its own: costs are summed down the columns too."""
WINDOW_CELLS = 8_000_000
"""Cells of a window of heights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHeights:
    """Heights of one pair in a window of the surface grid.

    Attributes
    ----------
    row, col : int
        First cell of the window in the grid.
    heights : (rows, columns) float32
        Metres; NaN where the pair says nothing.
    sigma : float
        Height that one rectified pixel of disparity means, metres.
    """

    row: int
    col: int
    heights: Float32
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """How a pair is matched.

    Attributes
    ----------
    factor : int
        Photos are taken this many times smaller (1, 2, 4, 8).
    max_reach : int
        Bound of the residual disparities searched, pixels.
    block : int
        Side of the matching window, pixels: a small one keeps edges, a large one finds crowns.
    rims : bool
        Keep the pixels beside gaps and steps.
    """

    factor: int
    max_reach: int = 128
    block: int = 3
    rims: bool = False
    uniqueness: int = 5
    p1: int = 8
    p2: int = 32


def match_pair(
    pair: StereoPair,
    photos: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    guide: Guide,
    target: HeightMap,
    settings: MatchSettings,
) -> Iterator[PairHeights]:
    """Match two photos by semi-global matching (Hirschmüller, 2008) around a guide surface.

    Parameters
    ----------
    photos : pair of (rows, columns) uint8
        Grey photos, already ``settings.factor`` times smaller.
    guide : Guide
        Coarse surface: only the residual parallax is searched, so slopes cost nothing.
    target : HeightMap
        Frame of the surface to make; its heights are not read.

    Yields
    ------
    PairHeights
        Of parts of the two photos, so that memory does not grow with their size; none when the pair says nothing.
    """
    search = _search(pair, guide, settings)
    rectified = rectify(pair, settings.factor, search[1] // 2 + 8)
    if rectified.width < 2 * search[1] or rectified.height < 32:
        return
    sigma = _metres_a_pixel(pair) * settings.factor
    for band, rows in rectified.bands(BAND_PIXELS, OVERLAP):
        residual, parallax = _matched(band, photos, guide, search, settings)
        points = np.zeros((*residual[rows].shape, 3), np.float32)
        _triangulate(points, residual[rows], parallax[rows], band.eye, target.frame, rows.start)
        yield from _rastered(points, residual[rows], target, sigma)


def _matched(
    band: Rectified,
    photos: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    guide: Guide,
    search: tuple[int, int],
    settings: MatchSettings,
) -> tuple[Float32, Float32]:
    """Disparity beyond the guide's, and the guide's parallax, in every rectified pixel; NaN where there is none."""
    parallax = guided_parallax(band, guide.relief)
    left, right, left_mask, right_mask = resampled_pair(band, parallax, photos, settings.factor)
    residual = refined(left, right, _semi_global(left, right, search, settings))
    if not settings.rims:
        residual = _without_rims(residual)
    # a match counts where the left pixel and the right one beneath it have content
    residual[~left_mask] = np.nan
    parallax[~right_mask] = np.nan
    return residual, parallax


def _metres_a_pixel(pair: StereoPair) -> float:
    """Height that one full-size pixel of disparity means: depth squared over focal length and base."""
    depth = float(np.median((pair.shared - pair.left.centre) @ pair.left.axis))
    base = float(np.linalg.norm(pair.right.centre - pair.left.centre))
    return depth * depth / (pair.left.focal * base)


def _search(pair: StereoPair, guide: Guide, settings: MatchSettings) -> tuple[int, int]:
    """First residual disparity and their number (a multiple of 16): what the guide's doubt means in this pair."""
    pixel = _metres_a_pixel(pair) * settings.factor
    depth = float(np.median((pair.shared - pair.left.centre) @ pair.left.axis))
    # a crown is nearer: its disparity grows faster than its height
    above = guide.above / pixel / (1 - min(0.5, guide.above / depth)) + 3
    below = guide.below / pixel + 3
    count = int(np.clip(np.ceil((above + below) / 16) * 16, 32, settings.max_reach))
    return -int(np.ceil(below * count / max(above + below, 1.0))), count


def _semi_global(
    left: NDArray[np.uint8], right: NDArray[np.uint8], search: tuple[int, int], settings: MatchSettings
) -> Float32:
    area = settings.block * settings.block
    matcher = cv2.StereoSGBM.create(
        minDisparity=search[0],
        numDisparities=search[1],
        blockSize=settings.block,
        P1=settings.p1 * area,
        P2=settings.p2 * area,
        disp12MaxDiff=1,
        preFilterCap=31,
        uniquenessRatio=settings.uniqueness,
        speckleWindowSize=60,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    disparity = np.asarray(matcher.compute(left, right), np.float32) / np.float32(16)
    disparity[disparity < search[0]] = np.nan
    return disparity


def _without_rims(disparity: Float32) -> Float32:
    """Without the pixels beside a wide gap, and the near ones beside a step.

    A matching window that touches a wall's top sees the top: near things grow by about a pixel into what lies behind,
    where one photo sees nothing. Gaps of a pixel or two are but failed matches.
    """
    lowest = cv2.erode(np.nan_to_num(disparity, nan=1e4), _RIM)
    wide = cv2.morphologyEx(np.isnan(disparity).astype(np.uint8), cv2.MORPH_OPEN, _RIM)
    gap = cv2.dilate(wide, _RIM) > 0
    return np.where(gap | (disparity - lowest > STEP), np.float32(np.nan), disparity)


@compiled
def _triangulate(  # noqa: PLR0917 - a compiled loop takes plain arrays
    points: Float32, residual: Float32, parallax: Float32, eye: Float64, target: Float64, first: int
) -> None:
    """(column, row, height) in the target grid of every matched left pixel; NaN elsewhere.

    ``eye`` is `Rectified.eye`; ``first`` is the rectified row of the arrays' first one.
    """
    focal, x0, y0, base = eye[0], eye[1], eye[2], eye[3]
    rotation, centre = eye[4:13].reshape(3, 3), eye[13:16]
    rows, columns = residual.shape
    for i in range(rows):
        ry = (y0 + first + i + 0.5) / focal
        for j in range(columns):
            points[i, j, 2] = np.nan
            r = residual[i, j]
            if not np.isfinite(r):
                continue
            at = j - r
            k = int(np.floor(at))
            if k < 0 or k + 1 >= columns:
                continue
            part = at - k
            disparity = r + parallax[i, k] * (1 - part) + parallax[i, k + 1] * part
            if not disparity > 1e-3:
                continue
            depth = focal * base / disparity
            rx = (x0 + j + 0.5) / focal
            x = centre[0] + depth * (rotation[0, 0] * rx + rotation[1, 0] * ry + rotation[2, 0])
            y = centre[1] + depth * (rotation[0, 1] * rx + rotation[1, 1] * ry + rotation[2, 1])
            points[i, j, 0] = (x - target[0]) / target[2] - 0.5
            points[i, j, 1] = (target[1] - y) / target[2] - 0.5
            points[i, j, 2] = centre[2] + depth * (rotation[0, 2] * rx + rotation[1, 2] * ry + rotation[2, 2])


def _rastered(points: Float32, residual: Float32, target: HeightMap, sigma: float) -> Iterator[PairHeights]:
    """Windows of the target grid with the heights of matches (column, row, height), which are moved."""
    valid = np.isfinite(points[:, :, 2])
    if np.count_nonzero(valid) < 100:
        return
    rows, columns = target.heights.shape
    across, down = points[:, :, 0][valid], points[:, :, 1][valid]
    col, row = max(0, int(np.floor(across.min()))), max(0, int(np.floor(down.min())))
    col_end, row_end = min(columns, int(np.ceil(across.max())) + 1), min(rows, int(np.ceil(down.max())) + 1)
    if col_end - col < 2 or row_end - row < 2:
        return
    points[:, :, 0] -= col
    points[:, :, 1] -= row
    for strip in strips((row_end - row, col_end - col), cells=WINDOW_CELLS):
        heights = np.full((strip.last - strip.first, col_end - col), np.nan, np.float32)
        _raster_quads(heights, points, residual)
        points[:, :, 1] -= len(heights)
        yield PairHeights(row=row + strip.first, col=col, heights=heights, sigma=sigma)


@compiled
def _raster_quads(heights: Float32, points: Float32, residual: Float32) -> None:
    """Interpolate triangles of neighbouring matches at cell centres; the higher wins; steps are not bridged."""
    corners = np.empty((3, 3), np.float64)
    for i in range(points.shape[0] - 1):
        for j in range(points.shape[1] - 1):
            for half in range(2):
                # two triangles share the diagonal from (i, j + 1) to (i + 1, j)
                a, b = i + half, j + half
                low = min(residual[a, b], residual[i, j + 1], residual[i + 1, j])
                high = max(residual[a, b], residual[i, j + 1], residual[i + 1, j])
                total = points[a, b, 2] + points[i, j + 1, 2] + points[i + 1, j, 2]
                if not np.isfinite(total) or high - low > STEP:
                    continue
                for k in range(3):
                    corners[0, k] = points[a, b, k]
                    corners[1, k] = points[i, j + 1, k]
                    corners[2, k] = points[i + 1, j, k]
                _raster_triangle(heights, corners)


@compiled
def _raster_triangle(heights: Float32, corners: Float64) -> None:
    """Write one triangle of (column, row, height) corners."""
    xa, ya, za = corners[0, 0], corners[0, 1], corners[0, 2]
    xb, yb, zb = corners[1, 0], corners[1, 1], corners[1, 2]
    xc, yc, zc = corners[2, 0], corners[2, 1], corners[2, 2]
    area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
    if abs(area) < 1e-6:
        return
    first_row, last_row = int(np.ceil(min(ya, yb, yc))), int(np.floor(max(ya, yb, yc)))
    first_col, last_col = int(np.ceil(min(xa, xb, xc))), int(np.floor(max(xa, xb, xc)))
    for r in range(max(first_row, 0), min(last_row, heights.shape[0] - 1) + 1):
        for c in range(max(first_col, 0), min(last_col, heights.shape[1] - 1) + 1):
            wb = ((c - xa) * (yc - ya) - (xc - xa) * (r - ya)) / area
            wc = ((xb - xa) * (r - ya) - (c - xa) * (yb - ya)) / area
            if wb < -1e-4 or wc < -1e-4 or wb + wc > 1.0002:
                continue
            z = za + wb * (zb - za) + wc * (zc - za)
            if not heights[r, c] >= z:
                heights[r, c] = z
