"""Any folder of multispectral pictures: what calibration needs to know of it, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.domain.flight import BandImage, Capture, SensorProfile
from uav_workflow.errors import FlightDataError
from uav_workflow.findings import Finding, warning
from uav_workflow.flights.captures import group_captures
from uav_workflow.flights.clock import with_utc_offset
from uav_workflow.flights.details import read_details
from uav_workflow.flights.folder import find_files, find_flight_file, find_photos
from uav_workflow.flights.notes import Notes
from uav_workflow.flights.photos import read_photos
from uav_workflow.flights.positions import apply_positions
from uav_workflow.flights.progress import Progress
from uav_workflow.flights.sensors import load_profiles, match_profile, profile_of
from uav_workflow.flights.wording import counted, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFolder:
    """Captures of one camera, whole or not, as `plan_calibration` takes them.

    Attributes
    ----------
    captures, panel_captures : tuple of Capture
        In time order; those of panels as far as folder names and the camera's own tags tell.
    """

    folder: Path
    sensor: SensorProfile
    captures: tuple[Capture, ...]
    panel_captures: tuple[Capture, ...]


def read_pictures(folder: Path, progress: Progress | None = None) -> tuple[PictureFolder, list[Finding]]:
    """Read the headers of a folder's pictures; nothing in it is changed.

    Unlike a flight, a capture may miss bands, overlap and positions don't matter, and a copy is calibrated like its
    original. ``flight.yaml`` (sensor, utc_offset) and ``geo.txt`` are used when they are there.

    Raises
    ------
    FlightDataError
        There is no folder, no picture in it can be read, or none is of a multispectral camera; ``findings`` say why.
    """
    if not folder.is_dir():
        raise FlightDataError(f"{folder}: there is no such folder; check the path")
    folder = folder.resolve()
    notes = Notes()
    details, paths, said = read_details(find_flight_file(folder), "flight.yaml")
    notes += said
    photos = notes.take(find_photos(folder, paths.get("images", "images"), paths.get("panels", "panels")))
    images: Sequence[BandImage] = notes.take(read_photos(folder, progress, paths=photos))
    images = with_utc_offset(images, details.utc_offset_h)
    positions = notes.take(find_files(folder, paths, None)).get("positions")
    if positions is not None:
        images = notes.take(apply_positions(positions, positions.name, images))
    sensor = _sensor(details.sensor, images, folder)
    images = notes.take(_of_one_camera(images, sensor, named=details.sensor is not None))
    captures = notes.take(group_captures(images, sensor, whole=False))
    if not captures:
        raise FlightDataError(f"{folder}: no picture of a multispectral camera can be read", notes)
    return PictureFolder(
        folder=folder,
        sensor=sensor,
        captures=tuple(capture for capture in captures if not capture.is_panel),
        panel_captures=tuple(capture for capture in captures if capture.is_panel),
    ), notes


def _sensor(name: str | None, images: Sequence[BandImage], folder: Path) -> SensorProfile:
    profiles = load_profiles()
    if name is None:
        return match_profile(images, profiles)
    named = next((profile for profile in profiles if profile.name == name), None)
    if named is None:
        known = ", ".join(profile.name for profile in profiles)
        raise FlightDataError(f"{folder}/flight.yaml: sensor '{name}' is not known; known are {known}")
    return named


def _of_one_camera(
    images: Sequence[BandImage], sensor: SensorProfile, *, named: bool
) -> tuple[list[BandImage], list[Finding]]:
    """Pictures of the family; another camera's formula does not hold for them."""
    if named:
        return list(images), []
    profiles = load_profiles()
    kept: list[BandImage] = []
    others: list[BandImage] = []
    for image in images:
        own = profile_of(image.make, image.model, profiles, tags=image.tags)
        (kept if own.name == sensor.name or image.band.name == "RGB" else others).append(image)
    if not others:
        return kept, []
    cameras = sorted({f"{image.make} {image.model}".strip() or "unknown" for image in others})
    message = f"{counted(len(others), 'picture', 'are')} not of {sensor.title} but of {', '.join(cameras)}; left out"
    hint = "put each camera's pictures into a folder of their own"
    return kept, [warning("other-camera", listed(image.name for image in others), message, hint)]
