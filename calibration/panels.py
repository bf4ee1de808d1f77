"""Calibration panels: found without a person, read on the raw grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from calibration.albedo import Albedo, PanelCode, PanelTable
from calibration.image_file import read_picture
from calibration.model import RadiometricModel
from calibration.panel_region import Corners, candidate_regions, inside, read_code, shrunk
from calibration.response import BoolArray, FloatArray, radiance
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json

_MIN_PIXELS = 400
_MAX_CV = 0.15
"""A region less even than this is no panel."""
_BRIGHTNESS = (0.3, 1.5)
"""Panel over the white of its code: 0.5 - 0.7 over about 0.8."""
_TAG_REGION_SHARE = 0.8
_TRIM = 0.05
_BANDS_TRIED = 2
"""Bands of an unmarked capture in which a code is looked for: one may be glinting."""
_ENDS = 3
"""Captures at either end of a flight that are searched whatever their height."""
_LOW_SHARE = 0.3
_MOST_SEARCHED = 40
_QUARTERS = ((False, False), (False, True), (True, False), (True, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelReading:
    """A panel seen in one band of one capture.

    Attributes
    ----------
    found_by : str
        ``tags`` (the camera marked it) or ``qr code``.
    corners : ((column, row), ...)
        Region that was read, raw grid.
    radiance : float
        5 - 95 % trimmed mean; W m-2 sr-1 nm-1 or the camera's own unit.
    cv, gradient : float
        Standard deviation over mean; range of the plane fitted to the region over its mean.
    relative_error : float
        Standard error of the mean, relative, from the four quarters of the region (pixels are not independent).
    saturated : float
        Share of the region's pixels that are saturated or defective.
    """

    image: str
    capture_id: str
    band: str
    time_utc: datetime | None
    serial: str | None
    found_by: str
    corners: tuple[tuple[float, float], ...]
    radiance: float
    cv: float
    gradient: float
    relative_error: float
    pixels: int
    saturated: float
    albedo: Albedo | None
    code: PanelCode | None = None

    @property
    def irradiance(self) -> float:
        """Irradiance pi L / albedo on the panel; NaN while nobody knows the panel's albedo."""
        return math.pi * self.radiance / self.albedo.value if self.albedo else math.nan

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "image": self.image,
            "capture_id": self.capture_id,
            "band": self.band,
            "time_utc": self.time_utc.isoformat() if self.time_utc else None,
            "serial": self.serial,
            "found_by": self.found_by,
            "corners": [[round(x, 1), round(y, 1)] for x, y in self.corners],
            "radiance": self.radiance,
            "cv": self.cv,
            "gradient": self.gradient,
            "relative_error": self.relative_error,
            "pixels": self.pixels,
            "saturated": self.saturated,
            "albedo": self.albedo.value if self.albedo else None,
            "albedo_source": self.albedo.source if self.albedo else None,
        }


def find_panels(
    captures: Iterable[Capture], model: RadiometricModel, table: PanelTable | None = None
) -> tuple[PanelReading, ...]:
    """Panels in captures: marked by the camera, or found by their QR code.

    Parameters
    ----------
    captures : iterable of Capture
        Any captures; those without a panel give nothing. `panel_candidates` names the ones worth the time.
    model : RadiometricModel
    table : PanelTable, optional
        Shipped tables alone when absent.

    Returns
    -------
    tuple of PanelReading
        One a band in which the panel was read. `albedo` is None for a panel nobody knows.

    Raises
    ------
    CalibrationError
        A picture can't be read, or a tag its radiance needs is missing.
    """
    known = PanelTable.load() if table is None else table
    readings: list[PanelReading] = []
    for capture in captures:
        readings += _panels_of(capture, model, known)
    return tuple(readings)


def panel_candidates(captures: Sequence[Capture]) -> tuple[Capture, ...]:
    """Captures worth searching: marked ones, both ends of the flight, and those taken near the ground."""
    chosen = {c.capture_id for c in captures if c.is_panel or "Camera:ReflectArea" in c.primary.tags}
    chosen |= {c.capture_id for c in (*captures[:_ENDS], *captures[-_ENDS:])}
    heights = [c.position.alt_m for c in captures if c.position and c.position.alt_m is not None]
    if heights and max(heights) - min(heights) > 10:
        limit = min(heights) + _LOW_SHARE * (float(np.median(heights)) - min(heights))
        low = [c for c in captures if c.position and c.position.alt_m is not None and c.position.alt_m <= limit]
        chosen |= {c.capture_id for c in (*low[: _MOST_SEARCHED // 2], *low[-_MOST_SEARCHED // 2 :])}
    return tuple(capture for capture in captures if capture.capture_id in chosen)


def _panels_of(capture: Capture, model: RadiometricModel, table: PanelTable) -> list[PanelReading]:
    """Readings of one capture; more than two bands are opened only where one shows a panel."""
    queue = [capture.primary, *(image for image in capture.images if image is not capture.primary)]
    patience = len(queue) if capture.is_panel or any(_is_marked(image, model) for image in queue) else _BANDS_TRIED
    found: list[PanelReading] = []
    unread: list[BandImage] = []
    for tried, image in enumerate(queue):
        if not found and tried >= patience:
            return []
        reading = _panel_of(image, capture, model, table, thorough=bool(found) or capture.is_panel)
        if reading is None:
            unread.append(image)
        else:
            found.append(reading)
    code = next((reading.code for reading in found if reading.code is not None), None)
    if code is None:
        return found
    again = (_panel_of(image, capture, model, table, thorough=True, known=code) for image in unread)
    return [*found, *(reading for reading in again if reading is not None)]


def _is_marked(image: BandImage, model: RadiometricModel) -> bool:
    valid = image.tags.number(model.panel.marked)
    return valid in model.panel.valid and len(image.tags.numbers(model.panel.area)) == 8


def _panel_of(
    image: BandImage,
    capture: Capture,
    model: RadiometricModel,
    table: PanelTable,
    *,
    thorough: bool,
    known: PanelCode | None = None,
) -> PanelReading | None:
    """The panel in one picture, or None; the file is opened once."""
    dn, rule = read_picture(image.path).dn, model.panel
    told = next((text for name in rule.serial if (text := image.tags.text(name))), None)
    places: tuple[Corners, ...]
    if _is_marked(image, model):
        marked = np.reshape(image.tags.numbers(rule.area), (4, 2))
        code = PanelCode.parse(told or "")
        places, white, how = (shrunk(marked, _TAG_REGION_SHARE),), None, "tags"
    else:
        seen = read_code(dn, thorough=thorough, known=known)
        if seen is None:
            return None
        code, white = seen
        places, how = candidate_regions(*seen), "qr code"
    light, invalid = radiance(model, image, dn)
    best = _evenest(light, invalid, places, None if white is None else _white_of(light, white))
    if best is None:
        return None
    corners, region = best
    serial = code.serial if code else told
    return PanelReading(
        image=image.name,
        capture_id=capture.capture_id,
        band=image.band.name,
        time_utc=image.time_utc,
        serial=serial,
        found_by=how,
        corners=tuple((float(x), float(y)) for x, y in corners),
        **asdict(region),
        albedo=table.albedo(
            serial, code, image.band.centre_nm, tagged=image.tags.number(rule.albedo), rule=rule.albedo_rule
        ),
        code=code,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    radiance: float
    cv: float
    gradient: float
    relative_error: float
    pixels: int
    saturated: float


def _white_of(light: FloatArray, code_corners: Corners) -> float | None:
    place = inside(code_corners, light.shape)
    if place is None:
        return None
    window, mask = place
    return float(np.percentile(light[window][mask], 90))


def _evenest(
    light: FloatArray, invalid: BoolArray, places: Sequence[Corners], white: float | None
) -> tuple[Corners, _Region] | None:
    """The most even place that is as bright as a panel beside its code; none when no place will do."""
    best: tuple[Corners, _Region] | None = None
    for corners in places:
        place = inside(corners, light.shape)
        if place is None:
            continue
        window, mask = place
        region = _measure(light[window], invalid[window], mask)
        if region is None or (white is not None and not _like_a_panel(region, white)):
            continue
        if best is None or region.cv < best[1].cv:
            best = (corners, region)
    return best


def _like_a_panel(region: _Region, white: float) -> bool:
    return _BRIGHTNESS[0] * white < region.radiance < _BRIGHTNESS[1] * white and region.cv < _MAX_CV


def _measure(light: FloatArray, invalid: BoolArray, mask: BoolArray) -> _Region | None:
    values = light[mask].astype(np.float64)
    if values.size < _MIN_PIXELS:
        return None
    low, high = np.quantile(values, (_TRIM, 1 - _TRIM))
    mean = float(values[(values >= low) & (values <= high)].mean())
    if mean <= 0:
        return None
    rows, columns = (axis - axis.mean() for axis in np.nonzero(mask))
    slopes = _plane(rows, columns, values)
    quarters = [values[((rows > 0) == below) & ((columns > 0) == right)].mean() for below, right in _QUARTERS]
    return _Region(
        radiance=mean,
        cv=float(values.std() / mean),
        gradient=float((abs(slopes[0]) * np.ptp(rows) + abs(slopes[1]) * np.ptp(columns)) / mean),
        relative_error=float(np.std(quarters, ddof=1) / 2 / mean),
        pixels=values.size,
        saturated=float(invalid[mask].mean()),
    )


def _plane(rows: NDArray[np.float64], columns: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Slopes of the least-squares plane; rows and columns are centred."""
    rr, cc, rc = rows @ rows, columns @ columns, rows @ columns
    rv, cv = rows @ values, columns @ values
    det = rr * cc - rc * rc
    return float((rv * cc - cv * rc) / det), float((cv * rr - rv * rc) / det)
