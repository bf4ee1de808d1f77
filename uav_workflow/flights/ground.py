"""What lies on the ground of a flight: points, targets, plots and observations, read and cross-checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from uav_workflow.domain.flight import Capture, FlightDetails, FlightGeometry
from uav_workflow.domain.ground import GroundControlPoint, GroundObservation, Plot, ReferenceTarget
from uav_workflow.findings import Finding
from uav_workflow.flights.control_checks import check_control
from uav_workflow.flights.control_points import read_control_points
from uav_workflow.flights.ground_checks import check_observations, check_plots, check_points, flown_area
from uav_workflow.flights.notes import Notes
from uav_workflow.flights.observations import read_observations
from uav_workflow.flights.plots import read_plots
from uav_workflow.flights.targets import read_targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Points, targets, plots and observations of a flight."""

    control_points: tuple[GroundControlPoint, ...] = ()
    targets: tuple[ReferenceTarget, ...] = ()
    plots: tuple[Plot, ...] = ()
    observations: tuple[GroundObservation, ...] = ()


def read_points(
    files: Mapping[str, Path], captures: Sequence[Capture]
) -> tuple[tuple[GroundControlPoint, ...], list[Finding]]:
    """Read the control and check points of a flight; none without their file."""
    path = files.get("control_points")
    images = [image for capture in captures for image in capture.images]
    return read_control_points(path, path.name, images) if path else ((), [])


def read_ground(
    files: Mapping[str, Path],
    details: FlightDetails,
    captures: Sequence[Capture],
    geometry: FlightGeometry,
    *,
    flown: date | None,
    points: tuple[GroundControlPoint, ...],
) -> tuple[Ground, list[Finding]]:
    """Read the ground files by role and check them against the flight.

    Parameters
    ----------
    files : mapping
        Path by role, as `find_files` gives.
    flown : date or None
        Day of the flight.
    points : tuple of GroundControlPoint
        From `read_points`.
    """
    notes = Notes()
    targets: tuple[ReferenceTarget, ...] = ()
    plots: tuple[Plot, ...] = ()
    observations: tuple[GroundObservation, ...] = ()
    if path := files.get("targets"):
        targets = notes.take(read_targets(path, path.name, details.crs, geometry.crs))
    if path := files.get("plots"):
        plots = notes.take(read_plots(path, path.name, details.crs, geometry.crs))
    if path := files.get("observations"):
        observations = notes.take(read_observations(path, path.name))
    area = flown_area(captures, geometry)
    notes += check_points(points, targets, area, geometry.crs)
    if path := files.get("control_points"):
        notes += check_control(points, captures, geometry, path.name)
    if path := files.get("plots"):
        notes += check_plots(plots, area, geometry.crs, path.name)
    if path := files.get("observations"):
        placed = plots if "plots" in files else None
        notes += check_observations(observations, placed, flown, geometry.crs, path.name)
    return Ground(control_points=points, targets=targets, plots=plots, observations=observations), notes
