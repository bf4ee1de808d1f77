"""Plot tables of many flights, answered as one."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from uav_workflow.domain.campaign import Campaign
from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding
from uav_workflow.plots.darwin_core import write_darwin_core
from uav_workflow.plots.datapackage import TABLE, write_datapackage
from uav_workflow.plots.schema import to_frame, write_csv, write_geopackage, write_parquet
from uav_workflow.plots.wide import wide

if TYPE_CHECKING:
    import geopandas as gpd

WGS84 = "EPSG:4326"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotQuery:
    """What is asked; None and empty ask for everything.

    Attributes
    ----------
    start, end : date
        Day of the flight in UTC, both included. A flight without a known time is in no range.
    bbox : (west, south, east, north)
        Degrees; plots that touch it.
    """

    site: str | None = None
    flight: str | None = None
    start: date | None = None
    end: date | None = None
    variables: tuple[str, ...] = ()
    bbox: tuple[float, float, float, float] | None = None


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """Read ``west,south,east,north``.

    Raises
    ------
    UsageError
        Not four numbers in that order.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise UsageError(f"--bbox {text}: write west,south,east,north in degrees") from exc
    if west > east or south > north:
        raise UsageError(f"--bbox {text}: west must not exceed east, nor south north")
    return west, south, east, north


def look_up(tables: Sequence[Path], query: PlotQuery) -> gpd.GeoDataFrame:
    """Rows of all tables that fit the query, in WGS84 degrees; their own CRS stays in the column ``crs``.

    Parameters
    ----------
    tables : sequence of Path
        plots.parquet of each flight.
    query : PlotQuery
    """
    import geopandas as gpd
    import pandas as pd

    frames = [gpd.read_parquet(path).to_crs(WGS84) for path in tables]
    if not frames:
        return to_frame([], WGS84)
    table = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=WGS84)
    keep = pd.Series(True, index=table.index)
    if query.site is not None:
        keep &= table["site_id"] == query.site
    if query.flight is not None:
        keep &= table["flight_id"] == query.flight
    if query.variables:
        keep &= table["variable"].isin(query.variables)
    day = table["flight_datetime_utc"].str.slice(0, 10)
    if query.start is not None:
        keep &= day >= query.start.isoformat()
    if query.end is not None:
        keep &= day <= query.end.isoformat()
    if query.bbox is not None:
        from shapely.geometry import box

        keep &= table.geometry.intersects(box(*query.bbox))
    return table[keep.fillna(False).astype(bool)].reset_index(drop=True)


def write_table(
    table: gpd.GeoDataFrame, target: Path | TextIO, form: str, campaign: Campaign | None = None
) -> list[Finding]:
    """Write rows as ``csv``, ``wide``, ``geojson``, ``gpkg``, ``parquet``, ``datapackage`` or ``dwc``.

    The first three also go to a stream; the last two are a new or empty folder, or a ZIP by the target's ending.

    Parameters
    ----------
    campaign : Campaign, optional
        Who publishes the rows; only ``dwc`` says it.

    Returns
    -------
    list of Finding
        What the files lack.

    Raises
    ------
    UsageError
        A form that is no text, and a stream; a folder that holds files.
    """
    if form == "csv":
        write_csv(table, target)
    elif form == "wide":
        wide(table).to_csv(target, index=False, lineterminator="\n")
    elif form == "geojson":
        text = table.to_json(drop_id=True)
        if isinstance(target, Path):
            target.write_text(text, encoding="utf-8")
        else:
            target.write(text + "\n")
    elif not isinstance(target, Path):
        raise UsageError(f"{form} is no text; name a file")
    elif form == "gpkg":
        write_geopackage(table, target)
    elif form == "parquet":
        write_parquet(table, target)
    else:
        with folder_or_zip(target) as folder:
            return _BUNDLES[form](table, folder, campaign or Campaign())
    return []


def _write_package(table: gpd.GeoDataFrame, folder: Path, _: Campaign) -> list[Finding]:
    write_csv(table, folder / TABLE)
    write_datapackage(folder, name="plots", title="Plots of drone flights, and what was measured on them")
    return []


_BUNDLES: Mapping[str, Callable[[gpd.GeoDataFrame, Path, Campaign], list[Finding]]] = {
    "datapackage": _write_package,
    "dwc": write_darwin_core,
}
"""Forms of several files."""


@contextmanager
def folder_or_zip(target: Path) -> Iterator[Path]:
    """Folder to write into: the target, or one whose files become the target when it ends in .zip.

    Raises
    ------
    UsageError
        The target is a folder that holds files.
    """
    if target.suffix.lower() != ".zip":
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{target}: is there already; name a new folder, or a file that ends in .zip")
        target.mkdir(parents=True, exist_ok=True)
        yield target
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(scratch).iterdir()):
                archive.write(file, file.name)
