"""observations.csv: what was measured on the plots."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from uav_workflow.domain.ground import VARIABLES, GroundObservation
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.tables import Row, Table, parse_date, read_table
from uav_workflow.flights.units import TEXT_VARIABLES, UnitError, to_house_unit
from uav_workflow.flights.wording import counted, listed

_KNOWN = ("plot_id", "date", "variable", "value", "unit", "area_m2", "method", "operator")
_POSSIBLE: dict[str, tuple[float, float]] = {
    "fvc_green": (0.0, 1.0),
    "fvc_total": (0.0, 1.0),
    "height_mean": (0.0, 10.0),
    "height_p95": (0.0, 15.0),
    "agb_fresh": (0.0, 50_000.0),
    "agb_dry": (0.0, 20_000.0),
    "lai": (0.0, 15.0),
    "species_richness": (0.0, 200.0),
    "species_cover": (0.0, 1.0),
}
"""Bounds in house units beyond which a value is a slip of pen or unit: no grassland or shrub reaches them."""
_LARGEST_HARVEST_M2 = 100.0


def read_observations(path: Path, where: str) -> tuple[tuple[GroundObservation, ...], list[Finding]]:
    """Ground observations in house units.

    A row that can't be used is left out and said: ``missing-unit``, ``wrong-unit``, ``harvest-without-area``,
    ``impossible-value``, ``impossible-area``, ``unknown-variable``, ``missing-value``, ``duplicate-observation``,
    ``invalid-date``. ``no-usable-observation`` (an error) when none is left.
    """
    table = read_table(path, where, _KNOWN, ("plot_id", "variable", "value"))
    observations: list[GroundObservation] = []
    empty: list[str] = []
    for row in table.rows:
        if row.text("value") is None and row.text("plot_id") is not None:
            empty.append(str(row.line))
            continue
        observation = _observation(table, row)
        if observation is not None:
            observations.append(observation)
    findings = _without_duplicates(observations, where)
    if empty:
        message = f"{counted(len(empty), 'row', 'have')} no value (line {listed(empty, 5)})"
        findings.append(info("missing-value", where, message))
    if table.rows and not observations:
        message = f"none of {len(table.rows)} rows can be used"
        findings.append(error("no-usable-observation", where, message, "correct what the other findings name"))
    findings += _dry_above_fresh(observations, where)
    return tuple(observations), table.findings + findings


def _observation(table: Table, row: Row) -> GroundObservation | None:
    plot_id, variable = row.text("plot_id"), (row.text("variable") or "").lower()
    at = table.at(row)
    if plot_id is None:
        table.findings.append(
            warning("observation-without-plot", at, "plot_id is empty; the row is not used", "fill it")
        )
        return None
    if variable not in VARIABLES:
        message = f"variable '{variable}' is not known; the row is not used"
        table.findings.append(warning("unknown-variable", at, message, f"known are {', '.join(VARIABLES)}"))
        return None
    day, trouble = parse_date(row.text("date"))
    if trouble:
        hint = "write it as 2024-07-31"
        table.findings.append(warning("invalid-date", at, f"date {trouble}; the date is not used", hint))
    area_m2, usable = _area(table, row)
    raw, unit = row.cells.get("value", "").strip(), row.cells.get("unit", "").strip()
    value: float | None = None
    if variable not in TEXT_VARIABLES:
        value = _value(table, row, variable, unit, area_m2) if usable else None
        if value is None:
            return None
    return GroundObservation(
        plot_id=plot_id,
        variable=variable,
        date=day,
        value=value,
        unit=VARIABLES[variable],
        raw_value=raw,
        raw_unit=unit,
        text=raw if variable in TEXT_VARIABLES else None,
        area_m2=area_m2,
        method=row.text("method"),
        operator=row.text("operator"),
    )


def _area(table: Table, row: Row) -> tuple[float | None, bool]:
    """Harvested area and whether the row may be used."""
    before = len(table.findings)
    area = table.number(row, "area_m2")
    if area is None:
        return None, len(table.findings) == before
    if 0 < area <= _LARGEST_HARVEST_M2:
        return area, True
    message = f"harvested area of {area:g} m² is impossible; the row is not used"
    table.findings.append(
        warning("impossible-area", table.at(row), message, "a 0.5 m quadrat has 0.25 m²; cm² are not read")
    )
    return None, False


def _value(table: Table, row: Row, variable: str, unit: str, area_m2: float | None) -> float | None:
    number = table.number(row, "value")
    if number is None:
        return None
    try:
        value = to_house_unit(variable, number, unit, area_m2)
    except UnitError as exc:
        table.findings.append(warning(exc.code, table.at(row), str(exc), exc.hint))
        return None
    low, high = _POSSIBLE[variable]
    if low <= value <= high:
        return value
    said = f"{number:g} {unit}" if unit not in ("", "1") else f"{number:g}"
    house = f" {VARIABLES[variable]}" if VARIABLES[variable] != "1" else ""
    message = f"{variable} of {said} is outside {low:g} - {high:g}{house}; it is not used"
    hint = "is the unit %?" if high == 1.0 and 1 < value <= 100 else "correct value or unit"
    table.findings.append(warning("impossible-value", table.at(row), message, hint))
    return None


def _without_duplicates(observations: list[GroundObservation], where: str) -> list[Finding]:
    """Keep the first of rows that say the same thing of the same plot; `observations` shrinks."""
    seen: set[tuple[str, str, date | None, str | None]] = set()
    kept, doubled = [], []
    for observation in observations:
        key = (observation.plot_id, observation.variable, observation.date, observation.method)
        if key in seen and observation.variable != "species_cover":
            doubled.append(f"{observation.plot_id} {observation.variable}")
        else:
            seen.add(key)
            kept.append(observation)
    observations[:] = kept
    if not doubled:
        return []
    rows = counted(len(doubled), "row")
    message = f"{rows} again for the same plot, variable, date and method ({listed(doubled)}); the first is used"
    return [warning("duplicate-observation", where, message, "remove the wrong one, or give each its method")]


def _dry_above_fresh(observations: list[GroundObservation], where: str) -> list[Finding]:
    mass = {(o.plot_id, o.date, o.variable): o.value for o in observations if o.variable in ("agb_dry", "agb_fresh")}
    wrong = [
        plot
        for (plot, day, variable), dry in mass.items()
        if variable == "agb_dry"
        and dry is not None
        and (fresh := mass.get((plot, day, "agb_fresh"))) is not None
        and dry > fresh
    ]
    if not wrong:
        return []
    message = f"dry mass is above fresh mass on {listed(wrong)}"
    return [warning("impossible-value", where, message, "columns swapped, or another area?")]
