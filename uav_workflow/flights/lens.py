"""First guess of a camera's focal length and principal point, with the source of the guess."""

from __future__ import annotations

import math

from uav_workflow.domain.flight import SensorProfile
from uav_workflow.domain.tags import Tags
from uav_workflow.flights.sensors import lens_of

_UNIT_PER_MM = {2: 1 / 25.4, 3: 0.1, 4: 1.0, 5: 1000.0}
"""EXIF FocalPlaneResolutionUnit: inch, centimetre, millimetre, micrometre."""
_DIAGONAL_35MM = math.hypot(36.0, 24.0)


def focal_guess(tags: Tags, model: str, width: int, height: int, profile: SensorProfile) -> tuple[float | None, str]:
    """Focal length in pixels of the stored image, and where it is from.

    Best first: the vendor's calibration, focal length with focal plane resolution, the profile's lens table, and the
    35 mm equivalent taken over the diagonal (CIPA DCG-001). A guess outside 0.2 - 20 image widths is passed over.

    Returns
    -------
    focal_px : float or None
    source : str
        ``vendor calibration``, ``focal plane resolution``, ``sensor profile``, ``35 mm equivalent``, or empty.
    """
    for source, focal in (
        ("vendor calibration", _vendor_focal(tags, width)),
        ("focal plane resolution", _by_focal_plane(tags, width)),
        ("sensor profile", _by_table(tags, model, width, profile)),
        ("35 mm equivalent", _by_35mm(tags, width, height)),
    ):
        if focal is not None and 0.2 * width < focal < 20 * width:
            return focal, source
    return None, ""


def principal_point(tags: Tags, width: int, height: int) -> tuple[float, float] | None:
    """Principal point from vendor tags, pixels, centre of the first pixel at (0.5, 0.5); None when absent."""
    point: tuple[float, float] | None = None
    millimetres = tags.numbers("Camera:PrincipalPoint")
    density = pixels_per_mm(tags, width)
    if len(millimetres) == 2 and density is not None:
        point = (millimetres[0] * density, millimetres[1] * density)
    x, y = tags.number("drone-dji:CalibratedOpticalCenterX"), tags.number("drone-dji:CalibratedOpticalCenterY")
    if x is not None and y is not None:
        dewarp = _dewarp(tags)
        point = (x + dewarp[2], y + dewarp[3]) if dewarp else (x, y)
    if point is None or not (0.3 * width < point[0] < 0.7 * width and 0.3 * height < point[1] < 0.7 * height):
        return None
    return point


def pixels_per_mm(tags: Tags, width: int) -> float | None:
    """Pixels of the stored image per millimetre of sensor, by FocalPlaneXResolution; a resized photo is rescaled."""
    resolution = tags.number("EXIF:FocalPlaneXResolution")
    unit = _UNIT_PER_MM.get(int(tags.number("EXIF:FocalPlaneResolutionUnit") or 2))
    if not resolution or unit is None:
        return None
    original = tags.number("EXIF:ExifImageWidth") or width
    density = resolution * unit * width / original
    return density if 1.5 < width / density < 60 else None


def _vendor_focal(tags: Tags, width: int) -> float | None:
    dewarp = _dewarp(tags)
    if dewarp:
        return dewarp[0]
    calibrated = tags.number("drone-dji:CalibratedFocalLength")
    if calibrated:
        return calibrated
    focal = tags.number("Camera:PerspectiveFocalLength")
    if focal:
        # Without a unit RedEdge firmware 2 writes pixels, Sequoia millimetres; no lens is longer than 100 mm.
        in_mm = (tags.text("Camera:PerspectiveFocalLengthUnits") or "").lower() == "mm" or focal < 100
        density = pixels_per_mm(tags, width)
        return focal * density if in_mm and density else (None if in_mm else focal)
    affine = tags.numbers("Camera:FisheyeAffineMatrix")
    polynomial = tags.numbers("Camera:FisheyePolynomial")
    if len(affine) == 4 and len(polynomial) == 4:
        # Pix4D's fisheye: image radius = C rho(theta), theta = 2/pi atan(r), rho ~ p1 theta; its slope at the centre.
        return affine[0] * polynomial[1] * 2 / math.pi
    return None


def _dewarp(tags: Tags) -> tuple[float, float, float, float] | None:
    """fx, fy and the offsets cx, cy of DJI's ``DewarpData`` ("date;fx,fy,cx,cy,k1,...")."""
    _, _, numbers = (tags.text("drone-dji:DewarpData") or "").partition(";")
    try:
        values = [float(part) for part in numbers.split(",")]
    except ValueError:
        return None
    return (values[0], values[1], values[2], values[3]) if len(values) >= 9 and values[0] > 0 else None


def _by_focal_plane(tags: Tags, width: int) -> float | None:
    focal, density = tags.number("EXIF:FocalLength"), pixels_per_mm(tags, width)
    return focal * density if focal and density else None


def _by_table(tags: Tags, model: str, width: int, profile: SensorProfile) -> float | None:
    lens = lens_of(profile, model)
    if lens is None:
        return None
    return (tags.number("EXIF:FocalLength") or lens.focal_mm) / lens.sensor_width_mm * width


def _by_35mm(tags: Tags, width: int, height: int) -> float | None:
    equivalent = tags.number("EXIF:FocalLengthIn35mmFilm")
    return equivalent / _DIAGONAL_35MM * math.hypot(width, height) if equivalent else None
