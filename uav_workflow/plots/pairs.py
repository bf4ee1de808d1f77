"""Which drone value stands beside which ground value: on the plot itself, or on the larger plot it lies in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from uav_workflow.plots.schema import AT_PARENT
from uav_workflow.plots.table import LEFT_OUT

Floats = NDArray[np.float64]
Level = Literal["own", "parent"]

COLUMNS = (
    "plot_id", "site_id", "parent_plot_id", "vegetation_class", "source", "variable", "value", "unit", "method",
    "pi90_lo", "pi90_hi", "reason",
)  # fmt: skip
"""Of the plot table, as many as pairs need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of one variable, drone method and level.

    Attributes
    ----------
    level : {"own", "parent"}
        ``parent``: the mean of quadrats whose positions are unsure, beside the drone's value of the plot they lie in.
    site_ids, classes : tuple of str (n,)
        Site and class of vegetation; empty where none is known.
    n_ground : int64 (n,)
        Ground rows that were averaged.
    n_left_out : int
        Pairs whose drone value comes from a model fitted without the plot.
    drone, ground : float64 (n,)
        In the variable's unit.
    pi90_lo, pi90_hi : float64 (n,)
        Interval of the drone value; NaN where it states none.
    """

    variable: str
    method: str
    unit: str
    level: Level
    plot_ids: tuple[str, ...]
    site_ids: tuple[str, ...]
    classes: tuple[str, ...]
    n_ground: NDArray[np.int64]
    n_left_out: int
    drone: Floats
    ground: Floats
    pi90_lo: Floats
    pi90_hi: Floats


def find_pairs(table: Any) -> Iterator[Pairs]:
    """Pairs by variable, drone method and level; what follows a colon in the method (left_out) does not part them.

    A pair is a drone row and the ground rows of the same plot, variable and unit, both with a value and without a
    reason; ground replicates are averaged. Ground rows that may be matched with the parent alone are averaged over
    the parent.

    Parameters
    ----------
    table : DataFrame
        With `COLUMNS`.
    """
    valued = table[table["value"].notna()]
    drone = valued[(valued["source"] == "drone") & valued["reason"].isna()]
    ground = valued[valued["source"] == "ground"]
    places = {"own": ground[ground["reason"].isna()], "parent": ground[ground["reason"] == AT_PARENT]}
    keys = {"own": "plot_id", "parent": "parent_plot_id"}
    for (variable, method), rows in drone.groupby(["variable", drone["method"].str.partition(":")[0]], sort=True):
        for level in ("own", "parent"):
            same = (places[level]["variable"] == variable) & (places[level]["unit"] == rows["unit"].iloc[0])
            measured = places[level][same].groupby(keys[level])["value"]
            pairs = rows[rows["plot_id"].isin(measured.groups)].sort_values("plot_id")
            if not pairs.empty:
                yield _pairs(str(variable), str(method), level, pairs, measured)


def _pairs(variable: str, method: str, level: Level, rows: Any, measured: Any) -> Pairs:
    plots = rows["plot_id"]
    return Pairs(
        variable=variable,
        method=method,
        unit=str(rows["unit"].iloc[0]),
        level=level,
        plot_ids=tuple(map(str, plots)),
        site_ids=tuple(rows["site_id"].fillna("").astype(str)),
        classes=tuple(rows["vegetation_class"].fillna("").astype(str)),
        n_ground=measured.count().loc[plots].to_numpy(dtype=np.int64),
        n_left_out=int(rows["method"].str.endswith(f":{LEFT_OUT}").sum()),
        drone=rows["value"].to_numpy(dtype=np.float64),
        ground=measured.mean().loc[plots].to_numpy(dtype=np.float64),
        pi90_lo=rows["pi90_lo"].to_numpy(dtype=np.float64),
        pi90_hi=rows["pi90_hi"].to_numpy(dtype=np.float64),
    )
