"""`uav check` on a thousand photos."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figures import Figure
from uav_workflow.flights.reading import read_flight

COUNT = 1000


def check_thousand_photos(workspace: Path) -> list[Figure]:
    """Write a thousand small geotagged JPGs and read the folder."""
    folder = workspace / "thousand" / "images"
    folder.mkdir(parents=True)
    for index in range(COUNT):
        _write_photo(folder / f"IMG_{index:04d}.JPG", index)
    started = time.monotonic()
    flight, _findings = read_flight(folder.parent)
    seconds = time.monotonic() - started
    read = len(flight.captures) if flight else 0
    return [
        Figure(what="check of 1,000 photos of 480 x 360", value=seconds, unit="s", bound=10.0),
        Figure(what="… captures read", value=read, unit="1", bound=COUNT, at_least=True),
    ]


def _write_photo(path: Path, index: int) -> None:
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(index).integers(40, 200, (36, 48, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((480, 360))
    row, col = divmod(index, 40)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Plain", "Bench 1"
    exif.get_ifd(0x8769).update({0x9003: f"2026:07:01 10:{index // 60 % 60:02d}:{index % 60:02d}", 0x9011: "+08:00"})
    exif.get_ifd(0x8769)[0xA405] = 28
    lat, lon = 38.0 + row * 5e-5, 100.0 + col * 5e-5
    exif.get_ifd(0x8825).update({1: "N", 2: _dms(lat), 3: "E", 4: _dms(lon), 5: 0, 6: 3040.0})
    image.save(path, exif=exif, quality=85)


def _dms(degrees: float) -> tuple[float, float, float]:
    whole = int(degrees)
    minutes = (degrees - whole) * 60
    return float(whole), float(int(minutes)), (minutes - int(minutes)) * 60
