"""A model on every pixel of a stack, block by block, on all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block
from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Json
from uav_workflow.rasters.cache import bounded_cache
from uav_workflow.rasters.writer import TILE, cog
from uav_workflow.upscaling.model import BANDS, UpscalingModel
from uav_workflow.upscaling.predictors import PredictorStack, Stack

Floats = NDArray[np.float64]

OUTSIDE, INSIDE, UNKNOWN = 0, 1, 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """Files of one variable, and what they hold in sum.

    Attributes
    ----------
    values : Path
        float32, `BANDS`.
    area : Path
        uint8: 1 inside the area of applicability, 0 outside, 255 unknown.
    """

    values: Path
    area: Path
    facts: dict[str, Json]


def units(variable: str) -> tuple[str, ...]:
    """UCUM unit of every band."""
    unit = VARIABLES.get(variable, "")
    return unit, unit, unit, "1", "1"


def write_maps(model: UpscalingModel, stack: PredictorStack, out: Path, *, jobs: int | None = None) -> Maps:
    """Write ``<variable>.tif`` and ``<variable>_aoa.tif``.

    Memory does not grow with the stack: two blocks a core are held at most.
    """
    made = Maps(values=out / f"{model.variable}.tif", area=out / f"{model.variable}_aoa.tif", facts={})
    tags = {"variable": model.variable, "aoa_threshold": repr(model.applicability.threshold)}
    tally = _Tally()
    with (
        bounded_cache(),
        cog(made.values, stack.grid, BANDS, units=units(model.variable), tags=tags) as values,
        cog(made.area, stack.grid, ["aoa"], dtype="uint8", nodata=UNKNOWN, overviews="mode", tags=tags) as area,
    ):
        for block, planes in _predicted(model, stack, jobs or os.cpu_count() or 1):
            known = np.isfinite(planes[0])
            inside = planes[BANDS.index("dissimilarity_index")] <= model.applicability.threshold
            values.write(block, planes)
            area.write(block, np.where(known, np.where(inside, INSIDE, OUTSIDE), UNKNOWN).astype(np.uint8))
            tally.add(planes, known, inside)
    made.facts.update(tally.to_json())
    return made


def _predicted(model: UpscalingModel, stack: PredictorStack, jobs: int) -> Iterator[tuple[Block, Floats]]:
    """Blocks in order: read by one, predicted by many."""
    chosen = [stack.names.index(name) for name in model.predictors]
    with ThreadPoolExecutor(jobs) as pool:
        waiting: deque[tuple[Block, Future[Floats]]] = deque()
        for block in stack.grid.blocks(TILE):
            waiting.append((block, pool.submit(_predict, model, stack.read(block)[chosen])))
            if len(waiting) >= 2 * jobs:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _predict(model: UpscalingModel, planes: Stack) -> Floats:
    rows = planes.reshape(len(planes), -1).T
    return model.predict(np.ascontiguousarray(rows)).reshape(-1, *planes.shape[1:])


@dataclass(slots=True)
class _Tally:
    """Cells of a map, counted over the blocks."""

    cells: int = 0
    inside: int = 0
    total: float = 0.0
    total_inside: float = 0.0

    def add(self, planes: Floats, known: NDArray[np.bool_], inside: NDArray[np.bool_]) -> None:
        self.cells += int(known.sum())
        self.inside += int((known & inside).sum())
        self.total += float(planes[0][known].sum())
        self.total_inside += float(planes[0][known & inside].sum())

    def to_json(self) -> dict[str, Json]:
        return {
            "cells": self.cells,
            "cells_inside": self.inside,
            "share_inside": self.inside / self.cells if self.cells else None,
            "mean": self.total / self.cells if self.cells else None,
            "mean_inside": self.total_inside / self.inside if self.inside else None,
        }
