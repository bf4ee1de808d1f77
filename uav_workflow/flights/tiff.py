"""Image file directories: the tags of a TIFF file, which are also those of a JPEG's EXIF block."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import ExifTags

from uav_workflow.domain.tags import TagValue

ReadAt = Callable[[int, int], bytes]
"""Reads ``count`` bytes at ``offset``; fewer at the end of the data."""

_EXIF_IFD, _GPS_IFD, _XMP = 34665, 34853, 700
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 324, 325
_STRUCTURE = {_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS}
_BULK = {33723, 34377, 34675, 37500, 37510, 50827, 51008, 51009, 51022, 513, 514, 330, *range(0x9C9B, 0x9CA0)}
"""IPTC, Photoshop, ICC, maker notes, user comments, opcode lists, thumbnails, Windows' XP fields: never read."""
_MAX_VALUE_BYTES = 4096

_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ASCII, _RATIONAL, _UNDEFINED, _SRATIONAL = 2, 5, 7, 10

_NAMES = {code: name.replace("Subsec", "SubSec") for code, name in ExifTags.TAGS.items()} | {
    33550: "ModelPixelScale",
    34264: "ModelTransformation",
}
_GPS_NAMES = dict(ExifTags.GPSTAGS)


@dataclass(slots=True)
class Directories:
    """What the main, EXIF and GPS directories say.

    Attributes
    ----------
    tags : dict
        ``EXIF:…`` and ``GPS:…`` values.
    xmp : bytes
        XMP packet of a TIFF; empty in a JPEG's EXIF block.
    pixels_end : int
        Last byte + 1 of the pixel data of the main image; 0 where none is named.
    """

    tags: dict[str, TagValue] = field(default_factory=dict)
    xmp: bytes = b""
    pixels_end: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    code: int
    kind: int
    count: int
    inline: bytes


def read_directories(read_at: ReadAt) -> Directories:
    """Read the tags of a TIFF structure.

    Parameters
    ----------
    read_at : callable
        Reads bytes at an offset counted from the TIFF header.

    Raises
    ------
    ValueError
        The header or the main directory is broken or cut off.
    """
    header = read_at(0, 8)
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(header[:4])
    if order is None or len(header) < 8:
        raise ValueError("no TIFF header")
    found = Directories()
    structure: dict[int, tuple[float, ...]] = {}
    subdirectories = {_EXIF_IFD: ("EXIF", _NAMES), _GPS_IFD: ("GPS", _GPS_NAMES)}
    pending = []
    for entry in _entries(read_at, order, struct.unpack(order + "I", header[4:])[0]):
        if entry.code in subdirectories:
            pending.append((entry.code, struct.unpack(order + "I", entry.inline)[0]))
        elif entry.code == _XMP:
            found.xmp = _raw(read_at, order, entry)
        elif entry.code in _STRUCTURE:
            structure[entry.code] = _numbers(_raw(read_at, order, entry), order, entry)
        else:
            _keep(found.tags, f"EXIF:{_NAMES.get(entry.code, hex(entry.code))}", _value(read_at, order, entry))
    for code, offset in pending:
        space, names = subdirectories[code]
        for entry in _entries(read_at, order, offset, strict=False):
            _keep(found.tags, f"{space}:{names.get(entry.code, hex(entry.code))}", _value(read_at, order, entry))
    found.pixels_end = _pixels_end(structure)
    return found


def _entries(read_at: ReadAt, order: str, offset: int, *, strict: bool = True) -> Iterator[_Entry]:
    """Entries of one directory; a cut-off one raises (strict) or ends early."""
    head = read_at(offset, 2)
    count = struct.unpack(order + "H", head)[0] if len(head) == 2 else 0
    body = read_at(offset + 2, 12 * count)
    if strict and (count == 0 or len(body) < 12 * count):
        raise ValueError("the directory of tags is cut off")
    for start in range(0, len(body) - 11, 12):
        code, kind, number = struct.unpack(order + "HHI", body[start : start + 8])
        if kind in _SIZES:
            yield _Entry(code, kind, number, body[start + 8 : start + 12])


def _raw(read_at: ReadAt, order: str, entry: _Entry) -> bytes:
    size = _SIZES[entry.kind] * entry.count
    if size <= 4:
        return entry.inline[:size]
    return read_at(struct.unpack(order + "I", entry.inline)[0], size)


def _numbers(raw: bytes, order: str, entry: _Entry) -> tuple[float, ...]:
    count = len(raw) // _SIZES[entry.kind]
    if entry.kind in (_RATIONAL, _SRATIONAL):
        pairs = struct.unpack(order + ("I" if entry.kind == _RATIONAL else "i") * 2 * count, raw[: 8 * count])
        return tuple(top / bottom for top, bottom in zip(pairs[::2], pairs[1::2], strict=True) if bottom)
    return struct.unpack(order + _FORMATS[entry.kind] * count, raw[: count * _SIZES[entry.kind]])


def _keep(tags: dict[str, TagValue], name: str, value: TagValue | None) -> None:
    """Add a value where it is one; the first of a name stays."""
    if value is not None:
        tags.setdefault(name, value)


def _value(read_at: ReadAt, order: str, entry: _Entry) -> TagValue | None:
    """Value of one tag; None for bulk, over-long and undecodable ones."""
    if entry.code in _BULK or _SIZES[entry.kind] * entry.count > _MAX_VALUE_BYTES:
        return None
    raw = _raw(read_at, order, entry)
    if entry.kind in (_ASCII, _UNDEFINED):
        text = _text(raw)
        return text if text and (entry.kind == _ASCII or text.isprintable()) else None
    numbers = _numbers(raw, order, entry)
    if not numbers:
        return None
    return numbers if len(numbers) > 1 else numbers[0]


def _text(raw: bytes) -> str:
    cut = raw.split(b"\x00", 1)[0]
    try:
        return cut.decode("utf-8").strip()
    except UnicodeDecodeError:
        return cut.decode("latin-1").strip()


def _pixels_end(structure: dict[int, tuple[float, ...]]) -> int:
    ends = [
        offset + count
        for offsets, counts in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS))
        for offset, count in zip(structure.get(offsets, ()), structure.get(counts, ()), strict=False)
    ]
    return int(max(ends, default=0))
