"""Calibration panels: found without a person, read on the raw grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from calibration.panels.albedo import Albedo, PanelCode, PanelTable
from calibration.panels.markers import PanelMarker, read_marker, shipped_markers
from calibration.panels.measure import Region, evenest, white_of
from calibration.panels.region import Corners, candidate_regions, read_code, shrunk
from calibration.panels.shift import moved_region
from calibration.pictures.image_file import read_picture
from calibration.pictures.response import BoolArray, FloatArray, response
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json
from uav_workflow.errors import CalibrationError

_SHARE = 0.8
"""A region whose corners are given is drawn in to this share: no pixel at the panel's edge counts."""
_BANDS_TRIED = 2
"""Bands of an unmarked capture in which a code is looked for: one may be glinting."""
_ENDS = 3
"""Captures at either end of a flight that are searched whatever their height."""
OTHER_BAND = "other band"
_BORROWED_CV = 0.08
"""A place that nobody confirmed counts only where it is as even as a panel."""
_SIZES_APART, _SIDES_APART = 1.7, 3.0
"""By how much a panel's region may differ in pixels, and its middle in sides, between bands of a capture."""
_LOW_SHARE = 0.3
_MOST_SEARCHED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelReading:
    """A panel seen in one band of one capture.

    Attributes
    ----------
    found_by : str
        ``given place`` (a person's word), ``tags`` (the camera's), ``qr code``, ``marker``, or ``other band``: its
        place is borrowed from another band of the capture.
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
    brightness : float
        Mean share of the usable range, black to saturation, that the region's pixels fill.
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
    brightness: float
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
            "brightness": self.brightness,
            "albedo": self.albedo.value if self.albedo else None,
            "albedo_source": self.albedo.source if self.albedo else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelPlace:
    """Where a person says that a panel is: its serial, and the corners on the raw grid, (column, row)."""

    serial: str
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSearch:
    """What is known before the search.

    Attributes
    ----------
    table : PanelTable
        Who has which reflectance.
    markers : tuple of PanelMarker
        Markers beside panels.
    places : mapping
        Image name to the place a person gave; nothing is searched there.
    """

    table: PanelTable
    markers: tuple[PanelMarker, ...] = ()
    places: Mapping[str, PanelPlace] = field(default_factory=dict)

    @classmethod
    def shipped(cls) -> PanelSearch:
        """With what is shipped alone."""
        return cls(table=PanelTable.load(), markers=shipped_markers())

    def is_told(self, image: BandImage, model: RadiometricModel) -> bool:
        """Whether somebody, a person or the camera, says where the panel is."""
        valid = image.tags.number(model.panel.marked)
        marked = valid in model.panel.valid and len(image.tags.numbers(model.panel.area)) == 8
        return marked or image.name in self.places


def find_panels(
    captures: Iterable[Capture], model: RadiometricModel, search: PanelSearch | None = None
) -> tuple[PanelReading, ...]:
    """Panels in captures: where a person or the camera says, else by QR code, else by ArUco marker or AprilTag.

    Parameters
    ----------
    captures : iterable of Capture
        Any captures; those without a panel give nothing. `panel_candidates` names the ones worth the time.
    model : RadiometricModel
    search : PanelSearch, optional
        `PanelSearch.shipped` when absent.

    Returns
    -------
    tuple of PanelReading
        One a band in which the panel was read. `albedo` is None for a panel nobody knows.

    Raises
    ------
    CalibrationError
        A picture can't be read, or a tag its radiance needs is missing.
    """
    known = search or PanelSearch.shipped()
    told = list(captures)
    found = {place: _panels_of(capture, model, known) for place, capture in enumerate(told)}
    sure = [reading for readings in found.values() for reading in readings if reading.code is not None]
    for place, capture in enumerate(told):
        if sure and not found[place] and capture.is_panel:
            found[place] = _panels_of(capture, model, known, elsewhere=sure)
    return tuple(reading for readings in found.values() for reading in readings)


def panel_candidates(captures: Sequence[Capture], model: RadiometricModel, search: PanelSearch) -> tuple[Capture, ...]:
    """Captures worth searching: told ones, both ends of the flight, and those taken near the ground."""
    chosen = {c.capture_id for c in captures if c.is_panel or any(search.is_told(i, model) for i in c.images)}
    chosen |= {c.capture_id for c in (*captures[:_ENDS], *captures[-_ENDS:])}
    heights = [c.position.alt_m for c in captures if c.position and c.position.alt_m is not None]
    if heights and max(heights) - min(heights) > 10:
        limit = min(heights) + _LOW_SHARE * (float(np.median(heights)) - min(heights))
        low = [c for c in captures if c.position and c.position.alt_m is not None and c.position.alt_m <= limit]
        chosen |= {c.capture_id for c in (*low[: _MOST_SEARCHED // 2], *low[-_MOST_SEARCHED // 2 :])}
    return tuple(capture for capture in captures if capture.capture_id in chosen)


def _panels_of(
    capture: Capture, model: RadiometricModel, search: PanelSearch, *, elsewhere: Sequence[PanelReading] = ()
) -> list[PanelReading]:
    """Readings of one capture; more than two bands are opened only where one shows a panel.

    Parameters
    ----------
    elsewhere : sequence of PanelReading
        What other captures of the flight gave: a code that is seen here but can't be read is taken for theirs.
    """
    queue = [capture.primary, *(image for image in capture.images if image is not capture.primary)]
    sure = capture.is_panel or any(search.is_told(image, model) for image in queue)
    found: list[PanelReading] = []
    unread: list[BandImage] = []
    for tried, image in enumerate(queue):
        if not found and tried >= _BANDS_TRIED and not sure:
            return []
        reading = _panel_of(image, capture, model, search, thorough=bool(found) or capture.is_panel)
        if reading is None:
            unread.append(image)
        else:
            found.append(reading)
    code = next((reading.code for reading in (*found, *elsewhere) if reading.code is not None), None)
    if code is not None:
        again = ((image, _panel_of(image, capture, model, search, thorough=True, known=code)) for image in unread)
        like = ((image, r if r is None or _agrees(r, found, elsewhere) else None) for image, r in again)
        unread, found = _sorted_out(like, found)
    if found and unread:
        lent = ((image, _borrowed(image, capture, model, search, found)) for image in unread)
        _, found = _sorted_out(lent, found)
    return found


def _agrees(reading: PanelReading, same: Sequence[PanelReading], elsewhere: Sequence[PanelReading]) -> bool:
    """Whether a code that was seen but not read stands for the panel that was read: of its size, and near its place.

    Of its place where the readings are of the same capture; shadows and stems make squares of any size.
    """
    sizes = [other.pixels for other in (same or elsewhere)]
    side = math.sqrt(float(np.median(sizes)))
    if not 1 / _SIZES_APART < reading.pixels / side**2 < _SIZES_APART:
        return False
    middles = [np.mean(other.corners, axis=0) for other in same]
    away = np.mean(reading.corners, axis=0) - np.median(middles, axis=0) if middles else np.zeros(2)
    return float(np.hypot(*away)) < _SIDES_APART * side


def _sorted_out(
    tried: Iterable[tuple[BandImage, PanelReading | None]], found: Sequence[PanelReading]
) -> tuple[list[BandImage], list[PanelReading]]:
    """Images that still have no reading, and all readings."""
    rows = list(tried)
    return [i for i, reading in rows if reading is None], [*found, *(r for _, r in rows if r is not None)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """Where the panel may be, who says so, and the code whose white it is held against."""

    found_by: str
    places: tuple[Corners, ...]
    serial: str | None
    code: PanelCode | None = None
    beside: Corners | None = None


def _sighting(
    image: BandImage,
    dn: NDArray[np.uint16],
    model: RadiometricModel,
    search: PanelSearch,
    *,
    thorough: bool,
    known: PanelCode | None,
) -> _Sighting | None:
    rule = model.panel
    given = search.places.get(image.name)
    if given is not None:
        return _Sighting(found_by="given place", places=(shrunk(np.array(given.corners), _SHARE),), serial=given.serial)
    if search.is_told(image, model):
        told = next((text for name in rule.serial if (text := image.tags.text(name))), None)
        area = np.reshape(image.tags.numbers(rule.area), (4, 2))
        code = PanelCode.parse(told or "")
        serial = code.serial if code else told
        return _Sighting(found_by="tags", places=(shrunk(area, _SHARE),), serial=serial, code=code)
    seen = read_code(dn, thorough=thorough, known=known)
    if seen is not None:
        places = candidate_regions(*seen)
        return _Sighting(found_by="qr code", places=places, serial=seen[0].serial, code=seen[0], beside=seen[1])
    marker = read_marker(dn, search.markers)
    if marker is not None:
        serial = marker.marker.serial
        return _Sighting(found_by="marker", places=marker.places, serial=serial, beside=marker.corners)
    return None


def _panel_of(
    image: BandImage,
    capture: Capture,
    model: RadiometricModel,
    search: PanelSearch,
    *,
    thorough: bool,
    known: PanelCode | None = None,
) -> PanelReading | None:
    """The panel in one picture, or None; the file is opened once."""
    dn = read_picture(image.path).dn
    sighting = _sighting(image, dn, model, search, thorough=thorough, known=known)
    if sighting is None:
        return None
    light, invalid, filled = _light_of(image, model, dn)
    white = None if sighting.beside is None else white_of(light, sighting.beside)
    best = evenest(light, invalid, filled, sighting.places, white)
    if best is None:
        return None
    return _reading(image, capture, best, search, model, sighting=sighting)


def _reading(
    image: BandImage,
    capture: Capture,
    best: tuple[Corners, Region],
    search: PanelSearch,
    model: RadiometricModel,
    *,
    sighting: _Sighting,
) -> PanelReading:
    corners, region = best
    tagged, rule = image.tags.number(model.panel.albedo), model.panel.albedo_rule
    return PanelReading(
        image=image.name,
        capture_id=capture.capture_id,
        band=image.band.name,
        time_utc=image.time_utc,
        serial=sighting.serial,
        found_by=sighting.found_by,
        corners=tuple((float(x), float(y)) for x, y in corners),
        **asdict(region),
        albedo=search.table.albedo(sighting.serial, sighting.code, image.band.centre_nm, tagged=tagged, rule=rule),
        code=sighting.code,
    )


def _borrowed(
    image: BandImage,
    capture: Capture,
    model: RadiometricModel,
    search: PanelSearch,
    found: Sequence[PanelReading],
) -> PanelReading | None:
    """The panel where the evenest reading of another band has it, moved to where this band sees the same things."""
    lender = min(found, key=lambda reading: reading.cv)
    source = next(other for other in capture.images if other.name == lender.image)
    if (image.width, image.height) != (source.width, source.height):
        return None
    light, invalid, filled = _light_of(image, model)
    theirs, _, _ = _light_of(source, model)
    corners = moved_region(theirs, light, np.array(lender.corners))
    if corners is None:
        return None
    best = evenest(light, invalid, filled, [corners], None)
    if best is None or best[1].cv > _BORROWED_CV:
        return None
    sighting = _Sighting(found_by=OTHER_BAND, places=(corners,), serial=lender.serial, code=lender.code)
    return _reading(image, capture, best, search, model, sighting=sighting)


def _light_of(
    image: BandImage, model: RadiometricModel, dn: NDArray[np.uint16] | None = None
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Radiance, mask of invalid pixels and share of the usable range filled, of one picture."""
    dn = read_picture(image.path).dn if dn is None else dn
    if dn.shape != (image.height, image.width):
        raise CalibrationError(f"{image.name}: pixels are {dn.shape}, the header says {(image.height, image.width)}")
    own = response(model, image)
    light, invalid = own.apply(dn)
    return light, invalid, own.filled(dn)
