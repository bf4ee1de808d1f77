"""What lies where in a flight folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.metadata import is_map, read_header
from uav_workflow.flights.wording import counted, listed

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".tif", ".tiff"}
_OTHER_PHOTOS = {
    ".dng",
    ".png",
    ".heic",
    ".nef",
    ".cr2",
    ".cr3",
    ".arw",
    ".raf",
    ".rw2",
    ".raw",
    ".bmp",
    ".jxl",
    ".webp",
}
_OTHER_MEDIA = {".mp4", ".mov", ".lrv", ".avi", ".srt"}


def find_photos(folder: Path, images: str = "images", panels: str = "panels") -> tuple[list[Path], list[Finding]]:
    """Photos of a flight folder: those of ``images/`` and ``panels/`` where ``images/`` is, else every one below.

    ``images`` and ``panels`` are the names flight.yaml gives instead. Hidden files and folders (``._DJI_0001.JPG`` of a
    Mac) are passed over, symbolic links to folders not followed.
    """
    if not folder.is_dir():
        return [], [error("no-folder", str(folder), "there is no such folder", "check the path")]
    roots = [folder / name for name in (images, panels) if (folder / name).is_dir()]
    if not (folder / images).is_dir():
        roots = [folder]
    closed: list[str] = []
    every = sorted({path for root in roots for path in _files(root, closed)})
    photos = [path for path in every if path.suffix.lower() in PHOTO_SUFFIXES]
    findings = _unsupported(folder, every, bool(photos))
    if closed:
        message = f"{counted(len(closed), 'folder')} can't be opened; photos in there are not seen"
        findings.append(error("folder-unreadable", listed(closed), message, "give yourself the right to read it"))
    return photos, findings + (_outside(folder, set(photos)) if roots != [folder] else [])


def _outside(folder: Path, inside: set[Path]) -> list[Finding]:
    """Photos below the folder that are in neither ``images/`` nor ``panels/``."""
    every = [path for path in _files(folder, []) if path.suffix.lower() in PHOTO_SUFFIXES and path not in inside]
    outside = sorted(path.relative_to(folder).as_posix() for path in every if not _is_map(path))
    if not outside:
        return []
    message = f"{counted(len(outside), 'photo', 'lie')} outside images/ and panels/; not used"
    return [info("photos-outside-images", listed(outside), message, "move photos of the flight into images/")]


def missing_folders(folder: Path, paths: Mapping[str, str]) -> list[Finding]:
    """``file-not-found`` (error) for folders of photos that flight.yaml names and that are not in the flight folder."""
    findings = []
    for role in ("images", "panels"):
        place = folder / paths.get(role, "")
        if not place.is_dir() or not place.resolve().is_relative_to(folder):
            message = f"there is no folder {paths[role]} of {role} in the flight folder"
            findings.append(error("file-not-found", "flight.yaml", message, "correct the path"))
    return findings


def _unsupported(folder: Path, every: list[Path], has_photos: bool) -> list[Finding]:
    findings = []
    other = [path.relative_to(folder).as_posix() for path in every if path.suffix.lower() in _OTHER_PHOTOS]
    if other:
        level = warning if has_photos else error
        kinds = ", ".join(sorted({Path(name).suffix.lower() for name in other}))
        message = f"{counted(len(other), 'photo', 'are')} in a format that is not read ({kinds}), and left out"
        hint = "nothing to do if their JPGs are here too; else convert them to JPG or TIFF with all tags"
        findings.append(level("unsupported-photo", listed(other), message, hint))
    media = [path.relative_to(folder).as_posix() for path in every if path.suffix.lower() in _OTHER_MEDIA]
    if media:
        findings.append(info("not-a-photo", listed(media), f"{counted(len(media), 'video file', 'are')} not used"))
    return findings


def _is_map(path: Path) -> bool:
    """Whether a TIFF is georeferenced; an unreadable file is none."""
    try:
        return is_map(read_header(path).tags)
    except (OSError, ValueError):
        return False


def _files(root: Path, closed: list[str]) -> Iterator[Path]:
    """Files below a folder; the names of folders that can't be opened are added to ``closed``."""
    for current, folders, names in os.walk(root, onerror=lambda failure: closed.append(str(failure.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                yield Path(current, name)


DEFAULT_NAMES: dict[str, tuple[str, ...]] = {
    "control_points": ("gcp_list.txt",),
    "positions": ("geo.txt",),
    "targets": ("reference_targets.csv",),
    "plots": ("plots.geojson", "plots.gpkg", "plots.csv"),
    "observations": ("observations.csv",),
}
_FLIGHT_NAMES = ("flight.yaml", "flight.yml")
_TABLE_SUFFIXES = {
    ".csv",
    ".txt",
    ".yaml",
    ".yml",
    ".json",
    ".geojson",
    ".gpkg",
    ".xlsx",
    ".xls",
    ".kml",
    ".kmz",
    ".shp",
}
_ROLE_OF_UNREAD = {
    ".xlsx": "save it as CSV",
    ".xls": "save it as CSV",
    ".kml": "save it as GeoJSON",
    ".shp": "save it as GeoPackage",
}


def find_flight_file(folder: Path) -> Path | None:
    """flight.yaml of a folder, upper or lower case."""
    return _by_name(folder, _FLIGHT_NAMES)


def find_files(
    folder: Path, paths: dict[str, str], campaign: Path | None = None
) -> tuple[dict[str, Path], list[Finding]]:
    """Optional files by role (`DEFAULT_NAMES`, ``campaign``), as flight.yaml's ``paths`` say or by their usual names.

    Names count in upper and lower case. Findings: ``file-not-found`` (error) for a path that is given and not there,
    ``two-files-of-a-kind``, ``unused-file`` for tables beside the photos that have no role.
    """
    found: dict[str, Path] = {}
    findings: list[Finding] = []
    for role, names in DEFAULT_NAMES.items():
        candidates = [path for name in names if (path := _by_name(folder, (name,))) is not None]
        if role not in paths and candidates:
            found[role] = candidates[0]
            if len(candidates) > 1:
                message = f"{len(candidates)} files may hold the {role}; only {candidates[0].name} is read"
                hint = "remove the other, or name one in flight.yaml: paths"
                findings.append(warning("two-files-of-a-kind", listed(path.name for path in candidates), message, hint))
    beside = _by_name(folder.parent, ("campaign.yaml", "campaign.yml"))
    if campaign is not None or beside is not None:
        found["campaign"] = campaign or beside  # type: ignore[assignment]
    for role, name in paths.items():
        if role in DEFAULT_NAMES or (role == "campaign" and campaign is None):
            found[role] = folder / name
    for role, path in list(found.items()):
        if not path.is_file():
            del found[role]
            findings.append(
                error("file-not-found", str(path.name), f"the file of the {role} is not at {path}", "correct the path")
            )
    return found, findings + _unused(folder, set(found.values()))


def _by_name(folder: Path, names: tuple[str, ...]) -> Path | None:
    if not folder.is_dir():
        return None
    files = {entry.name.lower(): Path(entry.path) for entry in os.scandir(folder) if entry.is_file()}
    return next((files[name] for name in names if name in files), None)


def _unused(folder: Path, used: set[Path]) -> list[Finding]:
    names = [
        entry.name
        for entry in os.scandir(folder)
        if entry.is_file()
        and Path(entry.name).suffix.lower() in _TABLE_SUFFIXES
        and Path(entry.path) not in used
        and entry.name.lower() not in _FLIGHT_NAMES
        and not entry.name.startswith(".")
    ]
    findings: list[Finding] = []
    without_role: list[str] = []
    for name in sorted(names):
        hint = _ROLE_OF_UNREAD.get(Path(name).suffix.lower())
        stem = Path(name).stem.lower()
        expected = [usual for role in DEFAULT_NAMES.values() for usual in role if Path(usual).stem == stem]
        if hint and expected:
            message = f"this format is not read; {expected[0]} would be"
            findings.append(warning("unsupported-table", name, message, hint))
        else:
            without_role.append(name)
    if without_role:
        usual = ", ".join(name for role in DEFAULT_NAMES.values() for name in role)
        message = f"{counted(len(without_role), 'file', 'have')} no role here, not read"
        findings.append(info("unused-file", listed(without_role), message, f"read are flight.yaml, {usual}"))
    return findings
