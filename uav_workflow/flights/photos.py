"""Photo files as band images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from uav_workflow.domain.flight import Band, BandImage, SensorProfile
from uav_workflow.domain.tags import Tags
from uav_workflow.errors import FlightDataError
from uav_workflow.findings import Finding, error, has_errors, info, warning
from uav_workflow.flights.bands import band_of
from uav_workflow.flights.folder import find_photos
from uav_workflow.flights.lens import focal_guess, principal_point
from uav_workflow.flights.metadata import Header, is_map, read_header
from uav_workflow.flights.pose import attitude_of, position_of
from uav_workflow.flights.progress import Progress, silent
from uav_workflow.flights.sensors import load_profiles, profile_of
from uav_workflow.flights.spread import spread
from uav_workflow.flights.times import capture_times


def read_photo(path: Path, folder: Path, profiles: Sequence[SensorProfile] | None = None) -> BandImage:
    """Metadata of one photo; no pixel is decoded.

    Parameters
    ----------
    path : Path
        JPG or TIFF.
    folder : Path
        Flight folder; the image's name is the path relative to it.
    profiles : sequence of SensorProfile, optional
        As `load_profiles` gives when absent.

    Raises
    ------
    FlightDataError
        The photo can't be read or is cut off; ``findings`` holds the finding.
    """
    return _read(path, folder, load_profiles() if profiles is None else profiles)[0]


def _read(path: Path, folder: Path, profiles: Sequence[SensorProfile]) -> tuple[BandImage, list[Finding]]:
    """One photo, and what of its tags could not be read."""
    name = path.relative_to(folder).as_posix()
    try:
        header = read_header(path)
    except OSError as exc:
        raise _refused(path, warning("unreadable-photo", name, f"it can't be opened ({exc.strerror})", _AGAIN)) from exc
    except ValueError as exc:
        raise _refused(path, warning("unreadable-photo", name, f"{exc}; the photo is left out", _AGAIN)) from exc
    if is_map(header.tags):
        message = "the TIFF is a map (it has a geotransform), not a photo; it is left out"
        raise _refused(path, info("map-among-photos", name, message))
    if not header.complete:
        message = f"the file ends before its picture does ({header.size_bytes} bytes); the photo is left out"
        raise _refused(path, warning("truncated-photo", name, message, _AGAIN))
    message = f"{'; '.join(header.notes)}; the photo is used without those tags"
    findings = [warning("broken-tags", name, message, _AGAIN)] if header.notes else []
    return _image(path, name, header, profiles), findings


def _refused(path: Path, finding: Finding) -> FlightDataError:
    return FlightDataError(f"{path}: {finding.message}", [finding])


_AGAIN = "copy it again from the card"


def _image(path: Path, name: str, header: Header, profiles: Sequence[SensorProfile]) -> BandImage:
    tags = header.tags
    make = tags.text("EXIF:Make") or tags.text("tiff:Make") or ""
    model = tags.text("EXIF:Model") or tags.text("tiff:Model") or ""
    profile = profile_of(make, model, profiles, tags=tags)
    time_utc, time_local = capture_times(tags, profile.clock)
    focal_px, focal_source = focal_guess(tags, model, header.width, header.height, profile)
    return BandImage(
        path=path,
        name=name,
        size_bytes=header.size_bytes,
        band=_band(header, path, profile),
        width=header.width,
        height=header.height,
        bits=header.bits,
        orientation=_orientation(tags),
        make=make,
        model=model,
        serial=_serial(tags),
        time_utc=time_utc,
        time_local=time_local,
        position=position_of(tags),
        attitude=attitude_of(tags),
        focal_px=focal_px,
        focal_source=focal_source,
        principal_point_px=principal_point(tags, header.width, header.height),
        exposure_s=tags.number("EXIF:ExposureTime") or None,
        gain=_gain(tags),
        tags=tags,
    )


def _band(header: Header, path: Path, profile: SensorProfile) -> Band:
    if header.samples >= 3:
        return Band(name="RGB")
    return band_of(header.tags, path.stem, profile)


def _orientation(tags: Tags) -> int:
    value = int(tags.number("EXIF:Orientation") or 1)
    return value if 1 <= value <= 8 else 1


def _serial(tags: Tags) -> str:
    names = ("EXIF:BodySerialNumber", "EXIF:CameraSerialNumber", "drone-dji:CameraSerialNumber", "aux:SerialNumber")
    return next((text for name in names if (text := tags.text(name))), "")


def _gain(tags: Tags) -> float | None:
    """Sensor gain: DJI's own number, else ISO / 100."""
    gain = tags.number("drone-dji:SensorGain")
    if gain:
        return gain
    iso = tags.number("EXIF:ISOSpeed") or tags.number("EXIF:ISOSpeedRatings")
    return iso / 100 if iso else None


def read_photos(
    folder: Path,
    progress: Progress | None = None,
    workers: int | None = None,
    *,
    paths: Sequence[Path] | None = None,
    profiles: Sequence[SensorProfile] | None = None,
) -> tuple[list[BandImage], list[Finding]]:
    """Metadata of every photo of a folder, in the order of their names.

    Parameters
    ----------
    folder : Path
        A flight folder, or a bare folder of images.
    progress : callable, optional
        Told the fraction done and a text.
    workers : int, optional
        Files read at a time; twice the processors when absent (a card waits more than it works).
    paths : sequence of Path, optional
        Read these instead of looking through the folder.

    Returns
    -------
    images : list of BandImage
    findings : list of Finding
        ``no-photos``, ``unsupported-photo``, ``unreadable-photo``, ``truncated-photo``, ``broken-tags``,
        ``map-among-photos``, ``many-broken-photos``.
    """
    folder = folder.resolve()
    findings: list[Finding] = []
    if paths is None:
        paths, findings = find_photos(folder)
    profiles = load_profiles() if profiles is None else profiles

    def read(path: Path) -> tuple[BandImage | None, Sequence[Finding]]:
        try:
            return _read(path, folder, profiles)
        except FlightDataError as exc:
            return None, exc.findings

    results = spread(read, paths, workers, progress or silent, "reading photo headers")
    images = [image for image, _ in results if image is not None]
    broken = [finding for image, said in results for finding in said if image is None]
    findings += [finding for image, said in results for finding in said if image is not None]
    photos_lost = sum(finding.level == "warning" for finding in broken)
    if photos_lost > 0.2 * len(results):
        message = f"{photos_lost} of {len(results)} photos can't be read"
        broken.append(
            error("many-broken-photos", "images", message, "the copy from the card failed; copy the folder again")
        )
    if not images and not has_errors([*findings, *broken]) and folder.is_dir():
        findings.append(
            error("no-photos", ".", "the folder holds no JPG or TIFF photo", "point at the flight's folder")
        )
    return images, findings + broken
