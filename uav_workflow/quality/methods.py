"""How the numbers came about, in sentences with the parameters that were used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from uav_workflow.domain.product import Product

Facts = Mapping[str, Any]

_COVER = {
    "a_star_otsu": "Green and other are told apart by CIELAB a* and one threshold for the whole flight (Otsu 1979)",
    "ndvi_otsu": "Green and other are told apart by NDVI and one threshold for the whole flight (Otsu 1979)",
    "a_star_dimidiate": "Each pixel is a mixture of green and other by CIELAB a* between two end members",
    "gli_otsu": "Green and other are told apart by GLI and one threshold for the whole flight (Otsu 1979)",
    "a_star_hagfvc": "Green and other are told apart by CIELAB a* between the outer halves of two Gaussians (Li 2018)",
    "exgr": "Green is where excess green minus excess red lies above 0 (Meyer & Neto 2008)",
    "forest": "Green, senescent, soil and shadow are told apart by a forest trained on shapes that were drawn",
    "ndvi_dimidiate": "Each pixel is a mixture of green and other by NDVI between two end members",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A paragraph."""

    title: str
    text: str


def methods(made: Mapping[str, Product]) -> list[Method]:
    """Paragraphs of what was made, in the order of the data flow."""
    found = []
    for kind, (title, write) in _WRITERS.items():
        if kind in made:
            text = " ".join(write(made[kind].facts, made))
            found += [Method(title=title, text=text)] if text else []
    return found


def _photogrammetry(facts: Facts, made: Mapping[str, Product]) -> Iterator[str]:
    if facts.get("total"):
        yield f"{facts['registered']} of {facts['total']} photos were placed by structure from motion."
    control = facts.get("control_points") or {}
    if facts.get("control_points_used"):
        yield f"The block stands on {control.get('n')} control points."
    else:
        yield "The block stands on the positions of the photos alone."
    cell = made["dsm"].facts.get("native_cell_m") if "dsm" in made else None
    if isinstance(cell, int | float):
        yield f"Surface and terrain were computed in cells of {100 * cell:.3g} cm."


def _reflectance(facts: Facts, _: Mapping[str, Product]) -> Iterator[str]:
    if facts.get("quantity") == "reflectance":
        yield "Values are reflectance, 0 – 1; how sure they are stands in the section on reflectance."
    elif facts.get("quantity"):
        yield "Values are relative to the photos' own light: fit for cover and indices of this flight, no reflectance."


def _indices(facts: Facts, _: Mapping[str, Product]) -> Iterator[str]:
    rows = facts.get("indices") or {}
    said = [f"{name} = {row['formula']}" for name, row in rows.items() if isinstance(row, dict) and row.get("formula")]
    if said:
        yield "; ".join(said) + "."


def _cover(facts: Facts, _: Mapping[str, Product]) -> Iterator[str]:
    method = str(facts.get("method", ""))
    base = method.removesuffix("_mixed").removesuffix("_pure")
    words = _COVER.get(base, f"Method {method.replace('_', ' ')}") if method else ""
    threshold = facts.get("threshold")
    if words:
        yield words + (f": {threshold:.4g}." if isinstance(threshold, int | float) else ".")
    if facts.get("reading") == "mixed":
        yield f"Pixels are read as mixtures of two end members: {facts.get('reading_because')}."
    if isinstance(facts.get("between_share"), float):
        yield f"The two classes hold {facts['between_share']:.0%} of the variance."
    if isinstance(facts.get("shadow_share"), float):
        yield f"Ground in shadow ({facts['shadow_share']:.1%}) is missing, not bare."


def _height(facts: Facts, _: Mapping[str, Product]) -> Iterator[str]:
    given = facts.get("terrain_given")
    ground = "a terrain model that was given, brought onto this flight's open ground" if given else "this flight's DTM"
    yield f"Surface (DSM) minus {ground}."
    if isinstance(facts.get("negative_share"), float):
        yield f"{facts['negative_share']:.0%} of the pixels lie below the terrain and stay as they are."
    limit = facts.get("detection_limit_m")
    if isinstance(limit, int | float):
        yield f"Heights below {100 * limit:.1f} cm (twice the vertical RMSE of the check points) look like none."


def _plots(facts: Facts, _: Mapping[str, Product]) -> Iterator[str]:
    yield "Pixels are weighted by the share of them that the outline covers (exactextract)."
    if facts.get("minimum_valid") is not None:
        yield f"A plot of which less than {facts['minimum_valid']:.0%} is measured has no value."
    if facts.get("ring_sides"):
        yield (
            f"Beside the value stand that of the plot without a margin of {facts['inner_margin_sides']:.0%} of its "
            f"side, and mean and spread in a ring around it, {facts['ring_sides']:g} x its side wide."
        )
    error = facts.get("map_error_m")
    if error is None:
        yield "Errors of position are those stated for the plots; the map's own is not known."
    else:
        moved = (facts.get("coregistration") or {}).get("applied")
        what = "left between marked corners and map" if moved else "of the map (check points)"
        yield f"Errors of position are those stated for the plots and {100 * error:.1f} cm {what}."
    yield "Beyond a fifth of its side a plot is matched with its parent plot, or not at all."


def _biomass(facts: Facts, _: Mapping[str, Product]) -> Iterator[str]:
    card = facts.get("model") or {}
    if card.get("formula"):
        yield f"{card['formula']}."
    if card.get("n"):
        yield f"Fitted on {card['n']} harvested plots."
    if card.get("scope"):
        yield f"Tested by: {card['scope']}."
    if card.get("interval"):
        yield f"90 % interval: {card['interval']}."


def _match(_: Facts, __: Mapping[str, Product]) -> Iterator[str]:
    yield (
        "Of several observations of a plot the one nearest to the flight is taken, at most 14 days away (10 in "
        "green-up and senescence), never across a cut. Replicates are averaged. Biomass is compared by predictions "
        "made without the plot and its group."
    )


_WRITERS: Mapping[str, tuple[str, Callable[[Facts, Mapping[str, Product]], Iterator[str]]]] = {
    "reconstruction": ("Photogrammetry", _photogrammetry),
    "reflectance": ("Reflectance", _reflectance),
    "indices": ("Indices", _indices),
    "cover": ("Cover", _cover),
    "canopy_height": ("Canopy height", _height),
    "plot_predictors": ("Plots", _plots),
    "biomass": ("Biomass", _biomass),
    "match": ("Drone and ground", _match),
}
