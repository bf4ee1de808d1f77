"""Hand-overs and a stack of predictors to maps, table, card, page and item."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.store import write_json
from uav_workflow.upscaling.card import Judged
from uav_workflow.upscaling.item import ITEM, write_item
from uav_workflow.upscaling.mapping import Maps, write_maps
from uav_workflow.upscaling.model import UpscalingModel
from uav_workflow.upscaling.page import PAGE, write_page
from uav_workflow.upscaling.predictors import PredictorStack
from uav_workflow.upscaling.samples import LEAST_COVERAGE, Samples, choose, read_table, variables_of
from uav_workflow.upscaling.validation import deciding, leave_out, schemes

CARD, CELLS = "model_card.json", "left_out.csv"
LEAST_CELLS = 30
"""Fewest cells a model is fitted to."""
OFF_CENTRE = 0.05
"""Pixels by which cells may lie off the predictors' before it is said."""


def upscale(
    handovers: Sequence[Path],
    stack: PredictorStack,
    out: Path,
    *,
    variables: Sequence[str] = (),
    least_coverage: float = LEAST_COVERAGE,
    jobs: int | None = None,
    sources: Sequence[str] = (),
) -> Made:
    """Learn from the cells of hand-overs what the predictors mean, and map it with where it holds.

    Parameters
    ----------
    handovers : sequence of Path
        Folders of packages, or sample tables.
    out : Path
        A new folder, an empty one, or that of an earlier upscaling, whose files are replaced.
    variables : sequence of str
        All of the tables when empty.
    least_coverage : float
        Share of a cell that has to be covered to learn from it.
    jobs : int, optional
        Threads that map; as many as cores when absent.
    sources : sequence of str
        Names of the predictors' files for the page.

    Writes
    ------
    <variable>.tif, <variable>_aoa.tif, left_out.csv, model_card.json, report.html, item.json

    Raises
    ------
    UsageError
        The tables lack a column or a variable, no cell fits the predictors, too few do, or the folder is another's.
    """
    workers = jobs or os.cpu_count() or 1
    table = read_table(handovers, stack.grid.crs)
    wanted = variables_of(table, variables)
    _refuse_foreign(out)
    judged, findings = [], []
    for variable in wanted:
        samples, told = choose(table, variable, stack.grid.pixel_m, least_coverage)
        one, more = judge(variable, samples, stack)
        judged.append(one)
        findings += [*told, *more]
    out.mkdir(parents=True, exist_ok=True)
    maps = {one.model.variable: write_maps(one.model, stack, out, jobs=workers) for one in judged}
    cards = [one.card(maps[one.model.variable].facts) for one in judged]
    _write_cells(judged, out / CELLS)
    write_json(out / CARD, {"findings": [one.to_json() for one in findings], "variables": cards})
    entries = [(one, maps[one.model.variable], card) for one, card in zip(judged, cards, strict=True)]
    write_page(out / PAGE, entries, findings, predictors=sources)
    _write_item(judged, stack, maps, out)
    facts: dict[str, Json] = {str(card["variable"]): card for card in cards}
    return Made(findings=tuple(findings), facts=facts)


def judge(variable: str, samples: Samples, stack: PredictorStack) -> tuple[Judged, list[Finding]]:
    """Fit a variable's model and leave its cells out in every way they allow.

    Raises
    ------
    UsageError
        Fewer than `LEAST_CELLS` cells have every predictor, or no predictor varies.
    """
    rows = stack.at(samples.x, samples.y)
    findings = _off_centre(variable, stack, samples)
    known = np.asarray(np.isfinite(rows).all(axis=1))
    if (lost := int((~known).sum())) > 0:
        findings.append(info("cells-without-predictors", variable, f"{lost} of {samples.n} cells lack a predictor"))
    rows, samples = rows[known], samples.among(known)
    if samples.n and not (samples.date != "").any():
        raise UsageError(f"{variable}: no cell of the hand-overs has a date")
    if samples.n < LEAST_CELLS:
        raise UsageError(f"{variable}: {samples.n} cells to learn from, of at least {LEAST_CELLS} needed")
    # what varies in its last digits alone is no predictor
    varies = np.ptp(rows, axis=0) > 1e-6 * np.abs(rows).max(axis=0)
    if not varies.any():
        raise UsageError(f"{variable}: no predictor varies over the cells")
    names = tuple(name for name, kept in zip(stack.names, varies, strict=True) if kept)
    if flat := [name for name in stack.names if name not in names]:
        findings.append(warning("predictor-constant", variable, f"{', '.join(flat)}: the same in every cell; left out"))
    rows = np.ascontiguousarray(rows[:, varies])
    folds = schemes(samples)
    by = deciding(folds)
    findings += _few_groups(variable, samples, by)
    signal = np.array([place for place, name in enumerate(names) if name in stack.signal], np.int64)
    left_out = {name: leave_out(rows, samples, one, signal) for name, one in folds.items()}
    model = UpscalingModel.fit(variable, names, rows, samples, left_out[by], signal=signal)
    return Judged(model=model, samples=samples, by=by, left_out=left_out), findings


def _off_centre(variable: str, stack: PredictorStack, samples: Samples) -> list[Finding]:
    offsets: NDArray[np.float64] = stack.offsets(samples.x, samples.y)
    if offsets.size == 0 or (most := float(offsets.max())) <= OFF_CENTRE:
        return []
    text = f"cells lie up to {most:.2f} pixels off the predictors' pixels, which were averaged over the cells"
    hint = "hand over on the predictors' own grid; half a pixel is the usual trap between Sentinel-2 and Landsat"
    return [warning("cells-off-grid", variable, text, hint)]


def _few_groups(variable: str, samples: Samples, by: str) -> list[Finding]:
    if by == "leave_site_out":
        return []
    sites = len(np.unique(samples.site))
    text = (
        f"cells are of {sites} site{'s' if sites > 1 else ''}: errors, intervals and the area of applicability are "
        f"those of {by.replace('_', ' ')} and say little of places not flown"
    )
    return [warning("few-sites", variable, text, "hand over flights of five sites or more")]


def _write_cells(judged: Sequence[Judged], path: Path) -> None:
    """One row a training cell, with what forests grown without it say."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        columns = ("predicted", "pi90_lo", "pi90_hi")
        names = ("leave_site_out", "spatial_blocks", "random_folds")
        head = [f"{name}_{column}" for name in names for column in columns]
        writer.writerow(
            ("variable", "cell_id", "flight_id", "site_id", "x", "y", "value", "weight", "dissimilarity_index", *head)
        )
        for one in judged:
            for place in range(one.samples.n):
                writer.writerow(_cell(one, place, names))


def _cell(judged: Judged, place: int, names: Sequence[str]) -> list[Any]:
    samples = judged.samples
    row: list[Any] = [judged.model.variable, samples.cell[place], samples.flight[place], samples.site[place]]
    numbers = [samples.x, samples.y, samples.value, samples.weight, judged.model.applicability.training]
    row += [repr(float(column[place])) for column in numbers]
    for name in names:
        seen = judged.left_out.get(name)
        row += [""] * 3 if seen is None else [repr(float(part[place])) for part in (seen.mean, seen.low, seen.high)]
    return row


def _write_item(judged: Sequence[Judged], stack: PredictorStack, maps: Mapping[str, Maps], out: Path) -> None:
    days = [day for one in judged for day in one.samples.date.tolist() if day]
    flights = sorted({flight for one in judged for flight in one.samples.flight.tolist()})
    lineage = f"Regressions on {', '.join(stack.names)}, of hand-over cells of flights {', '.join(flights)}"
    others = [out / CARD, out / PAGE, out / CELLS]
    write_item(out, grid=stack.grid, days=days, maps=dict(maps), others=others, lineage=lineage)


def _refuse_foreign(out: Path) -> None:
    """Never write among a user's other files."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; name a folder for the maps")
    if out.is_dir() and (names := sorted(path.name for path in out.iterdir())) and ITEM not in names:
        raise UsageError(f"{out}: holds other files ({', '.join(names[:3])}); name a folder of its own")
