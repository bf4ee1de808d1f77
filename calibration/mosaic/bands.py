"""Bands of an orthomosaic by house name, in wavelength order."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.enums import ColorInterp

from uav_workflow.domain.flight import SensorProfile
from uav_workflow.errors import CalibrationError, RasterError

_SHORT = {"r": "red", "g": "green", "b": "blue", "n": "nir", "re": "red_edge", "rededge": "red_edge", "pan": "panchro"}
_USUAL_NM = {"blue": 475.0, "green": 560.0, "red": 660.0, "red_edge": 720.0, "nir": 840.0}
"""For the order alone, where neither calibration nor profile knows a wavelength; never written as a fact."""
_RGB = ("red", "green", "blue")


def band_key(name: str) -> str:
    """House name of a band: lower snake case (``Red edge``, ``RedEdge``, ``RE`` -> ``red_edge``)."""
    joined = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _SHORT.get(joined.replace("_", ""), joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicBands:
    """Bands of an orthomosaic to copy: file name and house name, in wavelength order."""

    source: tuple[str, ...]
    names: tuple[str, ...]
    centres_nm: tuple[float | None, ...]
    is_rgb8: bool

    @property
    def green_pair(self) -> tuple[int, int] | None:
        """Indexes of a band that is bright over plants and of one that is dark: the longest wave, or green, and red.

        None where the mosaic has no such two.
        """
        if "red" not in self.names:
            return None
        red, last = self.names.index("red"), len(self.names) - 1
        if last != red:
            return last, red
        return (self.names.index("green"), red) if "green" in self.names else None

    @classmethod
    def of(cls, path: Path, sensor: SensorProfile, known: Mapping[str, Any]) -> MosaicBands:
        """Bands of an orthomosaic; ``known`` is calibration.json, empty where captures were not calibrated.

        Raises
        ------
        CalibrationError
            A calibrated band is not in the mosaic.
        RasterError
            The orthomosaic can't be read.
        """
        names, is_byte = _named_bands(path)
        keys = {band_key(name): name for name in names}
        # nodes drop blanks and signs: "Red edge-705" comes back as RedEdge705
        plain = {key.replace("_", ""): name for key, name in keys.items()}
        is_rgb8 = not known and is_byte and set(_RGB) <= set(keys)
        wanted = [band_key(band["band"]) for band in known.get("bands", ())] or list(_RGB if is_rgb8 else keys)
        missing = [key for key in wanted if key.replace("_", "") not in plain]
        if missing:
            raise CalibrationError(
                f"{path}: the orthomosaic lacks band {', '.join(missing)}; it has {', '.join(names)}. The node left it "
                "out or lost its name"
            )
        centres: dict[str, float | None] = {band_key(band.name): band.centre_nm for band in sensor.bands}
        centres |= {band_key(band["band"]): band["centre_nm"] for band in known.get("bands", ())}
        wanted.sort(key=lambda key: centres.get(key) or _USUAL_NM.get(key, math.inf))
        return cls(
            source=tuple(plain[key.replace("_", "")] for key in wanted),
            names=tuple(wanted),
            centres_nm=tuple(centres.get(key) for key in wanted),
            is_rgb8=is_rgb8,
        )


def _named_bands(path: Path) -> tuple[list[str], bool]:
    """Names of the bands as `Raster` knows them, alpha left out, and whether they are bytes."""
    try:
        with rasterio.open(path) as dataset:
            names = [text or f"band{index}" for index, text in enumerate(dataset.descriptions, start=1)]
            kinds = list(dataset.colorinterp)
            is_byte = set(dataset.dtypes) == {"uint8"}
    except rasterio.errors.RasterioIOError as exc:
        raise RasterError(f"{path}: can't be read as a raster ({exc})") from exc
    kept = [
        name
        for name, kind in zip(names, kinds, strict=True)
        if kind is not ColorInterp.alpha and name.lower() != "alpha"
    ]
    return kept, is_byte
