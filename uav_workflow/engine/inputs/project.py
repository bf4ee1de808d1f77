"""What a project folder holds: photos grouped into captures, with the positions a geo.txt gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.errors import FlightDataError
from uav_workflow.findings import Finding, by_weight, has_errors, warning
from uav_workflow.flights.captures import group_captures
from uav_workflow.flights.control_points import read_control_points
from uav_workflow.flights.digests import sha256_of
from uav_workflow.flights.photos import read_photos
from uav_workflow.flights.positions import apply_positions
from uav_workflow.flights.sensors import match_profile
from uav_workflow.flights.wording import listed


def read_captures(
    project: Path, gps_accuracy_m: float, say: Callable[[str], None]
) -> tuple[tuple[Capture, ...], list[Finding]]:
    """Survey captures of ``project/images``; panels are left out, and everything that was found is said.

    Parameters
    ----------
    gps_accuracy_m : float
        Horizontal standard deviation of positions that do not say theirs; vertically twice that.

    Raises
    ------
    FlightDataError
        No photo can be used, or a text file is wrong; the message repeats the errors.
    """
    images, findings = read_photos(project / "images")
    geo = project / "geo.txt"
    if images and geo.exists():
        images, found = apply_positions(geo, geo.name, images)
        findings += found
    images = [_with_accuracy(image, gps_accuracy_m) for image in images]
    captures: Sequence[Capture] = ()
    if images and not has_errors(findings):
        captures, found = group_captures(images, match_profile(images))
        findings += found
    if (project / "image_groups.txt").exists():
        findings.append(
            warning(
                "image-groups-unused",
                "image_groups.txt",
                "the engine parts large flights by position, not by a list",
                "set the options split and split-overlap instead",
            )
        )
    survey, copies = _without_copies([capture for capture in captures if not capture.is_panel])
    findings += copies
    panels = sum(capture.is_panel for capture in captures)
    if panels:
        say(f"{panels} panel captures are left out")
    for finding in by_weight(findings):
        say(f"{finding.level} {finding.code}: {finding.where}: {finding.message}; {finding.hint}")
    if has_errors(findings) or not survey:
        errors = [finding for finding in by_weight(findings) if has_errors([finding])]
        text = "; ".join(f"{finding.where}: {finding.message}" for finding in errors[:3]) or "no survey photo"
        raise FlightDataError(f"the photos can't be processed: {text}", findings)
    return survey, findings


def read_control(
    project: Path, captures: Sequence[Capture], say: Callable[[str], None]
) -> tuple[tuple[GroundControlPoint, ...], list[Finding]]:
    """Surveyed points of ``project/gcp_list.txt``, marked in photos of the band that carries the geometry.

    Raises
    ------
    FlightDataError
        No line of the file can be used.
    """
    path = project / "gcp_list.txt"
    if not path.exists():
        return (), []
    points, findings = read_control_points(path, path.name, [image for one in captures for image in one.images])
    primary = {capture.primary.name for capture in captures}
    kept = [replace(point, marks=tuple(mark for mark in point.marks if mark.image in primary)) for point in points]
    lost = sum(len(point.marks) for point in points) - sum(len(point.marks) for point in kept)
    if lost:
        message = f"{lost} marks lie in photos of a band that does not carry the geometry; they are not used"
        findings.append(
            warning("control-mark-band", path.name, message, f"mark the points in {captures[0].primary.band.name}")
        )
    for finding in by_weight(findings):
        say(f"{finding.level} {finding.code}: {finding.where}: {finding.message}; {finding.hint}")
    if has_errors(findings):
        text = "; ".join(finding.message for finding in by_weight(findings) if has_errors([finding]))
        raise FlightDataError(f"the control points can't be used: {text}", findings)
    return tuple(point for point in kept if point.marks), findings


def _without_copies(captures: Sequence[Capture]) -> tuple[tuple[Capture, ...], list[Finding]]:
    """Captures whose primary photo is not the same file as an earlier one's; copies weigh double and tie nothing."""
    by_size: dict[int, list[Capture]] = {}
    for capture in captures:
        by_size.setdefault(capture.primary.size_bytes, []).append(capture)
    first: dict[str, str] = {}
    copies: dict[str, str] = {}
    for capture in captures:
        if len(by_size[capture.primary.size_bytes]) > 1:
            original = first.setdefault(sha256_of(capture.primary.path), capture.primary.name)
            if original != capture.primary.name:
                copies[capture.primary.name] = original
    kept = tuple(capture for capture in captures if capture.primary.name not in copies)
    pairs = listed(f"{copy} of {original}" for copy, original in copies.items())
    message = f"copies of photos that are there already are left out: {pairs}"
    return kept, [warning("photo-copies", "images", message, "nothing to do")] if copies else []


def _with_accuracy(image: BandImage, sigma_m: float) -> BandImage:
    position = image.position
    if position is None:
        return image
    return replace(
        image,
        position=replace(
            position,
            sigma_h_m=position.sigma_h_m or sigma_m,
            sigma_v_m=position.sigma_v_m or 2 * (position.sigma_h_m or sigma_m),
        ),
    )
