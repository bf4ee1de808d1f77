"""The same plots over the dates of many flights: curves, and start, peak and end of their seasons."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.curve import MEAN, Curve, Row
from uav_workflow.plots.position import OFFSET_SHARE
from uav_workflow.statistics.phenology import LEAST_DATES, LEAST_FOR_CURVE
from uav_workflow.store import write_json

Floats = NDArray[np.float64]

GREENNESS = ("ndvi_mean", "ndre_mean", "gli_mean", "fvc_green", "fvc_total")
"""Variables that are followed when none is named."""
CONVENTIONS: Mapping[str, Json] = {
    "season": f"from {LEAST_FOR_CURVE} dates on the inflections of a double logistic (Beck et al. 2006), else "
    "crossings of half of the amplitude (White et al. 1997) on straight lines between dates; "
    f"at least {LEAST_DATES} dates",
    "start_between, end_between": "flights on either side of the crossing: nothing is known inside them",
    "plot_id": f"'{MEAN}' is the mean of the plots of a site that have a value on each of its dates",
    "year": "a season is looked for inside each calendar year",
}


def find_curves(table: Any, variables: Sequence[str] = ()) -> tuple[list[Curve], list[Finding]]:
    """Curves of every plot and of every site's mean, and what there is to say.

    Parameters
    ----------
    table : GeoDataFrame
        Plot tables of many flights, in one CRS.
    variables : sequence of str
        Followed variables; `GREENNESS` as far as there are any when empty.

    Raises
    ------
    UsageError
        Nothing to follow.
    """
    drone = table[(table["source"] == "drone") & table["variable"].isin(variables or GREENNESS)]
    undated = drone["flight_datetime_utc"].isna()
    findings = []
    if undated.any():
        names = ", ".join(sorted(set(drone.loc[undated, "flight_id"])))
        findings.append(warning("flight-undated", names, "the day of the flight is unknown: left out of the series"))
    usable = drone[~undated & drone["value"].notna() & drone["reason"].isna()]
    if usable.empty:
        wanted = ", ".join(variables or GREENNESS)
        raise UsageError(f"no dated value of {wanted} on any plot; `uav plots` lists what there is")
    day = [date.fromisoformat(str(text)[:10]) for text in usable["flight_datetime_utc"]]
    usable = usable.assign(
        day=day,
        year=[one.year for one in day],
        family=usable["method"].str.partition(":")[0],
        site_id=usable["site_id"].fillna(""),
    )
    findings += _moved(usable)
    curves: list[Curve] = []
    for (site, variable, method, year), rows in usable.groupby(["site_id", "variable", "family", "year"], sort=True):
        what = {"site_id": str(site), "variable": str(variable), "method": str(method), "year": int(year)}
        curves += _curves(rows, what)
    return curves, findings


def _curves(rows: Any, what: Mapping[str, Any]) -> Iterator[Curve]:
    """Curve of each plot of a site in a year, and of the mean of those that are seen on every date."""
    unit = str(rows["unit"].iloc[0])
    for plot, own in rows.groupby("plot_id", sort=True):
        daily = own.groupby("day", sort=True)
        sd = own["uncertainty"].where(own["uncertainty_type"] == "sd")
        yield Curve(
            **what,
            plot_id=str(plot),
            unit=unit,
            days=tuple(daily.groups),
            values=daily["value"].mean().to_numpy(dtype=np.float64),
            sds=sd.groupby(own["day"], sort=True).mean().to_numpy(dtype=np.float64),
            flights=tuple(daily["flight_id"].first()),
        )
    wide = rows.pivot_table(index="day", columns="plot_id", values="value", aggfunc="mean").sort_index()
    whole = wide.dropna(axis="columns")
    if whole.shape[1] > 1:
        yield Curve(
            **what,
            plot_id=MEAN,
            unit=unit,
            days=tuple(whole.index),
            values=whole.mean(axis="columns").to_numpy(dtype=np.float64),
            sds=whole.std(axis="columns", ddof=1).to_numpy(dtype=np.float64),
            flights=tuple(rows.groupby("day", sort=True)["flight_id"].first()),
        )


def _moved(rows: Any) -> Iterator[Finding]:
    """Plots whose outline lies elsewhere on another date: another plot under the same name."""
    for (_, plot), own in rows.groupby(["site_id", "plot_id"], sort=True):
        outlines = own.drop_duplicates("flight_id")
        metric = outlines.geometry.to_crs(outlines.geometry.estimate_utm_crs()).centroid
        shift = float(metric.distance(metric.iloc[0]).max())
        if shift > OFFSET_SHARE * math.sqrt(float(outlines["area_m2"].iloc[0])):
            text = f"plot {plot} lies up to {shift:.2f} m apart on different dates"
            yield warning("plot-moved", str(plot), text, "is it one plot? give new ones new names")


def write_series(curves: Sequence[Curve], findings: Sequence[Finding], out: Path) -> dict[str, Json]:
    """Write ``series.csv``, ``seasons.csv``, ``series.json`` and ``series_<variable>.png``; return what the JSON holds.

    Parameters
    ----------
    curves : sequence of Curve
    out : Path
        Folder, made when absent.
    """
    from uav_workflow.plots.series_chart import draw_series

    out.mkdir(parents=True, exist_ok=True)
    seasons = [_season_row(curve) for curve in curves]
    _write_csv(out / "series.csv", [row for curve in curves for row in _points(curve)])
    _write_csv(out / "seasons.csv", seasons)
    charts = []
    for variable in dict.fromkeys(curve.variable for curve in curves):
        charts.append(f"series_{variable}.png")
        draw_series([curve for curve in curves if curve.variable == variable], out / charts[-1])
    told = [*findings, *_few(seasons)]
    document: dict[str, Json] = {
        "conventions": dict(CONVENTIONS),
        "seasons": [*seasons],
        "charts": [*charts],
        "findings": [dict(finding.to_json()) for finding in told],
    }
    write_json(out / "series.json", document)
    return document


def _few(seasons: Sequence[Row]) -> Iterator[Finding]:
    untold = [row for row in seasons if not row["method_of_season"]]
    if untold:
        text = f"{len(untold)} of {len(seasons)} curves tell no season ({untold[0]['note']})"
        yield info("season-unknown", "seasons.csv", text, "fly before green-up, at the peak and in senescence")


def _points(curve: Curve) -> Iterator[Row]:
    for day, value, sd, flight in zip(curve.days, curve.values, curve.sds, curve.flights, strict=True):
        yield {
            **curve.name(),
            "date": day.isoformat(),
            "day_of_year": day.timetuple().tm_yday,
            "value": float(value),
            "sd": float(sd) if math.isfinite(sd) else None,
            "flight_id": flight,
        }


def _season_row(curve: Curve) -> Row:
    found = curve.season()
    first = date(curve.year, 1, 1)

    def day(number: float) -> str | None:
        return (first + timedelta(days=round(number) - 1)).isoformat() if math.isfinite(number) else None

    return {
        **curve.name(),
        "n_dates": len(curve.days),
        "first_date": curve.days[0].isoformat(),
        "last_date": curve.days[-1].isoformat(),
        "method_of_season": found.method,
        "start": day(found.start),
        "start_after": day(found.start_between[0]),
        "start_before": day(found.start_between[1]),
        "start_sd_days": found.start_sd if math.isfinite(found.start_sd) else None,
        "peak": day(found.peak),
        "end": day(found.end),
        "end_after": day(found.end_between[0]),
        "end_before": day(found.end_between[1]),
        "end_sd_days": found.end_sd if math.isfinite(found.end_sd) else None,
        "length_days": found.end - found.start if math.isfinite(found.end - found.start) else None,
        "base": found.base if math.isfinite(found.base) else None,
        "top": found.top if math.isfinite(found.top) else None,
        "rmse": found.rmse if math.isfinite(found.rmse) else None,
        "note": found.note,
    }


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
