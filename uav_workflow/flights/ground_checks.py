"""Whether what was set out on the ground fits the flight, and each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from uav_workflow.domain.flight import Capture, FlightGeometry
from uav_workflow.domain.ground import GroundControlPoint, GroundObservation, Plot, ReferenceTarget
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.crs import WGS84, area_m2, is_degrees, reproject, transformer
from uav_workflow.flights.wording import counted, listed

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_UNKNOWN_MARGIN_M = 30.0
_FAR_DAYS, _TOO_FAR_DAYS = 7, 14


def flown_area(
    captures: Sequence[Capture], geometry: FlightGeometry, margin_m: float | None = None
) -> BaseGeometry | None:
    """Hull of the camera positions grown by half a footprint (30 m where unknown), in the flight's UTM zone."""
    from shapely import MultiPoint

    known = [capture.position for capture in captures if capture.position is not None]
    if geometry.crs is None or not known:
        return None
    east, north = transformer(WGS84, geometry.crs).transform([p.lon for p in known], [p.lat for p in known])
    primary = captures[0].primary
    if margin_m is None:
        half = geometry.gsd_m * (primary.width**2 + primary.height**2) ** 0.5 / 2
        margin_m = half if math.isfinite(half) else _UNKNOWN_MARGIN_M
    area: BaseGeometry = MultiPoint(list(zip(east, north, strict=True))).convex_hull.buffer(margin_m)
    return area


def check_plots(plots: Sequence[Plot], area: BaseGeometry | None, crs: str | None, where: str) -> list[Finding]:
    """``plots-outside-flight`` (error) when no plot lies under the flight, ``plot-outside-flight`` when some do not."""
    if area is None or crs is None or not plots:
        return []
    outside = [(plot, gap) for plot in plots if (gap := reproject(plot.geometry, plot.crs, crs).distance(area)) > 0]
    if not outside:
        return []
    if len(outside) == len(plots):
        nearest = min(gap for _, gap in outside)
        swapped = _lies_there_when_swapped(plots, area, crs)
        hint = (
            "longitude and latitude are swapped"
            if swapped
            else "check the CRS of the plots, and whether this is their flight"
        )
        message = f"none of {len(plots)} plots lies under the flight; the nearest is {_distance(nearest)} away"
        return [error("plots-outside-flight", where, message, hint)]
    names = listed(plot.plot_id for plot, _ in outside)
    far = _distance(max(gap for _, gap in outside))
    message = f"{len(outside)} of {len(plots)} plots lie outside the flown area ({names}), up to {far}"
    return [warning("plot-outside-flight", where, message, "they get no values; check their positions if they should")]


def _lies_there_when_swapped(plots: Sequence[Plot], area: BaseGeometry, crs: str) -> bool:
    from shapely import transform

    turned = [
        transform(plot.geometry, lambda x, y: (y, x), interleaved=False) for plot in plots if is_degrees(plot.crs)
    ]
    return any(reproject(geometry, WGS84, crs).intersects(area) for geometry in turned)


def check_points(
    points: Sequence[GroundControlPoint], targets: Sequence[ReferenceTarget], area: BaseGeometry | None, crs: str | None
) -> list[Finding]:
    """``control-points-outside-flight`` and ``targets-outside-flight``; an error when all points are far off."""
    if area is None or crs is None:
        return []
    from shapely import Point

    findings = []
    gaps = {p.name: reproject(Point(p.x, p.y), p.crs, crs).distance(area) for p in points}
    outside = [name for name, gap in gaps.items() if gap > 0]
    if points and len(outside) == len(gaps):
        message = f"no control point lies under the flight; the nearest is {_distance(min(gaps.values()))} away"
        hint = "check the CRS in line 1, and that easting comes before northing"
        findings.append(error("control-points-outside-flight", "gcp_list.txt", message, hint))
    elif outside:
        message = f"{counted(len(outside), 'control point', 'lie')} outside the flown area ({listed(outside)})"
        findings.append(warning("control-points-outside-flight", "gcp_list.txt", message, "check their coordinates"))
    off = sorted({t.target_id for t in targets if reproject(t.geometry, t.crs, crs).distance(area) > 0})
    if off:
        message = f"{counted(len(off), 'reference target', 'lie')} outside the flown area ({listed(off)})"
        findings.append(warning("targets-outside-flight", "reference_targets.csv", message, "check their coordinates"))
    return findings


def check_observations(
    observations: Sequence[GroundObservation],
    plots: Sequence[Plot] | None,
    flown: date | None,
    crs: str | None,
    where: str,
) -> list[Finding]:
    """``observation-without-plot``, ``plots-missing``, ``plot-without-observation``, ``harvest-larger-than-plot``,
    ``observation-far-in-time``, ``observation-undated``.
    """
    if not observations:
        return []
    if plots is None:
        message = "there are observations but no plots; they can't be placed"
        return [warning("plots-missing", where, message, "add plots.geojson, plots.gpkg or plots.csv")]
    known = {plot.plot_id: plot for plot in plots}
    findings = []
    strangers = sorted({o.plot_id for o in observations if o.plot_id not in known})
    if strangers:
        message = f"{counted(len(strangers), 'observed plot', 'are')} not among the plots ({listed(strangers)})"
        near = _same_but_spelling(strangers[0], known)
        hint = f"is {strangers[0]} meant to be {near}?" if near else "correct plot_id, or add the plots"
        findings.append(warning("observation-without-plot", where, message, hint))
    bare = sorted(set(known) - {o.plot_id for o in observations})
    if bare:
        message = f"{len(bare)} of {len(known)} plots have no observation ({listed(bare)})"
        findings.append(info("plot-without-observation", where, message))
    return findings + _too_large(observations, known, crs, where) + _in_time(observations, flown, where)


def _same_but_spelling(name: str, known: dict[str, Plot]) -> str | None:
    def plain(text: str) -> str:
        letters = "".join(c for c in text.lower() if c.isalnum())
        head = letters.rstrip("0123456789")
        return head + letters[len(head) :].lstrip("0")

    return next((other for other in known if plain(other) == plain(name)), None)


def _too_large(
    observations: Sequence[GroundObservation], plots: dict[str, Plot], crs: str | None, where: str
) -> list[Finding]:
    wrong = sorted(
        {
            o.plot_id
            for o in observations
            if o.area_m2 is not None
            and (plot := plots.get(o.plot_id)) is not None
            and o.area_m2 > 1.5 * area_m2(plot.geometry, plot.crs, crs)
        }
    )
    if not wrong:
        return []
    message = f"the harvested area is larger than the plot on {listed(wrong)}"
    return [warning("harvest-larger-than-plot", where, message, "correct area_m2 or the outline of the plot")]


def _in_time(observations: Sequence[GroundObservation], flown: date | None, where: str) -> list[Finding]:
    findings = []
    undated = sum(observation.date is None for observation in observations)
    if undated:
        message = f"{undated} of {len(observations)} observations have no date"
        findings.append(
            warning("observation-undated", where, message, "add it; the time between harvest and flight is unknown")
        )
    if flown is None:
        return findings
    gaps = [abs((o.date - flown).days) for o in observations if o.date is not None]
    if gaps and max(gaps) > _FAR_DAYS:
        late = sum(gap > _FAR_DAYS for gap in gaps)
        message = f"{counted(late, 'observation', 'lie')} up to {max(gaps)} days from the flight ({flown})"
        level = warning if max(gaps) > _TOO_FAR_DAYS else info
        hint = "vegetation changes in 3 - 14 days; check the dates, and mowing or grazing between"
        findings.append(level("observation-far-in-time", where, message, hint))
    return findings


def _distance(metres: float) -> str:
    return f"{metres / 1000:.0f} km" if metres >= 10000 else f"{metres:.0f} m"
