"""The RGB camera: 8-bit JPEG through gamma, with the maker's EXIF and XMP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.exif import (
    ASCII,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directories,
    Entry,
    gps_entries,
    write_jpeg,
)
from uav_workflow.simulation.materials import reflectance_table
from uav_workflow.simulation.site import UTC_OFFSET_H, local_time

MIX = np.array([[0.0, 0.15, 0.80, 0.0, 0.05], [0.08, 0.80, 0.12, 0.0, 0.0], [0.93, 0.07, 0.0, 0.0, 0.0]], np.float32)
"""Red, green and blue pixels as mixtures of `materials.BANDS`: broad filters overlap."""
FULL_WELL = 9000.0
"""Electrons of a saturated pixel at ISO 100."""
READ_NOISE = 0.0012
WHITE_REFLECTANCE = 0.42
"""Saturates at the exposure the camera aims at."""


def rgb_table() -> NDArray[np.float32]:
    """Reflectance of every material in red, green and blue, (3, materials)."""
    return np.asarray(MIX @ reflectance_table(), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class RgbTags:
    """What the camera writes beside one photo."""

    name: str
    time_utc: datetime
    lon: float
    lat: float
    alt_m: float
    relative_m: float
    yaw_deg: float
    flight_angles: tuple[float, float, float]
    exposure_s: float
    iso: int
    focal_mm: float
    focal_35mm: int


def develop(
    apparent: NDArray[np.float32],
    vignetting: NDArray[np.float32],
    exposure: float,
    iso: int,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """8-bit (height, width, 3) red, green, blue of the apparent reflectance (3, height, width).

    `exposure` 1 brings `WHITE_REFLECTANCE` to white; noise is that of electrons counted and of reading them.
    """
    signal = apparent.transpose(1, 2, 0) * (exposure / WHITE_REFLECTANCE)
    signal *= vignetting[..., None]
    gain = iso / 100.0
    sigma = np.sqrt(np.maximum(signal, 0) * (gain / FULL_WELL) + np.float32((READ_NOISE * gain) ** 2))
    signal += sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    steps = np.clip(signal * 4095.0, 0, 4095).astype(np.uint16)
    return np.asarray(_GAMMA[steps])


def _gamma_table() -> NDArray[np.uint8]:
    """SRGB's opto-electronic transfer (IEC 61966-2-1) of 12-bit values."""
    linear = np.arange(4096) / 4095.0
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)


_GAMMA = _gamma_table()


def write_photo(path: Path, rgb: NDArray[np.uint8], tags: RgbTags) -> None:
    """JPEG of quality 94 with tags."""
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 94])
    if not done:
        raise ValueError(f"{path.name}: OpenCV could not encode the photo as JPEG")
    write_jpeg(path, encoded.tobytes(), _directories(tags, rgb.shape[1], rgb.shape[0]), _xmp(tags))


def _directories(tags: RgbTags, width: int, height: int) -> Directories:
    stamp = local_time(tags.time_utc)
    moment = stamp.strftime("%Y:%m:%d %H:%M:%S")
    zone = f"+{UTC_OFFSET_H:02d}:00"
    main = [
        Entry(271, ASCII, "DJI"),
        Entry(272, ASCII, "FC6310S"),
        Entry(274, SHORT, (1,)),
        Entry(305, ASCII, "simulated by uav-workflow"),
        Entry(306, ASCII, moment),
    ]
    exif = [
        Entry(33434, RATIONAL, (tags.exposure_s,)),
        Entry(33437, RATIONAL, (4.0,)),
        Entry(34855, SHORT, (tags.iso,)),
        Entry(36864, UNDEFINED, b"0231"),
        Entry(36867, ASCII, moment),
        Entry(36868, ASCII, moment),
        Entry(36881, ASCII, zone),
        Entry(37521, ASCII, f"{stamp.microsecond // 1000:03d}"),
        Entry(37386, RATIONAL, (tags.focal_mm,)),
        Entry(40961, SHORT, (1,)),
        Entry(40962, LONG, (width,)),
        Entry(40963, LONG, (height,)),
        Entry(41989, SHORT, (tags.focal_35mm,)),
        Entry(42033, ASCII, "0SIM0000000001"),
    ]
    gps = gps_entries(tags.lon, tags.lat, tags.alt_m, tags.time_utc.replace(microsecond=0))
    return Directories(
        [*main, Entry(282, RATIONAL, (72.0,)), Entry(296, SHORT, (2,))], exif, [*gps, Entry(11, RATIONAL, (1.2,))]
    )


def _xmp(tags: RgbTags) -> bytes:
    yaw, pitch, roll = tags.flight_angles
    values = {
        "AbsoluteAltitude": f"{tags.alt_m:+.2f}",
        "RelativeAltitude": f"{tags.relative_m:+.2f}",
        "GimbalRollDegree": "+0.00",
        "GimbalYawDegree": f"{_signed(tags.yaw_deg):+.2f}",
        "GimbalPitchDegree": "-90.00",
        "FlightRollDegree": f"{roll:+.2f}",
        "FlightYawDegree": f"{_signed(yaw):+.2f}",
        "FlightPitchDegree": f"{pitch:+.2f}",
        "GpsLatitude": f"{tags.lat:.8f}",
        "GpsLongitude": f"{tags.lon:.8f}",
    }
    attributes = "\n".join(f'   drone-dji:{key}="{value}"' for key, value in values.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about="DJI Meta Data"\n   xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"\n'
        f'{attributes}/>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
    ).encode()


def _signed(angle_deg: float) -> float:
    return (angle_deg + 180.0) % 360.0 - 180.0
