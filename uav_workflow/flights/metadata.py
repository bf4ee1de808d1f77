"""Headers of photo files: size, bits and every tag, from one open and without decoding a pixel."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from uav_workflow.domain.tags import Tags
from uav_workflow.flights.tiff import Directories, read_directories
from uav_workflow.flights.xmp import parse_xmp

_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\x00"
_TAIL = 65536
_SOF = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a photo file says before its pixels are decoded.

    Attributes
    ----------
    width, height, samples, bits : int
        Pixels as stored, samples a pixel, bits a sample.
    complete : bool
        False when the file ends before its picture does.
    notes : tuple of str
        What could not be read though the picture can (a broken XMP packet).
    """

    width: int
    height: int
    samples: int
    bits: int
    size_bytes: int
    complete: bool
    tags: Tags
    notes: tuple[str, ...] = ()


def read_tags(path: Path) -> Tags:
    """EXIF, GPS and XMP tags of a JPG or TIFF; see `Tags` for the names.

    Raises
    ------
    OSError
        The file can't be opened.
    ValueError
        It is neither JPG nor TIFF, or its header is cut off.
    """
    return read_header(path).tags


def is_map(tags: Tags) -> bool:
    """Whether the tags are those of a georeferenced raster."""
    return "EXIF:ModelPixelScale" in tags or "EXIF:ModelTransformation" in tags


def read_header(path: Path) -> Header:
    """Header of a JPG or TIFF, the file opened once.

    Raises
    ------
    OSError
        The file can't be opened.
    ValueError
        It is empty, neither JPG nor TIFF, or its header is cut off; the message says which.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        magic = file.read(4)
        if not magic:
            raise ValueError("the file is empty")
        if magic[:2] == b"\xff\xd8":
            return _jpeg(file, size)
        if magic in (b"II*\x00", b"MM\x00*"):
            return _tiff(file, size)
        raise ValueError("it is neither a JPG nor a TIFF inside")


def _tiff(file: BinaryIO, size: int) -> Header:
    def read_at(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(min(count, max(0, size - offset)))

    found = read_directories(read_at)
    tags = Tags(found.tags)
    width, height = tags.number("EXIF:ImageWidth"), tags.number("EXIF:ImageLength")
    if not width or not height:
        raise ValueError("the TIFF names no image size")
    merged, notes = _all_tags(found)
    return Header(
        width=int(width),
        height=int(height),
        samples=int(tags.number("EXIF:SamplesPerPixel") or 1),
        bits=int(tags.number("EXIF:BitsPerSample") or 8),
        size_bytes=size,
        complete=0 < found.pixels_end <= size,
        tags=merged,
        notes=notes,
    )


def _jpeg(file: BinaryIO, size: int) -> Header:
    found = Directories()
    notes: list[str] = []
    frame: tuple[int, int, int, int] | None = None
    file.seek(2)
    while True:
        marker, length = _next_segment(file)
        if marker == 0xDA:
            break
        if marker == 0xE1:
            found, note = _app1(file.read(length), found)
            notes += note
        elif marker in _SOF:
            bits, height, width, samples = struct.unpack(">BHHB", file.read(length)[:6])
            frame = (width, height, samples, bits)
        else:
            file.seek(length, os.SEEK_CUR)
    if frame is None:
        raise ValueError("the JPG names no image size")
    width, height, samples, bits = frame
    tags, said = _all_tags(found)
    return Header(
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        size_bytes=size,
        complete=_has_end_marker(file, file.tell(), size),
        tags=tags,
        notes=(*notes, *said),
    )


def _next_segment(file: BinaryIO) -> tuple[int, int]:
    """Marker and length of the payload of the next segment; the file stands at the payload."""
    head = file.read(2)
    while head == b"\xff\xff":
        head = b"\xff" + file.read(1)
    if len(head) < 2 or head[0] != 0xFF:
        raise ValueError("the JPG header is cut off or broken")
    length = file.read(2)
    if len(length) < 2:
        raise ValueError("the JPG header is cut off")
    return head[1], struct.unpack(">H", length)[0] - 2


def _app1(payload: bytes, found: Directories) -> tuple[Directories, list[str]]:
    try:
        if payload.startswith(b"Exif\x00"):
            block = payload[6:]
            exif = read_directories(lambda offset, count: block[offset : offset + count])
            exif.xmp = found.xmp
            return exif, []
        if payload.startswith(_XMP_MARK) and not found.xmp:
            found.xmp = payload[len(_XMP_MARK) :]
    except ValueError as exc:
        return found, [f"the EXIF block can't be read ({exc})"]
    return found, []


def _has_end_marker(file: BinaryIO, scan_start: int, size: int) -> bool:
    """Whether an end-of-image marker follows the scan; vendors append previews and padding behind it."""
    tail_start = max(scan_start, size - _TAIL)
    file.seek(tail_start)
    if b"\xff\xd9" in file.read():
        return True
    file.seek(scan_start)
    return b"\xff\xd9" in file.read(max(0, tail_start + 1 - scan_start))


def _all_tags(found: Directories) -> tuple[Tags, tuple[str, ...]]:
    """EXIF, GPS and XMP tags together, and what of them could not be read."""
    if not found.xmp.strip(b"\x00 \r\n\t"):
        return Tags(found.tags), ()
    try:
        return Tags(found.tags | parse_xmp(found.xmp)), ()
    except ValueError as exc:
        return Tags(found.tags), (str(exc),)
