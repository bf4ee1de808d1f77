"""The page of a biomass model: its card for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.vegetation.biomass_card import FittedLadder

_SCHEMES = {
    "in_sample": "in sample (not a test)",
    "leave_site_out": "whole sites left out",
    "spatial_blocks": "blocks of space left out",
    "leave_one_out": "single plots left out",
    "random_folds": "random folds (for contrast)",
}
_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}.chosen{font-weight:600}code{background:#f3f3f3;padding:.1rem .3rem}
svg{max-width:26rem}"""


def write_page(card: Mapping[str, Any], path: Path, fitted: FittedLadder | None = None) -> None:
    """Write the card as one HTML page that fetches nothing.

    Parameters
    ----------
    card : mapping
        Of model.json.
    fitted : FittedLadder, optional
        Its left-out predictions are drawn against the harvests.
    """
    parts = [*_head(card), *_figures(card), *_ladder(card), *_about(card)]
    if fitted is not None:
        parts.append(_scatter(fitted.left_out.agb_dry, fitted.harvests.agb, fitted.folds.scheme))
    body = "\n".join(parts)
    title = escape(f"Biomass model {card['model']}")
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>\n'
        f"<h1>{title}</h1>\n{body}\n</html>\n",
        encoding="utf-8",
    )


def _head(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p><code>{escape(str(card['formula']))}</code></p>"
    yield f"<p>{card['interval_level']:.0%} interval: {escape(str(card['interval']))}.</p>"
    if "scope" in card:
        yield f"<p>Scope: {escape(str(card['scope']))}. {escape(str(card['validation_note']))}.</p>"
    if "source" in card:
        one = card["parameters"]
        yield (
            f"<p>Published: {escape(str(card['source']))}; slope {one['slope']:g} ± {one['slope_se']:g} g m⁻² m⁻¹, "
            f"{one['n']} plots of {one['surveys']} surveys, RMSE {one['rmse']:g} g/m², centred R² {one['r2']:g}.</p>"
        )


def _figures(card: Mapping[str, Any]) -> Iterator[str]:
    rows = [(text, card[name], card.get(f"{name}_interval")) for name, text in _SCHEMES.items() if name in card]
    if not rows:
        return
    yield "<h2>How well it predicts</h2><table><tr><th>judged on<th>n<th>R² (centred)<th>RMSE g/m²<th>rRMSE %"
    yield "<th>bias g/m²<th>CCC<th>interval holds<th>mean width g/m²</tr>"
    for text, one, interval in rows:
        held = ["", ""] if not interval else [_number(interval["share"], "{:.0%}"), _number(interval["mean_width"])]
        cells = [
            text,
            str(one["n"]),
            _number(one["r2"], "{:.3f}"),
            _number(one["rmse"], "{:.1f}"),
            _number(one["rrmse_percent"], "{:.1f}"),
            _number(one["bias"], "{:.1f}"),
            _number(one["ccc"], "{:.3f}"),
            *held,
        ]
        yield "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>"
    yield "</table>"
    chosen = ", ".join(f"{name} {count} x" for name, count in card["chosen_in_folds"].items())
    yield f"<p>The choice of the model was made anew in every fold: {escape(chosen)}.</p>"


def _ladder(card: Mapping[str, Any]) -> Iterator[str]:
    if "ladder" not in card:
        return
    yield "<h2>Models tried</h2><p>The first within one standard error of the best is taken.</p>"
    yield "<table><tr><th>model<th>RMSE g/m², groups left out<th></tr>"
    for one in card["ladder"]:
        mark = ' class="chosen"' if one["chosen"] else ""
        text = "chosen" if one["chosen"] else str(one.get("reason", ""))
        error = _number(one.get("rmse"), "{:.1f}")
        yield f"<tr{mark}><td>{escape(one['model'])}<td>{error}<td>{escape(text)}</tr>"
    yield "</table>"


def _about(card: Mapping[str, Any]) -> Iterator[str]:
    if "ranges" not in card:
        return
    yield "<h2>Made from</h2><table><tr><th>predictor<th>least<th>most<th>meaning</tr>"
    for name, (low, high) in card["ranges"].items():
        meaning = str(card["predictors"].get(name, ""))
        yield f"<tr><td>{escape(name)}<td>{low:.4g}<td>{high:.4g}<td>{escape(meaning)}</tr>"
    yield "</table>"
    share = card["site_share_of_variance"]
    part = "not known: too few sites" if share is None else f"{share:.0%}"
    yield (
        f"<p>{card['n']} plots of {len(card['sites'])} sites ({escape(', '.join(card['sites']))}), "
        f"{len(card['flights'])} flights. Part of the error variance that all plots of a site share: {part}. "
        "That part does not shrink when cells of a site are averaged.</p>"
    )


def _scatter(predicted: NDArray[np.float64], observed: NDArray[np.float64], scheme: str) -> str:
    top = 1.05 * float(np.nanmax([predicted.max(), observed.max(), 1.0]))
    dots = "".join(
        f'<circle cx="{40 + 300 * max(o, 0) / top:.1f}" cy="{310 - 300 * max(p, 0) / top:.1f}" r="3" '
        f'fill="#2a6" fill-opacity=".6"><title>{o:.0f} harvested, {p:.0f} predicted</title></circle>'
        for p, o in zip(predicted, observed, strict=True)
    )
    label = f"predicted, {_SCHEMES.get(scheme, scheme)}"
    return (
        '<h2>Left-out predictions</h2><svg viewBox="0 0 350 340" role="img">'
        '<path d="M40 10V310H340" fill="none" stroke="#888"/><path d="M40 310L340 10" stroke="#bbb"/>'
        f'{dots}<text x="340" y="330" text-anchor="end" font-size="11">harvested, to {top:.0f} g/m²</text>'
        f'<text x="12" y="310" font-size="11" transform="rotate(-90 12 310)">{escape(label)}</text></svg>'
    )


def _number(value: float | None, form: str = "{:.0f}") -> str:
    return "" if value is None else form.format(value)
