"""Panels known by a square marker beside them: ArUco and AprilTag."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.panels.region import Corners, PanelGeometry, eight_bit, places_beside
from uav_workflow.errors import CalibrationError

if TYPE_CHECKING:
    import cv2


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelMarker:
    """A marker and where its panel lies.

    Attributes
    ----------
    family : str
        OpenCV's name of the dictionary: ``DICT_6X6_250``, ``DICT_APRILTAG_25h9``.
    number : int
        The marker's id.
    serial : str
        Name of the panel in tables of reflectance.
    geometry : PanelGeometry
        Millimetres; the marker's black border is its side.
    turned : bool
        The panel may lie on any side of the marker, the evenest place is taken; else just where the offset says.
    """

    family: str
    number: int
    serial: str
    geometry: PanelGeometry
    turned: bool = True

    @classmethod
    def of(cls, row: dict[str, str], where: str) -> PanelMarker:
        """Marker of a row with the columns family, id, serial, side_mm, x_mm, y_mm, region_mm, turned.

        Raises
        ------
        CalibrationError
            A column is missing or holds no number, or OpenCV knows no such family.
        """
        try:
            side, x, y, region = (float(row[name]) for name in ("side_mm", "x_mm", "y_mm", "region_mm"))
            marker = cls(
                family=row["family"].strip(),
                number=int(row["id"]),
                serial=row["serial"].strip(),
                geometry=PanelGeometry(code_half=side / 2, region=region, offset=(x, y)),
                turned=row.get("turned", "yes").strip().lower() not in {"no", "false", "0"},
            )
        except (KeyError, ValueError) as exc:
            raise CalibrationError(
                f"{where}: a marker needs family, id, serial, side_mm, x_mm, y_mm, region_mm ({exc})"
            ) from exc
        _dictionary(marker.family, where)
        return marker


@dataclass(frozen=True, slots=True)
class MarkerSeen:
    """A marker in a picture: its corners, and the places where its panel may be."""

    marker: PanelMarker
    corners: Corners
    places: tuple[Corners, ...]


def shipped_markers() -> tuple[PanelMarker, ...]:
    """Markers of ``calibration/panels/markers.csv``."""
    text = files("calibration").joinpath("panels", "markers.csv").read_text(encoding="utf-8")
    return tuple(PanelMarker.of(row, "markers.csv") for row in csv.DictReader(StringIO(text)))


def read_markers(path: Path) -> tuple[PanelMarker, ...]:
    """Markers of a user's table; columns as `PanelMarker.of` names them.

    Raises
    ------
    CalibrationError
        The table can't be read, or a row is not a marker's.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise CalibrationError(f"{path}: the table of markers can't be read ({exc})") from exc
    rows = tuple(PanelMarker.of(row, str(path)) for row in csv.DictReader(StringIO(text)))
    if not rows:
        raise CalibrationError(f"{path}: the table names no marker")
    return rows


def read_marker(dn: NDArray[np.uint16], markers: Sequence[PanelMarker]) -> MarkerSeen | None:
    """First known marker seen in a picture, or None.

    Tried on a 1 - 99 % stretch and on the plain upper eight bits.
    """
    import cv2

    pictures = [picture for picture, zoom in eight_bit(dn, thorough=False) if zoom == 1]
    for family in dict.fromkeys(marker.family for marker in markers):
        of_family = {marker.number: marker for marker in markers if marker.family == family}
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        detector = cv2.aruco.ArucoDetector(_dictionary(family, "markers"), parameters)
        for picture in pictures:
            found, numbers, _ = detector.detectMarkers(picture)
            for corners, number in zip(found, () if numbers is None else np.ravel(numbers), strict=True):
                marker = of_family.get(int(number))
                if marker is not None:
                    square = np.asarray(corners, float).reshape(4, 2)
                    places = places_beside(marker.geometry, square)
                    return MarkerSeen(marker, square, places if marker.turned else places[:1])
    return None


def _dictionary(family: str, where: str) -> cv2.aruco.Dictionary:
    import cv2

    number = getattr(cv2.aruco, family, None)
    if not family.startswith("DICT_") or not isinstance(number, int):
        raise CalibrationError(f"{where}: no marker family '{family}'; such as DICT_6X6_250 or DICT_APRILTAG_25h9")
    return cv2.aruco.getPredefinedDictionary(number)
