"""A folder becomes a Flight: everything in it read and cross-checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.flight import (
    BandImage,
    Capture,
    Flight,
    FlightDetails,
    FlightGeometry,
    InputFile,
    SensorProfile,
)
from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding, error, has_errors, warning
from uav_workflow.flights import cameras, clock, places
from uav_workflow.flights.campaign import read_campaign
from uav_workflow.flights.captures import group_captures
from uav_workflow.flights.control_points import adjusting_digest
from uav_workflow.flights.details import read_details
from uav_workflow.flights.digests import digests_of, flight_id, sha256_of
from uav_workflow.flights.folder import find_files, find_flight_file, find_photos, missing_folders
from uav_workflow.flights.geometry import estimate_geometry
from uav_workflow.flights.ground import Ground, read_ground, read_points
from uav_workflow.flights.looks import look_over
from uav_workflow.flights.notes import Notes
from uav_workflow.flights.photos import read_photos
from uav_workflow.flights.positions import apply_positions
from uav_workflow.flights.progress import Progress, part
from uav_workflow.flights.remember import Memory
from uav_workflow.flights.sensors import load_profiles, match_profile
from uav_workflow.flights.wording import counted, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """What a flight folder holds before photos are opened."""

    path: Path
    details: FlightDetails
    files: Mapping[str, Path]
    photos: Sequence[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Photos:
    """Readable photos, each content once, with the identity they give the flight."""

    images: Sequence[BandImage]
    digests: Mapping[Path, str]
    day: date | None
    flight_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """Captures by what they show."""

    profile: SensorProfile
    captures: tuple[Capture, ...]
    panels: tuple[Capture, ...]


def read_flight(
    folder: Path,
    *,
    cache: Path | None = None,
    campaign: Path | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> tuple[Flight | None, list[Finding]]:
    """Read a flight folder and cross-check everything in it; nothing in it is changed.

    Parameters
    ----------
    folder : Path
        Photos alone, or with the optional files of a flight.
    cache : Path, optional
        JSON file that remembers digests and looks of photos by path, size and mtime; outside the folder.
    campaign : Path, optional
        campaign.yaml; the one beside the folder when absent.
    progress : callable, optional
        Told the fraction done and a text.
    workers : int, optional
        Files read at a time; twice the processors when absent.

    Returns
    -------
    flight : Flight or None
        None when errors make the folder unusable.
    findings : list of Finding

    Raises
    ------
    UsageError
        ``cache`` lies inside the folder.
    FlightDataError
        A site's own sensor profile is broken.
    """
    if cache is not None and cache.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{cache}: the cache must lie outside the flight folder, which is never changed")
    notes, memory = Notes(), Memory(cache)
    found = notes.take(_look_through(folder.resolve(), campaign))
    photos = notes.take(_read_images(found, memory, part(progress, 0.0, 0.7), workers))
    survey = notes.take(_group(found, photos)) if photos.images else None
    if survey is None or not survey.captures:
        return None, notes
    points = notes.take(read_points(found.files, survey.captures))
    geometry = notes.take(estimate_geometry(survey.captures, survey.panels, memory, workers, points))
    notes += _check_survey(survey.captures, found.details, geometry)
    notes += look_over(survey.captures, memory, part(progress, 0.7, 1.0), workers)
    memory.save()
    day = found.details.date or photos.day
    notes += places.check_gps(survey.captures, points)
    ground = notes.take(read_ground(found.files, found.details, survey.captures, geometry, flown=day, points=points))
    published = notes.take(_campaign(found.files))
    if has_errors(notes):
        return None, notes
    return _assembled(found, photos, survey, geometry, ground=ground, campaign=published), notes


def _assembled(
    folder: _Folder,
    photos: _Photos,
    survey: _Survey,
    geometry: FlightGeometry,
    *,
    ground: Ground,
    campaign: Campaign | None,
) -> Flight:
    return Flight(
        flight_id=photos.flight_id,
        folder=folder.path,
        details=folder.details,
        sensor=survey.profile,
        captures=survey.captures,
        panel_captures=survey.panels,
        geometry=geometry,
        photo_digests={image.name: photos.digests[image.path] for image in photos.images},
        inputs=_inputs(folder.files, ground),
        control_points=ground.control_points,
        targets=ground.targets,
        plots=ground.plots,
        observations=ground.observations,
        campaign=campaign,
    )


def _inputs(files: Mapping[str, Path], ground: Ground) -> tuple[InputFile, ...]:
    """Files by role; the control points of gcp_list.txt count twice, without their check points for the node."""
    inputs = [InputFile(role=role, path=path, sha256=sha256_of(path)) for role, path in files.items()]
    adjusting = adjusting_digest(ground.control_points)
    if adjusting is not None:
        inputs.append(InputFile(role="adjusting_points", path=files["control_points"], sha256=adjusting))
    return tuple(inputs)


def _read_images(
    folder: _Folder, memory: Memory, progress: Progress, workers: int | None
) -> tuple[_Photos, list[Finding]]:
    """Headers and digests of all photos, copies left out."""
    notes = Notes()
    images = notes.take(read_photos(folder.path, part(progress, 0.0, 0.4), workers, paths=folder.photos))
    digests = digests_of([image.path for image in images], memory, part(progress, 0.4, 1.0), workers)
    images = notes.take(_without_duplicates(images, digests))
    day = _local_day(images)
    identity = [(image.name, image.size_bytes, digests[image.path]) for image in images]
    name = flight_id(day.strftime("%Y%m%d") if day else "undated", identity)
    return _Photos(images=images, digests=digests, day=day, flight_id=name), notes


def _group(folder: _Folder, photos: _Photos) -> tuple[_Survey, list[Finding]]:
    """Captures of the survey and of panels, with what the folder's files add to the images."""
    notes = Notes()
    images = notes.take(_completed(photos.images, folder))
    profile = notes.take(_profile(folder.details, images))
    notes += cameras.check_cameras(images, profile)
    notes += cameras.check_colours(images, profile, load_profiles(), named=folder.details.sensor is not None)
    captures = notes.take(group_captures(images, profile))
    panels = tuple(capture for capture in captures if capture.is_panel)
    survey = notes.take(places.without_far_photos([capture for capture in captures if not capture.is_panel]))
    if not survey and not has_errors(notes):
        message = "all photos are panel captures; there is no survey photo"
        notes.append(error("no-photos", "images", message, "add the flight's photos"))
    return _Survey(profile=profile, captures=survey, panels=panels), notes


def _look_through(folder: Path, campaign: Path | None) -> tuple[_Folder, list[Finding]]:
    notes = Notes()
    if not folder.is_dir():
        nothing = _Folder(path=folder, details=FlightDetails(), files={}, photos=())
        return nothing, [error("no-folder", str(folder), "there is no such folder", "check the path")]
    flight_file = find_flight_file(folder)
    details, paths, findings = read_details(flight_file, "flight.yaml")
    notes += findings
    files = notes.take(find_files(folder, paths, campaign))
    if flight_file is not None:
        files = {"flight": flight_file, **files}
    notes += missing_folders(folder, paths)
    photos = notes.take(find_photos(folder, paths.get("images", "images"), paths.get("panels", "panels")))
    return _Folder(path=folder, details=details, files=files, photos=photos), notes


def _without_duplicates(
    images: Sequence[BandImage], digests: Mapping[Path, str]
) -> tuple[list[BandImage], list[Finding]]:
    """First of the photos with the same content: a folder copied twice, or a card read twice."""
    first: dict[str, BandImage] = {}
    doubled: list[str] = []
    for image in images:
        kept = first.setdefault(digests[image.path], image)
        if kept is not image:
            doubled.append(f"{image.name} (= {kept.name})")
    if not doubled:
        return list(images), []
    message = f"{counted(len(doubled), 'photo', 'are')} copied from others byte by byte and left out"
    hint = "remove the copies; they would weigh double in the adjustment"
    return list(first.values()), [warning("duplicate-photo", listed(doubled), message, hint)]


def _completed(images: Sequence[BandImage], folder: _Folder) -> tuple[list[BandImage], list[Finding]]:
    """Images with what the folder's files add: UTC by utc_offset, positions by geo.txt."""
    images = clock.with_utc_offset(images, folder.details.utc_offset_h)
    path = folder.files.get("positions")
    return apply_positions(path, path.name, images) if path else (images, [])


def _profile(details: FlightDetails, images: Sequence[BandImage]) -> tuple[SensorProfile, list[Finding]]:
    """flight.yaml's sensor, else the one the tags name."""
    profiles = load_profiles()
    if details.sensor is None:
        return match_profile(images, profiles), []
    named = next((profile for profile in profiles if profile.name == details.sensor), None)
    if named is not None:
        return named, []
    known = ", ".join(profile.name for profile in profiles)
    message = f"sensor '{details.sensor}' is not known"
    return match_profile(images, profiles), [error("unknown-sensor", "flight.yaml", message, f"known are {known}")]


def _check_survey(survey: Sequence[Capture], details: FlightDetails, geometry: FlightGeometry) -> list[Finding]:
    return [
        *cameras.check_sizes(survey),
        *cameras.check_orientation(survey),
        *cameras.check_oblique(survey),
        *cameras.check_focal(survey),
        *clock.check_times(survey, details),
        *places.check_altitudes(survey, geometry.height_above_ground_m),
        *places.check_coverage(geometry),
    ]


def _local_day(images: Sequence[BandImage]) -> date | None:
    """Day of the first photo by the camera's local clock, else by UTC shifted to the sun's time at its longitude."""
    days = []
    for image in images:
        if image.time_local is not None:
            days.append(image.time_local.date())
        elif image.time_utc is not None:
            hours = image.position.lon / 15 if image.position is not None else 0.0
            days.append((image.time_utc + timedelta(hours=hours)).date())
    return min(days, default=None)


def _campaign(files: Mapping[str, Path]) -> tuple[Campaign | None, list[Finding]]:
    path = files.get("campaign")
    return read_campaign(path, path.name) if path else (None, [])
