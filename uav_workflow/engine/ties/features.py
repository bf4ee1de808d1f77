"""SIFT features of a set of photos, kept in a COLMAP database."""

from __future__ import annotations

import zlib  # noqa: F401 - must be loaded before pycolmap, which brings its own and else corrupts the heap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import BandImage
from uav_workflow.engine.inputs.priors import lens_prior
from uav_workflow.errors import EngineError

GrayImage = NDArray[np.uint8]

_TIFF = {".tif", ".tiff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """SIFT as measured on drone photos: no upsampling, a few thousand key points."""

    keypoints: int = 6000
    threads: int = 2


SIFT_BYTES_PER_PIXEL = 65
"""Measured peak of one image in work; several threads hold one each."""
SIFT_MEMORY = 1_600_000_000
"""Bytes the images in work may take together."""


def quiet_pycolmap() -> Any:
    """The pycolmap module, imported late, its log silenced and its random numbers seeded."""
    import pycolmap

    pycolmap.logging.logtostderr = True
    pycolmap.logging.minloglevel = 3
    pycolmap.set_random_seed(0)
    return pycolmap


def read_gray(path: Path) -> GrayImage:
    """Photo as 8-bit grey, (height, width) exactly as stored: EXIF orientation is not applied.

    Images of more than 8 bits are stretched between their 0.5 and 99.5 percentiles and brought to a gamma of 2, so
    that dark vegetation keeps texture; zeros of the stretch are not used for anything but features.

    Raises
    ------
    EngineError
        The file can't be decoded.
    """
    if path.suffix.lower() in _TIFF:
        values = _read_tiff(path)
    else:
        data = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        if data is None:
            raise EngineError(f"{path.name}: the photo can't be decoded; remove it or copy it again from the card")
        values = np.asarray(data)
    return values if values.dtype == np.uint8 else _stretch(values)


def _read_tiff(path: Path) -> NDArray[Any]:
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                bands = source.read(list(range(1, min(source.count, 3) + 1)))
    except RasterioError as error:
        raise EngineError(f"{path.name}: the photo can't be decoded ({error}); copy it again from the card") from error
    if bands.shape[0] < 3:
        return np.asarray(bands[0])
    if bands.dtype == np.uint8:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(np.moveaxis(bands, 0, 2)), cv2.COLOR_RGB2GRAY))
    return np.asarray(bands.mean(axis=0, dtype=np.float32))


def _stretch(values: NDArray[Any]) -> GrayImage:
    sample = values[::4, ::4].astype(np.float32)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(sample, (0.5, 99.5))
    scaled = (np.nan_to_num(values.astype(np.float32), nan=float(low)) - low) / max(float(high - low), 1e-12)
    return np.asarray(255 * np.sqrt(np.clip(scaled, 0, 1)) + 0.5).astype(np.uint8)


def extract_features(
    groups: Sequence[Sequence[BandImage]],
    folder: Path,
    settings: FeatureSettings,
    *,
    progress: Callable[[float], None],
) -> tuple[Path, dict[str, str]]:
    """SIFT key points of every image, into a new database.

    Parameters
    ----------
    groups : sequence of sequences of BandImage
        Images that share a camera.
    folder : Path
        Scratch; gets ``structure.db``. Grey copies of the photos live in it only while they are needed.

    Returns
    -------
    database : Path
    names : dict
        Image name of the database -> image name of the flight.
    """
    pycolmap = quiet_pycolmap()
    database = folder / "structure.db"
    database.unlink(missing_ok=True)
    pycolmap.Database.open(database).close()
    gray = folder / "gray"
    gray.mkdir(parents=True, exist_ok=True)
    largest = max(image.width * image.height for images in groups for image in images)
    threads = max(1, min(settings.threads, SIFT_MEMORY // (SIFT_BYTES_PER_PIXEL * largest)))
    options = pycolmap.FeatureExtractionOptions(num_threads=threads, use_gpu=False)
    options.sift.first_octave = 0
    options.sift.max_num_features = settings.keypoints
    total = sum(len(images) for images in groups)
    names: dict[str, str] = {}
    for images in groups:
        reader = pycolmap.ImageReaderOptions(camera_model="RADIAL", camera_params=_parameters(images[0]))
        step = 4 * threads
        for start in range(0, len(images), step):
            chunk = {f"{len(names) + i:05d}.png": image for i, image in enumerate(images[start : start + step])}
            for key, image in chunk.items():
                _write_gray(image, gray / key)
            # entered one by one first: the threads that find features would number photos as they come to an end,
            # and everything after would add them up in another order at each run
            pycolmap.import_images(database, gray, pycolmap.CameraMode.SINGLE, list(chunk), reader)
            reader.existing_camera_id = _newest_camera(pycolmap, database)
            pycolmap.extract_features(
                database, gray, list(chunk), pycolmap.CameraMode.SINGLE, reader, options, pycolmap.Device.cpu
            )
            names.update({key: image.name for key, image in chunk.items()})
            for key in chunk:
                (gray / key).unlink()
            progress(len(names) / total)
    gray.rmdir()
    return database, names


def _write_gray(image: BandImage, path: Path) -> None:
    pixels = read_gray(image.path)
    if pixels.shape != (image.height, image.width):
        raise EngineError(
            f"{image.name}: {pixels.shape[1]} x {pixels.shape[0]} pixels were decoded, its header says "
            f"{image.width} x {image.height}; the file is damaged"
        )
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1]):
        raise EngineError(f"{path}: a scratch file can't be written; is the disk full?")


def _parameters(image: BandImage) -> str:
    return ",".join(str(value) for value in lens_prior(image)[:5])


def _newest_camera(pycolmap: Any, database: Path) -> int:
    with pycolmap.Database.open(database) as opened:
        return int(max(camera.camera_id for camera in opened.read_all_cameras()))
