"""A small made-up RedEdge: tags, pictures and captures whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import tifffile

from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import Band, BandImage, Capture, Flight, FlightDetails, FlightGeometry, Position
from uav_workflow.domain.tags import Tags
from uav_workflow.flights.sensors import load_profiles

START = datetime(2024, 7, 1, 6, 0, tzinfo=UTC)
PLACE = Position(lon=100.0, lat=38.0, alt_m=3000.0)
BANDS = {"Blue": 475.0, "Green": 560.0, "Red": 668.0, "Red edge": 717.0, "NIR": 840.0}
BLACK, A1, A2, A3 = 4800.0, 1.5e-4, 1.2e-7, 1.4e-6
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Camera="http://pix4d.com/camera/1.0"><Camera:BandName>{band}</Camera:BandName>'
    "<Camera:BlackCurrent>4800</Camera:BlackCurrent></rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.fixture(scope="session")
def rededge() -> RadiometricModel:
    return RadiometricModel.of(_profile("micasense_rededge"))


@pytest.fixture(scope="session")
def sequoia() -> RadiometricModel:
    return RadiometricModel.of(_profile("parrot_sequoia"))


def _profile(name):
    return next(profile for profile in load_profiles() if profile.name == name)


@pytest.fixture
def picture() -> Callable[..., BandImage]:
    """Make a BandImage of the made-up camera; `tags` are added, a tag of None is taken away."""

    def make(
        name: str = "IMG_0001_1.tif",
        *,
        band: str = "Red",
        shape: tuple[int, int] = (48, 64),
        after_s: float = 0.0,
        exposure_s: float = 3e-4,
        irradiance: float | None = None,
        model: str = "RedEdge",
        path: Path | None = None,
        **tags: object,
    ) -> BandImage:
        height, width = shape
        values = {
            "EXIF:ExposureTime": exposure_s,
            "EXIF:ISOSpeed": 100,
            "EXIF:BlackLevel": (BLACK,) * 4,
            "EXIF:Software": "v2.1.2-34-g05e37eb-local",
            "MicaSense:RadiometricCalibration": (str(A1), str(A2), str(A3)),
            "Camera:VignettingCenter": (str(width / 2), str(height / 2)),
            "Camera:VignettingPolynomial": ("-1e-3", "0", "0", "0", "0", "0"),
        }
        if irradiance is not None:
            values |= {"DLS:SpectralIrradiance": irradiance, "DLS:HorizontalIrradiance": irradiance}
            values |= {"Camera:IrradianceScaleToSIUnits": 1.0, "EXIF:Software": "v7.5.0"}
        values |= {key.replace("__", ":"): value for key, value in tags.items()}
        return BandImage(
            path=path or Path(name),
            name=name,
            size_bytes=1,
            band=Band(name=band, centre_nm=BANDS.get(band), fwhm_nm=20.0),
            width=width,
            height=height,
            bits=16,
            make="MicaSense",
            model=model,
            time_utc=START + timedelta(seconds=after_s),
            position=PLACE,
            tags=Tags({key: value for key, value in values.items() if value is not None}),
        )

    return make


def numbers_of(radiance: np.ndarray, image: BandImage) -> np.ndarray:
    """Stored numbers that the made-up camera writes for a radiance: the formula turned round, pixel by pixel."""
    height, width = radiance.shape
    exposure, gain = image.tags.number("EXIF:ExposureTime"), image.tags.number("EXIF:ISOSpeed") / 100
    cx, cy = image.tags.numbers("Camera:VignettingCenter")
    rows, columns = np.mgrid[:height, :width]
    fall_off = 1 - 1e-3 * np.hypot(columns - cx, rows - cy)
    gradient = 1 / (1 + A2 * rows / exposure - A3 * rows)
    signal = radiance * exposure * gain / A1 * 2**16 * fall_off / gradient
    return np.clip(np.rint(signal + BLACK), 0, 65520).astype(np.uint16)


@pytest.fixture
def numbers() -> Callable[[np.ndarray, BandImage], np.ndarray]:
    return numbers_of


@pytest.fixture
def shoot(tmp_path, picture) -> Callable[..., BandImage]:
    """Write a picture of a reflectance under an irradiance, and return its BandImage."""

    def make(name: str, reflectance: np.ndarray, light: float, **options: object) -> BandImage:
        path = tmp_path / "flight" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = picture(name, shape=reflectance.shape, path=path, **options)
        dn = numbers_of(reflectance * light / math.pi, image)
        packet = XMP.format(band=image.band.name).encode()
        tifffile.imwrite(path, dn, extratags=[(700, 1, len(packet), packet, True)], metadata=None)
        return image

    return make


@pytest.fixture
def flight_of(tmp_path) -> Callable[..., Flight]:
    def make(captures: list[Capture], panel_captures: tuple[Capture, ...] = (), sensor=None) -> Flight:
        return Flight(
            flight_id="20240701-000000000000",
            folder=tmp_path / "flight",
            details=FlightDetails(),
            sensor=sensor or _profile("micasense_rededge"),
            captures=tuple(captures),
            panel_captures=panel_captures,
            geometry=FlightGeometry(
                crs=None,
                height_above_ground_m=math.nan,
                gsd_m=math.nan,
                forward_overlap=math.nan,
                side_overlap=math.nan,
                area_m2=math.nan,
                sun_elevation_deg=math.nan,
            ),
            photo_digests={},
        )

    return make
