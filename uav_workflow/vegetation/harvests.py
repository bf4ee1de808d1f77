"""The plots a biomass model learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uav_workflow.vegetation.biomass_forms import Sample
from uav_workflow.vegetation.biomass_ladder import INDICES

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
HEIGHT = "height_mean"
PREDICTORS = (HEIGHT, "fvc_green", *INDICES)
"""Variables of the plot table a model may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvests:
    """Harvested plots that have a height.

    Attributes
    ----------
    flight_ids, site_ids, plot_ids : tuple of str (n,)
    values : mapping of predictor to float64 (n,)
        ``height_mean`` (m) and whatever else of `PREDICTORS` every plot has.
    agb, area_m2, x, y : float64 (n,)
        Dry biomass (g/m2), area of the plot's polygon (m2), its centre in the flight's CRS (m).
    without_height : tuple of str
        Harvested plots that could not be used for want of a height.
    incomplete : tuple of str
        Predictors that some of the plots lack, and that are not used therefore.
    """

    flight_ids: tuple[str, ...]
    site_ids: tuple[str, ...]
    plot_ids: tuple[str, ...]
    values: Mapping[str, Floats]
    agb: Floats
    area_m2: Floats
    x: Floats
    y: Floats
    without_height: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Plots to learn from."""
        return len(self.plot_ids)

    @property
    def side_m(self) -> float:
        """Side of the square of the plots' median area."""
        return float(np.sqrt(np.median(self.area_m2)))

    @property
    def sample(self) -> Sample:
        """Predictors and biomass."""
        return Sample(values=self.values, agb=self.agb)


def read_harvests(tables: Sequence[Path]) -> Harvests:
    """Join predictors and dry biomass of plot_predictors tables, a table a flight; replicates are averaged.

    Ground rows with a reason (another observation is nearer in time, or all are too far) are not used.

    Parameters
    ----------
    tables : sequence of Path
        plot_predictors.parquet; at least one.
    """
    import pandas as pd

    joined = pd.concat([_joined(table) for table in tables], ignore_index=True)
    usable = joined[HEIGHT].notna()
    used = joined[usable]
    had = [name for name in PREDICTORS if used[name].notna().any()]
    values = {name: used[name].to_numpy(dtype=np.float64) for name in had if used[name].notna().all()}
    return Harvests(
        flight_ids=tuple(map(str, used["flight_id"])),
        site_ids=tuple(map(str, used["site_id"])),
        plot_ids=tuple(map(str, used["plot_id"])),
        values=values or {HEIGHT: np.empty(0)},
        agb=used["agb"].to_numpy(dtype=np.float64),
        area_m2=used["area_m2"].to_numpy(dtype=np.float64),
        x=used["x"].to_numpy(dtype=np.float64),
        y=used["y"].to_numpy(dtype=np.float64),
        without_height=tuple(map(str, joined.loc[~usable, "plot_id"])),
        incomplete=tuple(name for name in had if name not in values),
    )


def _joined(path: Path) -> pd.DataFrame:
    """One row a harvested plot of a flight, with its predictors."""
    import pandas as pd

    columns = ["flight_id", "site_id", "plot_id", "source", "variable", "value", "area_m2", "x", "y", "reason"]
    table = pd.read_parquet(path, columns=columns)
    good = table[table["value"].notna() & (table["reason"].fillna("") == "")]
    harvests = good[(good["source"] == "ground") & (good["variable"] == "agb_dry")]
    about = harvests.groupby("plot_id", sort=True)
    joined = about[["value", "area_m2", "x", "y"]].mean().rename(columns={"value": "agb"})
    # a flight without a site of its own is a site
    joined["flight_id"] = about["flight_id"].first()
    joined["site_id"] = about["site_id"].first().fillna(joined["flight_id"])
    drone = good[(good["source"] == "drone") & good["variable"].isin(PREDICTORS)]
    wide = drone.pivot_table(index="plot_id", columns="variable", values="value", aggfunc="mean")
    return joined.join(wide.reindex(columns=list(PREDICTORS)), how="left").reset_index()
