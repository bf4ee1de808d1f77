"""One band of the rig: light to numbers as the sensor makes them, and the maker's tags."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera
from uav_workflow.simulation.exif import (
    ASCII,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directories,
    Entry,
    gps_entries,
    write_tiff,
)

BLACK = 4800
LEAST = 16
"""12 bits, shifted by four: the least step."""
MOST = 65520
PIXEL_UM = 3.75
FULL_WELL = 14_000.0
"""Electrons at 65520 and gain 1."""
READ_ELECTRONS = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How a band turns radiance into numbers (radiometric calibration a1, a2, a3 of the maker's model).

    Corrected counts S = (DN - black) / (P(r) 2^16) x R(y), R = 1 / (1 + a2 y / t - a3 y), give L = a1 S / (gain t).
    """

    a1: float
    a2: float
    a3: float

    def counts(
        self, radiance: NDArray[np.float32], brightness: NDArray[np.float32], exposure_s: float, gain: float
    ) -> NDArray[np.float32]:
        """Counts above black, without noise, for radiance in W m-2 sr-1 nm-1."""
        row = np.arange(radiance.shape[0], dtype=np.float32)[:, None]
        row_response = 1.0 + self.a2 * row / exposure_s - self.a3 * row
        scale = np.float32(gain * exposure_s * 65536.0 / self.a1)
        return np.asarray(radiance * brightness * row_response * scale, np.float32)

    def exposure(self, radiance: float, counts: float, gain: float) -> float:
        """Exposure time, seconds, that turns a radiance into these counts above black."""
        return counts * self.a1 / (radiance * gain * 65536.0)


def digitise(counts: NDArray[np.float32], gain: float, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Counts with photon and read noise as 12-bit numbers in 16 bits, black level added, clipped at saturation."""
    per_electron = np.float32(MOST * gain / FULL_WELL)
    sigma = np.sqrt(np.maximum(counts, 0) * per_electron + (READ_ELECTRONS * per_electron) ** 2)
    noisy = counts + sigma * rng.standard_normal(counts.shape, dtype=np.float32)
    steps = np.rint((noisy + BLACK) / LEAST)
    return np.asarray(np.clip(steps, 0, MOST // LEAST) * LEAST, np.uint16)


@dataclass(frozen=True, slots=True, kw_only=True)
class SunSensorTags:
    """One band of the sun sensor: W m-2 nm-1; angles of the sensor and of the sun in radians, as the maker has them."""

    spectral: float
    horizontal: float
    direct: float
    scattered: float
    yaw: float
    pitch: float
    roll: float
    solar_elevation: float
    solar_azimuth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BandTags:
    """What the rig writes beside one image."""

    model: str
    band: str
    centre_nm: int
    fwhm_nm: int
    index: int
    reference: int
    capture_id: str
    flight_id: str
    time_utc: datetime
    lon: float
    lat: float
    alt_m: float
    exposure_s: float
    gain: float
    camera: Camera
    rig_deg: tuple[float, float, float]
    vignetting_centre: tuple[float, float]
    vignetting: Sequence[float]
    response: Response
    sun: SunSensorTags


def write_band(path: Path, pixels: NDArray[np.uint16], tags: BandTags) -> None:
    """TIFF of one band with EXIF and XMP."""
    write_tiff(path, pixels, _directories(tags), _xmp(tags))


def _directories(tags: BandTags) -> Directories:
    moment = tags.time_utc.strftime("%Y:%m:%d %H:%M:%S")
    main = [
        Entry(271, ASCII, "MicaSense"),
        Entry(272, ASCII, tags.model),
        Entry(274, SHORT, (1,)),
        Entry(305, ASCII, "v5.2.3"),
        Entry(306, ASCII, moment),
        Entry(50713, SHORT, (2, 2)),
        Entry(50714, SHORT, (BLACK,) * 4),
    ]
    exif = [
        Entry(33434, RATIONAL, (tags.exposure_s,)),
        Entry(33437, RATIONAL, (2.8,)),
        Entry(34850, SHORT, (2,)),
        Entry(34867, LONG, (round(100 * tags.gain),)),
        Entry(36864, UNDEFINED, b"0230"),
        Entry(36867, ASCII, moment),
        Entry(36868, ASCII, moment),
        Entry(37386, RATIONAL, (5.4,)),
        Entry(37520, ASCII, f"{tags.time_utc.microsecond:06d}"),
        Entry(41486, RATIONAL, (1 / _pixel_mm(tags.camera),)),
        Entry(41487, RATIONAL, (1 / _pixel_mm(tags.camera),)),
        Entry(41488, SHORT, (4,)),
        Entry(42033, ASCII, "RM01-SIM0001-SC"),
    ]
    return Directories(
        main, exif, [*gps_entries(tags.lon, tags.lat, tags.alt_m, tags.time_utc), Entry(11, RATIONAL, (1.2,))]
    )


def _sequence(values: Sequence[float]) -> str:
    items = "".join(f"<rdf:li>{value!r}</rdf:li>" for value in values)
    return f"<rdf:Seq>{items}</rdf:Seq>"


def _xmp(tags: BandTags) -> bytes:
    blocks = {
        ("MicaSense", "http://micasense.com/MicaSense/1.0/"): _maker(tags),
        ("Camera", "http://pix4d.com/camera/1.0/"): _camera(tags),
        ("DLS", "http://micasense.com/DLS/1.0/"): _sun_sensor(tags),
    }
    text = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    text += ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    for (prefix, uri), values in blocks.items():
        text += f'  <rdf:Description rdf:about="Pix4D Camera Information" xmlns:{prefix}="{uri}">\n'
        text += "".join(f"   <{prefix}:{key}>{value}</{prefix}:{key}>\n" for key, value in values.items())
        text += "  </rdf:Description>\n"
    return (text + ' </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>').encode()


def _maker(tags: BandTags) -> Mapping[str, object]:
    return {
        "RadiometricCalibration": _sequence((tags.response.a1, tags.response.a2, tags.response.a3)),
        "FlightId": tags.flight_id,
        "CaptureId": tags.capture_id,
        "TriggerMethod": 4,
        "DarkRowValue": _sequence((BLACK,) * 4),
    }


def _pixel_mm(camera: Camera) -> float:
    """Side of a pixel: smaller pictures of the same lens have larger pixels."""
    return PIXEL_UM / 1000 * 1280 / camera.width


def _camera(tags: BandTags) -> Mapping[str, object]:
    camera, mm = tags.camera, _pixel_mm(tags.camera)
    return {
        "BandName": tags.band,
        "CentralWavelength": tags.centre_nm,
        "WavelengthFWHM": tags.fwhm_nm,
        "VignettingCenter": _sequence(tags.vignetting_centre),
        "VignettingPolynomial": _sequence(tags.vignetting),
        "ModelType": "perspective",
        "PrincipalPoint": f"{camera.cx * mm:.5f},{camera.cy * mm:.5f}",
        "PerspectiveFocalLength": f"{camera.fx * mm:.8f}",
        "PerspectiveFocalLengthUnits": "mm",
        "PerspectiveDistortion": _sequence((camera.k1, camera.k2, camera.k3, camera.p1, camera.p2)),
        "BandSensitivity": 0.2,
        "RigName": tags.model,
        "RigCameraIndex": tags.index,
        "RigRelatives": ", ".join(f"{angle:.6f}" for angle in tags.rig_deg),
        "RigRelativesReferenceRigCameraIndex": tags.reference,
        "GPSXYAccuracy": "0.9",
        "GPSZAccuracy": "1.2",
        "Irradiance": f"{tags.sun.spectral * 100:.6f}",
        "IrradianceScaleToSIUnits": "0.01",
        "IrradianceExposureTime": "0.1",
        "IrradianceGain": 4,
        "IrradianceYaw": f"{math.degrees(tags.sun.yaw):.6f}",
        "IrradiancePitch": f"{math.degrees(tags.sun.pitch):.6f}",
        "IrradianceRoll": f"{math.degrees(tags.sun.roll):.6f}",
    }


def _sun_sensor(tags: BandTags) -> Mapping[str, object]:
    sun = tags.sun
    return {
        "Serial": "DA01-SIM0001-OB",
        "SwVersion": "v1.2.3",
        "SensorId": tags.index,
        "CenterWavelength": tags.centre_nm,
        "Bandwidth": tags.fwhm_nm,
        "Exposure": "0.1",
        "Gain": 4,
        "SpectralIrradiance": f"{sun.spectral * 100:.6f}",
        "HorizontalIrradiance": f"{sun.horizontal * 100:.6f}",
        "DirectIrradiance": f"{sun.direct * 100:.6f}",
        "ScatteredIrradiance": f"{sun.scattered * 100:.6f}",
        "SolarElevation": f"{sun.solar_elevation:.8f}",
        "SolarAzimuth": f"{sun.solar_azimuth:.8f}",
        "Yaw": f"{sun.yaw:.8f}",
        "Pitch": f"{sun.pitch:.8f}",
        "Roll": f"{sun.roll:.8f}",
    }
