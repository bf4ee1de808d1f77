"""Models: intervals that hold, predictions without the plot, published lines, and a card that rebuilds the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from uav_workflow.errors import RecipeError, StoreError
from uav_workflow.vegetation.biomass_models import Allometry, LeaveOneOut, LinearHeight, load_model


def plots(n: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    height = draw.uniform(0.02, 0.4, n)
    return height, 20 + 2500 * height + 60 * draw.standard_normal(n)


@pytest.mark.parametrize("n", [7, 10, 12, 25])
def test_intervals_hold_new_plots_nine_times_in_ten(n: int) -> None:
    draw = np.random.default_rng(n)
    held = []
    for _ in range(400):
        model = LinearHeight.fit(*plots(n, draw))
        height, agb = plots(10, draw)
        prediction = model.predict({"height_mean": height})
        held.append(np.mean((prediction.pi90_lo <= agb) & (agb <= prediction.pi90_hi)))
    assert 0.86 <= np.mean(held) <= 0.97


def test_interval_kind_follows_the_number_of_plots() -> None:
    draw = np.random.default_rng(0)
    few, many = LinearHeight.fit(*plots(8, draw)), LinearHeight.fit(*plots(9, draw))
    assert few.interval.startswith("Student")
    assert few.half_width == pytest.approx(t.ppf(0.95, 6) * few.residual_sd)
    assert many.interval.startswith("jackknife conformal")


def test_uncertainty_grows_away_from_the_plots() -> None:
    model = LinearHeight.fit(*plots(20, np.random.default_rng(1)))
    near, far = (model.predict({"height_mean": h}) for h in (model.x_mean, 3.0))
    assert far.sd > 2 * near.sd
    assert far.pi90_hi - far.pi90_lo > 2 * (near.pi90_hi - near.pi90_lo)
    assert model.outside({"height_mean": np.array([0.0, model.x_mean, 3.0])}).tolist() == [True, False, True]


def test_left_out_plots_are_not_seen() -> None:
    """Moving one harvest far away moves every prediction but its own."""
    height, agb = plots(12, np.random.default_rng(2))
    before = LeaveOneOut.of(height, agb).prediction
    agb[4] += 5000
    after = LeaveOneOut.of(height, agb).prediction
    changed = before.agb_dry != after.agb_dry
    assert changed.tolist() == [i != 4 for i in range(12)]
    assert (before.pi90_lo[4], before.pi90_hi[4]) == (after.pi90_lo[4], after.pi90_hi[4])


def test_left_out_error_is_larger_than_the_error_inside() -> None:
    height, agb = plots(12, np.random.default_rng(3))
    fitted = LinearHeight.fit(height, agb).predict({"height_mean": height}).agb_dry
    assert LeaveOneOut.of(height, agb).agreement.rmse > np.sqrt(np.mean((fitted - agb) ** 2))


def test_negative_biomass_is_cut_and_reported() -> None:
    model = LinearHeight.fit([0.1, 0.2, 0.3, 0.4], [0.0, 310.0, 590.0, 900.0])
    raw = model.predict({"height_mean": np.array([0.0, 0.3, np.nan])})
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


@pytest.mark.parametrize("kind", ["fitted", "published"])
def test_card_rebuilds_the_model(tmp_path: Path, kind: str) -> None:
    model = LinearHeight.fit(*plots(12, np.random.default_rng(5))) if kind == "fitted" else Allometry(plant_type="forb")
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model.card()))
    assert load_model(path) == model


@pytest.mark.parametrize("text", ["", "{}", '{"model": "linear_height"}', '{"model": "other"}'])
def test_card_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"model\.json"):
        load_model(path)
