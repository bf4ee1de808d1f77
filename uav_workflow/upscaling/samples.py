"""Cells of hand-overs that a model may learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding, info, warning

if TYPE_CHECKING:
    import geopandas as gpd

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

TABLE = "samples.parquet"
COLUMNS = (
    "cell_id",
    "geometry",
    "variable",
    "value",
    "sd",
    "coverage",
    "weight",
    "fold_id",
    "flight_id",
    "site_id",
    "date",
)
"""What the sample table of a hand-over has to have."""
LEAST_COVERAGE = 0.75
SIDE_TOLERANCE = 0.01
"""Share by which a cell's side may differ from the predictors' pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Cells of one variable; every array is (n,).

    Attributes
    ----------
    x, y : float64
        Centre, metres in the CRS of the predictors.
    value, sd : float64
        In the house unit of the variable.
    weight : float64
        Above 0.
    fold : str
        Block of space within the site.
    date : str
        ISO; empty where unknown.
    """

    x: Floats
    y: Floats
    value: Floats
    sd: Floats
    coverage: Floats
    weight: Floats
    cell: Texts
    site: Texts
    flight: Texts
    fold: Texts
    date: Texts

    @property
    def n(self) -> int:
        """Cells."""
        return int(self.value.size)

    def among(self, kept: NDArray[np.bool_]) -> Samples:
        """Return some of the cells."""
        return Samples(**{one.name: getattr(self, one.name)[kept] for one in fields(self)})


def read_table(handovers: Sequence[Path], crs: str) -> gpd.GeoDataFrame:
    """Sample tables of hand-overs as one, its geometries in ``crs``; a cell given twice is one cell.

    Parameters
    ----------
    handovers : sequence of Path
        Folders of packages, or sample tables.

    Raises
    ------
    UsageError
        No sample table, one without CRS, or one that lacks a column.
    """
    import geopandas as gpd
    import pandas as pd

    parts = []
    for given in handovers:
        path = given / TABLE if given.is_dir() else given
        if not path.is_file():
            raise UsageError(f"{given}: there is no {TABLE}; name the folder of a hand-over that has one")
        try:
            table = gpd.read_parquet(path)
        except (ValueError, OSError) as exc:
            raise UsageError(f"{path}: can't be read as a GeoParquet table ({exc})") from exc
        if missing := [name for name in COLUMNS if name not in table.columns]:
            raise UsageError(f"{path}: lacks the column {', '.join(missing)}; a sample table has {', '.join(COLUMNS)}")
        if table.crs is None:
            raise UsageError(f"{path}: its geometries have no coordinate reference system")
        parts.append(table[list(COLUMNS)].to_crs(crs))
    whole = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs)
    return whole.drop_duplicates(["flight_id", "variable", "cell_id"], ignore_index=True)


def variables_of(table: gpd.GeoDataFrame, wanted: Sequence[str]) -> tuple[str, ...]:
    """Variables to upscale: those asked for, or all of the table.

    Raises
    ------
    UsageError
        The table lacks one.
    """
    have = sorted(table["variable"].astype(str).unique())
    if missing := [name for name in wanted if name not in have]:
        raise UsageError(f"--variable {', '.join(missing)}: the hand-overs have {', '.join(have) or 'no variable'}")
    return tuple(wanted) or tuple(have)


def choose(
    table: gpd.GeoDataFrame, variable: str, cell_m: float, least_coverage: float = LEAST_COVERAGE
) -> tuple[Samples, list[Finding]]:
    """Cells of one variable that are as large as a pixel and covered well enough.

    Raises
    ------
    UsageError
        No cell is as large as a pixel.
    """
    rows = table[table["variable"].astype(str) == variable]
    side = np.sqrt(rows.geometry.area.to_numpy())
    fits = np.abs(side / cell_m - 1) <= SIDE_TOLERANCE
    if not fits.any():
        sides = ", ".join(f"{one:g} m" for one in np.unique(side.round(1)))
        raise UsageError(
            f"{variable}: cells of {sides}, predictors of {cell_m:g} m: hand over on that grid, or warp the predictors"
        )
    samples = _samples(rows[fits])
    covered = samples.coverage >= least_coverage
    known = np.isfinite(samples.value) & np.isfinite(samples.weight) & (samples.weight > 0)
    findings = []
    if partial := int((~covered).sum()):
        text = f"{partial} of {samples.n} cells are covered by less than {least_coverage:.0%}: not trained on"
        findings.append(info("cells-partial", variable, text))
    if unknown := int((covered & ~known).sum()):
        text = f"{unknown} cells have no value or no weight: not trained on"
        findings.append(warning("cells-without-value", variable, text))
    return samples.among(covered & known), findings


def _samples(rows: gpd.GeoDataFrame) -> Samples:
    import pandas as pd

    centre = rows.geometry.centroid
    date = pd.to_datetime(rows["date"], errors="coerce", utc=True).dt.strftime("%Y-%m-%d").fillna("")
    return Samples(
        x=centre.x.to_numpy(),
        y=centre.y.to_numpy(),
        **{name: _numbers(rows[name]) for name in ("value", "sd", "coverage", "weight")},
        cell=_texts(rows["cell_id"]),
        site=_texts(rows["site_id"]),
        flight=_texts(rows["flight_id"]),
        fold=_texts(rows["fold_id"]),
        date=date.to_numpy(dtype=str),
    )


def _numbers(column: Any) -> Floats:
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


def _texts(column: Any) -> Texts:
    return np.asarray(column.astype(str).to_numpy(), dtype=str)
