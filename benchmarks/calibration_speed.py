"""Radiometric calibration: megapixels a second, memory, and how much faster than the usual ways."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure
from calibration.pictures.image_file import read_picture
from calibration.pictures.response import response
from calibration.pictures.stack import read_radiance
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.reconstruction import Camera
from uav_workflow.flights.photos import read_photo
from uav_workflow.flights.sensors import match_profile
from uav_workflow.simulation.rededge import BandTags, Response, SunSensorTags, write_band
from uav_workflow.simulation.rigs import RIGS

EXIFTOOL_S = 0.116
"""One exiftool process a file, the faster end of 116 - 145 ms measured elsewhere on two cores (radiometry.md §0.11);
used where exiftool is not installed, so that the bound is the harder one."""
CAPTURES = 6
SHAPE = (960, 1280)
VIGNETTING = (-1.1e-4, 2.4e-7, -2.9e-9, 6.5e-12, -7.0e-15, 2.2e-18)


def calibration_speed(workspace: Path) -> list[Figure]:
    """Write pictures of a rig of five bands, read tags and numbers, work out radiance; same files, one run."""
    folder = workspace / "calibration"
    paths = [_write(folder, capture, band) for capture in range(CAPTURES) for band in range(5)]
    images = [read_photo(path, folder) for path in paths]
    model = RadiometricModel.of(match_profile(images))
    numbers = [read_picture(path).dn for path in paths]
    megapixels = len(paths) * SHAPE[0] * SHAPE[1] / 1e6

    arithmetic = _seconds(lambda: _radiance(model, images, numbers))
    usual = _seconds(lambda: _float64(images, numbers), times=1)
    tags = _seconds(lambda: [read_photo(path, folder) for path in paths])
    whole = _seconds(lambda: _whole(model, paths, folder))
    by_exiftool = EXIFTOOL_S * len(paths)
    return [
        Figure(what="radiance arithmetic", value=megapixels / arithmetic, unit="MP/s"),
        Figure(
            what="radiance arithmetic over float64 numpy with vignetting per image",
            value=usual / arithmetic,
            unit="1",
            bound=3.0,
            at_least=True,
        ),
        Figure(what="tags of a picture", value=1000 * tags / len(paths), unit="ms"),
        Figure(what="tags, numbers and radiance", value=megapixels / whole, unit="MP/s"),
        Figure(
            what="tags, numbers and radiance over an exiftool process a file (taken as 116 ms) and float64 numpy",
            value=(by_exiftool + usual) / whole,
            unit="1",
            bound=10.0,
            at_least=True,
        ),
        Figure(what="peak memory of one picture's radiance", value=_peak_mib(model, images[:1]), unit="MiB"),
    ]


def _radiance(model: RadiometricModel, images: Sequence[BandImage], numbers: Sequence[NDArray[np.uint16]]) -> None:
    for image, dn in zip(images, numbers, strict=True):
        response(model, image).apply(dn)


def _whole(model: RadiometricModel, paths: Sequence[Path], folder: Path) -> None:
    for path in paths:
        image = read_photo(path, folder)
        response(model, image).apply(read_picture(path).dn)


def _float64(images: Sequence[BandImage], numbers: Sequence[NDArray[np.uint16]]) -> None:
    """The vendor's formula as it is usually written: float64, the vignetting map anew for every picture."""
    for image, dn in zip(images, numbers, strict=True):
        a1, a2, a3 = image.tags.numbers("MicaSense:RadiometricCalibration")
        cx, cy = image.tags.numbers("Camera:VignettingCenter")
        polynomial = [*image.tags.numbers("Camera:VignettingPolynomial")[::-1], 1.0]
        y, x = np.mgrid[: dn.shape[0], : dn.shape[1]]
        vignette = 1.0 / np.polyval(polynomial, np.hypot(x - cx, y - cy))
        exposure = float(image.exposure_s or 1.0)
        rows = 1.0 / (1.0 + a2 * y / exposure - a3 * y)
        light = (dn.astype(float) - 4800.0) * vignette * rows * a1 / (2**16 * exposure)
        light[light < 0] = 0.0


def _seconds(work: Callable[[], object], times: int = 3) -> float:
    """CPU time of the best of some runs: other work on the machine does not count."""
    work()
    best = float("inf")
    for _ in range(times):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def _peak_mib(model: RadiometricModel, images: Sequence[BandImage]) -> float:
    tracemalloc.start()
    read_radiance(images, model, workers=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def _write(folder: Path, capture: int, band: int) -> Path:
    height, width = SHAPE
    path = folder / f"IMG_{capture:04d}_{band + 1}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(5 * capture + band).integers(5000, 60000, SHAPE, dtype=np.uint16)
    sun = SunSensorTags(
        spectral=1.0,
        horizontal=1.0,
        direct=1.0,
        scattered=0.2,
        yaw=0.0,
        pitch=0.0,
        roll=0.0,
        solar_elevation=0.9,
        solar_azimuth=2.5,
    )
    tags = BandTags(
        model="RedEdge-M",
        band=RIGS["rededge"].bands[band].name,
        centre_nm=RIGS["rededge"].bands[band].centre_nm,
        fwhm_nm=RIGS["rededge"].bands[band].fwhm_nm,
        index=band,
        reference=1,
        capture_id=f"capture{capture}",
        flight_id="bench",
        time_utc=datetime(2024, 7, 1, 6, tzinfo=UTC) + timedelta(seconds=capture),
        lon=100.0,
        lat=38.0,
        alt_m=3000.0,
        exposure_s=5e-4,
        gain=1.0,
        camera=Camera(camera_id="rig", width=width, height=height, fx=1440.0, fy=1440.0, cx=640.0, cy=480.0),
        rig_deg=(0.0, 0.0, 0.0),
        vignetting_centre=(645.0, 470.0),
        vignetting=VIGNETTING,
        response=Response(a1=1.5e-4, a2=1.2e-7, a3=1.4e-6),
        sun=sun,
    )
    write_band(path, pixels, tags)
    return path
