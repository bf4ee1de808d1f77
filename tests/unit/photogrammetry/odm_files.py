"""Files as ODM 3.6.0 writes them (reference/odm_outputs.md), small."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from scipy.spatial.transform import Rotation

PROJ4 = "+proj=utm +zone=32 +datum=WGS84 +units=m +no_defs"
X0, Y0 = 560000.0, 5183100.0
ORIGIN = np.array([X0, Y0, 0.0])


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return buffer.getvalue()


def write(
    path: Path,
    bands: NDArray[Any],
    pixel: tuple[float, float],
    *,
    origin: tuple[float, float] = (X0, Y0),
    names: Sequence[str | None] = (),
    colours: Sequence[ColorInterp] = (),
    nodata: float | None = None,
    crs: str | None = PROJ4,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=bands.shape[2],
        height=bands.shape[1],
        count=bands.shape[0],
        dtype=bands.dtype,
        nodata=nodata,
        crs=crs,
        transform=Affine(pixel[0], 0, origin[0], 0, -pixel[1], origin[1]),
        compress="deflate",
    ) as dataset:
        if colours:
            dataset.colorinterp = list(colours)
        for index, name in enumerate(names, start=1):
            if name:
                dataset.set_band_description(index, name)
        dataset.write(bands)
    return path


def orthophoto(
    assets: Path, dtype: str, names: Sequence[str], shape: tuple[int, int] = (40, 60), pixel: float = 0.05, **more: Any
) -> NDArray[Any]:
    """Data bands with values by place, alpha 255 but in the left third, where the data hold the type's maximum."""
    rng = np.random.default_rng(1)
    data = rng.integers(1, 200, (len(names), *shape)).astype(dtype)
    top = np.finfo(np.float32).max if dtype == "float32" else np.iinfo(dtype).max
    alpha = np.full(shape, 255, dtype)
    alpha[:, : shape[1] // 3] = 0
    data[:, alpha == 0] = top
    rgb = {"red": ColorInterp.red, "green": ColorInterp.green, "blue": ColorInterp.blue}
    colours = [rgb.get(name.lower(), ColorInterp.gray) for name in names] + [ColorInterp.alpha]
    bands = np.concatenate([data, alpha[None]])
    write(
        assets / "odm_orthophoto/odm_orthophoto.tif",
        bands,
        more.pop("pixels", (pixel, pixel)),
        names=[*names, None],
        colours=colours,
        **more,
    )
    return data


def surface(
    assets: Path, name: str, heights: NDArray[Any], cell: float, origin: tuple[float, float] = (X0, Y0)
) -> None:
    filled = np.where(np.isfinite(heights), heights, -9999).astype(np.float32)
    write(assets / "odm_dem" / name, filled[None], (cell, cell), origin=origin, nodata=-9999)


def poses(
    assets: Path, names: Sequence[str], centres: NDArray[np.float64], *, bands: dict[str, str] | None = None
) -> None:
    """shots.geojson, cameras.json, images.json, coords.txt and stats.json of placed shots at UTM centres."""
    down = Rotation.from_euler("x", 180, degrees=True).as_rotvec().tolist()
    features = [
        {
            "type": "Feature",
            "properties": {
                "filename": name,
                "camera": "v2 cam 400 300 brown 0.8",
                "capture_time": 1690000000.0 + index,
                "translation": list(map(float, centre)),
                "rotation": down,
            },
            "geometry": {"type": "Point", "coordinates": [9.0, 46.0, float(centre[2])]},
        }
        for index, (name, centre) in enumerate(zip(names, centres, strict=True))
    ]
    lens = {"projection_type": "brown", "width": 400, "height": 300, "focal_x": 0.8, "focal_y": 0.8}
    lens |= {"c_x": 0.01, "c_y": -0.02, "k1": -0.02, "k2": 0.0, "p1": 0.0, "p2": 0.0, "k3": 0.0}
    documents: dict[str, Any] = {
        "odm_report/shots.geojson": {"type": "FeatureCollection", "features": features},
        "odm_report/stats.json": {"reconstruction_statistics": {"components": 1, "reprojection_error_pixels": 0.5}},
        "cameras.json": {"cam 400 300 brown 0.8": lens},
        "images.json": [
            {"filename": name, "band_name": band} for name, band in (bands or dict.fromkeys(names, "RGB")).items()
        ],
    }
    for name, document in documents.items():
        path = assets / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    coords = assets / "odm_georeferencing/coords.txt"
    coords.parent.mkdir(parents=True, exist_ok=True)
    coords.write_text(f"WGS84 UTM 32N\n{int(X0)} {int(Y0)}\n1.0 2.0 3.0\n")
