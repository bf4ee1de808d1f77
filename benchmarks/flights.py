"""The demo's flights over an unseen scene: figures against the truth, and what they cost."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figures import Figure
from tasks.running import RunResult, run_flight
from uav_workflow.quality.demo import demo_flights
from uav_workflow.quality.truth import compare
from uav_workflow.recipe import load_recipe
from uav_workflow.simulation.flight import simulate

CHAIN = ("orthomosaic", "dsm", "dtm", "reflectance", "indices", "canopy_height", "cover")


def simulated_flights(workspace: Path, seed: int) -> list[Figure]:
    """Simulate, run and compare; then run once more."""
    figures: list[Figure] = []
    for name, flight in demo_flights(seed).items():
        folder = workspace / name
        made = simulate(folder, flight.options)
        figures.append(
            Figure(
                what=f"{name}: simulation, CPU seconds a megapixel and band",
                value=made.cpu_s_per_megapixel_band,
                unit="s",
                bound=1.0,
            )
        )
        started = time.monotonic()
        result = run_flight(folder, workspace, load_recipe(), workers=2)
        figures.append(Figure(what=f"{name}: first run", value=time.monotonic() - started, unit="s"))
        figures += _truth(name, folder, result, flight.options.captures, flight.judged)
        figures += _costs(name, result)
        started = time.monotonic()
        run_flight(folder, workspace, load_recipe(), workers=2)
        figures.append(Figure(what=f"{name}: second run", value=time.monotonic() - started, unit="s", bound=5.0))
    return figures


def _truth(name: str, folder: Path, result: RunResult, captures: int, judged: frozenset[str]) -> list[Figure]:
    return [
        Figure(
            what=f"{name}: {row.what}",
            value=row.value,
            unit=row.unit,
            bound=row.bound if row.kind in judged else None,
            at_least=row.at_least,
        )
        for row in compare(folder, result.products, captures)
    ]


def _costs(name: str, result: RunResult) -> list[Figure]:
    seconds = sum(_number(result, kind, "duration_s") for kind in CHAIN)
    peak = max(_number(result, kind, "peak_memory_mib") for kind in CHAIN)
    return [
        Figure(what=f"{name}: raster chain after the node, wall time of its tasks", value=seconds, unit="s"),
        Figure(what=f"{name}: raster chain after the node, peak memory of a task", value=peak, unit="MiB", bound=1536),
    ]


def _number(result: RunResult, kind: str, key: str) -> float:
    value = result.products[kind].manifest.get(key) if kind in result.products else None
    return float(value) if isinstance(value, int | float) else float("nan")
