"""The plot table: one row a plot, variable and method, drone and ground alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntFlag
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import geopandas as gpd

TEXT = "string"
NUMBER = "float64"

COLUMNS: Mapping[str, str] = {
    "plot_id": TEXT,
    "site_id": TEXT,
    "parent_plot_id": TEXT,
    "flight_id": TEXT,
    "campaign": TEXT,
    "quadrat_shape": TEXT,
    "area_m2": NUMBER,
    "crs": TEXT,
    "x": NUMBER,
    "y": NUMBER,
    "z": NUMBER,
    "pos_sigma_h_m": NUMBER,
    "pos_sigma_v_m": NUMBER,
    "fix_type": TEXT,
    "obs_datetime_utc": TEXT,
    "flight_datetime_utc": TEXT,
    "dt_days": NUMBER,
    "source": TEXT,
    "variable": TEXT,
    "value": NUMBER,
    "text": TEXT,
    "unit": TEXT,
    "uncertainty": NUMBER,
    "uncertainty_type": TEXT,
    "pi90_lo": NUMBER,
    "pi90_hi": NUMBER,
    "method": TEXT,
    "method_version": TEXT,
    "n_pixels": NUMBER,
    "valid_fraction": NUMBER,
    "shadow_fraction": NUMBER,
    "gsd_m": NUMBER,
    "qc_flag": "int64",
    "reason": TEXT,
    "source_file": TEXT,
    "source_sha256": TEXT,
    "operator": TEXT,
    "licence": TEXT,
}
"""Columns beside geometry, in order, with their dtype.

``source`` is drone or ground. The two times are ISO 8601, and a day where only the day is known. ``dt_days`` is
observation minus flight. ``n_pixels`` is the sum of the pixels' covered shares. ``reason`` says why a value is empty
or, on a ground row, why it is not matched. A missing value is empty, never a number.
"""

OUTSIDE = "outside"
NO_DATA = "no-data"
NO_AREA = "no-area"
LOW_VALID = "low-valid-fraction"
TIME_GAP = "time-gap"
SUPERSEDED = "another-observation-is-nearer"
NO_VALUE = "no-value"


class PlotFlag(IntFlag):
    """Bits of the column qc_flag."""

    OUTSIDE = 1
    """Part of the plot, or all of it, lies outside the map."""
    LOW_VALID = 2
    """Too few of its pixels are measured: the value is empty."""
    SHADOW = 4
    """More than a quarter lies in shadow."""
    TIME_GAP = 8
    """Observation and flight lie further apart than they may for a match."""
    POSITION = 16
    """The position is less certain than a fifth of the plot's side."""
    EXTRAPOLATED = 32
    """A predictor lies outside what the model has seen."""
    CUT_AT_ZERO = 64
    """A negative prediction became 0."""
    BELOW_DETECTION = 128
    """A height that the surface can't tell from ground: less than twice the vertical RMSE of the check points."""


def method_version() -> str:
    """Version of this project, as it stands in the column method_version."""
    return metadata.version("uav-workflow")


def to_frame(rows: Sequence[Mapping[str, object]], crs: str) -> gpd.GeoDataFrame:
    """Rows as a GeoDataFrame with every column of `COLUMNS` and geometry, in order and of its dtype."""
    import geopandas as gpd
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=[*COLUMNS, "geometry"]).astype(dict(COLUMNS))
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=crs)


def write_parquet(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write GeoParquet 1.1 with a bounding box a row, compressed with ZSTD."""
    frame.to_parquet(path, index=False, compression="zstd", schema_version="1.1.0", write_covering_bbox=True)


def write_csv(frame: gpd.GeoDataFrame, target: Path | TextIO) -> None:
    """Write CSV with the geometry as WKT in the last column; missing is empty."""
    flat = frame.drop(columns="geometry").assign(geometry=frame.geometry.to_wkt())
    flat.to_csv(target, index=False, lineterminator="\n")
