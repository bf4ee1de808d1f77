"""The plot table: one row a plot, variable and method, drone and ground alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntFlag
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from uav_workflow.plots.columns import COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

OUTSIDE = "outside"
NO_DATA = "no-data"
NO_AREA = "no-area"
LOW_VALID = "low-valid-fraction"
TIME_GAP = "time-gap"
SUPERSEDED = "another-observation-is-nearer"
NO_VALUE = "no-value"
NO_FRAME = "no-photo-straight-down"
AT_PARENT = "position-offset-matched-at-parent"
POSITION_OFFSET = "position-offset"
DISTURBED = "cut-or-grazed-in-between"

REASONS: Mapping[str, str] = {
    OUTSIDE: "the plot lies outside the map",
    NO_DATA: "the map has no measured pixel there",
    NO_AREA: "the outline has no area in the map's CRS",
    LOW_VALID: "too little of the plot is measured",
    TIME_GAP: "observation and flight lie too far apart in time",
    SUPERSEDED: "another observation of the same variable lies nearer to the flight",
    NO_VALUE: "no value could be given",
    NO_FRAME: "no photo that looks straight down shows the whole plot in the light",
    AT_PARENT: "the position is too unsure for the plot itself: matched with its parent plot",
    POSITION_OFFSET: "the position is too unsure for a match",
    DISTURBED: "the plot was cut or grazed between flight and observation",
}
"""What the words of the column `reason` mean."""


class PlotFlag(IntFlag):
    """Bits of the column qc_flag; `FLAGS` says what they mean."""

    OUTSIDE = 1
    LOW_VALID = 2
    SHADOW = 4
    TIME_GAP = 8
    POSITION = 16
    EXTRAPOLATED = 32
    CUT_AT_ZERO = 64
    BELOW_DETECTION = 128
    COVER_DISAGREES = 256


FLAGS: Mapping[PlotFlag, str] = {
    PlotFlag.OUTSIDE: "part of the plot, or all of it, lies outside the map",
    PlotFlag.LOW_VALID: "too little of the plot is measured",
    PlotFlag.SHADOW: "more than a quarter lies in shadow",
    PlotFlag.TIME_GAP: "observation and flight lie too far apart in time",
    PlotFlag.POSITION: "the position is less certain than a fifth of the plot's side",
    PlotFlag.EXTRAPOLATED: "a predictor lies outside what the model has seen",
    PlotFlag.CUT_AT_ZERO: "a negative prediction became 0",
    PlotFlag.BELOW_DETECTION: "a height that the surface can't tell from ground",
    PlotFlag.COVER_DISAGREES: "two methods differ by more than 0.05 on the plot's green cover",
}
"""The flags in words; a height is below detection under twice the vertical RMSE of the check points."""


def raised(flags: int) -> list[str]:
    """Flags that are raised, in words."""
    return [text for flag, text in FLAGS.items() if flags & flag]


def method_version() -> str:
    """Version of this project, as it stands in the column method_version."""
    return metadata.version("uav-workflow")


def to_frame(rows: Sequence[Mapping[str, object]], crs: str) -> gpd.GeoDataFrame:
    """Rows as a GeoDataFrame with every column of `COLUMNS` and geometry, in order and of its dtype, numbered."""
    import geopandas as gpd
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=[*COLUMNS, "geometry"]).assign(row_id=range(len(rows)))
    frame = frame.astype({name: column.dtype for name, column in COLUMNS.items()})
    nameless = frame["source"].eq("drone") & frame["value"].isna() & frame["reason"].isna()
    frame.loc[nameless, "reason"] = NO_VALUE
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=crs)


def write_parquet(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write GeoParquet 1.1 with a bounding box a row, compressed with ZSTD."""
    frame.to_parquet(path, index=False, compression="zstd", schema_version="1.1.0", write_covering_bbox=True)


def flat(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """The table without a geometry type: its geometry as WKT in the last column, to a tenth of a millimetre."""
    import pandas as pd

    digits = 9 if frame.crs is not None and frame.crs.is_geographic else 4
    text = frame.geometry.to_wkt(rounding_precision=digits)
    return pd.DataFrame(frame.drop(columns="geometry")).assign(geometry=text)


def write_csv(frame: gpd.GeoDataFrame, target: Path | TextIO) -> None:
    """Write CSV with the geometry as WKT in the last column; missing is empty."""
    flat(frame).to_csv(target, index=False, lineterminator="\n")


def write_geopackage(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write one layer, ``plots``; polygons become multi-polygons, as a layer has one type."""
    from shapely import multipolygons
    from shapely.geometry import Polygon

    whole = frame.geometry.map(lambda shape: multipolygons([shape]) if isinstance(shape, Polygon) else shape)
    frame.set_geometry(whole, crs=frame.crs).to_file(path, driver="GPKG", layer="plots", engine="pyogrio")
