"""The radiometric section of a sensor profile: which tags mean what, and the vendor's law."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uav_workflow.domain.flight import BandImage, SensorProfile
from uav_workflow.errors import CalibrationError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vignette(_Section):
    """Tags of the vignetting polynomial.

    ``divide``: the polynomial is the fall-off, the signal is divided by it (MicaSense, Sequoia, Pix4D);
    ``multiply``: it is the correction itself (DJI).
    """

    centre: str = "Camera:VignettingCenter"
    radial: str = "Camera:VignettingPolynomial"
    surface: str = "Camera:VignettingPolynomial2D"
    exponents: str = "Camera:VignettingPolynomial2DName"
    apply: Literal["divide", "multiply"] = "divide"


class ExposureBug(_Section):
    """An exposure time that certain firmware writes wrongly."""

    written_s: float
    tolerance_s: float
    meant_s: float
    except_models: tuple[str, ...] = ()


class Exposure(_Section):
    """Exposure time: first tag present, times ``unit_s``."""

    tags: tuple[str, ...] = ("EXIF:ExposureTime",)
    unit_s: float = 1.0
    known_bugs: tuple[ExposureBug, ...] = ()


class Gain(_Section):
    """Gain: first tag present, divided by ``unit`` (100 where ISO 100 is gain 1)."""

    tags: tuple[str, ...] = ("EXIF:ISOSpeed", "EXIF:ISOSpeedRatings", "EXIF:PhotographicSensitivity")
    unit: float = 100.0


class Irradiance(_Section):
    """Sun sensor.

    Attributes
    ----------
    kind : {"dls", "sunshine", "none"}
        MicaSense DLS 1 and 2; Parrot's sunshine sensor.
    horizontal_since : mapping
        Model to the first firmware whose DLS 2 ``HorizontalIrradiance`` is right; a model not named is not trusted.
    direct_to_diffuse : float
        Ratio assumed where the sensor does not measure it (DLS 1).
    max_tilt_deg : float
        Readings taken at a larger tilt are not used.
    """

    kind: Literal["dls", "sunshine", "none"] = "none"
    horizontal_since: dict[str, str] = Field(default_factory=dict)
    direct_to_diffuse: float = 6.0
    max_tilt_deg: float = 25.0


class PanelTags(_Section):
    """How the camera itself marks a panel picture."""

    valid: tuple[int, ...] = (2,)


class RadiometricModel(_Section):
    """What turns the numbers of one camera family into radiance.

    Attributes
    ----------
    law : {"micasense", "sequoia"}
        Vendor formula (radiance from exposure, gain and factory coefficients).
    quantity : {"si", "relative"}
        ``si``: W m-2 sr-1 nm-1 and W m-2 nm-1; ``relative``: a unit of the maker's own.
    bits : int
        Bits of the stored numbers.
    saturation_dn : int
        Numbers from here up are saturated.
    black : str
        Tag of the black level; several values are averaged.
    """

    law: Literal["micasense", "sequoia"]
    quantity: Literal["si", "relative"] = "si"
    bits: int = 16
    saturation_dn: int = 65000
    black: str = "EXIF:BlackLevel"
    coefficients: str = "MicaSense:RadiometricCalibration"
    invalid_pixels: str | None = None
    vignette: Vignette | None = Vignette()
    exposure: Exposure = Exposure()
    gain: Gain = Gain()
    irradiance: Irradiance = Irradiance()
    panel: PanelTags = PanelTags()

    @classmethod
    def of(cls, sensor: SensorProfile) -> RadiometricModel:
        """Model of a sensor profile.

        Raises
        ------
        CalibrationError
            The profile has no radiometric section, or one that can't be understood.
        """
        if not sensor.radiometry:
            raise CalibrationError(
                f"{sensor.name}: this camera's profile has no `radiometry` section, so its pictures can't be turned "
                "into radiance; its mosaics are relative"
            )
        try:
            return cls.model_validate(dict(sensor.radiometry))
        except ValidationError as exc:
            raise CalibrationError(f"{sensor.name}: the `radiometry` section of the profile is wrong: {exc}") from exc

    def exposure_s(self, image: BandImage) -> float:
        """Exposure time in seconds, known firmware bugs repaired.

        Raises
        ------
        CalibrationError
            The picture states none.
        """
        written = _first_number(image, self.exposure.tags)
        seconds = image.exposure_s if written is None else written * self.exposure.unit_s
        if seconds is None or seconds <= 0:
            raise _missing(image, "exposure time", self.exposure.tags)
        for bug in self.exposure.known_bugs:
            if image.model not in bug.except_models and abs(seconds - bug.written_s) < bug.tolerance_s:
                return bug.meant_s
        return seconds

    def gain_of(self, image: BandImage) -> float:
        """Gain, 1 at the unit's ISO value; raises CalibrationError when the picture states none."""
        written = _first_number(image, self.gain.tags)
        if written is None or written <= 0:
            raise _missing(image, "gain (ISO)", self.gain.tags)
        return written / self.gain.unit

    def black_of(self, image: BandImage) -> float:
        """Mean black level, digital numbers; raises CalibrationError when the picture states none."""
        levels = image.tags.numbers(self.black)
        if not levels:
            raise _missing(image, "black level", (self.black,))
        return sum(levels) / len(levels)


def _first_number(image: BandImage, tags: tuple[str, ...]) -> float | None:
    found = (image.tags.number(tag) for tag in tags)
    return next((number for number in found if number is not None), None)


def _missing(image: BandImage, what: str, tags: tuple[str, ...]) -> CalibrationError:
    return CalibrationError(
        f"{image.name}: no {what} ({' or '.join(tags)}); copy the pictures from the card again without an editor "
        "in between, radiance can't be computed without it"
    )
