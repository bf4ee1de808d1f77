"""The plot table: predictors and ground rows, and biomass a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.product import Made
from uav_workflow.errors import StoreError
from uav_workflow.plots.columns import COLUMNS
from uav_workflow.plots.datapackage import write_datapackage
from uav_workflow.plots.schema import (
    PlotFlag,
    method_version,
    to_frame,
    write_csv,
    write_geopackage,
    write_parquet,
)
from uav_workflow.vegetation.biomass_card import load_model, read_left_out
from uav_workflow.vegetation.biomass_models import BiomassModel, Prediction

LEFT_OUT = "left_out"
_OF_A_MAP = ("text", "value_inner", "ring_mean", "ring_sd", "edge_share", "gsd_m", "source_sha256")
"""Columns of a predictor's row that say nothing of a modelled value."""


def make_plots(flight: Flight, predictors: Path, biomass: Path | None, out: Path) -> Made:
    """Write ``plots.parquet``, ``plots.gpkg``, ``plots.csv`` and ``datapackage.json``: predictors, and biomass a plot.

    Biomass comes from the model and the plot's own predictors, not from the map, whose cells straddle the plot's edge.
    A plot the model was trained on gets the prediction of a model chosen and fitted without it and its group (method
    ``<model>:left_out``): a match with its harvest is honest then.

    Parameters
    ----------
    flight : Flight
        Whose plots they are.
    predictors : Path
        plot_predictors.parquet.
    biomass : Path or None
        Folder with model.json and training.csv; None when biomass was not made.

    Raises
    ------
    StoreError
        The predictors are another flight's, or the model can't be read.
    """
    import geopandas as gpd
    import pandas as pd

    table = gpd.read_parquet(predictors)
    if (table["flight_id"] != flight.flight_id).any():
        raise StoreError(f"{predictors}: holds plots of another flight than {flight.flight_id}")
    rows: list[dict[str, object]] = []
    if biomass is not None:
        left_out = read_left_out(biomass / "training.csv", flight.flight_id)
        rows = list(_biomass_rows(table, load_model(biomass / "model.json"), left_out))
        table = pd.concat([table, to_frame(rows, str(table.crs))], ignore_index=True)
    table = table[[*COLUMNS, "geometry"]].sort_values(["plot_id", "source", "variable"], kind="stable")
    table["row_id"] = range(len(table))
    if flight.campaign is not None and flight.campaign.licence:
        table["licence"] = flight.campaign.licence
    write_parquet(table, out / "plots.parquet")
    write_geopackage(table, out / "plots.gpkg")
    write_csv(table, out / "plots.csv")
    title = f"Plots of {flight.site}, flight {flight.flight_id}"
    write_datapackage(out, name=flight.flight_id, title=title, campaign=flight.campaign)
    empty = int((table["source"].eq("drone") & table["value"].isna()).sum())
    return Made(facts={"rows": len(table), "plots": len(flight.plots), "biomass_rows": len(rows), "empty_rows": empty})


def _biomass_rows(table: Any, model: BiomassModel, left_out: Mapping[str, Prediction]) -> Iterator[dict[str, object]]:
    """One agb_dry row for every plot that has rows of the model's predictors."""
    drone = table[table["source"] == "drone"]
    wide = {name: drone[drone["variable"] == name].set_index("plot_id") for name in model.predictors}
    dates = _harvest_dates(table)
    for plot_id, base in wide[model.predictors[0]].iterrows():
        values = {name: float(rows.loc[plot_id, "value"]) for name, rows in wide.items()}
        own = left_out.get(str(plot_id))
        raw = own or model.predict(values)
        cut, negative = raw.cut_at_zero()
        reasons = [rows.loc[plot_id, "reason"] for rows in wide.values()]
        reason = next((text for text in reasons if isinstance(text, str)), None)
        flag = int(base["qc_flag"])
        flag |= int(PlotFlag.EXTRAPOLATED) * bool(model.outside(values))
        flag |= int(PlotFlag.CUT_AT_ZERO) * bool(negative)
        gap, day = dates.get(str(plot_id), (None, None))
        yield {
            **{name: base[name] for name in COLUMNS if name not in ("plot_id", *_OF_A_MAP)},
            "plot_id": plot_id,
            "geometry": base["geometry"],
            "variable": "agb_dry",
            "value": None if reason else float(cut.agb_dry),
            "unit": "g/m2",
            "uncertainty": None if reason else float(cut.sd),
            "uncertainty_type": "sd",
            "pi90_lo": None if reason else float(cut.pi90_lo),
            "pi90_hi": None if reason else float(cut.pi90_hi),
            "method": f"{model.name}:{LEFT_OUT}" if own else model.name,
            "method_version": method_version(),
            "dt_days": gap,
            "obs_datetime_utc": day,
            "qc_flag": flag,
            "reason": reason,
            "source_file": "model.json",
        }


def _harvest_dates(table: Any) -> dict[str, tuple[float | None, str | None]]:
    """Plot id -> gap and date of the harvest its biomass is matched with."""
    rows = table[(table["source"] == "ground") & (table["variable"] == "agb_dry") & table["reason"].isna()]
    return {
        str(plot): (gap, day)
        for plot, gap, day in zip(rows["plot_id"], rows["dt_days"], rows["obs_datetime_utc"], strict=True)
    }
