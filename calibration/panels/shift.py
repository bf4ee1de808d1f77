"""The same panel in two bands of a rig: its place in one from its place in the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.panels.region import Corners
from calibration.pictures.response import FloatArray

_AROUND = 1.5
"""Sides of the region taken round it for the template: the case, the code and what lies about."""
_REACH = 0.12
"""Share of the picture's width by which the cameras of a rig see a thing at arm's length apart."""
_LIKE = 0.6
"""Least correlation of the two pictures' gradients at the place found."""


def moved_region(theirs: FloatArray, own: FloatArray, corners: Corners) -> Corners | None:
    """Corners of a region of one band's picture in another's, or None where the two show nothing alike.

    The cameras of a rig look in parallel from a few centimetres apart, so things move between their pictures by a shift
    that depends on the distance: the region with its surroundings is looked for by correlating the strength of
    gradients, which look alike in all bands. Pictures of one size.
    """
    import cv2

    height, width = own.shape
    side = float(np.ptp(corners, axis=0).max())
    low = np.maximum(np.floor(corners.min(axis=0) - _AROUND * side), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0) + _AROUND * side), (width, height)).astype(int)
    template = _gradients(theirs)[low[1] : high[1], low[0] : high[0]]
    reach = round(_REACH * width)
    first = np.maximum(low - reach, 0)
    last = np.minimum(high + reach, (width, height))
    window = _gradients(own)[first[1] : last[1], first[0] : last[0]]
    if min(template.shape) < 8 or window.shape[0] < template.shape[0] or window.shape[1] < template.shape[1]:
        return None
    likeness = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
    _, best, _, place = cv2.minMaxLoc(likeness)
    if not best > _LIKE:
        return None
    moved: Corners = corners + (np.array(place) + first - low)
    return moved


def _gradients(light: FloatArray) -> NDArray[np.float32]:
    """Strength of gradients of the logarithm: a panel is as bright over its case in every band, the ground is not."""
    import cv2

    floor = max(float(np.percentile(light[::4, ::4], 5)), 1e-9)
    smooth = cv2.GaussianBlur(np.log(np.maximum(light, floor)).astype(np.float32), (0, 0), 1.0)
    strength = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(strength, np.float32)
