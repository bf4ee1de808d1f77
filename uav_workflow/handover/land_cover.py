"""Land cover of satellite cells, from a map that the recipe names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.errors import RasterError
from uav_workflow.findings import Finding, warning

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandCoverMap:
    """A map of classes of land, such as ESA WorldCover.

    Attributes
    ----------
    name : str
        For people, with its year.
    path : Path
        Raster of one band of whole numbers, in any CRS.
    classes : mapping
        Code to what it means; codes that it lacks have no label.
    """

    name: str
    path: Path
    classes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LandCover:
    """The class with the largest area in every cell; of two that are equal the smaller code.

    Attributes
    ----------
    code : float64 (n,)
        NaN where the map says nothing.
    share : float64 (n,)
        Of the whole cell, 0 - 1; what the map leaves out belongs to no class.
    label : object (n,)
        What the code means; None where nobody said.
    """

    code: Float64
    share: Float64
    label: NDArray[np.object_]


def land_cover_of(source: LandCoverMap, rings: Float64, crs: str) -> LandCover:
    """Class and share of every cell, by exact areas in the map's own CRS.

    Parameters
    ----------
    rings : float64 (n, 4, 2)
        Corners of the cells.
    crs : str
        Of the corners.

    Raises
    ------
    RasterError
        The map can't be read, has several bands, no CRS, or values that are no classes.
    """
    import geopandas as gpd
    import rasterio
    import shapely
    from exactextract import exact_extract
    from exactextract.raster import RasterioRasterSource

    try:
        dataset = rasterio.open(source.path)
    except rasterio.errors.RasterioIOError as exc:
        raise RasterError(f"{source.path}: the land cover can't be read as a raster ({exc})") from exc
    with dataset:
        _check(dataset, source)
        cells = gpd.GeoSeries(shapely.polygons(rings), crs=crs).to_crs(dataset.crs)
        pixel = abs(dataset.transform.determinant)
        table = exact_extract(
            RasterioRasterSource(dataset, 1, name="cover"),
            gpd.GeoDataFrame(geometry=cells),
            ["unique", "frac", "count"],
            output="pandas",
        )
    codes, shares = np.full(len(rings), np.nan), np.full(len(rings), np.nan)
    # both areas are in the map's own units, degrees too
    covered = np.clip(table["count"].to_numpy(np.float64) * pixel / shapely.area(cells.to_numpy()), 0.0, 1.0)
    for row, (values, fractions) in enumerate(zip(table["unique"], table["frac"], strict=True)):
        if len(values) and covered[row] > 0:
            # rounded, so that halves are halves
            best = np.lexsort((values, -np.round(fractions, 9)))[0]
            codes[row], shares[row] = values[best], fractions[best] * covered[row]
    known = codes[np.isfinite(codes)]
    if np.any(known % 1):
        raise RasterError(f"{source.path}: land cover of {known[known % 1 > 0][0]:g} is no class; name a map of codes")
    labels = [source.classes.get(int(code)) if np.isfinite(code) else None for code in codes]
    return LandCover(code=codes, share=shares, label=np.array(labels, dtype=object))


def _check(dataset: object, source: LandCoverMap) -> None:
    if dataset.count != 1:  # type: ignore[attr-defined]
        raise RasterError(f"{source.path}: the land cover has {dataset.count} bands; name a raster of one")  # type: ignore[attr-defined]
    if dataset.crs is None:  # type: ignore[attr-defined]
        raise RasterError(f"{source.path}: the land cover has no CRS, so nobody knows where it lies")


def land_cover_findings(source: LandCoverMap, codes: Float64) -> list[Finding]:
    """Cells beside the map (NaN among the codes of all cells), and codes that nobody explained."""
    said = []
    if beside := int(np.isnan(codes).sum()):
        said.append(
            warning(
                "land-cover-absent",
                source.path.name,
                f"{source.name} says nothing of {beside} of {len(codes)} cells: their land_cover is empty",
                "name a map that covers the flight",
            )
        )
    known = {int(code) for code in codes[np.isfinite(codes)]}
    if unnamed := sorted(known - set(source.classes)):
        said.append(
            warning(
                "land-cover-unnamed",
                source.path.name,
                f"{source.name} has codes that the recipe does not explain: {', '.join(map(str, unnamed))}",
                "add them to handover.land_cover.classes",
            )
        )
    return said
