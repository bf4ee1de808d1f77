"""Small synthetic photos: a textured field, tags as cameras write them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from uav_workflow.domain.flight import Flight
from uav_workflow.findings import Finding
from uav_workflow.flights.reading import read_flight

LON0, LAT0 = 100.25, 38.5
M_PER_LON, M_PER_LAT = 87_200.0, 111_000.0
START = datetime(2024, 7, 31, 11, 0, 0)

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" xmlns:Camera="http://pix4d.com/camera/1.0/"
 xmlns:MicaSense="http://micasense.com/MicaSense/1.0/" {attributes}/></rdf:RDF></x:xmpmeta>"""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """What a test writes: place, time and tags of one photo."""

    east_m: float = 0.0
    north_m: float = 0.0
    altitude_m: float | None = 3040.0
    relative_m: float | None = 40.0
    gps: bool = True
    time: datetime | None = START
    zone: str | None = "+08:00"
    stamp: datetime | None = None
    serial: str | None = None
    make: str = "DJI"
    model: str = "FC300S"
    lens: str | None = None
    width: int = 240
    height: int = 180
    orientation: int | None = 1
    pitch_deg: float = -90.0
    yaw_deg: float = 0.0
    xmp: tuple[tuple[str, str], ...] = ()
    level: float | None = None
    blurred: bool = False
    seed: int = 0


def texture(photo: Photo, top: int) -> NDArray[np.float64]:
    """Sharp noise of middle brightness, (rows, columns), 0 - top."""
    rng = np.random.default_rng(photo.seed)
    grey = rng.uniform(0.2, 0.7, (photo.height, photo.width))
    if photo.blurred:
        kernel = np.ones(25) / 25
        grey = np.apply_along_axis(np.convolve, 1, grey, kernel, "same")
    if photo.level is not None:
        grey = np.full_like(grey, photo.level)
    return grey * top


def exif_of(photo: Photo) -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[272] = photo.make, photo.model
    if photo.orientation is not None:
        exif[274] = photo.orientation
    inner = exif.get_ifd(0x8769)
    inner[33434] = IFDRational(1, 1000)
    inner[34855] = 100
    if photo.time is not None:
        inner[36867] = photo.time.strftime("%Y:%m:%d %H:%M:%S")
        if photo.zone is not None:
            inner[36881] = photo.zone
    if photo.serial is not None:
        inner[0xA431] = photo.serial
    if photo.lens is not None:
        inner[0xA434] = photo.lens
    if photo.gps:
        lon = LON0 + photo.east_m / M_PER_LON
        lat = LAT0 + photo.north_m / M_PER_LAT
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2] = "N" if lat >= 0 else "S", sexagesimal(abs(lat))
        gps[3], gps[4] = "E" if lon >= 0 else "W", sexagesimal(abs(lon))
        if photo.stamp is not None:
            gps[7] = tuple(IFDRational(part, 1) for part in (photo.stamp.hour, photo.stamp.minute, photo.stamp.second))
            gps[29] = photo.stamp.strftime("%Y:%m:%d")
        if photo.altitude_m is not None:
            gps[5], gps[6] = b"\x00", IFDRational(round(photo.altitude_m * 1000), 1000)
    return exif


def sexagesimal(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    degrees = int(value)
    minutes = int((value - degrees) * 60)
    seconds = (value - degrees - minutes / 60) * 3600
    return IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(round(seconds * 1e6), 1_000_000)


def xmp_of(photo: Photo) -> bytes:
    pairs = list(photo.xmp)
    if photo.make == "DJI":
        pairs += [
            ("drone-dji:GimbalPitchDegree", f"{photo.pitch_deg:+.2f}"),
            ("drone-dji:GimbalYawDegree", f"{photo.yaw_deg:+.2f}"),
            ("drone-dji:GimbalRollDegree", "+0.00"),
        ]
        if photo.relative_m is not None:
            pairs.append(("drone-dji:RelativeAltitude", f"{photo.relative_m:+.2f}"))
    return XMP.format(attributes=" ".join(f'{name}="{value}"' for name, value in pairs)).encode()


def write_photo(path: Path, photo: Photo) -> Path:
    """Write a JPG (three samples) or a 16-bit TIFF (one sample)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in (".tif", ".tiff"):
        exif = exif_of(photo)
        exif[700] = xmp_of(photo)
        exif[34665], exif[34853] = dict(exif.get_ifd(0x8769)), dict(exif.get_ifd(0x8825))
        picture = Image.fromarray(texture(photo, 65535).astype(np.uint16))
        picture.save(path, exif=exif)
    else:
        grey = texture(photo, 255).astype(np.uint8)
        picture = Image.fromarray(np.repeat(grey[..., None], 3, axis=2))
        picture.save(path, quality=95, exif=exif_of(photo), xmp=xmp_of(photo))
    return path


def grid_of_photos(lines: int = 3, a_line: int = 4, step_m: float = 6.0, spacing_m: float = 10.0) -> list[Photo]:
    """Photos of a flight in lines to and fro: 40 m high, a 240 x 180 frame covers 62 x 47 m."""
    photos = []
    for line in range(lines):
        for i in range(a_line):
            along = i if line % 2 == 0 else a_line - 1 - i
            number = len(photos)
            photos.append(
                Photo(
                    north_m=along * step_m,
                    east_m=line * spacing_m,
                    time=START + timedelta(seconds=3 * number),
                    yaw_deg=0.0 if line % 2 == 0 else 180.0,
                    seed=number,
                )
            )
    return photos


@dataclass
class FlightFolder:
    """A flight folder under construction; `photos` are written by `write`."""

    path: Path
    photos: list[Photo]

    def change(self, index: int, **changes: object) -> None:
        self.photos[index] = replace(self.photos[index], **changes)  # type: ignore[arg-type]

    def change_all(self, **changes: object) -> None:
        for index in range(len(self.photos)):
            self.change(index, **changes)

    def name(self, index: int) -> str:
        return f"images/DJI_{index + 1:04d}.JPG"

    def write(self) -> Path:
        for index, photo in enumerate(self.photos):
            write_photo(self.path / self.name(index), photo)
        return self.path

    def text(self, name: str, content: str | bytes) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def contents(folder: Path) -> dict[str, str]:
    """Digest and mtime of everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else "folder"
        )
        for path in sorted(folder.rglob("*"))
    }


Checker = Callable[[Path], dict[str, Finding]]
"""Checks a folder: findings by code."""


CRS = "EPSG:32647"


def square(east_m: float, north_m: float, side_m: float = 1.0) -> list[list[list[float]]]:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    return [[[LON0 + (east_m + u * side_m) / M_PER_LON, LAT0 + (north_m + v * side_m) / M_PER_LAT] for u, v in corners]]


def plots_geojson(**places: tuple[float, float]) -> str:
    features = [
        {
            "type": "Feature",
            "properties": {"PlotID": name},
            "geometry": {"type": "Polygon", "coordinates": square(*place)},
        }
        for name, place in places.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


TWO_PLOTS = plots_geojson(P01=(5.0, 5.0), P02=(10.0, 10.0))


def read(folder: Path) -> Flight:
    flight, findings = read_flight(folder)
    assert flight is not None, findings
    return flight
