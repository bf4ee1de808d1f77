"""What there is to say of plots: which have no value and why, and which lie where nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from uav_workflow.domain.ground import Plot
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.position import FIX_SIGMA_M, OFFSET_SHARE, Placement
from uav_workflow.plots.schema import LOW_VALID, NO_AREA, NO_DATA, OUTSIDE


def value_findings(
    plots: Sequence[Plot], rows: Sequence[Mapping[str, object]], minimum_valid: float
) -> Iterator[Finding]:
    """Plots without a value, by reason and map."""
    for reason, text in (
        (OUTSIDE, "lie outside the map"),
        (NO_AREA, "have no area in the map's CRS"),
        (NO_DATA, "hold no measured pixel"),
        (LOW_VALID, f"are measured to less than {minimum_valid:.0%}"),
    ):
        for file in sorted({str(row["source_file"]) for row in rows if row["reason"] == reason}):
            names = sorted({str(r["plot_id"]) for r in rows if r["reason"] == reason and r["source_file"] == file})
            message = f"{len(names)} of {len(plots)} plots {text}: {', '.join(names)}"
            yield warning(f"plot-{reason}", file, message, "their values are empty")


def position_findings(
    plots: Sequence[Plot], placed: Mapping[str, Placement], map_error_m: float | None
) -> Iterator[Finding]:
    """What the positions allow, and what was taken for granted."""
    refused = sorted(name for name, one in placed.items() if one.level == "none")
    if refused:
        message = f"{_plots(refused)} may lie further off than {OFFSET_SHARE:.0%} of the side: not matched"
        hint = "survey the corners by RTK or PPK, or name a larger parent plot (parent_plot_id) that is set out too"
        yield warning("plot-position", "plots", message, hint)
    lifted = sorted(name for name, one in placed.items() if one.level == "parent")
    if lifted:
        message = f"{_plots(lifted)} may lie further off than {OFFSET_SHARE:.0%} of the side: matched with the parent"
        yield warning("plot-position-parent", "plots", message, "survey the corners by RTK or PPK")
    assumed: dict[str, list[str]] = defaultdict(list)
    for name, one in placed.items():
        if one.assumed is not None:
            assumed[one.assumed].append(name)
    for kind, names in sorted(assumed.items()):
        message = f"{_plots(names)} state no position error; a {kind} solution is taken for {FIX_SIGMA_M[kind]:g} m"
        yield info("plot-position-assumed", "plots", message, "state sigma_h_m")
    if unknown := sum(plot.sigma_h_m is None and placed[plot.plot_id].assumed is None for plot in plots):
        message = f"{unknown} of {len(plots)} plots state neither position error nor fix type"
        yield info("plot-position-unknown", "plots", message, "they are matched as if they lay where they should")
    if map_error_m is None:
        message = "no check points: how far the maps lie from the survey is not known and not counted"
        yield info("map-position-unknown", "plots", message, "plots of a metre need maps good to two decimetres")


def _plots(names: Sequence[str]) -> str:
    return f"{len(names)} plots ({', '.join(names)})" if len(names) != 1 else f"plot {names[0]}"
