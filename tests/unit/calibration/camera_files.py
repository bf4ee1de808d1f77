"""Pictures of any camera, written to disk with the tags a test names."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from calibration.pictures.image_file import read_picture
from calibration.pictures.response import radiance
from calibration.sensors.model import RadiometricModel
from uav_workflow.flights.photos import read_photo
from uav_workflow.flights.sensors import match_profile
from uav_workflow.simulation.exif import (
    ASCII,
    LONG,
    RATIONAL,
    SHORT,
    Directories,
    Entry,
    gps_entries,
    write_tiff,
)

START = datetime(2024, 7, 1, 6, 0, tzinfo=UTC)
URIS = {
    "Camera": "http://pix4d.com/camera/1.0",
    "MicaSense": "http://micasense.com/MicaSense/1.0/",
    "DLS": "http://micasense.com/DLS/1.0/",
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
    "Acme": "http://acme.example/1.0/",
}


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture: EXIF numbers, and XMP tags as attributes or as elements (a list becomes an rdf:Seq)."""

    make: str
    model: str
    software: str = "v1.0"
    exposure_s: float = 1e-3
    iso: int | None = 100
    iso_tag: int = 34867
    black: tuple[int, ...] = ()
    after_s: float = 0.0
    north_m: float = 0.0
    sub_second: str | None = None
    lens: str | None = None
    image_id: str | None = None
    xmp: dict[str, object] = field(default_factory=dict)
    elements: bool = False
    camera_uri: str = URIS["Camera"]


def write_shot(path: Path, dn: np.ndarray, shot: Shot) -> Path:
    moment = START + timedelta(seconds=shot.after_s)
    stamp = moment.strftime("%Y:%m:%d %H:%M:%S")
    main = [Entry(271, ASCII, shot.make), Entry(272, ASCII, shot.model), Entry(305, ASCII, shot.software)]
    if shot.black:
        main.append(Entry(50714, SHORT, shot.black))
    exif = [Entry(33434, RATIONAL, (shot.exposure_s,)), Entry(33437, RATIONAL, (2.2,)), Entry(36867, ASCII, stamp)]
    if shot.iso is not None:
        exif.append(Entry(shot.iso_tag, LONG, (shot.iso,)))
    for tag, text in ((37521, shot.sub_second), (42036, shot.lens), (42016, shot.image_id)):
        if text is not None:
            exif.append(Entry(tag, ASCII, text))
    path.parent.mkdir(parents=True, exist_ok=True)
    gps = gps_entries(100.0, 38.0 + shot.north_m / 111e3, 3050.0, moment)
    write_tiff(path, dn, Directories(main, exif, gps), _packet(shot))
    return path


def profile_and_image(path):
    image = read_photo(path, path.parent)
    profile = match_profile([image])
    return RadiometricModel.of(profile), image, profile


def light_of(path):
    model, image, _ = profile_and_image(path)
    return radiance(model, image, read_picture(path).dn)[0]


def _packet(shot: Shot) -> bytes:
    uris = URIS | {"Camera": shot.camera_uri}
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in uris.items())
    attributes, children = "", ""
    for key, value in shot.xmp.items():
        if isinstance(value, list | tuple):
            items = "".join(f"<rdf:li>{item}</rdf:li>" for item in value)
            children += f"<{key}><rdf:Seq>{items}</rdf:Seq></{key}>"
        elif shot.elements:
            children += f"<{key}>{value}</{key}>"
        else:
            attributes += f' {key}="{value}"'
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces}{attributes}>{children}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()
