"""The reflectance product: an orthomosaic's bands by name, in wavelength order, with what they are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from calibration.rgb import linearise
from uav_workflow.domain.flight import SensorProfile
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import CalibrationError, RasterError
from uav_workflow.findings import Finding, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

_SHORT = {"r": "red", "g": "green", "b": "blue", "n": "nir", "re": "red_edge", "rededge": "red_edge", "pan": "panchro"}
_USUAL_NM = {"blue": 475.0, "green": 560.0, "red": 660.0, "red_edge": 720.0, "nir": 840.0}
"""For the order alone, where neither calibration nor profile knows a wavelength; never written as a fact."""
_RGB = ("red", "green", "blue")


def band_key(name: str) -> str:
    """House name of a band: lower snake case (``Red edge``, ``RedEdge``, ``RE`` -> ``red_edge``)."""
    joined = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _SHORT.get(joined.replace("_", ""), joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bands:
    """Bands of an orthomosaic to copy: file name and house name, in wavelength order."""

    source: tuple[str, ...]
    names: tuple[str, ...]
    centres_nm: tuple[float | None, ...]
    is_rgb8: bool


def make_reflectance(orthomosaic: Path, sensor: SensorProfile, calibration: Path | None, out: Path) -> Made:
    """Write ``out/reflectance.tif`` from an orthomosaic.

    Mosaics of calibrated captures are copied band by band; 8-bit RGB is linearised. NaN where the mosaic is masked,
    and where a calibrated value stands at its cap (the picture was saturated or glinting there).

    Parameters
    ----------
    orthomosaic : Path
        Bands named by description, alpha last; or red, green, blue and alpha of 8 bits.
    sensor : SensorProfile
    calibration : Path or None
        The calibration.json of `calibrate_captures`; None when the captures were not calibrated.
    out : Path
        A folder.

    Returns
    -------
    Made
        Facts ``quantity``, ``bands``, ``centre_nm``, ``at_cap`` (share of the measured pixels).

    Raises
    ------
    CalibrationError
        calibration.json can't be read, or a calibrated band is not in the mosaic.
    RasterError
        The orthomosaic can't be read.
    """
    known = _read_calibration(calibration)
    bands = _bands_of(orthomosaic, sensor, known)
    quantity = str(known.get("quantity", "relative"))
    cap = np.float32(known.get("cap", math.inf))
    tags = {"quantity": quantity, "source": "sRGB, linearised" if bands.is_rgb8 else "calibrated captures"}
    if all(centre is not None for centre in bands.centres_nm):
        tags["centre_nm"] = ",".join(f"{centre:g}" for centre in bands.centres_nm)
    if not known and not bands.is_rgb8:
        tags["source"] = "orthomosaic as the node made it"
    measured, capped = _copy(orthomosaic, bands, cap, tags, out / "reflectance.tif")
    share = capped / max(measured + capped, 1)
    facts: dict[str, Json] = {
        "quantity": quantity,
        "bands": list(bands.names),
        "centre_nm": list(bands.centres_nm),
        "at_cap": share,
    }
    return Made(findings=tuple(_findings(quantity, bands, measured, known)), facts=facts)


def _copy(source: Path, bands: _Bands, cap: np.float32, tags: dict[str, str], target: Path) -> tuple[int, int]:
    """Write the bands block by block; how many values were measured, and how many stood at the cap."""
    measured = capped = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        Raster(source) as mosaic,
        cog(target, mosaic.grid, bands.names, tags=tags, units=["1"] * len(bands.names)) as writer,
    ):
        for block in mosaic.grid.blocks():
            values = mosaic.read(block, bands.source)
            if bands.is_rgb8:
                values = _linear(values)
            else:
                at_cap = values >= cap
                capped += int(np.count_nonzero(at_cap))
                values[at_cap] = np.nan
            measured += int(np.count_nonzero(np.isfinite(values)))
            writer.write(block, values)
    return measured, capped


def _linear(values: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = ~np.isfinite(values)
    linear = linearise(np.where(missing, 0, values).astype(np.uint8))
    linear[missing] = np.nan
    return linear


def _read_calibration(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        document["bands"], document["quantity"], document["cap"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise CalibrationError(f"{path}: not a calibration.json ({exc!r}); calibrate the captures again") from exc
    found: Mapping[str, Any] = document
    return found


def _bands_of(path: Path, sensor: SensorProfile, known: Mapping[str, Any]) -> _Bands:
    names, is_byte = _named_bands(path)
    keys = {band_key(name): name for name in names}
    is_rgb8 = not known and is_byte and set(_RGB) <= set(keys)
    wanted = [band_key(band["band"]) for band in known.get("bands", ())] or list(_RGB if is_rgb8 else keys)
    missing = [key for key in wanted if key not in keys]
    if missing:
        raise CalibrationError(
            f"{path}: the orthomosaic lacks band {', '.join(missing)}; it has {', '.join(names)}. The node left it out "
            "or lost its name"
        )
    centres: dict[str, float | None] = {band_key(band.name): band.centre_nm for band in sensor.bands}
    centres |= {band_key(band["band"]): band["centre_nm"] for band in known.get("bands", ())}
    wanted.sort(key=lambda key: centres.get(key) or _USUAL_NM.get(key, math.inf))
    return _Bands(
        source=tuple(keys[key] for key in wanted),
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


def _findings(quantity: str, bands: _Bands, measured: int, known: Mapping[str, Any]) -> Sequence[Finding]:
    found = []
    if measured == 0:
        found.append(warning("reflectance-empty", "reflectance.tif", "the orthomosaic has no measured pixel"))
    if bands.is_rgb8:
        what = "RGB photos carry no radiometric calibration: values are relative linear light, not reflectance"
        found.append(warning("reflectance-relative", "reflectance.tif", what, "lay out targets of known reflectance"))
    elif not known:
        what = "captures were not calibrated: values are what the node made of the camera's numbers"
        found.append(warning("reflectance-relative", "reflectance.tif", what, "let the recipe calibrate captures"))
    elif quantity == "relative":
        what = "nothing tied the captures to a panel: values are relative"
        found.append(warning("reflectance-relative", "reflectance.tif", what, "photograph a panel before and after"))
    return found
