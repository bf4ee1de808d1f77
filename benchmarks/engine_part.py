"""One part of the engine on a processed project, in a process of its own; prints what it cost as JSON.

``python -m benchmarks.engine_part features PROJECT`` or ``… grid PROJECT SIDE``.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.inputs.project import read_captures
from uav_workflow.engine.mosaic.orthomosaic import render_orthomosaic
from uav_workflow.engine.pipeline import band_layers
from uav_workflow.engine.products.reconstruction_io import read_reconstruction
from uav_workflow.engine.progress import cpu_seconds
from uav_workflow.engine.scratch import Scratch
from uav_workflow.engine.surface.model import Surface, build_surface
from uav_workflow.engine.ties.features import FeatureSettings, extract_features

PHOTOS = 6
"""Photos laid out on the large grid: memory is a matter of the grid, time one of the photos."""
Costs = dict[str, float]


def features(project: Path) -> Costs:
    """CPU seconds a megapixel of finding features in up to 10 photos, reading them included."""
    captures, _ = read_captures(project, 3.0, _quiet)
    images = [capture.primary for capture in captures[:10]]
    with TemporaryDirectory() as folder:
        started = cpu_seconds()
        extract_features([images], Path(folder), FeatureSettings(), progress=lambda _share: None)
    megapixels = sum(image.width * image.height for image in images) * 1e-6
    return {"features_cpu_s_per_mp": (cpu_seconds() - started) / megapixels}


def grid(project: Path, side: int) -> Costs:
    """Peak memory (MiB) and CPU time of surface and orthomosaic, each on as many cells as ``side`` x ``side``."""
    reconstruction = read_reconstruction(project / "opensfm" / "reconstruction.json")
    captures, _ = read_captures(project, 3.0, _quiet)
    few = _central(captures, reconstruction)
    images = {capture.primary.name: capture.primary.path for capture in few}
    work = project / "large-grid"
    work.mkdir(exist_ok=True)
    try:
        scratch = Scratch(work)
        coarse = build_surface(reconstruction, images, scratch=scratch)
        fine = coarse.grid.pixel_m * math.sqrt(coarse.grid.width * coarse.grid.height) / side

        def surface() -> Surface:
            return build_surface(reconstruction, images, cell_m=fine, scratch=scratch)

        def mosaic() -> object:
            wanted = Grid.covering(coarse.grid.bounds, fine, coarse.grid.crs)
            return render_orthomosaic(reconstruction, band_layers(few), coarse, wanted, work / "mosaic.tif")

        costs = {f"grid_mosaic_{key}": value for key, value in _cost(mosaic).items()}
        return costs | {f"grid_surface_{key}": value for key, value in _cost(surface).items()}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _central(captures: Sequence[Capture], reconstruction: Reconstruction) -> list[Capture]:
    """Captures nearest to the middle of the block: what they cover has no long empty corners."""
    centres = {shot.image: shot.centre[:2] for shot in reconstruction.shots}
    middle = np.median(list(centres.values()), axis=0)
    placed = [capture for capture in captures if capture.primary.name in centres]
    return sorted(placed, key=lambda capture: float(np.hypot(*(centres[capture.primary.name] - middle))))[:PHOTOS]


def _cost(work: Callable[[], object]) -> Costs:
    """Peak resident memory while working (MiB; Linux can forget the peak before it), and CPU seconds."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    started = cpu_seconds()
    work()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return {"peak_mib": int(peak) / 1024, "cpu_s": cpu_seconds() - started}


def _quiet(_line: str) -> None:
    """Findings were said when the project was processed."""


if __name__ == "__main__":
    part, place, *rest = sys.argv[1:]
    found = features(Path(place)) if part == "features" else grid(Path(place), int(rest[0]))
    sys.stdout.write(json.dumps(found) + "\n")
