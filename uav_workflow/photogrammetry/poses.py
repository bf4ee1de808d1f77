"""Cameras and poses from what a node handed back, in one form whichever node it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from uav_workflow.domain.product import Json, Made
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.errors import EngineError, NotMade
from uav_workflow.photogrammetry.layout import CAMERAS, COORDS, IMAGES, RECONSTRUCTIONS, SHOTS, STATS, asset, read_json

_ELSEWHERE_M = 1.0
"""Median distance between the poses of reconstruction.json and shots.geojson beyond which they are of two frames."""


def make_reconstruction(assets: Path, out: Path) -> Made:
    """Write reconstruction.json (OpenSfM's form, CRS, offset and missing photos inside) and shots.geojson.

    shots.geojson lists the photos that the node's own one lists: of a rig, those of the primary band.

    Read are, in this order: reconstruction.json as the node that ships with this project or ODM exports it, else
    ODM's shots.geojson with cameras.json, which hold the same poses without the sparse points.

    Raises
    ------
    NotMade
        The node returned neither.
    """
    from uav_workflow.engine.products.reconstruction_io import write_reconstruction, write_shots

    reconstruction, source = read_poses(assets)
    write_reconstruction(reconstruction, out / "reconstruction.json")
    write_shots(_listed(assets, reconstruction), out / "shots.geojson")
    facts: dict[str, Json] = {
        "source": source,
        "crs": reconstruction.crs,
        "shots": len(reconstruction.shots),
        "missing": list(reconstruction.missing),
        "focal_px": {name: camera.fx for name, camera in reconstruction.cameras.items()},
        **_statistics(read_json(assets, STATS)),
        **reconstruction.facts,
    }
    return Made(facts=facts)


def read_poses(assets: Path) -> tuple[Reconstruction, str]:
    """Poses among the assets and the name of the file they are from.

    Raises
    ------
    NotMade
        There are none, or they can't be read.
    """
    from uav_workflow.engine.products.reconstruction_io import read_reconstruction

    path = asset(assets, *RECONSTRUCTIONS)
    crs, offset = _coords(assets)
    try:
        if path is not None:
            reconstruction = read_reconstruction(path, crs=crs, offset=offset)
            if _elsewhere(assets, reconstruction):
                path = None
        if path is None:
            reconstruction = _from_shots(assets, crs, offset)
    except (EngineError, KeyError, TypeError, ValueError) as exc:
        raise NotMade(f"the node's poses can't be read: {exc}") from exc
    if not reconstruction.missing:
        placed = {shot.image for shot in reconstruction.shots}
        missing = tuple(sorted(expected_images(assets, placed, placed) - placed))
        reconstruction = replace(reconstruction, missing=missing)
    return reconstruction, path.name if path is not None else Path(SHOTS).name


def _elsewhere(assets: Path, reconstruction: Reconstruction) -> bool:
    """Whether the reconstruction is not in UTM minus offset: older ODM leaves it in a frame of its own."""
    listed = {
        str(feature["properties"]["filename"]): feature["properties"]["translation"]
        for feature in _features(assets)
        if feature["properties"].get("translation")
    }
    offset = np.array([*reconstruction.offset, 0.0])
    gaps = [
        float(np.linalg.norm(shot.centre + offset - listed[shot.image]))
        for shot in reconstruction.shots
        if shot.image in listed
    ]
    return bool(gaps) and float(np.median(gaps)) > _ELSEWHERE_M


def _features(assets: Path) -> list[Any]:
    document = read_json(assets, SHOTS)
    features = document.get("features") if isinstance(document, dict) else None
    return list(features or ())


def _listed(assets: Path, reconstruction: Reconstruction) -> Reconstruction:
    """The reconstruction with the shots that the node's shots.geojson lists; all where it brought none."""
    names = {str(feature["properties"]["filename"]) for feature in _features(assets)}
    shots = [shot for shot in reconstruction.shots if shot.image in names]
    return replace(reconstruction, shots=shots) if shots else reconstruction


def expected_images(assets: Path, placed: set[str], sent: set[str] | None = None) -> set[str]:
    """Photos that could have been placed: those of the band (or bands) that geometry was made from.

    ODM reconstructs from the primary band alone; images.json says the band of each photo. Photos it does not name
    (dropped as broken) are not in the answer.
    """
    rows = read_json(assets, IMAGES)
    if not isinstance(rows, list):
        return sent or set()
    band = {str(row.get("filename")): str(row.get("band_name")) for row in rows if isinstance(row, dict)}
    bands = {band[name] for name in placed if name in band}
    return {name for name in band if band[name] in bands or not bands}


def _coords(assets: Path) -> tuple[str | None, tuple[float, float] | None]:
    """CRS and offset from coords.txt: ``WGS84 UTM 32N``, then easting and northing."""
    path = asset(assets, COORDS)
    if path is None:
        return None, None
    lines = path.read_text("utf-8", errors="replace").splitlines()
    try:
        zone = lines[0].split()[-1]
        east, north = (float(word) for word in lines[1].split()[:2])
        crs = f"EPSG:{ {'N': 326, 'S': 327}[zone[-1].upper()] }{int(zone[:-1]):02d}"
    except (IndexError, ValueError, KeyError):
        return None, None
    return crs, (east, north)


def _from_shots(assets: Path, crs: str | None, offset: tuple[float, float] | None) -> Reconstruction:
    """Poses of shots.geojson (UTM camera centres, rotation vectors) and lenses of cameras.json."""
    shots, cameras = read_json(assets, SHOTS), read_json(assets, CAMERAS)
    if not isinstance(shots, dict) or not isinstance(cameras, dict) or not shots.get("features"):
        raise NotMade("the node returned neither reconstruction.json nor shots.geojson with cameras.json")
    if crs is None or offset is None:
        raise NotMade("the node returned no coords.txt: its result has no place on the ground")
    lenses = {name: _camera(name, values) for name, values in cameras.items()}
    return Reconstruction(
        crs=crs,
        offset=offset,
        cameras=lenses,
        shots=[_shot(feature["properties"], offset, lenses) for feature in shots["features"]],
        points=np.zeros((0, 3)),
    )


def _shot(values: Mapping[str, Any], offset: tuple[float, float], lenses: Mapping[str, Camera]) -> Shot:
    """One feature's properties; shots name cameras with a ``v2`` in front that cameras.json does without."""
    from scipy.spatial.transform import Rotation

    seconds = float(values.get("capture_time") or 0.0)
    name = str(values["camera"])
    camera = name if name in lenses else name.removeprefix("v2 ")
    return Shot(
        image=str(values["filename"]),
        camera_id=lenses[camera].camera_id,
        rotation=np.asarray(Rotation.from_rotvec(values["rotation"]).as_matrix(), float),
        centre=np.asarray(values["translation"], float) - np.array([*offset, 0.0]),
        time_utc=datetime.fromtimestamp(seconds, UTC) if seconds else None,
    )


def _camera(name: str, values: Mapping[str, Any]) -> Camera:
    """OpenSfM's normalised lengths (shares of the larger side, from the image centre) as pixels."""
    width, height = int(values["width"]), int(values["height"])
    side = max(width, height)
    if values["projection_type"] not in ("brown", "perspective", "radial", "simple_radial"):
        raise NotMade(f"camera {name!r} is a {values['projection_type']} one; only perspective lenses are read")
    focal = values.get("focal_x", values.get("focal"))
    return Camera(
        camera_id=name,
        width=width,
        height=height,
        fx=float(focal) * side,
        fy=float(values.get("focal_y", focal)) * side,
        cx=float(values.get("c_x", 0.0)) * side + width / 2,
        cy=float(values.get("c_y", 0.0)) * side + height / 2,
        **{key: float(values.get(key, 0.0)) for key in ("k1", "k2", "k3", "p1", "p2")},
    )


def _statistics(stats: Any) -> dict[str, Json]:
    """The figures of stats.json that say how good the geometry is."""
    if not isinstance(stats, dict):
        return {}
    rows = stats.get("reconstruction_statistics") or {}
    names = ("components", "reprojection_error_pixels", "reconstructed_points_count")
    facts: dict[str, Json] = {name: rows[name] for name in names if name in rows}
    for name, theirs in (("registered", "reconstructed_shots_count"), ("total", "initial_shots_count")):
        if isinstance(rows.get(theirs), int):
            facts[name] = rows[theirs]
    gsd = (stats.get("odm_processing_statistics") or {}).get("average_gsd")
    return facts | ({"gsd_cm": gsd} if gsd is not None else {})
