"""The page people read first: maps, plots, match, findings, and how everything was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Json, Made, Product
from uav_workflow.findings import Finding, Level, by_weight
from uav_workflow.quality.chips import Chips, draw_chips
from uav_workflow.quality.corners_section import corners_section, plots_as_read
from uav_workflow.quality.gates import QualityGate, quality_gates
from uav_workflow.quality.maps import MapStyle, draw_map
from uav_workflow.quality.methods import methods
from uav_workflow.quality.reflectance_section import reflectance_figure, reflectance_section
from uav_workflow.quality.statistics_table import comparison
from uav_workflow.quality.survey import survey_figure, survey_section
from uav_workflow.quality.tables import plot_table
from uav_workflow.recipe import Acceptance

if TYPE_CHECKING:
    import pandas as pd

_STYLES: tuple[tuple[str, str, MapStyle], ...] = (
    ("orthomosaic", "orthomosaic.tif", MapStyle(title="Orthomosaic", band=None)),
    ("dsm", "dsm.tif", MapStyle(title="Surface (DSM)", band="dsm", unit="m", colours="terrain", shaded=True)),
    ("dtm", "dtm.tif", MapStyle(title="Terrain (DTM)", band="dtm", unit="m", colours="terrain", shaded=True)),
    (
        "canopy_height",
        "canopy_height.tif",
        MapStyle(title="Canopy height", band="canopy_height", unit="m", colours="YlGn"),
    ),
    (
        "cover",
        "cover.tif",
        MapStyle(title="Green vegetation", band="fvc_green", unit="share", colours="BrBG", limits=(0, 1)),
    ),
    ("biomass", "biomass.tif", MapStyle(title="Dry biomass", band="agb_dry", unit="g/m²", colours="YlGn")),
)


_CHIPS = ("orthomosaic", "indices", "canopy_height")
"""Kinds of map that a plot's picture shows, from left to right."""

_FIGURES = (
    ("orthomosaic", "covered_m2", "covered", " m²", 1.0),
    ("cover", "green_share_of_lit", "green cover of what is lit", "", 1.0),
    ("canopy_height", "mean_m", "mean canopy height", " m", 1.0),
    ("biomass", "mean_agb_dry", "mean dry biomass", " g/m²", 1.0),
)
"""Kind, fact, label, unit and scale of the figures at the head of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    value: str
    label: str


def make_report(
    flight: Flight,
    *,
    findings: Sequence[Finding],
    products: Mapping[str, Product],
    not_made: Mapping[str, str],
    accept: Acceptance,
    out: Path,
) -> Made:
    """Write ``report.html``: one file, nothing fetched from elsewhere.

    Parameters
    ----------
    flight : Flight
    findings : sequence of Finding
        Of the check; those of the products are added.
    products : mapping
        Kind -> product, those that could not be made included.
    not_made : mapping
        Kind -> reason, for what the folder or the recipe did not allow.
    accept : Acceptance
        Bounds of the recipe.
    out : Path
        Folder to write into.
    """
    made = {kind: product for kind, product in products.items() if product.not_made is None}
    reasons = dict(not_made) | {kind: str(p.not_made) for kind, p in products.items() if p.not_made is not None}
    everything = by_weight([*findings, *(finding for product in products.values() for finding in product.findings)])
    rows = _plot_rows(made)
    gates = quality_gates(made, accept, rows)
    shown = plots_as_read(flight.plots, made)
    text = _rendered(
        flight=flight,
        when=_when(flight),
        crs=flight.geometry.crs,
        verdict=_verdict(everything, gates, reasons),
        cards=_cards(flight, made),
        maps=_maps(shown, made),
        gates=gates,
        plots=plot_table(rows),
        chips=_chips(shown, made),
        corners=corners_section(made),
        reflectance=reflectance_section(made),
        survey=survey_section(made),
        comparison=comparison(made.get("match")),
        methods=methods(made),
        findings=everything,
        not_made=reasons,
        products=[_provenance(product) for product in made.values()],
        version=metadata.version("uav-workflow"),
    )
    (out / "report.html").write_text(text, encoding="utf-8")
    told: list[Json] = [gate.gate.to_json() | ({"unit": gate.unit} if gate.unit else {}) for gate in gates]
    return Made(facts={"maps": len(_styles(made)), "findings": len(everything), "gates": told})


def _rendered(**content: object) -> str:
    """Fill the page."""
    from jinja2 import Environment, StrictUndefined

    template = (resources.files("uav_workflow.quality") / "templates" / "report.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(template)
    return str(page.render(**content))


def _plot_rows(made: Mapping[str, Product]) -> pd.DataFrame | None:
    """The plot table; None without plots."""
    if "plots" not in made:
        return None
    import geopandas

    table: pd.DataFrame = geopandas.read_parquet(made["plots"].file("plots.parquet"))
    return table


def _chips(plots: Sequence[Plot], made: Mapping[str, Product]) -> Chips:
    """Pictures of the plots in natural colours, an index, height."""
    shown = [row for row in _styles(made) if row[0] in _CHIPS]
    order = sorted(shown, key=lambda row: _CHIPS.index(row[0]))
    return draw_chips(plots, [(made[kind].file(name), style) for kind, name, style in order])


def _maps(plots: Sequence[Plot], made: Mapping[str, Product]) -> list[dict[str, str]]:
    return [
        {"title": style.title, "image": draw_map(made[kind].file(name), style, plots)}
        for kind, name, style in _styles(made)
    ]


def _styles(made: Mapping[str, Product]) -> list[tuple[str, str, MapStyle]]:
    """Maps of what there is, one index among them."""
    rows = [row for row in _STYLES if row[0] in made]
    if "indices" in made:
        bands = made["indices"].manifest["files"]
        names = _bands_of(bands, "indices.tif")
        if names:
            first = "NDVI" if "NDVI" in names else names[0]
            style = MapStyle(title=f"Index: {first}", band=first, unit="", colours="RdYlGn")
            rows.insert(4, ("indices", "indices.tif", style))
    return rows


def _bands_of(files: Json, name: str) -> list[str]:
    entry = files.get(name) if isinstance(files, dict) else None
    bands = entry.get("bands") if isinstance(entry, dict) else None
    return [str(band) for band in bands] if isinstance(bands, list) else []


def _when(flight: Flight) -> str:
    times = [capture.time_utc for capture in flight.captures if capture.time_utc is not None]
    if times:
        return f"{min(times):%Y-%m-%d %H:%M} – {max(times):%H:%M} UTC"
    return flight.details.date.isoformat() if flight.details.date else ""


def _verdict(findings: Sequence[Finding], gates: Sequence[QualityGate], not_made: Mapping[str, str]) -> str:
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    said = f"{warnings} warning{'s' if warnings > 1 else ''}, listed below."
    missed = [gate for gate in gates if gate.level in ("warning", "error")]
    parts = [said if warnings else "No warnings." if missed else "Nothing speaks against this flight."]
    if gates:
        told = sum(gate.level != "soft" for gate in gates)
        parts.append(f"{told - len(missed)} of {told} gates kept.")
    if not_made:
        parts.append("Not made: " + ", ".join(not_made) + " (reasons below).")
    return " ".join(parts)


def _cards(flight: Flight, made: Mapping[str, Product]) -> list[_Card]:
    cards = [_Card(value=str(len(flight.captures)), label="captures")]
    placed, total = _fact(made, "reconstruction", "registered"), _fact(made, "reconstruction", "total")
    if placed is not None and total is not None:
        cards[0] = _Card(value=f"{placed:.0f} / {total:.0f}", label="captures placed")
    pixel = _pixel_m(made.get("orthomosaic"))
    if pixel is not None:
        cards.append(_Card(value=f"{pixel * 100:.3g} cm", label="pixel of the maps"))
    for kind, key, label, unit, scale in _FIGURES:
        value = _fact(made, kind, key)
        if value is not None:
            cards.append(_Card(value=_readable(value * scale, unit), label=label))
    if sure := reflectance_figure(made):
        cards.append(_Card(value=sure, label="reflectance, standard uncertainty, worst band"))
    if figure := survey_figure(made):
        cards.append(_Card(value=figure, label="check points, horizontal / vertical RMSE"))
    if flight.plots:
        cards.append(_Card(value=str(len(flight.plots)), label="plots"))
    return cards


def _readable(value: float, unit: str) -> str:
    """Two or three figures; hectares from one on, centimetres below a tenth of a metre."""
    if unit == " m²" and value >= 10_000:
        value, unit = value / 10_000, " ha"
    elif unit == " m" and abs(value) < 0.1:
        value, unit = 100 * value, " cm"
    return f"{value:.0f}{unit}" if abs(value) >= 100 else f"{value:.2g}{unit}"


def _fact(made: Mapping[str, Product], kind: str, key: str) -> float | None:
    value = made[kind].facts.get(key) if kind in made else None
    return float(value) if isinstance(value, int | float) else None


def _pixel_m(orthomosaic: Product | None) -> float | None:
    files = orthomosaic.manifest.get("files") if orthomosaic else None
    entry = files.get("orthomosaic.tif") if isinstance(files, dict) else None
    grid = entry.get("grid") if isinstance(entry, dict) else None
    pixel = grid.get("pixel_m") if isinstance(grid, dict) else None
    return float(pixel) if isinstance(pixel, int | float) else None


def _provenance(product: Product) -> dict[str, object]:
    rows: list[tuple[str, Json]] = [(key, value) for key, value in product.facts.items() if value is not None]
    rows += [("parameters", product.manifest.get("parameters")), ("packages", product.manifest.get("packages"))]
    seconds = product.manifest.get("duration_s")
    took = f" · {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    summary = f"{product.fingerprint}{took}"
    return {"kind": product.kind, "summary": summary, "rows": rows}
