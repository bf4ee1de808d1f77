"""The Gaussian process on the ladder: when it is taken, that its intervals are calibrated, and how it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.statistics.folds import Folds, single_cases
from uav_workflow.vegetation.biomass_card import load_model
from uav_workflow.vegetation.biomass_forms import Floats, Sample, UnfitError
from uav_workflow.vegetation.biomass_gaussian import GaussianForm
from uav_workflow.vegetation.biomass_ladder import LADDER, cross_validate, fit_ladder

ALONE = tuple(rung for rung in LADDER if rung.name == "gaussian_process")


def bent(height: Floats) -> Floats:
    """Dense short sward, thin stalks, shrubs: biomass that no line in height or its logarithm follows."""
    return np.asarray(500 + 350 * np.sin(14 * height), np.float64)


def plots(n: int, seed: int, error: float = 25.0) -> Sample:
    draw = np.random.default_rng(seed)
    height, cover = draw.uniform(0.02, 0.5, n), draw.uniform(0.3, 1, n)
    agb = bent(height) + error * draw.standard_normal(n)
    return Sample(values={"height_mean": height, "fvc_green": cover, "ndvi_mean": 0.2 + 0.6 * cover}, agb=agb)


def test_it_is_taken_where_no_line_follows() -> None:
    model, tried = fit_ladder(plots(30, 1), single_cases(30))
    assert model.name == "gaussian_process"
    errors = {one.name: one.rmse for one in tried if not one.reason}
    assert errors["gaussian_process"] < 0.25 * plots(30, 1).agb.std()
    new = plots(400, 2)
    inside = ~model.outside(new.values)
    off = model.predict(new.values).agb_dry - bent(new.values["height_mean"])
    assert np.sqrt(np.mean(off[inside] ** 2)) < 40


def test_where_a_line_does_as_well_it_is_not_fitted_in_folds() -> None:
    draw = np.random.default_rng(3)
    height = draw.uniform(0.02, 0.4, 20)
    sample = Sample(values={"height_mean": height}, agb=2500 * height + 60 * draw.standard_normal(20))
    model, tried = fit_ladder(sample, single_cases(20))
    assert model.name == "linear_height"
    assert "no gain" in {one.name: one.reason for one in tried}["gaussian_process"]


@pytest.mark.parametrize("seed", range(5))
def test_plots_that_say_nothing_have_no_model(seed: int) -> None:
    """No line rises with height, and a process that says no more than the mean does not stand in for it."""
    draw = np.random.default_rng(seed)
    height = draw.uniform(0.02, 0.4, 24)
    agb = 400 - 300 * height + 100 * draw.standard_normal(24)
    sample = Sample(values={"height_mean": height, "fvc_green": draw.uniform(0.5, 0.6, 24)}, agb=agb)
    with pytest.raises(UnfitError, match="no gain|no better"):
        fit_ladder(sample, single_cases(24), ALONE)


@pytest.mark.parametrize(("n", "reason"), [(8, "at least 9"), (60, "at most 59")])
def test_too_few_plots_for_an_interval_or_enough_for_a_forest(n: int, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        fit_ladder(plots(n, 4), single_cases(n), ALONE)


def test_intervals_are_calibrated_and_not_its_own() -> None:
    """Nine plots in ten on plots left out, and wider away from the training plots than among them."""
    held, n = 0, 0
    for seed in range(4):
        sample = plots(25, 20 + seed)
        one, _ = cross_validate(sample, single_cases(25), ALONE)
        held += int(np.count_nonzero((one.pi90_lo <= sample.agb) & (sample.agb <= one.pi90_hi)))
        n += sample.n
    assert 0.84 <= held / n <= 0.97
    model, _ = fit_ladder(plots(25, 20), single_cases(25), ALONE)
    assert model.interval.startswith("jackknife conformal: scores of plots left out, in units of the process's own")
    near, far = ({"height_mean": [height], "fvc_green": [0.6], "ndvi_mean": [0.56]} for height in (0.25, 1.5))
    width = [float((one.pi90_hi - one.pi90_lo)[0]) for one in (model.predict(near), model.predict(far))]
    assert width[1] > 1.5 * width[0]


def test_what_is_left_out_is_not_seen_by_lengths_choice_or_interval() -> None:
    sample = plots(14, 5)
    before, _ = cross_validate(sample, single_cases(14))
    moved = sample.agb.copy()
    moved[4] += 4000
    after, _ = cross_validate(Sample(values=sample.values, agb=moved), single_cases(14))
    for part in ("agb_dry", "sd", "pi90_lo", "pi90_hi"):
        same = getattr(before, part) == getattr(after, part)
        assert same[4]
        assert same.sum() == 1, part


def test_whole_sites_are_left_out() -> None:
    sample = plots(30, 6)
    sites = Folds(scheme="leave_site_out", groups=np.repeat(np.arange(6), 5))
    before, chosen = cross_validate(sample, sites, ALONE)
    assert set(chosen) == {"gaussian_process"}
    moved = np.where(sites.groups == 2, sample.agb + 3000, sample.agb)
    after, _ = cross_validate(Sample(values=sample.values, agb=moved), sites, ALONE)
    assert ((before.agb_dry == after.agb_dry) == (sites.groups == 2)).all()


def test_cells_unlike_every_plot_are_flagged_even_inside_the_ranges() -> None:
    """Low swards of any cover and closed ones of any height: nobody harvested a high thin one, inside both ranges."""
    draw = np.random.default_rng(7)
    height = np.where(np.arange(40) < 20, draw.uniform(0.02, 0.08, 40), draw.uniform(0.02, 0.5, 40))
    cover = np.where(np.arange(40) < 20, draw.uniform(0.1, 0.9, 40), draw.uniform(0.8, 0.9, 40))
    agb = 400 + 300 * np.sin(16 * height) + 200 * np.sin(9 * cover) + 10 * draw.standard_normal(40)
    model, _ = fit_ladder(Sample(values={"height_mean": height, "fvc_green": cover}, agb=agb), single_cases(40), ALONE)
    asked = {"height_mean": np.array([0.25, 0.45, 0.9]), "fvc_green": np.array([0.85, 0.15, 0.85])}
    assert model.outside(asked).tolist() == [False, True, True]
    assert model.outside({"height_mean": np.float64(0.25), "fvc_green": np.float64(0.85)}).shape == ()


def test_a_saved_model_gives_the_same_numbers(tmp_path: Path) -> None:
    sample = plots(20, 8)
    model, _ = fit_ladder(sample, single_cases(20), ALONE)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model.card(), allow_nan=False), encoding="utf-8")
    again, asked = load_model(path), {name: part.reshape(5, 10) for name, part in plots(50, 9).values.items()}
    for part in ("agb_dry", "sd", "pi90_lo", "pi90_hi"):
        assert np.array_equal(getattr(again.predict(asked), part), getattr(model.predict(asked), part)), part
    assert (again.outside(asked) == model.outside(asked)).all()
    assert "Gaussian process on height_mean (length" in str(model.card()["formula"])
    assert isinstance(getattr(again, "form", None), GaussianForm)
