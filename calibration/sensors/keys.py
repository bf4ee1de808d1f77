"""Keys of the radiometric section of a sensor profile; every default is the usual one of the Pix4D XMP convention."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from uav_workflow.flights.sensor_file import Names


def _with_units(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    return dict.fromkeys(names, 1.0) if isinstance(names, list | tuple) else names


def _alternatives(value: object) -> object:
    return [[item] if isinstance(item, str) else item for item in value] if isinstance(value, list | tuple) else value


Units = Annotated[dict[str, float], BeforeValidator(_with_units)]
"""Tags, best first, each with what its number is multiplied by."""
Joined = Annotated[tuple[Names, ...], BeforeValidator(_alternatives)]
"""Alternatives, best first; the numbers of the tags of one are joined."""


class Section(BaseModel):
    """Base: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Black(Section):
    """Black level, digital numbers: mean of the first tag present, else ``default``."""

    tags: Names = ("EXIF:BlackLevel", "Camera:BlackCurrent")
    default: float | None = None


class Vignette(Section):
    """Vignetting polynomial, used after black is taken off.

    Attributes
    ----------
    centre : alternatives
        Tags of the centre, pixels.
    radial : tags
        c of 1 + c0 r + c1 r^2 + ...
    surface, exponents : tags
        c and n, m of sum of c (x / width)^n (y / height)^m, taken where it is there.
    apply : {"divide", "multiply"}
        ``divide``: the polynomial is the fall-off (MicaSense, Sequoia, Pix4D); ``multiply``: the correction (DJI).
    order : {"ascending", "descending"}
        Whether the coefficient of r comes first or last.
    coordinates : {"pixel", "normalised"}
        Unit of r: pixels, or the picture's half diagonal.
    required : bool
        Whether a picture without any polynomial is refused.
    """

    centre: Joined = (("Camera:VignettingCenter",),)
    radial: Names = ("Camera:VignettingPolynomial",)
    surface: Names = ("Camera:VignettingPolynomial2D",)
    exponents: Names = ("Camera:VignettingPolynomial2DName",)
    apply: Literal["divide", "multiply"] = "divide"
    order: Literal["ascending", "descending"] = "ascending"
    coordinates: Literal["pixel", "normalised"] = "pixel"
    required: bool = True


class RowGradient(Section):
    """Read-out gradient 1 / (1 + a2 y / t - a3 y): its tag, and the places of a2 and a3 in it."""

    tags: Names
    places: tuple[int, int] = (1, 2)


class ExposureBug(Section):
    """An exposure time that certain firmware writes wrongly."""

    written_s: float
    tolerance_s: float
    meant_s: float
    except_models: tuple[str, ...] = ()


class Exposure(Section):
    """Exposure time in seconds: first tag present, times its unit."""

    tags: Units = {"EXIF:ExposureTime": 1.0}
    known_bugs: tuple[ExposureBug, ...] = ()


class Gain(Section):
    """Gain: first tag present, times its unit (0.01 where ISO 100 is gain 1)."""

    tags: Units = {"EXIF:ISOSpeed": 0.01, "EXIF:ISOSpeedRatings": 0.01, "EXIF:PhotographicSensitivity": 0.01}


class ResponseLaw(Section):
    """From corrected numbers to light.

    Attributes
    ----------
    law : {"linear", "sequoia"}
        ``linear``: factors (DN - black) V R / (2^bits gain t divisors). ``sequoia``: f^2 (DN - B) / (A t ISO + C).
    factors : alternatives
        Each the first number of a tag, and needed.
    divisors : tags
        Used where they are there.
    constants : tags
        A, B, C of the Sequoia's law.
    """

    law: Literal["linear", "sequoia"] = "linear"
    factors: Joined = ()
    divisors: Names = ()
    constants: Names = ()


class Attitude(Section):
    """Yaw, pitch and roll of the sun sensor: tags in radians, tried first, and tags in degrees."""

    radians: Names = ()
    degrees: Names = ()


class Irradiance(Section):
    """Sun sensor.

    Attributes
    ----------
    kind : {"dls", "sunshine", "value", "none"}
        MicaSense DLS 1 and 2; Parrot's sunshine sensor; a ready number; nothing.
    value : tags
        Of kind ``value``: proportional to the light on a horizontal plane.
    spectral, horizontal, direct, scattered : tags
        Of kind ``dls``.
    scale : str
        Tag of the factor to W m-2 nm-1.
    unit_without_scale : float
        The factor where a sensor that measures direct and scattered light does not state one (0.01: uW cm-2 nm-1).
    attitude : Attitude
    horizontal_since : mapping
        Model to the first firmware whose ``horizontal`` is right; a model not named is not trusted.
    direct_to_diffuse : float
        Ratio assumed where the sensor does not measure it (DLS 1).
    max_tilt_deg : float
        Readings taken at a larger tilt are not used.
    """

    kind: Literal["dls", "sunshine", "value", "none"] = "none"
    value: Names = ("Camera:Irradiance", "Camera:SunSensor")
    spectral: Names = ()
    horizontal: Names = ()
    direct: Names = ()
    scattered: Names = ()
    scale: str = "Camera:IrradianceScaleToSIUnits"
    unit_without_scale: float = 1.0
    attitude: Attitude = Attitude()
    horizontal_since: dict[str, str] = Field(default_factory=dict)
    direct_to_diffuse: float = 6.0
    max_tilt_deg: float = 25.0


class PanelRule(Section):
    """How a panel is marked, named and known.

    Attributes
    ----------
    marked, valid, area, serial, albedo : tags
        The camera's own word: this picture shows a panel (one of the values ``valid``), its four corners, the panel's
        serial number, its reflectance.
    albedo_rule : tuple
        Who is asked for the reflectance, in this order: the user's ``table``, the camera's ``tag``, the panel's
        ``code``, the ``shipped`` table. Where nobody knows it, the panel is an error.
    """

    marked: str = "Camera:CalibrationPicture"
    valid: tuple[int, ...] = (2,)
    area: str = "Camera:ReflectArea"
    serial: Names = ("MicaSense:PanelSerial",)
    albedo: str = "Camera:Albedo"
    albedo_rule: tuple[Literal["table", "tag", "code", "shipped"], ...] = ("table", "tag", "code", "shipped")


class Thermal(Section):
    """Bands that are temperatures: degrees Celsius = scale DN + offset."""

    bands: Names = ()
    scale: float = 0.01
    offset: float = -273.15
