"""A picture of a panel with the region that was read, for eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.panels.search import PanelReading
from calibration.pictures.image_file import read_picture
from uav_workflow.errors import CalibrationError

FOLDER = "panel_pictures"
_AROUND = 1.5
"""Widths of the region shown on every side of it."""
_SIDE = 480
_COLOUR = (40, 220, 255)
"""Amber, blue first."""


def draw_panel(reading: PanelReading, source: Path, out: Path) -> str:
    """Write ``out/panel_pictures/<image name>.png``: the panel and its surroundings, grey, the region outlined.

    Stretched from the darkest to the brightest hundredth of what is shown; 480 pixels on the longer side.

    Returns
    -------
    str
        Path below ``out``.

    Raises
    ------
    CalibrationError
        The picture can't be read.
    """
    import cv2

    dn = read_picture(source).dn
    corners = np.array(reading.corners)
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = _AROUND * (high - low).max()
    x0, y0 = np.maximum(np.floor(low - margin), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high + margin), np.array(dn.shape[::-1]) - 1).astype(int)
    window = dn[y0 : y1 + 1, x0 : x1 + 1].astype(np.float32)
    dark, bright = np.percentile(window, (1, 99))
    grey = np.clip((window - dark) * 255 / max(bright - dark, 1.0), 0, 255).astype(np.uint8)
    zoom = _SIDE / max(grey.shape)
    shown = cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    colour = cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR)
    outline = np.rint((corners - (x0, y0) + 0.5) * zoom).astype(np.int32)
    cv2.polylines(colour, [outline], True, _COLOUR, 2, cv2.LINE_AA)
    name = f"{FOLDER}/{reading.image}.png"
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    done, coded = cv2.imencode(".png", colour)
    if not done:
        raise CalibrationError(f"{path.name}: the picture of the panel can't be coded")
    path.write_bytes(coded.tobytes())
    return name
