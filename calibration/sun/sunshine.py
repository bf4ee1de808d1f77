"""Parrot's sunshine sensor: the record list every Sequoia picture carries."""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import BandImage

_RECORD = np.dtype(
    [
        ("time_us", "<u8"),
        ("ch0", "<u2"),
        ("ch1", "<u2"),
        ("gain_index", "<u2"),
        ("integration_ms", "<u2"),
        ("yaw", "<f4"),
        ("pitch", "<f4"),
        ("roll", "<f4"),
    ]
)
_BOOT_CLOCK = "EXIF:DateTimeDigitized"


@dataclass(frozen=True, slots=True, kw_only=True)
class SunshineRecords:
    """Readings around one picture.

    Attributes
    ----------
    seconds : float64 (n,)
        Seconds on the camera's boot clock.
    irradiance : float64 (n,)
        Channel 0 by gain and integration time; relative.
    attitude_deg : float32 (n, 3)
        Yaw, pitch, roll of the sensor itself (not of the camera), aerospace order.
    """

    seconds: NDArray[np.float64]
    irradiance: NDArray[np.float64]
    attitude_deg: NDArray[np.float32]

    @property
    def tilt_deg(self) -> NDArray[np.float64]:
        """Angle between the sensor's axis and the zenith, (n,)."""
        pitch, roll = np.radians(self.attitude_deg[:, 1:].astype(np.float64)).T
        tilt: NDArray[np.float64] = np.degrees(np.arccos(np.cos(pitch) * np.cos(roll)))
        return tilt

    def at(self, image: BandImage, values: NDArray[np.float64]) -> float:
        """What belongs to the records, at the moment of the picture: interpolated on the boot clock, else the last."""
        moment = _boot_seconds(image)
        return float(values[-1] if moment is None else np.interp(moment, self.seconds, values))


def sunshine_records(image: BandImage) -> SunshineRecords | None:
    """Readings listed in a Sequoia picture, or None when there is no list or it is damaged.

    Gain index i counts ``CH0_i / CH0_1`` of the sensor's own calibration table, never the index itself.
    """
    listed, table = (
        image.tags.text("Camera:IrradianceList"),
        image.tags.numbers("Camera:IrradianceCalibrationMeasurement"),
    )
    if listed is None or len(table) < 4 or len(table) % 4:
        return None
    try:
        raw = base64.b64decode(re.sub(r"\s+", "", listed), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw or len(raw) % _RECORD.itemsize:
        return None
    records = np.frombuffer(raw, _RECORD)
    per_ms = {int(index): ch0 / ms for index, ms, ch0 in zip(table[0::4], table[1::4], table[2::4], strict=True) if ms}
    reference = per_ms.get(1)
    if not reference or any(int(index) not in per_ms for index in records["gain_index"]):
        return None
    gain = np.array([per_ms[int(index)] / reference for index in records["gain_index"]])
    milliseconds = records["integration_ms"].astype(float)
    if not (gain > 0).all() or not (milliseconds > 0).all():
        return None
    return SunshineRecords(
        seconds=records["time_us"] / 1e6,
        irradiance=records["ch0"] / (gain * milliseconds),
        attitude_deg=np.stack([records[name] for name in ("yaw", "pitch", "roll")], axis=1),
    )


def _boot_seconds(image: BandImage) -> float | None:
    """Seconds since start: the Sequoia writes them as a date of 1970 in DateTimeDigitized."""
    text = image.tags.text(_BOOT_CLOCK)
    if text is None or not text.startswith("1970:01:01"):
        return None
    fraction = image.tags.text("EXIF:SubSecTimeDigitized") or "0"
    whole = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    seconds = whole + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
    return seconds if math.isfinite(seconds) else None
