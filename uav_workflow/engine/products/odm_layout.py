"""The small files around the products, in the layout of ODM's all.zip and with the fields its readers look for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.progress import StageTime

ODM_BAND_ORDER = ("rgb", "red", "green", "blue", "nir", "rededge", "panchro", "lwir")
"""Bands of ODM's orthophoto stand in this order, others after them; not by wavelength."""


def odm_band_order(names: Sequence[str]) -> list[str]:
    """Band names as ODM orders them; names that are not in its list keep their order behind."""
    return sorted(names, key=_rank)


def _rank(name: str) -> int:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    aliases = {"r": "red", "g": "green", "b": "blue", "n": "nir", "re": "rededge"}
    plain = aliases.get(plain, plain)
    return ODM_BAND_ORDER.index(plain) if plain in ODM_BAND_ORDER else len(ODM_BAND_ORDER)


def write_georeference(project: Path, reconstruction: Reconstruction) -> None:
    """coords.txt (zone, offset) and proj.txt (PROJ string) of a reconstruction in WGS84 UTM."""
    code = int(reconstruction.crs.removeprefix("EPSG:"))
    zone, south = code % 100, code // 100 == 327
    folder = project / "odm_georeferencing"
    folder.mkdir(parents=True, exist_ok=True)
    easting, northing = reconstruction.offset
    head = f"WGS84 UTM {zone}{'S' if south else 'N'}\n{easting:.0f} {northing:.0f}\n"
    (folder / "coords.txt").write_text(head, encoding="utf-8")
    proj = f"+proj=utm +zone={zone} {'+south ' if south else ''}+datum=WGS84 +units=m +no_defs +type=crs"
    (folder / "proj.txt").write_text(proj, encoding="utf-8")
    positions = [" ".join(f"{value:.4f}" for value in shot.centre) for shot in reconstruction.shots]
    (folder / "odm_georeferencing_model_geo.txt").write_text(head + "\n".join(positions) + "\n", encoding="utf-8")


def write_images(project: Path, captures: Sequence[Capture]) -> None:
    """images.json: one object for every photo that was used."""
    rows = [
        image_row(image, index, capture.capture_id)
        for capture in captures
        for index, image in enumerate(capture.images)
    ]
    write_document(project / "images.json", rows)


def image_row(image: BandImage, band_index: int, capture_id: str) -> dict[str, Json]:
    """What the tags of a photo say, under ODM's names."""
    position, attitude = image.position, image.attitude
    return {
        "filename": image.name,
        "width": image.width,
        "height": image.height,
        "camera_make": image.make,
        "camera_model": image.model,
        "orientation": image.orientation,
        "latitude": position.lat if position else None,
        "longitude": position.lon if position else None,
        "altitude": position.alt_m if position else None,
        "gps_xy_stddev": position.sigma_h_m if position else None,
        "gps_z_stddev": position.sigma_v_m if position else None,
        "band_name": image.band.name,
        "band_index": band_index,
        "capture_uuid": capture_id,
        "exposure_time": image.exposure_s,
        "gain": image.gain,
        "bits_per_sample": image.bits,
        "utc_time": image.time_utc.timestamp() * 1000 if image.time_utc else None,
        "yaw": attitude.yaw_deg if attitude else None,
        "pitch": attitude.pitch_deg if attitude else None,
        "roll": attitude.roll_deg if attitude else None,
        "camera_projection": "brown",
        "focal_ratio": image.focal_px / max(image.width, image.height) if image.focal_px else None,
    }


def write_cameras(project: Path) -> None:
    """cameras.json: the cameras of ``opensfm/reconstruction.json``, as ODM repeats them."""
    document = json.loads((project / "opensfm" / "reconstruction.json").read_text("utf-8"))
    write_document(project / "cameras.json", document[0]["cameras"])


def write_log(
    project: Path,
    *,
    options: Mapping[str, Json],
    photos: int,
    version: str,
    started: datetime,
    stages: Sequence[StageTime],
) -> None:
    """log.json of a run that succeeded: options, machine, what every stage cost."""
    memory = psutil.virtual_memory()
    ended = datetime.now(UTC)
    write_document(
        project / "log.json",
        {
            "engine": "uav-workflow",
            "engineVersion": version,
            "memory": {"total": memory.total >> 20, "available": memory.available >> 20},
            "cpus": psutil.cpu_count() or 1,
            "images": photos,
            "options": {name.replace("-", "_"): value for name, value in options.items()},
            "startTime": started.isoformat(),
            "endTime": ended.isoformat(),
            "totalTime": (ended - started).total_seconds(),
            "peakMemoryMiB": round(max((stage.peak_mib for stage in stages), default=0.0)),
            "stages": [
                {
                    "name": stage.name,
                    "totalTime": round(stage.wall_s, 2),
                    "cpuTime": round(stage.cpu_s, 2),
                    "peakMemoryMiB": round(stage.peak_mib),
                }
                for stage in stages
            ],
            "success": True,
        },
    )


def write_document(path: Path, document: object) -> None:
    """JSON file, its folder made; numbers that are none become null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_finite(document), ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _finite(value: object) -> object:
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
