"""Where a calibration panel lies in a picture: from its QR code, or from the camera's own tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.panels.albedo import PanelCode

Corners = NDArray[np.float64]
"""(4, 2) columns and rows on the raw grid."""
_WIDEST_ENLARGED = 2000
"""Pixels to which a small picture is enlarged three times: its code has too few pixels a module to be read as it is."""
_SMALL = 800
"""Width up to which a code is looked for in the picture enlarged, whether or not a panel is known to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelGeometry:
    """Millimetres from the middle of the QR code, x to its right and y up."""

    code_half: float
    region: float
    offset: tuple[float, float]


def geometry_of(version: int) -> PanelGeometry:
    """Geometry by panel version: the grey square lies beside the code (1 - 5) or below it (from 6)."""
    if version < 3:
        return PanelGeometry(code_half=42.0, region=76.0, offset=(-143.2, 0.0))
    if version < 6:
        return PanelGeometry(code_half=45.0, region=50.0, offset=(-145.8, 0.0))
    return PanelGeometry(code_half=41.0, region=50.0, offset=(0.0, -130.84))


def read_code(
    dn: NDArray[np.uint16], *, thorough: bool = False, known: PanelCode | None = None
) -> tuple[PanelCode, Corners] | None:
    """Panel code seen in a picture and the corners of its QR code, or None.

    Tried on a 1 - 99 % stretch and on the plain upper eight bits: a glint spoils one, a dim picture the other.
    ``thorough`` also looks at the picture enlarged in several ways, four times slower and more: for bands of a capture
    known to show one. Small pictures are always enlarged once.
    With ``known``, the code another band of the same capture gave, a QR code that is seen but not read is taken for it.
    """
    import cv2

    detector = cv2.QRCodeDetector()
    unread: Corners | None = None
    for picture, zoom in eight_bit(dn, thorough):
        try:
            text, points, _ = detector.detectAndDecode(picture)
        except cv2.error:  # the detector gives up on some textures with an assertion
            continue
        seen = np.asarray(points, float)  # no corners at all come as None
        if seen.size != 8:
            continue
        corners = (seen.reshape(4, 2) + 0.5) / zoom - 0.5
        code = PanelCode.parse(text)
        if code is not None:
            return code, corners
        if unread is None:
            unread = corners
    return None if known is None or unread is None else (known, unread)


def eight_bit(dn: NDArray[np.uint16], thorough: bool) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Eight-bit pictures in which codes are looked for, each with how much it is enlarged."""
    import cv2

    low, high = np.percentile(dn[::4, ::4], (1, 99))
    scale = np.float32(255.0 / max(high - low, 1.0))
    stretched = np.clip((dn.astype(np.float32) - np.float32(low)) * scale, 0, 255).astype(np.uint8)
    yield stretched, 1
    yield (dn >> 8).astype(np.uint8), 1
    if thorough:
        for zoom in (2, 3):
            if zoom == 2 or zoom * dn.shape[1] <= _WIDEST_ENLARGED:
                for way in (cv2.INTER_LINEAR, cv2.INTER_CUBIC):
                    yield cv2.resize(stretched, None, fx=zoom, fy=zoom, interpolation=way), zoom
    elif dn.shape[1] <= _SMALL:
        yield cv2.resize(stretched, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), 3


def candidate_regions(code: PanelCode, code_corners: Corners) -> tuple[Corners, ...]:
    """The four places the panel may take round its code: printed codes are mounted in any rotation."""
    return places_beside(geometry_of(code.version), code_corners)


def places_beside(geometry: PanelGeometry, code_corners: Corners) -> tuple[Corners, ...]:
    """Where the panel lies beside a square code as it is seen, and the same for the code turned by quarters.

    Parameters
    ----------
    code_corners : float64 (4, 2)
        Upper left, upper right, lower right, lower left of the code as it is printed.
    """
    import cv2

    square = np.array([(-1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])
    region = square * geometry.region / 2 + geometry.offset
    places = []
    for turn in range(4):
        turned = np.roll(code_corners, turn, axis=0).astype(np.float32)
        to_picture = cv2.getPerspectiveTransform((square * geometry.code_half).astype(np.float32), turned)
        places.append(cv2.perspectiveTransform(region[np.newaxis], to_picture)[0])
    return tuple(places)


def shrunk(corners: Corners, share: float) -> Corners:
    """Region drawn in towards its middle, so that no pixel at the panel's edge counts."""
    middle = corners.mean(axis=0)
    drawn: Corners = middle + share * (corners - middle)
    return drawn


def inside(corners: Corners, shape: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
    """Window of the picture and the mask of the region in it; None when the region leaves the picture."""
    import cv2

    height, width = shape
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    if low.min() < 0 or high[0] >= width or high[1] >= height:
        return None
    mask = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(corners - low).astype(np.int32), 1)
    return (slice(low[1], high[1] + 1), slice(low[0], high[0] + 1)), mask.astype(bool)
