from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from shapely.geometry import box

from uav_workflow.errors import UsageError
from uav_workflow.plots.lookup import PlotQuery, look_up, parse_bbox, write_table
from uav_workflow.plots.schema import to_frame, write_parquet

NORTH = box(499990, 4199990, 500010, 4200010)
SOUTH = box(499990, 4100000, 500010, 4100020)


def table(path: Path, flight: str, day: str, crs: str = "EPSG:32647") -> Path:
    rows = [
        {
            "plot_id": plot,
            "site_id": site,
            "flight_id": flight,
            "flight_datetime_utc": f"{day}T04:00:00+00:00",
            "variable": variable,
            "value": 0.5,
            "source": "drone",
            "qc_flag": 0,
            "crs": crs,
            "geometry": shape,
        }
        for plot, site, shape in (("A", "ridge", NORTH), ("B", "valley", SOUTH))
        for variable in ("fvc_green", "agb_dry")
    ]
    write_parquet(to_frame(rows, crs), path)
    return path


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    return [
        table(tmp_path / "june.parquet", "f1", "2026-06-20"),
        table(tmp_path / "july.parquet", "f2", "2026-07-24"),
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (PlotQuery(), 8),
        (PlotQuery(site="ridge"), 4),
        (PlotQuery(flight="f2"), 4),
        (PlotQuery(variables=("agb_dry",)), 4),
        (PlotQuery(start=date(2026, 7, 24)), 4),
        (PlotQuery(end=date(2026, 7, 24)), 8),
        (PlotQuery(end=date(2026, 7, 23)), 4),
        (PlotQuery(bbox=(98, 37.5, 100, 38)), 4),
        (PlotQuery(site="ridge", flight="f1", variables=("fvc_green",)), 1),
        (PlotQuery(site="nowhere"), 0),
    ],
)
def test_rows_that_fit(tables: list[Path], query: PlotQuery, count: int) -> None:
    assert len(look_up(tables, query)) == count


def test_no_flight_yet_gives_an_empty_table() -> None:
    assert len(look_up([], PlotQuery())) == 0


def test_answers_are_in_degrees_and_readable_as_csv(tables: list[Path]) -> None:
    stream = io.StringIO()
    write_table(look_up(tables, PlotQuery(site="ridge", flight="f1")), stream, "csv")
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert {row["plot_id"] for row in rows} == {"A"}
    assert rows[0]["geometry"].startswith("POLYGON ((99.")


def test_a_box_the_wrong_way_round_is_refused() -> None:
    assert parse_bbox("98,37,100,38") == (98, 37, 100, 38)
    for text in ("100,37,98,38", "98,37,100", "a,b,c,d"):
        with pytest.raises(UsageError, match="--bbox"):
            parse_bbox(text)
