"""The plot table laid wide: one row a plot and flight, one column a variable, for a spreadsheet or a first look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from uav_workflow.plots.schema import flat

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_KEYS = ("flight_id", "flight_datetime_utc", "site_id", "plot_id", "parent_plot_id", "vegetation_class", "area_m2")
_UNITS: Mapping[str, str] = {"1": "", "m": "_m", "m3": "_m3", "g/m2": "_g_m2"}


def wide(table: gpd.GeoDataFrame) -> pd.DataFrame:
    """One row a plot and flight; columns are variable and unit, those of the ground begin with ``ground_``.

    A variable that several methods give has a column a method. Ground values are those that may be matched on the
    plot itself, replicates averaged; what has no value is empty, its reason stands in the long table alone.
    """
    usable = table[table["reason"].isna() & (table["value"].notna() | table["text"].notna())]
    keys = [*_KEYS, "geometry"]
    plots = flat(table.drop_duplicates(["flight_id", "plot_id"]))[keys].set_index(["flight_id", "plot_id"])
    if usable.empty:
        return plots.reset_index()[keys]
    usable = usable.assign(column=_columns(usable))
    numbers = usable[usable["value"].notna()].groupby(["flight_id", "plot_id", "column"])["value"].mean().unstack()
    words = usable[usable["value"].isna()].groupby(["flight_id", "plot_id", "column"])["text"].first().unstack()
    joined: pd.DataFrame = plots.join(numbers).join(words).reset_index()
    return joined[[name for name in keys if name != "geometry"] + [*numbers.columns, *words.columns, "geometry"]]


def _columns(rows: Any) -> list[str]:
    """Column of every row: ``fvc_green``, ``agb_dry_g_m2``, ``ground_height_mean_m``."""
    family = rows["method"].str.partition(":")[0]
    drone = rows["source"] == "drone"
    many = family[drone].groupby(rows.loc[drone, "variable"]).nunique()
    found = []
    for source, variable, unit, method in zip(rows["source"], rows["variable"], rows["unit"], family, strict=True):
        name = f"{variable}{_UNITS.get(str(unit), '_' + _plain(unit) if isinstance(unit, str) and unit else '')}"
        if source == "ground":
            name = f"ground_{name}"
        elif many.get(variable, 1) > 1:
            name = f"{name}_{method}"
        found.append(name)
    return found


def _plain(unit: str) -> str:
    """Unit as a part of a name."""
    return "".join(letter if letter.isalnum() else "_" for letter in unit.lower())
