"""Sharpened captures: calibrated pictures laid over the panchromatic one, a stack a capture, for eyes and outlines."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from calibration.captures import MASKS
from calibration.gates import Bounds, judge
from calibration.pan.ratio import FloatArray, Footprint, detail_error, sharpen
from calibration.pan.rig import PanBand, align_to_pan
from calibration.pictures.panchromatic import colours_of, pan_of
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate
from uav_workflow.findings import Finding, info, warning

FOLDER = "sharpened"
_USE = (
    "for looking, outlines and training areas; detail inside a pixel of the band is inferred from the panchromatic "
    "band, so no statistics of plots"
)
_LOOKED_AT = 5
_Say = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenedFrames:
    """What was made.

    Attributes
    ----------
    document : mapping
        For calibration.json: files, and by band the alignment and what the detail is worth.
    """

    document: dict[str, Json]
    gates: tuple[Gate, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Band:
    """A band to be sharpened: its place, what detail is worth there, and what was left of each capture's means."""

    place: Footprint
    detail_error: float
    departures: list[float]


def sharpen_frames(
    captures: Sequence[Capture], out: Path, *, limits: Mapping[str, Bounds], workers: int, progress: _Say
) -> SharpenedFrames:
    """Sharpen the calibrated captures of a folder with their panchromatic band.

    Writes ``out/sharpened/<name of the panchromatic picture>``: float32, one layer a band in wavelength order on the
    grid of the panchromatic picture as it was taken (not undistorted), NaN where a band has no value or a saturated
    one. The mean over the area of every pixel of a band stays what it was, `pan.ratio.sharpen`.

    Parameters
    ----------
    captures : sequence of Capture
        Of the pictures of the card; those whose calibrated pictures lie in ``out`` count.
    limits : mapping
        Bounds of gates over those of `gates.RULES`.
    workers : int
        Bands at a time.
    """
    usable = [capture for capture in captures if _is_there(capture, out)]
    if not usable:
        hint = "cameras with one are MicaSense RedEdge-P and Altum-PT; copy its files too"
        said = warning("no-panchromatic-band", "images", "no capture has a panchromatic band to sharpen with", hint)
        return SharpenedFrames(document={"files": [], "bands": []}, findings=(said,))
    progress(0.0, "laying the bands over the panchromatic one")
    of_band = {name: _with(usable, name, out) for name in _names(usable)}
    laid = {name: align_to_pan(found, name) for name, found in of_band.items() if found}
    gates = {
        name: judge("pan-alignment", one.band.residual_px, limits, about=name)
        for name, one in laid.items()
        if one.aligned
    }
    lies = {name: laid[name] for name, gate in gates.items() if gate.verdict != "fail" and laid[name].is_finer}
    asked = {name: _asked(of_band[name], out, name, one.footprint()) for name, one in lies.items()}
    bands = {name: one for name, one in asked.items() if one.detail_error < 1}
    files: list[Json] = []
    shown = [capture for capture in usable if any(image.band.name in bands for image in _others(capture, out))]
    for done, capture in enumerate(shown):
        progress(done / len(shown), f"sharpening: {done + 1} of {len(shown)}")
        files.append(_sharpen_capture(capture, out, bands, workers))
    rows: list[Json] = [_row(name, laid[name], asked.get(name)) for name in laid]
    document: dict[str, Json] = {"folder": FOLDER, "use": _USE, "files": files, "bands": rows}
    return SharpenedFrames(
        document=document, gates=tuple(gates.values()), findings=tuple(_findings(laid, asked, len(files)))
    )


def _is_there(capture: Capture, out: Path) -> bool:
    pan = pan_of(capture)
    return pan is not None and (out / pan.name).is_file() and bool(_others(capture, out))


def _others(capture: Capture, out: Path) -> list[BandImage]:
    """Colours of a capture whose calibrated picture is there."""
    return [image for image in colours_of(capture) if (out / image.name).is_file()]


def _names(captures: Sequence[Capture]) -> list[str]:
    """Bands in wavelength order."""
    centres = {image.band.name: image.band.centre_nm or 0.0 for capture in captures for image in colours_of(capture)}
    return sorted(centres, key=lambda name: centres[name])


def _with(captures: Sequence[Capture], band: str, out: Path) -> list[Capture]:
    """Captures whose picture of a band could be read, and so was calibrated."""
    return [capture for capture in captures if any(image.band.name == band for image in _others(capture, out))]


def _asked(captures: Sequence[Capture], out: Path, band: str, place: Footprint) -> _Band:
    """A band with what detail is worth there, median of a few captures."""
    step = -(-len(captures) // _LOOKED_AT)
    errors = []
    for capture in captures[::step]:
        level, _ = place.means(_calibrated(cast(BandImage, pan_of(capture)), out))
        own = next(image for image in colours_of(capture) if image.band.name == band)
        errors.append(detail_error(_calibrated(own, out), level))
    return _Band(place=place, detail_error=float(np.median(errors)), departures=[])


def _sharpen_capture(capture: Capture, out: Path, bands: Mapping[str, _Band], workers: int) -> str:
    """One stack; its name below ``out``."""
    pan_image = cast(BandImage, pan_of(capture))
    pan = _calibrated(pan_image, out)
    by_name = {image.band.name: image for image in _others(capture, out)}

    def layer(name: str) -> FloatArray:
        if name not in by_name:
            return np.full_like(pan, np.nan)
        made = sharpen(_calibrated(by_name[name], out), pan, bands[name].place)
        bands[name].departures.append(made.departure)
        return made.values

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        layers = dict(zip(bands, pool.map(layer, bands), strict=True))
    target = out / FOLDER / pan_image.name
    _write(target, layers, pan_image)
    return target.relative_to(out).as_posix()


def _calibrated(image: BandImage, out: Path) -> FloatArray:
    """A calibrated picture, NaN where it was saturated or defective."""
    import cv2
    import tifffile

    values = np.array(tifffile.imread(out / image.name), np.float32)
    mask = out / MASKS / f"{image.name}.png"
    if mask.is_file():
        values[np.asarray(cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)) > 0] = np.nan
    return values


def _write(path: Path, layers: Mapping[str, FloatArray], pan: BandImage) -> None:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    height, width = next(iter(layers.values())).shape
    shape = {"height": height, "width": width, "count": len(layers), "dtype": "float32", "nodata": float("nan")}
    coding = {"compress": "zstd", "predictor": 3, "tiled": True, "interleave": "band"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a picture as it was taken lies nowhere yet
        with rasterio.open(scratch, "w", driver="GTiff", **shape, **coding) as file:
            for index, (name, values) in enumerate(layers.items(), start=1):
                file.write(values, index)
                file.set_band_description(index, f"{name}, pan-sharpened")
                file.set_band_unit(index, "1")
            file.update_tags(UAV_QUANTITY="pan-sharpened", UAV_USE=_USE, **_where(pan))
    scratch.replace(path)


def _where(pan: BandImage) -> dict[str, str]:
    """Time and place of the panchromatic picture, for whoever looks for them in the stack."""
    said = {"UAV_PANCHROMATIC": pan.name}
    if pan.time_utc is not None:
        said["UAV_TIME_UTC"] = pan.time_utc.isoformat()
    if pan.position is not None:
        said["UAV_POSITION"] = f"{pan.position.lon:.8f} {pan.position.lat:.8f} {pan.position.alt_m}"
    return said


def _row(name: str, laid: PanBand, asked: _Band | None) -> dict[str, Json]:
    return {
        "band": name,
        "sharpened": asked is not None and bool(asked.departures),
        "alignment_px": round(laid.band.residual_px, 3) if laid.aligned else None,
        "patches": laid.band.matches,
        "detail_error": round(asked.detail_error, 3) if asked is not None else None,
        "largest_departure": max(asked.departures) if asked is not None and asked.departures else None,
    }


def _findings(laid: Mapping[str, PanBand], asked: Mapping[str, _Band], files: int) -> list[Finding]:
    found = []
    if files:
        found.append(info("pan-sharpened", f"{FOLDER}/", f"{files} captures were sharpened: {_USE}"))
    if lost := [name for name in laid if name not in asked]:
        what = "could not be laid over the panchromatic band well enough to be sharpened"
        found.append(warning("pan-not-aligned", ", ".join(lost), what, "fly over ground with texture, not over water"))
    if harmed := [name for name, one in asked.items() if one.detail_error >= 1]:
        what = "not sharpened: where it can be told, twice as coarse, detail makes more errors than it mends"
        found.append(warning("pan-detail", ", ".join(harmed), what, "use these bands as they were measured"))
    return found
