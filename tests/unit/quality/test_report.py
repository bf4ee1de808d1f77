"""The page: everything a reviewer asks for, in one file that fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.product import Product
from uav_workflow.findings import warning
from uav_workflow.plots.matching import make_match
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.table import make_plots
from uav_workflow.quality.gates import impossible_values, quality_gates
from uav_workflow.quality.methods import methods
from uav_workflow.quality.report import make_report
from uav_workflow.recipe import Acceptance

Make = Callable[..., Any]
BLOCK = {
    "total": 20,
    "registered": 15,
    "gsd_at_points_m": 0.02,
    "check_points": {"n": 5, "rmse_h_m": 0.03, "rmse_z_m": 0.20},
    "control_points": {"n": 6},
    "control_points_used": True,
}
COVER = {"method": "a_star_otsu", "threshold": -6.4, "between_share": 0.4, "shadow_share": 0.02}


class Page(HTMLParser):
    """Headings, pictures, and whether every tag that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        named = dict(attrs)
        if tag == "img":
            self.pictures.append(named)
        sources = [str(named[key]) for key in ("src", "href") if key in named]
        self.outside += [source for source in sources if not source.startswith("data:")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h2", "h3"):
            self.headings.append(data)


@pytest.fixture
def flight(square: Make, observed: Make, flown: Callable[..., Flight]) -> Flight:
    plots = [square(f"P{i}", 2 * (i % 4), 2 * (i // 4), site_id=f"S{i % 2}", vegetation_class="<b>") for i in range(8)]
    plots += [square("lost", 1, 7, sigma_h_m=2.0), square("away", 60, 60)]
    observations = [observed(plot.plot_id, "fvc_green", 0.1 * i) for i, plot in enumerate(plots)]
    return flown(plots, [*observations, observed("P1", "phenophase", None, text="flowering")])


@pytest.fixture
def made(flight: Flight, write_raster: Make, tmp_path: Path) -> dict[str, Product]:
    cells = np.random.default_rng(3).uniform(0, 1, (10, 10))
    share = np.kron(cells, np.ones((10, 10)))
    maps = {
        "cover": write_raster("cover.tif", {"fvc_green": share, "shadow": 0 * share}, tags={"method": "a_star_otsu"}),
        "canopy_height": write_raster("canopy_height.tif", {"canopy_height": 0.3 * share}),
        "orthomosaic": write_raster("orthomosaic.tif", dict.fromkeys(("red", "green", "blue"), 200 * share)),
    }
    predictors = make_plot_predictors(
        flight, Maps(rasters={kind: maps[kind] for kind in ("cover", "canopy_height")}, error_m=0.03), tmp_path
    )
    make_plots(flight, tmp_path / "plot_predictors.parquet", None, tmp_path)
    match = make_match(tmp_path / "plots.parquet", tmp_path)
    facts: dict[str, Any] = {
        "reconstruction": BLOCK,
        "orthomosaic": {"covered_m2": 100.0},
        "cover": COVER,
        "canopy_height": {"mean_m": 0.1, "below_minus_one_pixel_share": 0.01, "negative_share": 0.1},
        "plot_predictors": predictors.facts,
        "plots": {},
        "match": match.facts,
    }
    return {
        kind: Product(kind=kind, fingerprint="f", path=tmp_path, manifest={"facts": told, "files": {}})
        for kind, told in facts.items()
    }


@pytest.fixture
def text(flight: Flight, made: dict[str, Product], tmp_path: Path) -> str:
    out = tmp_path / "report"
    out.mkdir()
    make_report(
        flight,
        findings=[warning("blurred", "IMG_1.JPG", "it is <i>blurred</i>", "fly slower")],
        products=made,
        not_made={"biomass": "0 harvested plots of at least 6 needed"},
        accept=Acceptance(),
        out=out,
    )
    return (out / "report.html").read_text(encoding="utf-8")


def test_one_file_with_every_section(text: str, flight: Flight) -> None:
    page = Page(text)
    assert page.open == []
    assert page.outside == []
    assert "@import" not in text
    assert "url(" not in text
    assert page.headings == [
        "Gates",
        "Maps",
        "Plots",
        "Values",
        "Drone and ground",
        "By site and class",
        "Methods",
        "Findings",
        "Not made",
        "How it was made",
    ]
    assert all(picture.get("alt") is not None for picture in page.pictures)
    chips = [str(picture["alt"]) for picture in page.pictures if str(picture["alt"]).startswith("Plot ")]
    assert [alt.split(":")[0] for alt in chips] == sorted(f"Plot {plot.plot_id}" for plot in flight.plots)
    assert len(text) < 1_500_000


def test_what_a_folder_says_is_text_not_markup(text: str) -> None:
    assert "<i>blurred</i>" not in text
    assert "it is &lt;i&gt;blurred&lt;/i&gt;" in text
    assert "S0, &lt;b&gt;, 1 m²" in text


def test_reasons_stand_where_a_value_is_missing(text: str) -> None:
    assert "0 harvested plots of at least 6 needed" in text
    assert "the plot lies outside the map" in text
    assert "the position is too unsure for a match" in text


def test_statistics_are_those_of_the_match(text: str, made: dict[str, Product]) -> None:
    (row,) = made["match"].facts["match"]  # type: ignore[misc]
    plain = re.sub(r"<[^>]+>", " ", text)
    assert isinstance(row, dict)
    assert row["n"] == 8
    assert f"{row['r2']:.3g}" in plain
    assert f"{row['bias']:.3g} [{row['bias_ci95_lo']:.3g}, {row['bias_ci95_hi']:.3g}]" in plain
    assert "by site" not in plain or "S1" in plain


def test_gates_carry_value_bound_and_verdict(made: dict[str, Product]) -> None:
    table = pd.read_parquet(made["plots"].file("plots.parquet"))
    gates = {gate.gate.name: gate for gate in quality_gates(made, Acceptance(), table)}
    verdicts = {name: gate.verdict for name, gate in gates.items()}
    assert verdicts == {
        "photos placed": "missed",
        "check points, horizontal RMSE": "kept",
        "check points, vertical RMSE": "failed",
        "check points": "missed",
        "green and other told apart": "missed",
        "ground in shadow": "kept",
        "canopy far below ground": "kept",
        "plots placed well enough": "missed",
        "plots with every value": "kept",
        "impossible values on plots": "kept",
        "pairs of drone and ground: fvc green": "missed",
    }
    assert (gates["photos placed"].value, gates["photos placed"].bound) == ("75 %", "≥ 80 %")
    assert gates["check points, vertical RMSE"].value == "10 GSD"


def test_without_check_points_nobody_knows(made: dict[str, Product]) -> None:
    facts = {**BLOCK, "check_points": {"n": 0}}
    bare = {"reconstruction": Product(kind="reconstruction", fingerprint="", path=Path(), manifest={"facts": facts})}
    gates = {gate.gate.name: gate for gate in quality_gates(bare, Acceptance(), None)}
    silent = gates["check points, horizontal RMSE"]
    assert (silent.value, silent.bound, silent.verdict) == ("", "", "not measured")
    assert "check points" not in gates


def test_values_that_can_not_be_true_are_counted() -> None:
    rows = [
        ("A", "fvc_green", 1.2),
        ("A", "fvc_total", 0.9),
        ("B", "fvc_green", 0.6),
        ("B", "fvc_total", 0.5),
        ("C", "agb_dry", -3.0),
        ("D", "height_mean", -0.02),
        ("E", "fvc_green", 0.5),
    ]
    table = pd.DataFrame(rows, columns=["plot_id", "variable", "value"]).assign(source="drone", reason=None)
    # A above 1 and above total, B above total, C negative; a height of minus two centimetres is noise
    assert impossible_values(table) == 4


def test_methods_say_the_parameters_that_were_used(made: dict[str, Product]) -> None:
    said = {method.title: method.text for method in methods(made)}
    assert "15 of 20 photos" in said["Photogrammetry"]
    assert "6 control points" in said["Photogrammetry"]
    assert "-6.4" in said["Cover"]
    assert "less than 75%" in said["Plots"]
    assert "3.0 cm of the map" in said["Plots"]
    assert "Biomass" not in said
