"""Plots followed over the dates of several flights."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image
from shapely.geometry import box
from typer.testing import CliRunner

from uav_workflow.errors import UsageError
from uav_workflow.plots.curve import MEAN
from uav_workflow.plots.lookup import PlotQuery, look_up
from uav_workflow.plots.schema import to_frame, write_parquet
from uav_workflow.plots.series import find_curves, write_series
from uav_workflow.statistics.phenology import double_logistic

CRS = "EPSG:32647"
DAYS = tuple(range(105, 300, 21))
Write = Callable[..., Path]


def cover(day: int, plot: int) -> float:
    return float(double_logistic(day, (0.1, 0.6 + 0.05 * plot, 150, 255, 0.12, 0.1)))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Plot table of one flight on a day of 2026."""

    def one(day: int | None, *, drop: tuple[str, ...] = (), moved_m: float = 0.0, method: str = "a_star_otsu") -> Path:
        when = None if day is None else (date(2026, 1, 1) + timedelta(days=day - 1)).isoformat()
        rows = [
            {
                "plot_id": f"P{i}",
                "site_id": "Arou",
                "flight_id": f"f{day}",
                "area_m2": 1.0,
                "flight_datetime_utc": when and f"{when}T04:00:00+00:00",
                "source": "drone",
                "variable": "fvc_green",
                "value": None if f"P{i}" in drop else cover(day or 0, i),
                "reason": "outside" if f"P{i}" in drop else None,
                "unit": "1",
                "method": method,
                "qc_flag": 0,
                "crs": CRS,
                "geometry": box(5e5 + 3 * i + moved_m, 4.2e6, 5e5 + 3 * i + 1 + moved_m, 4.2e6 + 1),
            }
            for i in range(3)
        ]
        path = tmp_path / f"{day}{method}.parquet"
        write_parquet(to_frame(rows, CRS), path)
        return path

    return one


def test_seasons_of_plots_and_of_their_mean(write: Write, tmp_path: Path) -> None:
    paths = [write(day, drop=("P2",) if day == 168 else ()) for day in DAYS]
    curves, findings = find_curves(look_up(paths, PlotQuery()))
    assert findings == []
    document = write_series(curves, findings, tmp_path / "out")
    seasons = {row["plot_id"]: row for row in read(tmp_path / "out" / "seasons.csv")}
    assert set(seasons) == {"P0", "P1", "P2", MEAN}
    for plot in ("P0", "P1", MEAN):
        assert seasons[plot]["method_of_season"].startswith("double logistic")
        assert abs((date.fromisoformat(seasons[plot]["start"]) - date(2026, 5, 30)).days) <= 2
        assert abs((date.fromisoformat(seasons[plot]["end"]) - date(2026, 9, 12)).days) <= 2
        after, before = (date.fromisoformat(seasons[plot][name]) for name in ("start_after", "start_before"))
        assert after < date.fromisoformat(seasons[plot]["start"]) < before
        assert (before - after).days == 21
    assert seasons["P2"]["n_dates"] == str(len(DAYS) - 1)
    # a plot that misses a date would bend the mean on that date: it is not in it
    points = read(tmp_path / "out" / "series.csv")
    mean = {row["day_of_year"]: float(row["value"]) for row in points if row["plot_id"] == MEAN}
    assert mean["210"] == pytest.approx((cover(210, 0) + cover(210, 1)) / 2)
    assert document["charts"] == ["series_fvc_green.png"]
    with Image.open(tmp_path / "out" / "series_fvc_green.png") as chart:
        assert chart.size[0] > 400
    assert json.loads((tmp_path / "out" / "series.json").read_text())["seasons"]


def test_too_few_dates_are_said(write: Write, tmp_path: Path) -> None:
    curves, findings = find_curves(look_up([write(126), write(210)], PlotQuery()))
    document = write_series(curves, findings, tmp_path / "out")
    rows = document["seasons"]
    assert isinstance(rows, list)
    assert all(row["start"] is None and "2 dates, of at least 4" in str(row["note"]) for row in rows)  # type: ignore[index,call-overload]
    (told,) = document["findings"]  # type: ignore[misc]
    assert told["code"] == "season-unknown"  # type: ignore[index,call-overload]


def test_methods_are_not_joined_into_one_curve(write: Write) -> None:
    """Another camera's method is another measure: a jump between the two is no growth."""
    curves, _ = find_curves(look_up([write(126), write(210, method="ndvi_otsu")], PlotQuery()))
    assert {(curve.plot_id, curve.method, len(curve.days)) for curve in curves if curve.plot_id == "P0"} == {
        ("P0", "a_star_otsu", 1),
        ("P0", "ndvi_otsu", 1),
    }


def test_a_plot_that_moved_and_a_flight_without_a_day_are_said(write: Write) -> None:
    _, findings = find_curves(look_up([write(126), write(147, moved_m=0.5), write(None)], PlotQuery()))
    assert [finding.code for finding in findings] == ["flight-undated", *["plot-moved"] * 3]
    assert "0.50 m" in findings[1].message


def test_nothing_to_follow(write: Write) -> None:
    with pytest.raises(UsageError, match="no dated value of lai"):
        find_curves(look_up([write(126)], PlotQuery()), ("lai",))


def test_command_says_where_there_is_no_table(tmp_path: Path) -> None:
    from uav_workflow.cli.main import _register, app

    if not app.registered_commands:
        _register()
    with pytest.raises(UsageError, match="no plot table"):
        CliRunner().invoke(app, ["series", str(tmp_path), "-o", str(tmp_path / "out")], catch_exceptions=False)
