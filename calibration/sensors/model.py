"""The radiometric section of a sensor profile, and the numbers it finds in a picture's tags."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import ValidationError

from calibration.sensors.keys import (
    Black,
    Exposure,
    Gain,
    Irradiance,
    PanelRule,
    ResponseLaw,
    RowGradient,
    Section,
    Thermal,
    Vignette,
)
from uav_workflow.domain.flight import BandImage, SensorProfile
from uav_workflow.domain.tags import Tags
from uav_workflow.errors import CalibrationError
from uav_workflow.flights.sensor_file import Names


class RadiometricModel(Section):
    """What turns the numbers of one camera family into light.

    Attributes
    ----------
    quantity : {"si", "relative"}
        ``si``: W m-2 sr-1 nm-1 and W m-2 nm-1; ``relative``: a unit of the maker's own.
    bits : int or None
        Bits of the stored numbers; the file's when absent.
    lsb : int
        Least step of the stored numbers (16 where 12 bits are shifted by four).
    saturation_dn : int or None
        Numbers from here up are saturated; the last step but one of the full scale when absent.
    pi_factor : bool
        Whether reflectance by the sun sensor is pi L / E; False where the maker's formula is L / E.
    firmware_known : tuple of str
        Versions, or their beginnings, with which the formulas were tried or which the maker's documents name; empty
        where there is no such list, and then nothing is said of a firmware.
    normalised : str
        Tag that is 1 in pictures somebody has normalised already; they are refused.
    """

    quantity: Literal["si", "relative"] = "si"
    bits: int | None = None
    lsb: int = 1
    saturation_dn: int | None = None
    black: Black = Black()
    vignette: Vignette | None = Vignette()
    row_gradient: RowGradient | None = None
    exposure: Exposure = Exposure()
    gain: Gain = Gain()
    response: ResponseLaw = ResponseLaw()
    irradiance: Irradiance = Irradiance()
    pi_factor: bool = True
    panel: PanelRule = PanelRule()
    thermal: Thermal = Thermal()
    invalid_pixels: Names = ()
    firmware_known: Names = ()
    normalised: str = "Camera:IsNormalized"

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
            wrong = "; ".join(f"radiometry.{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in exc.errors())
            where = sensor.source or sensor.name
            raise CalibrationError(f"{where}: not a valid sensor profile; {wrong}") from exc

    def bits_of(self, image: BandImage) -> int:
        """Bits of the stored numbers."""
        return image.bits if self.bits is None else self.bits

    def saturation_of(self, image: BandImage) -> int:
        """First saturated number."""
        if self.saturation_dn is not None:
            return self.saturation_dn
        return int(2 ** self.bits_of(image)) - 2 * self.lsb

    def exposure_s(self, image: BandImage) -> float:
        """Exposure time in seconds, known firmware bugs repaired.

        Raises
        ------
        CalibrationError
            The picture states none.
        """
        seconds = _in_unit(image.tags, self.exposure.tags)
        if seconds is None or seconds <= 0:
            raise _missing(image, "exposure time", tuple(self.exposure.tags))
        for bug in self.exposure.known_bugs:
            if image.model not in bug.except_models and abs(seconds - bug.written_s) < bug.tolerance_s:
                return bug.meant_s
        return seconds

    def gain_of(self, image: BandImage) -> float:
        """Gain; raises CalibrationError when the picture states none."""
        gain = _in_unit(image.tags, self.gain.tags)
        if gain is None or gain <= 0:
            raise _missing(image, "gain (ISO)", tuple(self.gain.tags))
        return gain

    def black_of(self, image: BandImage) -> float:
        """Mean black level, digital numbers; raises CalibrationError when the picture states none."""
        levels = numbers_of(image.tags, self.black.tags)
        if levels:
            return sum(levels) / len(levels)
        if self.black.default is None:
            raise _missing(image, "black level", self.black.tags)
        return self.black.default

    def factor_of(self, image: BandImage) -> float:
        """Product of the response's factors over its divisors, 1 where the law has none.

        Raises
        ------
        CalibrationError
            A factor is missing, or any of them is no positive number.
        """
        product = 1.0
        for names in self.response.factors:
            product *= _positive(image, names, numbers_of(image.tags, names))
        for name in self.response.divisors:
            found = image.tags.numbers(name)
            product /= _positive(image, (name,), found) if found else 1.0
        return product


def numbers_of(tags: Tags, names: Sequence[str]) -> tuple[float, ...]:
    """Numbers of the first tag that has any."""
    return next((found for name in names if (found := tags.numbers(name))), ())


def _in_unit(tags: Tags, units: Mapping[str, float]) -> float | None:
    found = ((tags.number(name), unit) for name, unit in units.items())
    return next((number * unit for number, unit in found if number is not None), None)


def _positive(image: BandImage, names: Sequence[str], numbers: Sequence[float]) -> float:
    if not numbers or not math.isfinite(numbers[0]) or numbers[0] <= 0:
        raise CalibrationError(
            f"{image.name}: no radiometric coefficients ({' or '.join(names)}); the picture was edited or comes from "
            "another camera than the profile says"
        )
    return numbers[0]


def _missing(image: BandImage, what: str, tags: Sequence[str]) -> CalibrationError:
    return CalibrationError(
        f"{image.name}: no {what} ({' or '.join(tags)}); copy the pictures from the card again without an editor "
        "in between, radiance can't be computed without it"
    )
