"""OpenSfM-style reconstruction.json as OpenDroneMap exports it (UTM minus offset), and shots.geojson."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.errors import EngineError


def write_reconstruction(reconstruction: Reconstruction, path: Path) -> None:
    """Write `reconstruction` as OpenSfM's JSON, plus a ``uav_workflow`` object OpenSfM's readers ignore.

    Cameras are of the ``brown`` kind, lengths over the larger image side, principal point from the image centre.
    Every shot is a rig instance of its own, as OpenDroneMap writes it.
    """
    shots: dict[str, Json] = {}
    instances: dict[str, Json] = {}
    for shot in reconstruction.shots:
        rotation = [float(value) for value in Rotation.from_matrix(shot.rotation).as_rotvec()]
        translation = [float(value) for value in -shot.rotation @ shot.centre]
        shots[shot.image] = {
            "rotation": list[Json](rotation),
            "translation": list[Json](translation),
            "camera": shot.camera_id,
            "orientation": 1,
            "capture_time": shot.time_utc.timestamp() if shot.time_utc else 0.0,
            "gps_dop": 10.0,
            "gps_position": [float(value) for value in shot.centre],
            "scale": 1.0,
        }
        instances[shot.image] = {
            "translation": list[Json](translation),
            "rotation": list[Json](rotation),
            "rig_camera_ids": {shot.image: shot.camera_id},
        }
    zero: list[Json] = [0.0, 0.0, 0.0]
    lon, lat = _lon_lat(reconstruction.crs, reconstruction.offset)
    document: dict[str, Json] = {
        "cameras": {name: _camera_json(camera) for name, camera in reconstruction.cameras.items()},
        "shots": shots,
        "points": {
            str(i): {"color": [128.0, 128.0, 128.0], "coordinates": [float(value) for value in point]}
            for i, point in enumerate(reconstruction.points)
        },
        "biases": {name: {"rotation": zero, "translation": zero, "scale": 1.0} for name in reconstruction.cameras},
        "rig_cameras": {name: {"rotation": zero, "translation": zero} for name in reconstruction.cameras},
        "rig_instances": instances,
        "reference_lla": {"latitude": lat, "longitude": lon, "altitude": 0.0},
        "uav_workflow": {
            "crs": reconstruction.crs,
            "offset": list[Json](reconstruction.offset),
            "missing": list[Json](reconstruction.missing),
            "facts": dict(reconstruction.facts),
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([document]))


def read_reconstruction(
    path: Path, *, crs: str | None = None, offset: tuple[float, float] | None = None
) -> Reconstruction:
    """Read a reconstruction.json (or .json.gz) of this engine, or one exported by OpenDroneMap.

    Parameters
    ----------
    crs, offset : str, (x, y)
        What the coordinates mean; needed for a file of OpenDroneMap (its ``odm_georeferencing/coords.txt``), which
        does not say. Ignored when the file says.

    Raises
    ------
    EngineError
        The file is none, has a camera of an unknown kind, or does not say its CRS and none was given.
    """
    try:
        data = path.read_bytes()
        document = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)[0]
        said: Mapping[str, Any] = document.get("uav_workflow") or {}
        crs, offset = said.get("crs", crs), tuple(said.get("offset", offset or ()))
        if crs is None or offset is None or len(offset) != 2:
            raise EngineError(f"{path.name} does not say its CRS and offset; give them (from coords.txt)")
        shots = [_read_shot(name, shot, document["rig_cameras"]) for name, shot in document["shots"].items()]
        points = [point["coordinates"] for point in document.get("points", {}).values()]
        return Reconstruction(
            crs=crs,
            offset=offset,
            cameras={name: _read_camera(name, camera) for name, camera in document["cameras"].items()},
            shots=shots,
            points=np.array(points, float).reshape(-1, 3),
            missing=tuple(said.get("missing", ())),
            facts=dict(said.get("facts", {})),
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        if isinstance(error, EngineError):
            raise
        raise EngineError(f"{path}: no readable reconstruction.json ({error})") from error


def write_shots(reconstruction: Reconstruction, path: Path) -> None:
    """Write shots.geojson as OpenDroneMap does: one point (lon, lat, alt) for each placed image."""
    from pyproj import Transformer

    to_wgs84 = Transformer.from_crs(reconstruction.crs, "EPSG:4326", always_xy=True)
    features: list[Json] = []
    for shot in reconstruction.shots:
        camera = reconstruction.cameras[shot.camera_id]
        east, north, up = shot.centre + np.array([*reconstruction.offset, 0.0])
        lon, lat = to_wgs84.transform(east, north)
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "filename": shot.image,
                    "camera": shot.camera_id,
                    "focal": camera.fx / max(camera.width, camera.height),
                    "width": camera.width,
                    "height": camera.height,
                    "capture_time": shot.time_utc.timestamp() if shot.time_utc else 0.0,
                    "translation": [float(east), float(north), float(up)],
                    "rotation": [float(value) for value in Rotation.from_matrix(shot.rotation).as_rotvec()],
                },
                "geometry": {"type": "Point", "coordinates": [float(lon), float(lat), float(up)]},
            }
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _lon_lat(crs: str, offset: tuple[float, float]) -> tuple[float, float]:
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*offset)
    return float(lon), float(lat)


def _camera_json(camera: Camera) -> dict[str, Json]:
    side = float(max(camera.width, camera.height))
    return {
        "projection_type": "brown",
        "width": camera.width,
        "height": camera.height,
        "focal_x": camera.fx / side,
        "focal_y": camera.fy / side,
        "c_x": (camera.cx - camera.width / 2) / side,
        "c_y": (camera.cy - camera.height / 2) / side,
        "k1": camera.k1,
        "k2": camera.k2,
        "p1": camera.p1,
        "p2": camera.p2,
        "k3": camera.k3,
    }


def _read_camera(name: str, values: Mapping[str, Any]) -> Camera:
    kind, width, height = values["projection_type"], int(values["width"]), int(values["height"])
    if kind not in {"brown", "perspective", "simple_radial", "radial"}:
        raise EngineError(f"camera {name!r} is of kind {kind!r}; brown, perspective and radial ones can be read")
    side = float(max(width, height))
    fx = values.get("focal_x", values.get("focal"))
    return Camera(
        camera_id=name,
        width=width,
        height=height,
        fx=float(fx) * side,
        fy=float(values.get("focal_y", fx)) * side,
        cx=float(values.get("c_x", 0.0)) * side + width / 2,
        cy=float(values.get("c_y", 0.0)) * side + height / 2,
        **{key: float(values.get(key, 0.0)) for key in ("k1", "k2", "k3", "p1", "p2")},
    )


def _read_shot(name: str, values: Mapping[str, Any], rig_cameras: Mapping[str, Any]) -> Shot:
    """Poses in the file are those of the camera itself, rig or not: OpenDroneMap's export is of that form."""
    rotation: NDArray[np.float64] = np.asarray(Rotation.from_rotvec(values["rotation"]).as_matrix())
    seconds = float(values.get("capture_time") or 0.0)
    return Shot(
        image=name,
        camera_id=str(values["camera"]),
        rotation=rotation,
        centre=-rotation.T @ np.asarray(values["translation"], float),
        time_utc=datetime.fromtimestamp(seconds, UTC) if seconds else None,
    )
