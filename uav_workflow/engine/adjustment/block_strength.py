"""How far the photos themselves determine the heights of the ground below well placed cameras."""

from __future__ import annotations

import numpy as np

from uav_workflow.engine.adjustment.self_calibration import RTK_SIGMA_M, Calibration
from uav_workflow.engine.inputs.priors import PositionPriors
from uav_workflow.findings import Finding, warning


def ground_sigma_m(calibration: Calibration) -> float:
    """Standard deviation of the height of the ground as a whole, below cameras that stay where they are; metres.

    Over flat ground photos taken straight down hardly tell a longer lens from lower ground: the distance to the ground
    is in proportion to the focal length, and so is its error. Of several cameras the least certain counts. The
    formal deviation of the focal length has errors that are alike within a photo in it (`error_model`).
    """
    block = calibration.adjustment.block
    share = float((calibration.adjustment.intrinsics_sigma[:, 0] / block.intrinsics[:, 0]).max())
    distance = float(np.median(block.centres[:, 2]) - np.median(block.points[:, 2]))
    return share * distance


def strength_findings(calibration: Calibration, positions: PositionPriors) -> list[Finding]:
    """`heights-weak` where positions of centimetres promise heights that the photos do not carry to the ground.

    Control points on the ground hold it themselves; a plain receiver's altitudes are worse than any lens.
    """
    known = positions.sigma[positions.known, 2]
    claimed = float(np.median(known)) if len(known) else np.inf
    sigma = ground_sigma_m(calibration)
    if len(calibration.control.names) or claimed > RTK_SIGMA_M or sigma <= claimed:
        return []
    return [
        warning(
            "heights-weak",
            "images",
            f"positions are good to {claimed:.2g} m, but the photos determine the focal length only so far that the "
            f"ground as a whole may lie too high or too low by {sigma:.2g} m (one standard deviation)",
            "mark three control points, or fly a few strips across the others, tilted by 20 - 30 degrees or at another "
            "height; heights of plants above the ground beside them hardly suffer",
        )
    ]
