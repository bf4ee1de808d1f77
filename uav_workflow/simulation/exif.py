"""Writing EXIF: tag directories, inside a TIFF or in front of a JPEG."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_SIZE = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, SRATIONAL: 8}
EXIF_POINTER, GPS_POINTER, XMP_TAG = 34665, 34853, 700


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: number, TIFF type, values (text, bytes or numbers)."""

    tag: int
    kind: int
    values: str | bytes | Sequence[float]

    def encode(self) -> tuple[int, bytes]:
        """(count, little-endian bytes)."""
        if isinstance(self.values, str):
            data = self.values.encode() + b"\0"
            return len(data), data
        if isinstance(self.values, bytes):
            return len(self.values), self.values
        if self.kind in (RATIONAL, SRATIONAL):
            code = "<II" if self.kind == RATIONAL else "<ii"
            return len(self.values), b"".join(struct.pack(code, *_ratio(value)) for value in self.values)
        code = {BYTE: "B", SHORT: "H", LONG: "I"}[self.kind]
        return len(self.values), struct.pack(f"<{len(self.values)}{code}", *(int(value) for value in self.values))


@dataclass(frozen=True, slots=True)
class Directories:
    """Tags of an image: main directory, EXIF, GPS."""

    main: list[Entry] = field(default_factory=list)
    exif: list[Entry] = field(default_factory=list)
    gps: list[Entry] = field(default_factory=list)

    def encode(self, start: int) -> bytes:
        """All three directories as they lie in a file from byte ``start`` on."""
        pointers = [Entry(EXIF_POINTER, LONG, (0,)), Entry(GPS_POINTER, LONG, (0,))]
        main_size = len(_directory([*self.main, *pointers], 0))
        exif = _directory(self.exif, start + main_size)
        gps = _directory(self.gps, start + main_size + len(exif))
        pointers = [
            Entry(EXIF_POINTER, LONG, (start + main_size,)),
            Entry(GPS_POINTER, LONG, (start + main_size + len(exif),)),
        ]
        return _directory([*self.main, *pointers], start) + exif + gps


def _ratio(value: float) -> tuple[int, int]:
    fraction = Fraction(value).limit_denominator(10**7)
    while max(abs(fraction.numerator), fraction.denominator) >= 2**31:
        fraction = fraction.limit_denominator(max(1, fraction.denominator // 10))
    return fraction.numerator, fraction.denominator


def _directory(entries: Sequence[Entry], start: int) -> bytes:
    ordered = sorted(entries, key=lambda entry: entry.tag)
    data_start = start + 2 + 12 * len(ordered) + 4
    head, data = struct.pack("<H", len(ordered)), b""
    for entry in ordered:
        count, encoded = entry.encode()
        head += struct.pack("<HHI", entry.tag, entry.kind, count)
        if len(encoded) <= 4:
            head += encoded.ljust(4, b"\0")
        else:
            head += struct.pack("<I", data_start + len(data))
            data += encoded + b"\0" * (len(encoded) % 2)
    return head + b"\0\0\0\0" + data


def gps_entries(lon: float, lat: float, alt: float, time_utc: datetime) -> list[Entry]:
    """GPS directory of a WGS84 position and its UTC stamp."""
    entries = [
        Entry(0, BYTE, (2, 3, 0, 0)),
        Entry(1, ASCII, "N" if lat >= 0 else "S"),
        Entry(2, RATIONAL, _dms(lat)),
        Entry(3, ASCII, "E" if lon >= 0 else "W"),
        Entry(4, RATIONAL, _dms(lon)),
        Entry(5, BYTE, (0 if alt >= 0 else 1,)),
        Entry(6, RATIONAL, (abs(round(alt, 3)),)),
    ]
    second = time_utc.second + round(time_utc.microsecond * 1e-6, 2)
    entries.append(Entry(7, RATIONAL, (time_utc.hour, time_utc.minute, second)))
    entries.append(Entry(29, ASCII, time_utc.strftime("%Y:%m:%d")))
    return entries


def _dms(angle: float) -> tuple[float, float, float]:
    degrees, rest = divmod(abs(angle) * 3600, 3600)
    minutes, seconds = divmod(rest, 60)
    return degrees, minutes, round(seconds, 6)


def write_tiff(path: Path, pixels: NDArray[np.uint16], tags: Directories, xmp: bytes) -> None:
    """Uncompressed 16-bit single-band TIFF: pixels first, then the directories, as the maker's firmware lays it."""
    high, wide = pixels.shape
    strip = 100
    row_bytes = wide * 2
    offsets = [8 + row * row_bytes for row in range(0, high, strip)]
    counts = [min(strip, high - row) * row_bytes for row in range(0, high, strip)]
    main = [
        Entry(254, LONG, (0,)),
        Entry(256, LONG, (wide,)),
        Entry(257, LONG, (high,)),
        Entry(258, SHORT, (16,)),
        Entry(259, SHORT, (1,)),
        Entry(262, SHORT, (1,)),
        Entry(273, LONG, offsets),
        Entry(277, SHORT, (1,)),
        Entry(278, LONG, (strip,)),
        Entry(279, LONG, counts),
        Entry(284, SHORT, (1,)),
        Entry(XMP_TAG, BYTE, xmp),
        *tags.main,
    ]
    start = 8 + high * row_bytes
    body = Directories(main, tags.exif, tags.gps).encode(start)
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + pixels.astype("<u2").tobytes() + body)


def write_jpeg(path: Path, encoded: bytes, tags: Directories, xmp: bytes) -> None:
    """JPEG with an EXIF and an XMP segment put behind its start marker.

    Raises
    ------
    ValueError
        A segment would not fit in 64 KiB.
    """
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + tags.encode(8)
    packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    segments = b""
    for body in (exif, packet):
        if len(body) + 2 > 0xFFFF:
            raise ValueError(f"{path.name}: a metadata segment of {len(body)} bytes does not fit in a JPEG")
        segments += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    path.write_bytes(encoded[:2] + segments + encoded[2:])
