"""Positions from post-processing (PPK), as a survey drone's software writes them: geo.txt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uav_workflow.domain.reconstruction import Shot
from uav_workflow.simulation.site import Site

SD_H_M = 0.02
SD_V_M = 0.04


def write_positions(path: Path, site: Site, shots: Sequence[tuple[str, Shot]], seed: int) -> None:
    """geo.txt in ODM's format: positions of centimetres with their accuracy, angles unknown.

    The bands of one trigger share one antenna, and so one error.

    Parameters
    ----------
    shots : sequence of (relative path, Shot)
        True poses.
    """
    times = sorted({shot.time_utc for _, shot in shots if shot.time_utc is not None})
    error = np.random.default_rng((seed, 17)).normal(0.0, (SD_H_M, SD_H_M, SD_V_M), (len(times), 3))
    of_trigger = dict(zip(times, error, strict=True))
    lines = [site.crs]
    for name, shot in shots:
        if shot.time_utc is None:
            continue
        east, north, up = np.array([*site.centre, 0.0]) + shot.centre + of_trigger[shot.time_utc]
        lines.append(f"{Path(name).name} {east:.3f} {north:.3f} {up:.3f} nan nan nan {SD_H_M} {SD_V_M}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
