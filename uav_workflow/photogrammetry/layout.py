"""Where ODM, and the node that ships with this project, put things in all.zip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORTHOPHOTO = "odm_orthophoto/odm_orthophoto.tif"
DSM = "odm_dem/dsm.tif"
DTM = "odm_dem/dtm.tif"
INTERPOLATED = "odm_dem/interpolated.tif"
"""Of the node that ships with this project: above 0 where the DSM was filled in."""
EUCLIDEAN = "odm_dem/dsm.euclideand.tif"
"""Of ODM with dem-euclidean-map: 0 where the DSM had no data before it was filled in."""
SOURCE_INDEX = "odm_orthophoto/source_index.tif"
VIEWS = ("odm_orthophoto/views.tif", "odm_dem/views.tif")
RECONSTRUCTIONS = ("opensfm/reconstruction.json", "opensfm/reconstruction.json.gz")
SHOTS = "odm_report/shots.geojson"
STATS = "odm_report/stats.json"
IMAGES = "images.json"
CAMERAS = "cameras.json"
COORDS = "odm_georeferencing/coords.txt"
CLOUDS = ("odm_georeferencing/odm_georeferenced_model.laz", "odm_georeferencing/odm_georeferenced_model.las")
LOG = "log.json"
OUTPUT = "task_output.txt"


def asset(assets: Path, *names: str) -> Path | None:
    """First of the named files that is there."""
    return next((assets / name for name in names if (assets / name).is_file()), None)


def read_json(assets: Path, name: str) -> Any:
    """Content of a JSON file among the assets; None when it is missing or broken."""
    path = asset(assets, name)
    if path is None:
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError:
        return None
