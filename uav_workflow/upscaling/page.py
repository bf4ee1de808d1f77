"""The report page of an upscaling: one file that fetches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from uav_workflow.domain.ground import VARIABLES
from uav_workflow.findings import Finding, by_weight
from uav_workflow.quality.maps import MapStyle, draw_map
from uav_workflow.upscaling import charts
from uav_workflow.upscaling.card import SCHEMES, Judged
from uav_workflow.upscaling.mapping import Maps

PAGE = "report.html"


def write_page(
    path: Path,
    entries: Sequence[tuple[Judged, Maps, dict[str, Any]]],
    findings: Sequence[Finding],
    *,
    predictors: Sequence[str],
) -> None:
    """Write the page.

    Parameters
    ----------
    entries : sequence of (judged, maps, card)
        One a variable.
    predictors : sequence of str
        Files of the stack, for people.
    """
    from jinja2 import Environment, StrictUndefined

    source = resources.files("uav_workflow.upscaling").joinpath("templates/report.html").read_text("utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(source)
    sections = [
        {"card": card, "maps": _maps(judged, maps), "charts": _charts(judged, card)} for judged, maps, card in entries
    ]
    text = template.render(
        sections=sections, findings=by_weight(findings), schemes=SCHEMES, predictors=predictors, number=_number
    )
    path.write_text(text, encoding="utf-8")


def _maps(judged: Judged, maps: Maps) -> list[dict[str, str]]:
    card_unit = {"1": ""}.get(unit := VARIABLES.get(judged.model.variable, ""), unit)
    low, high = float(judged.samples.value.min()), float(judged.samples.value.max())
    top = 2 * judged.model.applicability.threshold
    styles = [
        (maps.values, MapStyle(title="Mean", band="mean", unit=card_unit, colours="YlGn", limits=(low, high))),
        (maps.values, MapStyle(title="Lower end, 5 %", band="q05", unit=card_unit, colours="YlGn", limits=(low, high))),
        (
            maps.values,
            MapStyle(title="Upper end, 95 %", band="q95", unit=card_unit, colours="YlGn", limits=(low, high)),
        ),
        (maps.values, MapStyle(title="Dissimilarity index", band="dissimilarity_index", limits=(0, top))),
        (maps.area, MapStyle(title="Inside the area of applicability", band="aoa", colours="RdYlGn", limits=(0, 1))),
        (maps.values, MapStyle(title="Local point density", band="local_point_density", colours="magma")),
    ]
    return [{"title": style.title, "image": draw_map(path, style)} for path, style in styles]


def _charts(judged: Judged, card: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"title": "Agreement and compression to the mean", "image": charts.agreement_chart(judged)},
        {"title": "Saturation: error by fifths of what was handed over", "image": charts.saturation_chart(judged)},
        {"title": "Error against dissimilarity", "image": charts.dissimilarity_chart(judged)},
        {"title": "Importance of the predictors", "image": charts.importance_chart(card)},
    ]


def _number(value: float | None, form: str = ".3g") -> str:
    return "–" if value is None else format(value, form)
