"""A flight: captures, the images of their bands, and what the folder says beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.ground import (
    GroundControlPoint,
    GroundObservation,
    Plot,
    ReferenceTarget,
)
from uav_workflow.domain.sensor import Alignment, BandSource, GroupKey, LensDefault, SensorMatch
from uav_workflow.domain.tags import Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A spectral band. RGB photos have one image with the band named ``RGB``."""

    name: str
    centre_nm: float | None = None
    fwhm_nm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """WGS84 position of a camera: degrees, metres as the file says (vertical datum unknown unless stated)."""

    lon: float
    lat: float
    alt_m: float | None = None
    sigma_h_m: float | None = None
    sigma_v_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attitude:
    """Camera attitude, degrees: yaw clockwise from north, pitch -90 looking straight down, roll about the view axis."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorProfile:
    """What is known of a camera family before its photos are opened (``calibration/sensors/*.yaml``).

    Attributes
    ----------
    name : str
        Family (``micasense_rededge``, ``parrot_sequoia``, ``dji_rgb``, ``generic_rgb``).
    kind : str
        ``rgb`` or ``multispectral``.
    bands : tuple of Band
        Nominal bands in rig order; tags win over these.
    mixed_colours : bool
        Its pictures have three channels that are not red, green and blue.
    match : tuple of SensorMatch
        The photos meant; one of them is enough.
    clock : str
        ``utc`` when the camera writes its EXIF time in UTC, else ``local``.
    lens : mapping
        Model (regular expression) to geometric defaults.
    radiometry : mapping
        Radiometric keys, read by `calibration` alone.
    source : str
        File the profile was read from.
    notes : tuple of str
        What a user should know of the family.
    """

    name: str
    title: str
    kind: str
    bands: tuple[Band, ...]
    mixed_colours: bool = False
    match: tuple[SensorMatch, ...] = ()
    clock: str = "local"
    group_key: GroupKey = field(default_factory=GroupKey)
    band_source: BandSource = field(default_factory=BandSource)
    lens: Mapping[str, LensDefault] = field(default_factory=dict)
    alignment: Alignment = field(default_factory=Alignment)
    radiometry: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BandImage:
    """One image file: one band of a capture.

    Attributes
    ----------
    name : str
        Path relative to the flight folder, POSIX separators: the image's identity everywhere.
    width, height : int
        Pixels as stored, before EXIF orientation.
    orientation : int
        EXIF orientation, 1 - 8.
    focal_px : float or None
        First guess of the focal length in pixels of the stored image; `focal_source` says where it is from.
    principal_point_px : (x, y) or None
        From vendor tags, pixels of the stored image, centre of the first pixel at (0.5, 0.5).
    """

    path: Path
    name: str
    size_bytes: int
    band: Band
    width: int
    height: int
    bits: int
    orientation: int = 1
    make: str = ""
    model: str = ""
    serial: str = ""
    time_utc: datetime | None = None
    time_local: datetime | None = None
    position: Position | None = None
    attitude: Attitude | None = None
    focal_px: float | None = None
    focal_source: str = ""
    principal_point_px: tuple[float, float] | None = None
    exposure_s: float | None = None
    gain: float | None = None
    tags: Tags = field(default_factory=Tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One trigger of the shutter: the images of its bands, in the profile's band order."""

    capture_id: str
    images: tuple[BandImage, ...]
    is_panel: bool = False

    @property
    def primary(self) -> BandImage:
        """Image that speaks for the capture: first of RGB, green, red, else the first."""
        by_name = {image.band.name.lower(): image for image in self.images}
        for name in ("rgb", "green", "red"):
            if name in by_name:
                return by_name[name]
        return self.images[0]

    @property
    def position(self) -> Position | None:
        """Camera position, from the primary image."""
        return self.primary.position

    @property
    def attitude(self) -> Attitude | None:
        """Camera attitude, from the primary image."""
        return self.primary.attitude

    @property
    def time_utc(self) -> datetime | None:
        """Trigger time, from the primary image."""
        return self.primary.time_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightDetails:
    """What flight.yaml says; everything optional."""

    site: str | None = None
    campaign: str | None = None
    date: date | None = None
    utc_offset_h: float | None = None
    sensor: str | None = None
    crs: str | None = None
    vertical_reference: str | None = None
    allometry: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightGeometry:
    """Estimates before any photogrammetry, from GPS and focal length. NaN where they can't be made."""

    crs: str | None
    height_above_ground_m: float
    gsd_m: float
    forward_overlap: float
    side_overlap: float
    area_m2: float
    sun_elevation_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file of the folder that is no photo: its role decides which products it touches."""

    role: str
    """One of flight, campaign, control_points, positions, targets, plots, observations; adjusting_points is the part
    of the control points that a node adjusts to, and its digest that of the part."""
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A flight folder, read and cross-checked.

    Attributes
    ----------
    flight_id : str
        ``<yyyymmdd>-<digest>``, made from the photos alone (relative name, size, sha256).
    captures, panel_captures : tuple of Capture
        Survey captures in time order; panel captures apart.
    """

    flight_id: str
    folder: Path
    details: FlightDetails
    sensor: SensorProfile
    captures: tuple[Capture, ...]
    panel_captures: tuple[Capture, ...]
    geometry: FlightGeometry
    photo_digests: Mapping[str, str]
    inputs: tuple[InputFile, ...] = ()
    control_points: tuple[GroundControlPoint, ...] = ()
    targets: tuple[ReferenceTarget, ...] = ()
    plots: tuple[Plot, ...] = ()
    observations: tuple[GroundObservation, ...] = ()
    campaign: Campaign | None = None

    @property
    def site(self) -> str:
        """Site name: flight.yaml's, else the folder's name."""
        return self.details.site or self.folder.name
