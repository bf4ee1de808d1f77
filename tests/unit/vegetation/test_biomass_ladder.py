"""The ladder: which rung is taken, that nothing left out is seen, and intervals on sites never seen."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.plot_tables import plot_table
from uav_workflow.statistics.folds import Folds, random_folds
from uav_workflow.vegetation.biomass_forms import Sample
from uav_workflow.vegetation.biomass_ladder import LADDER, HarvestModel, cross_validate, fit_ladder

FAST = LADDER[:4]


def singly(n: int) -> Folds:
    return Folds(scheme="leave_one_out", groups=np.arange(n))


def meadow(n: int, seed: int, error: float = 20.0) -> Sample:
    draw = np.random.default_rng(seed)
    height, cover = draw.uniform(0.02, 0.4, n), draw.uniform(0.2, 1, n)
    agb = 30 + 3000 * height * cover + error * draw.standard_normal(n)
    return Sample(values={"height_mean": height, "fvc_green": cover, "ndvi_mean": 0.2 + 0.6 * cover}, agb=agb)


def test_the_rung_that_made_the_plots_is_taken() -> None:
    model, tried = fit_ladder(meadow(60, 1), singly(60), FAST)
    assert model.name == "height_cover"
    assert model.form.predictors == ("height_mean", "fvc_green")
    errors = {one.name: one.rmse for one in tried}
    assert errors["height_cover"] < 0.5 * errors["linear_height"]


def test_of_rungs_as_good_as_the_best_the_simplest_is_taken() -> None:
    """The index adds noise alone here, and may come out best by chance: one standard error keeps it away."""
    draw = np.random.default_rng(6)
    better = 0
    for seed in range(20):
        height = draw.uniform(0.02, 0.4, 20)
        values = {"height_mean": height, "fvc_green": np.full(20, 0.9) + draw.normal(0, 0.02, 20)}
        values["ndvi_mean"] = draw.uniform(0, 1, 20)
        agb = 2500 * height + 80 * draw.standard_normal(20)
        model, tried = fit_ladder(Sample(values=values, agb=agb), singly(20), FAST)
        better += min(tried, key=lambda one: one.mse).name != "linear_height"
        assert model.name == "linear_height", seed
    assert better >= 5


def test_a_rung_without_its_predictors_is_said() -> None:
    sample = meadow(12, 2)
    heights = Sample(values={"height_mean": sample.values["height_mean"]}, agb=sample.agb)
    _, tried = fit_ladder(heights, singly(12))
    reasons = {one.name: one.reason for one in tried}
    assert reasons["height_cover"] == "the plots lack a predictor"
    assert reasons["linear_height"] == ""
    assert "60" in {one.name: one.reason for one in fit_ladder(meadow(12, 2), singly(12))[1]}["quantile_forest"]


def test_what_is_left_out_is_not_seen_by_choice_fit_or_interval() -> None:
    """Moving one harvest far away moves every prediction and interval but its own."""
    sample = meadow(14, 3)
    before, _ = cross_validate(sample, singly(14), FAST)
    moved = sample.agb.copy()
    moved[4] += 5000
    after, _ = cross_validate(Sample(values=sample.values, agb=moved), singly(14), FAST)
    for part in ("agb_dry", "sd", "pi90_lo", "pi90_hi"):
        same = getattr(before, part) == getattr(after, part)
        assert same.tolist() == [i == 4 for i in range(14)], part


def test_whole_groups_are_left_out() -> None:
    sample = meadow(30, 4)
    folds = Folds(scheme="leave_site_out", groups=np.arange(30) % 6)
    before, _ = cross_validate(sample, folds, FAST[:1])
    moved = sample.agb.copy()
    moved[folds.groups == 2] += 3000
    after, _ = cross_validate(Sample(values=sample.values, agb=moved), folds, FAST[:1])
    assert ((before.agb_dry == after.agb_dry) == (folds.groups == 2)).all()


def test_random_folds_look_better_than_they_are_where_sites_differ() -> None:
    sample, sites = plot_table(3, sites=12, plots=15, site_sd=0.5)
    whole = Folds(scheme="leave_site_out", groups=sites)
    honest, _ = cross_validate(sample, whole, FAST[:2])
    hidden, _ = cross_validate(sample, random_folds(sample.n), FAST[:2])
    rmse = [float(np.sqrt(np.mean((p.agb_dry - sample.agb) ** 2))) for p in (honest, hidden)]
    assert rmse[0] > 1.03 * rmse[1]


def test_intervals_hold_on_sites_never_seen() -> None:
    """Two seeds here; twenty in the benchmark (DESIGN.md section 7)."""
    for seed in (1, 2):
        sample, sites = plot_table(seed)
        whole = Folds(scheme="leave_site_out", groups=sites)
        prediction, _ = cross_validate(sample, whole, FAST[:2])
        held = np.mean((prediction.pi90_lo <= sample.agb) & (sample.agb <= prediction.pi90_hi))
        assert 0.86 <= held <= 0.94


def test_an_area_mean_keeps_the_sites_own_part() -> None:
    sample, sites = plot_table(5, site_sd=0.5)
    model, _ = fit_ladder(sample, Folds(scheme="leave_site_out", groups=sites), FAST[:1])
    assert isinstance(model, HarvestModel)
    assert 0.1 < model.site_share < 0.9
    assert model.area_mean_sd(100.0, 1) == pytest.approx(100.0)
    assert model.area_mean_sd(100.0, 10**6) == pytest.approx(100.0 * np.sqrt(model.site_share), rel=1e-3)
    alone, _ = fit_ladder(meadow(12, 1), singly(12), FAST[:1])
    assert np.isnan(alone.area_mean_sd(100.0, 50))


def test_few_plots_that_no_model_explains_without_one() -> None:
    """Three of four heights are one: without the fourth there is no line, and the mean of the others is said."""
    height = np.array([0.1, 0.1, 0.1, 0.1, 0.3])
    sample = Sample(values={"height_mean": height}, agb=np.array([100.0, 110.0, 90.0, 105.0, 300.0]))
    prediction, chosen = cross_validate(sample, singly(5), FAST[:1])
    assert chosen[4] == "mean"
    assert prediction.agb_dry[4] == pytest.approx(101.25)
    assert np.isnan(prediction.pi90_lo[4])
