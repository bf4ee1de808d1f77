"""The plots a biomass model learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvests:
    """Harvested plots of a flight that have a height.

    Attributes
    ----------
    plot_ids : tuple of str
    height, agb, area_m2 : float64 (n,)
        Drone height_mean (m), dry biomass (g/m2), area of the plot polygon (m2).
    without_height : tuple of str
        Harvested plots that could not be used for want of a height.
    """

    plot_ids: tuple[str, ...]
    height: Floats
    agb: Floats
    area_m2: Floats
    without_height: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Plots to learn from."""
        return len(self.plot_ids)

    @property
    def side_m(self) -> float:
        """Side of the square of the plots' median area."""
        return float(np.sqrt(np.median(self.area_m2)))


def read_harvests(predictors: Path) -> Harvests:
    """Join heights and dry biomass of a plot_predictors table; replicates of one plot are averaged.

    Ground rows with a reason (another observation is nearer in time, or all are too far) are not used.
    """
    import pandas as pd

    columns = ["plot_id", "source", "variable", "value", "area_m2", "reason"]
    table = pd.read_parquet(predictors, columns=columns)
    height = _values(table, "drone", "height_mean")
    agb = _values(table, "ground", "agb_dry")
    joined = agb.join(height["value"].rename("height"), how="left")
    usable = joined["height"].notna()
    used = joined[usable]
    return Harvests(
        plot_ids=tuple(str(plot) for plot in used.index),
        height=used["height"].to_numpy(dtype=np.float64),
        agb=used["value"].to_numpy(dtype=np.float64),
        area_m2=used["area_m2"].to_numpy(dtype=np.float64),
        without_height=tuple(str(plot) for plot in joined.index[~usable]),
    )


def _values(table: pd.DataFrame, source: str, variable: str) -> pd.DataFrame:
    rows = table[
        (table["source"] == source)
        & (table["variable"] == variable)
        & table["value"].notna()
        & (table["reason"].fillna("") == "")
    ]
    return rows.groupby("plot_id", sort=True)[["value", "area_m2"]].mean()
