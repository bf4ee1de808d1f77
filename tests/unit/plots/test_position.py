"""At which level a plot may be matched, by what is known of its position."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest

from tests.unit.plots.conftest import DAY
from uav_workflow.domain.flight import Flight
from uav_workflow.plots.matching import make_match
from uav_workflow.plots.position import kind_of_fix, placements
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.schema import PlotFlag
from uav_workflow.plots.table import make_plots

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("rtk_fixed", "fixed"),
        ("RTK float", "float"),
        ("PPK", "fixed"),
        ("FIX", "fixed"),
        ("3D fix", "single"),
        ("autonomous", "single"),
        ("handheld GPS", "single"),
        ("DGPS", "differential"),
        ("no fix", "single"),
        ("1", None),
        ("by eye", None),
        (None, None),
    ],
)
def test_kinds_of_fix(words: str | None, kind: str | None) -> None:
    assert kind_of_fix(words) == kind


def test_levels_follow_offset_over_side(square: Make) -> None:
    plots = [
        square("sure", 0, 0, sigma_h_m=0.2),
        square("unsure", 2, 0, sigma_h_m=0.21),
        square("inside", 4, 0, sigma_h_m=1.0, parent_plot_id="field"),
        square("lost", 6, 0, sigma_h_m=3.0, parent_plot_id="field"),
        square("orphan", 8, 0, sigma_h_m=1.0, parent_plot_id="not set out"),
        square("handheld", 0, 4, fix_type="single"),
        square("silent", 2, 4),
        square("field", 0, 0, side=10.0, sigma_h_m=0.5),
    ]
    outlines = [plot.geometry for plot in plots]
    levels = {name: one.level for name, one in placements(plots, outlines, None).items()}
    assert levels == {
        "sure": "own",
        "unsure": "none",
        "inside": "parent",
        "lost": "none",
        "orphan": "none",
        "handheld": "none",
        "silent": "own",
        "field": "own",
    }


def test_the_error_of_the_map_counts_too(square: Make) -> None:
    plots = [square("A", 0, 0, sigma_h_m=0.16), square("silent", 2, 0)]
    outlines = [plot.geometry for plot in plots]
    with_map = placements(plots, outlines, 0.13)
    assert with_map["A"].offset_m == pytest.approx(np.hypot(0.16, 0.13))
    assert with_map["A"].level == "none"
    assert placements(plots, outlines, None)["A"].level == "own"
    assert with_map["silent"].offset_m == pytest.approx(0.13)


@pytest.fixture
def field(write_raster: Make, square: Make, observed: Make, flown: Callable[..., Flight]) -> tuple[Flight, Path]:
    """Two parents of 5 m with four handheld quadrats of 1 m each, and three surveyed quadrats."""
    cover = np.zeros((100, 100))
    cover[:50, :50], cover[:50, 50:] = 0.2, 0.8
    parents = [square(f"P{i}", 5 * i, 0, side=5.0, sigma_h_m=0.03) for i in range(2)]
    loose = [
        square(f"q{i}{k}", 5 * i + k, k, sigma_h_m=0.9, parent_plot_id=f"P{i}", vegetation_class="steppe")
        for i in range(2)
        for k in range(4)
    ]
    surveyed = [square(f"s{k}", 5 * (k % 2) + 1, 1.5 * k, fix_type="rtk_fixed") for k in range(3)]
    lost = square("far", 1, 8, fix_type="handheld")
    values = {f"q{i}{k}": 0.2 + 0.6 * i + 0.01 * (k - 1.5) for i in range(2) for k in range(4)}
    values |= {f"s{k}": 0.2 + 0.6 * (k % 2) for k in range(3)} | {"far": 0.5}
    observations = [observed(name, "fvc_green", value) for name, value in values.items()]
    path = write_raster("cover.tif", {"fvc_green": cover, "shadow": 0 * cover}, tags={"method": "a_star_otsu"})
    return flown([*parents, *loose, *surveyed, lost], observations), path


def test_quadrats_that_may_lie_anywhere_in_their_plot_are_matched_with_it(
    field: tuple[Flight, Path], tmp_path: Path
) -> None:
    flight, cover = field
    made = make_plot_predictors(flight, Maps(rasters={"cover": cover}), tmp_path)
    make_plots(flight, tmp_path / "plot_predictors.parquet", None, tmp_path)
    table = gpd.read_parquet(tmp_path / "plots.parquet")
    ground = table[table["source"] == "ground"].set_index("plot_id")
    assert ground.loc["q00", "reason"] == "position-offset-matched-at-parent"
    assert ground.loc["far", "reason"] == "position-offset"
    assert ground.loc["far", "offset_m"] == 3.0
    assert np.isnan(ground.loc["far", "pos_sigma_h_m"])
    assert ground.loc["q00", "qc_flag"] & PlotFlag.POSITION
    assert made.facts["match_levels"] == {"own": 5, "parent": 8, "none": 1}
    said = [f"{finding.code}: {finding.message}" for finding in made.findings]
    assert any(text.startswith("plot-position: plot far ") for text in said)
    assert any(text.startswith("plot-position-parent: 8 plots") for text in said)
    assert any("plot-position-assumed" in text and "a fixed solution is taken for 0.03 m" in text for text in said)
    make_match(tmp_path / "plots.parquet", tmp_path)
    matches = {row["level"]: row for row in json.loads((tmp_path / "match.json").read_text())["matches"]}
    assert (matches["own"]["n"], matches["own"]["n_ground"]) == (3, 3)
    assert (matches["parent"]["n"], matches["parent"]["n_ground"]) == (2, 8)
    assert [pair["plot_id"] for pair in matches["parent"]["pairs"]] == ["P0", "P1"]
    assert matches["parent"]["bias"] == pytest.approx(0, abs=1e-6)
    assert (tmp_path / "scatter_fvc_green_parent.png").is_file()
    assert (tmp_path / "scatter_fvc_green_own.png").is_file()


@pytest.fixture
def reason_of(
    write_raster: Make, square: Make, observed: Make, flown: Callable[..., Flight], tmp_path: Path
) -> Callable[..., str | None]:
    """Reason of a cover seen so many days after the flight, with a phase noted on the flight's day."""
    cover = write_raster("cover.tif", {"fvc_green": np.ones((20, 20)), "shadow": np.zeros((20, 20))})

    def reason(gap: int, phase: str | None) -> str | None:
        observations = [observed("A", "fvc_green", 0.9, DAY + timedelta(days=gap))]
        observations += [observed("A", "phenophase", None, DAY, text=phase)] if phase else []
        make_plot_predictors(flown([square("A", 0, 0)], observations), Maps(rasters={"cover": cover}), tmp_path)
        table = gpd.read_parquet(tmp_path / "plot_predictors.parquet")
        (found,) = table[(table["source"] == "ground") & (table["variable"] == "fvc_green")]["reason"]
        return found if isinstance(found, str) else None

    return reason


@pytest.mark.parametrize(
    ("phase", "gap", "reason"),
    [
        (None, 12, None),
        ("full flowering", 12, None),
        ("green-up", 12, "time-gap"),
        ("senescence", -11, "time-gap"),
        ("senescence", -9, None),
        (None, 15, "time-gap"),
    ],
)
def test_gap_that_is_forgiven_depends_on_the_phase(
    reason_of: Callable[..., str | None], phase: str | None, gap: int, reason: str | None
) -> None:
    assert reason_of(gap, phase) == reason


def test_nothing_is_paired_across_a_cut(
    write_raster: Make, square: Make, observed: Make, flown: Callable[..., Flight], tmp_path: Path
) -> None:
    cover = write_raster("cover.tif", {"fvc_green": np.ones((20, 20)), "shadow": np.zeros((20, 20))})
    cut = observed("A", "phenophase", None, DAY + timedelta(days=1), text="Mown")
    seen = [observed("A", "fvc_green", 0.4, DAY + timedelta(days=2)), observed("B", "fvc_green", 0.9)]
    plots = [square("A", 0, 0), square("B", 1, 1)]
    made = make_plot_predictors(flown(plots, [cut, *seen]), Maps(rasters={"cover": cover}), tmp_path)
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet")
    rows = table[(table["source"] == "ground") & (table["variable"] == "fvc_green")].set_index("plot_id")
    assert rows.loc["A", "reason"] == "cut-or-grazed-in-between"
    assert not isinstance(rows.loc["B", "reason"], str)
    assert "observation-after-cut" in [finding.code for finding in made.findings]
