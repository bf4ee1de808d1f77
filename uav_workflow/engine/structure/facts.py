"""What a reconstruction says of itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.product import Json
from uav_workflow.engine.adjustment.self_calibration import Calibration
from uav_workflow.engine.inputs.priors import camera_name, focal_prior
from uav_workflow.engine.inputs.rig_prior import RigBand
from uav_workflow.findings import Finding, warning
from uav_workflow.flights.wording import listed


def band_facts(band: RigBand) -> dict[str, Json]:
    """JSON has no NaN: what was not estimated is null."""
    angles = Rotation.from_matrix(band.rotation).as_rotvec(degrees=True)
    return {
        "matches": band.matches,
        "residual_px": round(band.residual_px, 3) if band.matches else None,
        "precision_px": round(band.precision_px, 3) if np.isfinite(band.precision_px) else None,
        "from_tags_only": band.matches == 0,
        "focal_px": round(band.camera.fx, 2),
        "rotation_deg": [round(float(angle), 4) for angle in angles],
    }


def block_facts(
    calibration: Calibration,
    placed: Sequence[Capture],
    total: int,
) -> dict[str, Json]:
    """How well the block fits, and what became of its cameras; `total` captures were given."""
    adjustment = calibration.adjustment
    block = adjustment.block
    camera_images = {int(block.camera_of[i]): capture.primary for i, capture in reversed(list(enumerate(placed)))}
    cameras: dict[str, Json] = {}
    for row, image in sorted(camera_images.items()):
        cameras[camera_name(image)] = {
            "focal_px": round(float(block.intrinsics[row, 0]), 2),
            "focal_sigma_px": round(float(adjustment.intrinsics_sigma[row, 0]), 2),
            "focal_prior_px": round(float(calibration.prior_focal[row]), 2),
            "focal_prior_source": focal_prior(image)[1],
            "focal_guard_used": calibration.guard_used[row],
        }
    error = np.linalg.norm(adjustment.residuals, axis=1)
    return {
        "registered": len(placed),
        "total": total,
        "reprojection_px": round(float(error.mean()), 4),
        "reprojection_rms_px": round(adjustment.rms_px, 4),
        "error_inflation": round(calibration.error_inflation, 2),
        "tracks": len(calibration.points),
        "tracks_adjusted": calibration.tracks_used,
        "cameras": cameras,
        "focal_guard_used": any(calibration.guard_used),
        "adjustment_iterations": adjustment.iterations,
        "adjustment_converged": adjustment.converged,
    }


def placement_findings(lost: Sequence[str], others: Sequence[Sequence[str]], total: int) -> list[Finding]:
    """What has to be said of captures that are not in the block (`lost`), and of those that hold together elsewhere."""
    findings = []
    if others:
        sizes = ", ".join(str(len(names)) for names in (range(total - len(lost)), *others))
        findings.append(
            warning(
                "reconstruction-partial",
                "images",
                f"the photos fall into {1 + len(others)} blocks of {sizes} that share no ground that could be matched; "
                f"only the largest is used, without {listed([name for names in others for name in names])}",
                "fly the gap with 70 % forward and 60 % side overlap, or process the parts apart",
            )
        )
    alone = sorted(set(lost) - {name for names in others for name in names})
    if alone:
        findings.append(
            warning(
                "photos-not-placed",
                "images",
                f"{len(alone)} of {total} captures could not be tied to the others ({listed(alone)}); the products do "
                "without them",
                "look whether they are blurred, show water or snow alone, or lie apart from the rest",
            )
        )
    return findings
