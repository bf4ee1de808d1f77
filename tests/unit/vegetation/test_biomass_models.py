"""Forms and published lines: what logarithms take, what intervals hold, and a card that rebuilds the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from uav_workflow.errors import RecipeError, StoreError
from uav_workflow.statistics.folds import Folds
from uav_workflow.vegetation.biomass_card import load_model
from uav_workflow.vegetation.biomass_forest import ForestForm
from uav_workflow.vegetation.biomass_forms import Sample, TermForm, UnfitError
from uav_workflow.vegetation.biomass_ladder import LADDER, HarvestModel, fit_ladder
from uav_workflow.vegetation.biomass_models import Allometry


def plots(n: int, draw: np.random.Generator) -> Sample:
    height = draw.uniform(0.02, 0.4, n)
    return Sample(values={"height_mean": height}, agb=20 + 2500 * height + 60 * draw.standard_normal(n))


def linear(sample: Sample) -> HarvestModel:
    folds = Folds(scheme="leave_one_out", groups=np.arange(sample.n))
    return fit_ladder(sample, folds, LADDER[:1])[0]


@pytest.mark.parametrize("n", [7, 10, 12, 25])
def test_intervals_hold_new_plots_nine_times_in_ten(n: int) -> None:
    draw = np.random.default_rng(n)
    held = []
    for _ in range(200):
        model = linear(plots(n, draw))
        new = plots(10, draw)
        prediction = model.predict(new.values)
        held.append(np.mean((prediction.pi90_lo <= new.agb) & (new.agb <= prediction.pi90_hi)))
    assert 0.86 <= np.mean(held) <= 0.97


def test_interval_kind_follows_the_number_of_plots() -> None:
    draw = np.random.default_rng(0)
    few, many = linear(plots(8, draw)), linear(plots(9, draw))
    assert few.interval.startswith("Student")
    assert isinstance(few.form, TermForm)
    assert few.width == pytest.approx(t.ppf(0.95, 6) * few.form.residual_sd)
    assert many.interval.startswith("jackknife conformal")


def test_intervals_are_of_plots_not_of_parameters() -> None:
    """An interval of the line shrinks with n and holds hardly any plot: the trap of published lwr - upr columns."""
    draw = np.random.default_rng(11)
    model, new = linear(plots(400, draw)), plots(400, draw)
    prediction = model.predict(new.values)
    assert np.mean((prediction.pi90_lo <= new.agb) & (new.agb <= prediction.pi90_hi)) == pytest.approx(0.9, abs=0.04)
    assert np.mean(prediction.pi90_hi - prediction.pi90_lo) == pytest.approx(2 * 1.645 * 60, rel=0.1)


def test_uncertainty_grows_away_from_the_plots() -> None:
    model = linear(plots(20, np.random.default_rng(1)))
    near, far = (model.predict({"height_mean": np.array(h)}) for h in (0.2, 3.0))
    assert far.sd > 2 * near.sd
    assert far.pi90_hi - far.pi90_lo > 2 * (near.pi90_hi - near.pi90_lo)
    assert model.outside({"height_mean": np.array([0.0, 0.2, 3.0])}).tolist() == [True, False, True]


def test_logarithms_are_smeared_back() -> None:
    """The plain exponential lies a third low at Cunliffe's scatter (s2 = 0.77); Duan's factor gives it back."""
    draw = np.random.default_rng(4)
    height = draw.uniform(0.03, 0.4, 4000)
    agb = 1800 * height * np.exp(np.sqrt(0.77) * draw.standard_normal(4000))
    form = TermForm.fit(Sample(values={"height_mean": height}, agb=agb), ["ln height_mean"], logarithmic=True)
    fitted = form.middle({"height_mean": height})
    assert form.coefficients[1] == pytest.approx(1.0, abs=0.06)
    assert form.smearing == pytest.approx(np.exp(0.77 / 2), rel=0.05)
    assert fitted.mean() / agb.mean() == pytest.approx(1.0, abs=0.04)
    assert (fitted / form.smearing).mean() / agb.mean() < 0.72
    low, high = form.interval({"height_mean": height}, 1.645 * form.residual_sd)
    assert np.mean((low <= agb) & (agb <= high)) == pytest.approx(0.9, abs=0.02)


def test_bare_ground_has_no_biomass_in_a_power_law() -> None:
    height = np.linspace(0.05, 0.4, 12)
    form = TermForm.fit(Sample(values={"height_mean": height}, agb=2000 * height), ["ln height_mean"], logarithmic=True)
    assert form.middle({"height_mean": np.array([-0.02, 0.0])}) == pytest.approx([2.0, 2.0])
    assert np.isnan(form.middle({"height_mean": np.array([np.nan])})).all()


@pytest.mark.parametrize(
    ("height", "agb", "reason"),
    [
        ([0.1, 0.2, 0.0, 0.4], [100, 200, 5, 400], "no logarithm"),
        ([0.1, 0.2, 0.3, 0.4], [100, 200, 0, 400], "no logarithm"),
        ([0.1, 0.2, 0.3, 0.4], [400, 300, 200, 100], "does not rise"),
        ([0.2, 0.2, 0.2, 0.2], [400, 300, 200, 100], "do not vary"),
        ([0.1, 0.2], [100, 200], "too few"),
    ],
)
def test_plots_that_fit_no_line(height: list[float], agb: list[float], reason: str) -> None:
    sample = Sample(values={"height_mean": np.array(height)}, agb=np.array(agb, float))
    with pytest.raises(UnfitError, match=reason):
        TermForm.fit(sample, ["ln height_mean"], logarithmic=True)


def test_predictors_that_are_one_are_told() -> None:
    height = np.linspace(0.1, 0.4, 12)
    sample = Sample(values={"height_mean": height, "twin_mean": 3 * height + 1}, agb=2000 * height)
    with pytest.raises(UnfitError, match="apart"):
        TermForm.fit(sample, ["height_mean", "twin_mean"])


def test_negative_biomass_is_cut_and_reported() -> None:
    height = np.array([0.1, 0.2, 0.3, 0.4])
    raw = linear(Sample(values={"height_mean": height}, agb=np.array([0.0, 310.0, 590.0, 900.0]))).predict(
        {"height_mean": np.array([0.0, 0.3, np.nan])}
    )
    cut, negative = raw.cut_at_zero()
    assert raw.agb_dry[0] < -250
    assert negative.tolist() == [True, False, False]
    assert cut.agb_dry[0] == cut.pi90_lo[0] == 0
    assert np.isnan(cut.agb_dry[2])


def test_published_line() -> None:
    prediction = Allometry(plant_type="graminoid").predict({"height_mean": np.array([0.0, 0.1])})
    assert prediction.agb_dry == pytest.approx([0, 289.89])
    assert prediction.sd == pytest.approx([209.5, np.hypot(209.5, 11.24)])
    assert prediction.pi90_hi - prediction.agb_dry == pytest.approx(1.6448536 * prediction.sd)
    with pytest.raises(RecipeError, match="no allometry 'bryophyte'"):
        Allometry(plant_type="bryophyte")


def test_forest_weights_are_those_of_its_leaves() -> None:
    """A step in height that the forest has to find, and the spread about it."""
    draw = np.random.default_rng(8)
    height, cover = draw.uniform(0, 0.4, 300), draw.uniform(0, 1, 300)
    agb = np.where(height > 0.2, 800.0, 100.0) + draw.normal(0, 20, 300)
    form = ForestForm.fit(
        Sample(values={"height_mean": height, "fvc_green": cover}, agb=agb), ("height_mean", "fvc_green")
    )
    new = {"height_mean": np.array([[0.05, 0.35], [0.1, np.nan]]), "fvc_green": np.full((2, 2), 0.5)}
    assert form.middle(new)[0] == pytest.approx([100, 800], abs=25)
    assert np.isnan(form.middle(new)[1, 1])
    low, high = form.interval(new, 0.0)
    assert (high - low)[0] == pytest.approx([66, 66], abs=25)  # 2 x 1.645 x 20
    # a few leaves straddle the step
    assert (form.sd(new)[0] < 0.15 * 700).all()


@pytest.mark.parametrize("kind", ["linear_height", "log_log_height", "quantile_forest", "published"])
def test_card_rebuilds_the_model(tmp_path: Path, kind: str) -> None:
    draw = np.random.default_rng(5)
    height, cover = draw.uniform(0.02, 0.4, 80), draw.uniform(0.1, 1, 80)
    agb = 2500 * height * cover + 30 + draw.uniform(0, 20, 80)
    sample = Sample(values={"height_mean": height, "fvc_green": cover}, agb=agb)
    rungs = [rung for rung in LADDER if rung.name == kind]
    folds = Folds(scheme="leave_one_out", groups=np.arange(80) % 4)
    model = fit_ladder(sample, folds, rungs)[0] if rungs else Allometry(plant_type="forb")
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model.card()))
    again = load_model(path)
    assert again.name == model.name
    for part in ("agb_dry", "sd", "pi90_lo", "pi90_hi"):
        one, other = (getattr(each.predict(sample.values), part) for each in (model, again))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("text", ["", "{}", '{"model": "linear_height"}', '{"model": "other"}', "[1]", '{"model": 1}'])
def test_card_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"model\.json"):
        load_model(path)
