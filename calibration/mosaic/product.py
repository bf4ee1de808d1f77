"""The reflectance product: an orthomosaic's bands by name, in wavelength order, with what they are and how sure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration.mosaic.bands import MosaicBands, band_key
from calibration.mosaic.budget import PIXEL, SHARED, BandBudget, Layer, Sight, budget_of
from calibration.mosaic.empirical_line import LINE_LIMITS, EmpiricalLine, TargetReading, fit_line
from calibration.mosaic.findings import line_findings, mosaic_findings, not_compared
from calibration.mosaic.linear import LinearMosaic
from calibration.mosaic.repeatability import Repeatability
from calibration.mosaic.sources import MosaicInputs, SourceReader
from calibration.mosaic.tally import Tally
from calibration.mosaic.target_reading import TargetsSeen, read_targets
from uav_workflow.domain.flight import SensorProfile
from uav_workflow.domain.grid import Block
from uav_workflow.domain.ground import ReferenceTarget
from uav_workflow.domain.product import Json, Made
from uav_workflow.domain.quality import Gate
from uav_workflow.findings import Finding
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import RasterWriter, cog

VALUES, SD = "reflectance.tif", "reflectance_sd.tif"
_USUAL_TANGENT = 0.2
"""Of the angle from nadir where nobody tells which photo a pixel is from: half the way to the edge of a usual photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is done with every block."""

    bands: MosaicBands
    quantity: str
    lines: Mapping[str, EmpiricalLine]
    budgets: tuple[BandBudget, ...]
    """One a band; none where the result stays relative."""


def make_reflectance(
    inputs: MosaicInputs,
    sensor: SensorProfile,
    out: Path,
    *,
    targets: Sequence[ReferenceTarget] = (),
    from_above: bool = True,
) -> Made:
    """Write ``out/reflectance.tif`` and, where it is reflectance, ``out/reflectance_sd.tif``.

    Mosaics of calibrated captures are copied band by band; 8-bit RGB is linearised. NaN where the mosaic is masked,
    and where a calibrated value stands at its cap (the picture was saturated or glinting there). With ground targets
    every band goes through an empirical line, alone or after the calibration of captures. A line whose gates fail
    changes nothing; where captures are relative, one band's failure leaves all of them so.

    reflectance_sd.tif has two bands for each, standard uncertainties in reflectance: ``<band>_shared`` of errors that
    neighbouring pixels have in common and ``<band>_pixel`` of independent noise; a plot's mean has `budget.sd_of_mean`.

    Parameters
    ----------
    inputs : MosaicInputs
        The orthomosaic has its bands named by description, alpha last; or is red, green, blue and alpha of 8 bits.
    sensor : SensorProfile
    out : Path
        A folder.
    targets : sequence of ReferenceTarget
        Of known reflectance; none leaves the mosaic as the captures made it.
    from_above : bool
        Take out of calibrated captures what slanted views of plants do to them (see `slant.Slant`), where the overlaps
        show that it helps.

    Returns
    -------
    Made
        Facts ``quantity``, ``bands``, ``centre_nm``, ``at_cap`` (share of the measured pixels), ``gates``,
        ``uncertainty`` (parts a band, and ``typical``: of the mean pixel, relative), ``empirical_line``.

    Raises
    ------
    CalibrationError
        calibration.json can't be read, or a calibrated band is not in the mosaic.
    RasterError
        A raster can't be read.
    """
    known = inputs.calibration()
    bands = MosaicBands.of(inputs.orthomosaic, sensor, known)
    out.mkdir(parents=True, exist_ok=True)
    with Raster(inputs.orthomosaic) as raster:
        mosaic = LinearMosaic(raster, bands, np.float32(known.get("cap", math.inf)))
        seen = read_targets(targets, mosaic.grid, bands.names, mosaic.read)
        calibrated = str(known.get("quantity", "relative"))
        useful = calibrated == "reflectance" or any(seen.readings.values())
        repeated = _by_band(inputs.repeatability(known, mosaic.patch_at, correct=from_above) if useful else {}, bands)
        fitted = {band: _line(rows, repeated.get(band)) for band, rows in seen.readings.items() if rows}
        lines = _chosen(fitted, bands.names, calibrated)
        plan = _planned(inputs, known, bands, lines, repeated)
        tally = _write(mosaic, inputs, plan, _tags(plan, known), out)
    gates = [*(gate for line in fitted.values() for gate in line.gates()), *_extrapolated(lines, tally)]
    said = (*_findings(plan, tally, known), *seen.findings, *line_findings(fitted, lines, gates))
    return Made(findings=said, facts=_facts(plan, fitted, gates, tally, seen))


def _findings(plan: _Plan, tally: Tally, known: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What was measured, and bands whose photos could not be compared."""
    found = mosaic_findings(plan.quantity, is_rgb8=plan.bands.is_rgb8, measured=tally.measured, calibrated=bool(known))
    apart = [budget.band for budget in plan.budgets if budget.view is None]
    return (*found, not_compared(apart)) if apart else found


def _by_band(found: Mapping[str, Repeatability], bands: MosaicBands) -> dict[str, Repeatability]:
    """By house name; RGB photos answer for all their bands."""
    by_key = {band_key(name): value for name, value in found.items()}
    known = {name: by_key.get(name) or by_key.get("rgb") for name in bands.names}
    return {name: value for name, value in known.items() if value is not None}


def _line(rows: Sequence[TargetReading], repeated: Repeatability | None) -> EmpiricalLine:
    return fit_line(rows if repeated is None else [row.seen_once(repeated.of_place) for row in rows])


def _chosen(fitted: Mapping[str, EmpiricalLine], names: Sequence[str], calibrated: str) -> Mapping[str, EmpiricalLine]:
    """Lines that are applied: one mosaic is never reflectance in one band and something else in the next."""
    usable = {band: line for band, line in fitted.items() if line.usable}
    return usable if calibrated == "reflectance" or len(usable) == len(names) else {}


def _planned(
    inputs: MosaicInputs,
    known: Mapping[str, Any],
    bands: MosaicBands,
    lines: Mapping[str, EmpiricalLine],
    repeated: Mapping[str, Repeatability],
) -> _Plan:
    quantity = "reflectance" if lines else str(known.get("quantity", "relative"))
    budgets = _budgets(inputs, known, bands.names, lines, repeated) if quantity == "reflectance" else ()
    return _Plan(bands=bands, quantity=quantity, lines=lines, budgets=budgets)


def _budgets(
    inputs: MosaicInputs,
    known: Mapping[str, Any],
    names: Sequence[str],
    lines: Mapping[str, EmpiricalLine],
    repeated: Mapping[str, Repeatability],
) -> tuple[BandBudget, ...]:
    of_band = {band_key(row["band"]): row for row in known.get("bands", ())}
    noise = {band_key(band): value for band, value in (known.get("noise_per_count") or {}).items()}
    sources = inputs.sources()
    return tuple(
        budget_of(
            name,
            of_band.get(name, {}),
            sources.photos(known, str(of_band[name]["band"]) if name in of_band else name),
            noise_per_count=float(noise.get(name, math.nan)),
            repeated=repeated.get(name),
            line=lines.get(name),
        )
        for name in names
    )


def _write(mosaic: LinearMosaic, inputs: MosaicInputs, plan: _Plan, tags: dict[str, str], out: Path) -> Tally:
    """Write both rasters block by block, and count."""
    sources, names = inputs.sources(), plan.bands.names
    tally = Tally.empty(len(names))
    with ExitStack() as stack:
        numbers = None if sources.path is None else stack.enter_context(Raster(sources.path))
        reader = SourceReader(raster=numbers, places=inputs.source_places(), usual=_USUAL_TANGENT)
        units = ["1"] * len(names)
        values_to = stack.enter_context(cog(out / VALUES, mosaic.grid, names, tags=tags, units=units))
        sd_to: RasterWriter | None = None
        if plan.budgets:
            layers = [name + kind for name in names for kind in (SHARED, PIXEL)]
            said = {"quantity": "standard uncertainty of reflectance", "values": VALUES}
            sd_to = stack.enter_context(cog(out / SD, mosaic.grid, layers, tags=said, units=["1"] * len(layers)))
        for block in mosaic.grid.blocks():
            signal, saturated = mosaic.read(block)
            sight = _sight(mosaic, reader, block) if plan.budgets else None
            if sight is not None:
                signal = np.stack([each.from_above(signal[k], sight) for k, each in _each(plan)])
            tally.count(signal, saturated, [plan.lines.get(name) for name in names])
            values = np.stack([_value(plan, name, signal[index]) for index, name in enumerate(names)])
            values_to.write(block, values)
            if sd_to is not None and sight is not None:
                layers_of = [
                    np.stack([each.shared(signal[k], sight), each.pixel(signal[k], sight.source)])
                    for k, each in _each(plan)
                ]
                sd_to.write(block, np.concatenate(layers_of))
                tally.weigh(values, np.stack([shared for shared, _ in layers_of]))
    return tally


def _sight(mosaic: LinearMosaic, reader: SourceReader, block: Block) -> Sight:
    source, direction = reader.read(mosaic.grid, block)
    return Sight(source=source, direction=direction, look=mosaic.look(block))


def _each(plan: _Plan) -> list[tuple[int, BandBudget]]:
    return list(enumerate(plan.budgets))


def _value(plan: _Plan, name: str, signal: Layer) -> Layer:
    line = plan.lines.get(name)
    return signal if line is None else line.apply(signal)


def _extrapolated(lines: Mapping[str, EmpiricalLine], tally: Tally) -> list[Gate]:
    warn, fail = LINE_LIMITS["target-extrapolated"]
    return [Gate.at_most(f"target-extrapolated[{band}]", tally.beyond(band), warn, fail) for band in lines]


def _tags(plan: _Plan, known: Mapping[str, Any]) -> dict[str, str]:
    source = "sRGB, linearised" if plan.bands.is_rgb8 else "calibrated captures"
    if not known and not plan.bands.is_rgb8:
        source = "orthomosaic as the node made it"
    if plan.lines:
        source += "; empirical line on ground targets"
    tags = {"quantity": plan.quantity, "source": source}
    if all(centre is not None for centre in plan.bands.centres_nm):
        tags["centre_nm"] = ",".join(f"{centre:g}" for centre in plan.bands.centres_nm)
    return tags


def _facts(
    plan: _Plan, fitted: Mapping[str, EmpiricalLine], gates: Sequence[Gate], tally: Tally, seen: TargetsSeen
) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "quantity": plan.quantity,
        "bands": list(plan.bands.names),
        "centre_nm": list(plan.bands.centres_nm),
        "at_cap": tally.at_cap if not plan.bands.is_rgb8 else 0.0,
        "gates": [gate.to_json() for gate in gates],
    }
    if plan.budgets:
        facts["uncertainty"] = [budget.to_json() | {"typical": tally.typical(index)} for index, budget in _each(plan)]
    if fitted:
        facts["empirical_line"] = [
            line.to_json() | {"applied": band in plan.lines, "targets_read": [r.target_id for r in seen.readings[band]]}
            for band, line in fitted.items()
        ]
    return facts
