"""The demo's flights over an unseen scene: figures against the truth, and what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from uav_workflow.domain.product import Product
from uav_workflow.quality.comparison import compare
from uav_workflow.quality.demo import DemoFlight, demo_flights
from uav_workflow.simulation.flight import simulate

CHAIN = ("orthomosaic", "dsm", "dtm", "reflectance", "indices", "canopy_height", "cover")
"""What is made of the node's files, raster by raster."""


def simulated_flights(workspace: Path, seed: int) -> list[Figure]:
    """Simulate, run as a user does, and compare; then run once more."""
    figures: list[Figure] = []
    for name, flight in demo_flights(seed).items():
        folder = workspace / name
        made = simulate(folder, flight.options)
        rate = made.cpu_s_per_megapixel_band
        what = f"{name}: simulation, CPU seconds a megapixel and band"
        figures.append(Figure(what=what, value=rate, unit="s", bound=1.0))
        products, seconds = _run(folder, workspace)
        figures.append(Figure(what=f"{name}: first run", value=seconds, unit="s"))
        figures += _truth(name, folder, products, flight)
        figures += _costs(name, products)
        _, seconds = _run(folder, workspace)
        figures.append(Figure(what=f"{name}: second run", value=seconds, unit="s", bound=5.0))
    return figures


def _run(folder: Path, workspace: Path) -> tuple[dict[str, Product], float]:
    """`uav run` in a process of its own, and its wall time."""
    command = [sys.executable, "-P", "-m", "uav_workflow.cli.main", "run", str(folder), "--json"]
    started = time.monotonic()
    ended = subprocess.run([*command, "--workspace", str(workspace)], stdout=subprocess.PIPE, check=True)
    seconds = time.monotonic() - started
    return {kind: product_of(kind, row) for kind, row in json.loads(ended.stdout)["products"].items()}, seconds


def product_of(kind: str, row: Mapping[str, Any]) -> Product:
    """Product of a kind from its row in what `uav run --json` prints."""
    path = Path(row["path"])
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    return Product(kind=kind, fingerprint=manifest["fingerprint"], path=path, manifest=manifest)


def _truth(name: str, folder: Path, products: Mapping[str, Product], flight: DemoFlight) -> list[Figure]:
    return [
        Figure(
            what=f"{name}: {row.what}",
            value=row.value,
            unit=row.unit,
            bound=row.bound if row.kind in flight.judged else None,
            at_least=row.at_least,
        )
        for row in compare(folder, products)
    ]


def _costs(name: str, products: Mapping[str, Product]) -> list[Figure]:
    seconds = sum(_number(products, kind, "duration_s") for kind in CHAIN)
    peak = max(_number(products, kind, "peak_memory_mib") for kind in CHAIN)
    return [
        Figure(what=f"{name}: raster chain after the node, wall time of its tasks", value=seconds, unit="s"),
        Figure(what=f"{name}: raster chain after the node, peak memory of a task", value=peak, unit="MiB", bound=1536),
    ]


def _number(products: Mapping[str, Product], kind: str, key: str) -> float:
    value = products[kind].manifest.get(key) if kind in products else None
    return float(value) if isinstance(value, int | float) else float("nan")
