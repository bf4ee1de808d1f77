"""Charts of an upscaling as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from uav_workflow.domain.ground import VARIABLES
from uav_workflow.upscaling.card import SCHEMES, Judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SOFT, _GREEN, _ORANGE = "#1c2530", "#8a98a5", "#2f6f3e", "#c2641a"


def agreement_chart(judged: Judged) -> str:
    """Left-out predictions against what was handed over, the line of perfect agreement and that of the predictions."""
    one, line = judged.left_out[judged.by], judged.tendency
    figure, axes = _canvas()
    ends = np.array([min(one.observed.min(), one.mean.min()), max(one.observed.max(), one.mean.max())])
    axes.plot(one.observed, one.mean, ".", color=_GREEN, alpha=0.35, markersize=4, markeredgewidth=0)
    axes.plot(ends, ends, color=_SOFT, linewidth=1, label="1 : 1")
    axes.plot(ends, line.intercept + line.slope * ends, color=_ORANGE, label=f"slope {line.slope:.2f}")
    unit = _unit(judged)
    axes.set_xlabel(f"handed over{unit}")
    axes.set_ylabel(f"predicted, {SCHEMES[judged.by]}{unit}")
    axes.legend(frameon=False, fontsize=8)
    return _data_uri(figure)


def saturation_chart(judged: Judged) -> str:
    """Mean error by fifths of what was handed over."""
    one, rows = judged.left_out[judged.by], judged.tendency.fifths
    figure, axes = _canvas()
    axes.axhline(0, color=_SOFT, linewidth=1)
    axes.plot(one.observed, one.mean - one.observed, ".", color=_GREEN, alpha=0.2, markersize=4, markeredgewidth=0)
    for row in rows:
        low, high, bias = (_float(row[name]) for name in ("from", "to", "bias"))
        axes.plot([low, high], [bias, bias], color=_ORANGE, linewidth=3, solid_capstyle="butt")
    axes.set_xlabel(f"handed over{_unit(judged)}")
    axes.set_ylabel("predicted - handed over")
    return _data_uri(figure)


def dissimilarity_chart(judged: Judged) -> str:
    """RMSE by tenths of the dissimilarity index, and the threshold."""
    area, rows = judged.model.applicability, judged.tendency.by_dissimilarity
    figure, axes = _canvas()
    one = judged.left_out[judged.by]
    error = np.abs(one.mean - one.observed)
    axes.plot(area.training, error, ".", color=_GREEN, alpha=0.2, markersize=4, markeredgewidth=0)
    axes.plot([_float(row["mean"]) for row in rows], [_float(row["rmse"]) for row in rows], "o-", color=_ORANGE)
    axes.axvline(area.threshold, color=_INK, linewidth=1, linestyle="--")
    axes.annotate(" threshold", (area.threshold, 0.97), xycoords=("data", "axes fraction"), fontsize=8, va="top")
    axes.set_xlabel("dissimilarity index to cells outside the fold")
    axes.set_ylabel(f"error, and RMSE of tenths{_unit(judged)}")
    return _data_uri(figure)


def importance_chart(card: Mapping[str, Any]) -> str:
    """Rise of the error when a predictor is shuffled."""
    rows = sorted(card["predictors"].items(), key=lambda row: float(row[1]["importance"]))
    figure, axes = _canvas()
    axes.barh([name for name, _ in rows], [row["importance"] for _, row in rows], color=_GREEN)
    axes.set_xlabel("rise of the mean squared error when shuffled")
    return _data_uri(figure)


def _canvas() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.5), dpi=120)
    axes = figure.add_subplot()
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _data_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _unit(judged: Judged) -> str:
    unit = VARIABLES.get(judged.model.variable, "")
    return "" if unit in ("", "1") else f", {unit}"


def _float(value: Any) -> float:
    return float(value)
