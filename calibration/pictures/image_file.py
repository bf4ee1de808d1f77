"""Picture files: one read gives numbers and metadata, one write hands both on without the radiometric tags."""

from __future__ import annotations

import io
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from uav_workflow.errors import CalibrationError

MARK = "{urn:uav-workflow:radiometry:1.0}Quantity"
"""XMP property a calibrated picture carries."""
MARK_TAG = "uav:Quantity"
"""The same as a flat tag."""
_UNITS = {
    "reflectance": ("reflectance", "1"),
    "relative": ("relative reflected light", "1"),
    "celsius": ("apparent temperature, emissivity 1", "degree_Celsius"),
}
"""Description and unit of a quantity, as GDAL reads them."""

_EXIF_IFD, _GPS_IFD, _XMP, _GDAL_METADATA = 34665, 34853, 700, 42112
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_KEPT_MAIN = {270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432, 50735, 50827}
"""Description, make, model, orientation, resolution, firmware, time, artist, copyright, serial, original name."""
_OF_THE_CODING = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 330, 338, 339, 340),
    *(341, 347, 50713, 50714, 50715, 50716, 50717, 50829, 50830, _EXIF_IFD, _GPS_IFD, _XMP),
}
"""Main-directory tags that speak of the stored numbers (layout, compression, black and white level) or point on."""
_OFFSETS_INSIDE = {0x927C, 0xA005}
"""Blocks whose offsets would no longer hold: maker note, interoperability."""
_DROPPED_EXIF = _OFFSETS_INSIDE | {0x829A, 0x8827, 0x8830, 0x8832, 0x8833, 0x9201, 0x9203, 0x9204}
"""Exposure time, sensitivities and APEX exposure besides."""
_RADIOMETRIC = re.compile(
    r"BlackCurrent|BandSensitivity|BandGain|Vignetting.*|RadiometricCalibration|DarkRowValue|Irradiance.*|SunSensor.*"
    r"|SensorModel|SensorGain.*|InvalidPixel|CalibrationMeasurement|CalibrationPicture|CalibrationTarget.*|Albedo"
    r"|ReflectArea|IsNormalized|Transform(Alpha|Beta|Gamma)|ColorTransform|ExposureTime"
)
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an image file directory, its value as raw bytes in the file's byte order."""

    code: int
    kind: int
    count: int
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFile:
    """A single-band TIFF in memory.

    Attributes
    ----------
    dn : uint16 (height, width)
        Stored numbers; EXIF orientation is not applied, the vendor's formulas speak of the raw grid.
    order : str
        ``<`` or ``>``.
    main, exif, gps : mapping
        Directories by tag code.
    """

    dn: NDArray[np.uint16]
    order: str
    main: dict[int, Entry]
    exif: dict[int, Entry]
    gps: dict[int, Entry]


def read_picture(path: Path) -> PictureFile:
    """Read a single-band 16-bit TIFF, the file opened once.

    Raises
    ------
    CalibrationError
        The file can't be read, is cut off, or is no single-band picture of 16-bit numbers.
    """
    try:
        data = path.read_bytes()
        order = {b"II*\x00": "<", b"MM\x00*": ">"}[data[:4]]
        main = _directory(data, order, _number(order, data[4:8], 4))
        sub = {
            code: _directory(data, order, _number(order, main[code].raw, 4)) if code in main else {}
            for code in (_EXIF_IFD, _GPS_IFD)
        }
        dn = _pixels(data, order, main)
    except KeyError as exc:
        raise CalibrationError(f"{path}: not a TIFF picture of one band (no {exc}); only these are calibrated") from exc
    except (OSError, struct.error, ValueError, IndexError) as exc:
        raise CalibrationError(f"{path}: can't be read ({exc}); copy it again from the card") from exc
    return PictureFile(dn=dn, order=order, main=main, exif=sub[_EXIF_IFD], gps=sub[_GPS_IFD])


def write_picture(
    path: Path, values: NDArray[np.float32], source: PictureFile, quantity: str, *, neutral: bool = True
) -> None:
    """Write a float32 TIFF with the source's tags and an XMP property that says what the numbers are.

    Appears under its name by rename.

    Parameters
    ----------
    values : float32 (height, width)
        Finite: feature detectors stretch each picture to its extremes.
    quantity : str
        ``reflectance``, ``relative`` or ``celsius``.
    neutral : bool
        Leave out what tells how to calibrate (black level, vignetting, exposure, gain, irradiance): a node that gets
        the picture must not do it again. Else everything but the black and white level of the numbers is kept, and
        quantity and unit are also said where GDAL looks for them.

    Raises
    ------
    CalibrationError
        The source's XMP can't be understood.
    """
    height, width = values.shape
    order = source.order
    pixels = np.ascontiguousarray(values, f"{order}f4")
    kept = _KEPT_MAIN if neutral else source.main.keys() - _OF_THE_CODING
    main = {code: entry for code, entry in source.main.items() if code in kept} | _layout(order, height, width)
    packet = _marked_xmp(source.main[_XMP].raw if _XMP in source.main else b"", quantity, path, neutral)
    main[_XMP] = Entry(_XMP, 7, len(packet), packet)
    if not neutral:
        said = _gdal_metadata(quantity)
        main[_GDAL_METADATA] = Entry(_GDAL_METADATA, 2, len(said), said)
    dropped = _DROPPED_EXIF if neutral else _OFFSETS_INSIDE
    exif = {code: entry for code, entry in source.exif.items() if code not in dropped}

    tail = bytearray()
    start = 8 + pixels.nbytes
    for code, directory in ((_EXIF_IFD, exif), (_GPS_IFD, source.gps)):
        if directory:
            main[code] = Entry(code, 4, 1, struct.pack(f"{order}I", start + len(tail)))
            tail += _packed(directory, order, start + len(tail))
    offset = start + len(tail)
    tail += _packed(main, order, offset)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, offset)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    with scratch.open("wb") as file:
        file.write(head)
        file.write(pixels.data)
        file.write(tail)
    scratch.replace(path)


def _gdal_metadata(quantity: str) -> bytes:
    """Band description and unit in GDAL's own tag."""
    description, unit = _UNITS[quantity]
    items = (("DESCRIPTION", "description", description), ("UNITTYPE", "unittype", unit))
    lines = (f'<Item name="{name}" sample="0" role="{role}">{text}</Item>' for name, role, text in items)
    return f"<GDALMetadata>{''.join(lines)}</GDALMetadata>\0".encode("ascii")


def _layout(order: str, height: int, width: int) -> dict[int, Entry]:
    """One strip of float32 right behind the header."""
    size = 4 * height * width
    facts = {256: width, 257: height, 258: 32, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: size, 339: 3}
    return {code: Entry(code, 4, 1, struct.pack(f"{order}I", number)) for code, number in facts.items()}


def _directory(data: bytes, order: str, offset: int) -> dict[int, Entry]:
    count = _number(order, data[offset : offset + 2], 2)
    entries = {}
    for start in range(offset + 2, offset + 2 + 12 * count, 12):
        code, kind, number = struct.unpack_from(f"{order}HHI", data, start)
        size = _SIZES.get(kind, 0) * number
        if size == 0:
            continue
        at = start + 8 if size <= 4 else _number(order, data[start + 8 : start + 12], 4)
        entries[code] = Entry(code, kind, number, data[at : at + size])
    return entries


def _packed(directory: dict[int, Entry], order: str, offset: int) -> bytes:
    """Bytes of a directory that will lie at ``offset``, its long values right behind it."""
    table = bytearray(struct.pack(f"{order}H", len(directory)))
    values = bytearray()
    values_at = offset + 2 + 12 * len(directory) + 4
    for entry in sorted(directory.values(), key=lambda entry: entry.code):
        table += struct.pack(f"{order}HHI", entry.code, entry.kind, entry.count)
        if len(entry.raw) <= 4:
            table += entry.raw.ljust(4, b"\x00")
        else:
            table += struct.pack(f"{order}I", values_at + len(values))
            values += entry.raw + b"\x00" * (len(entry.raw) % 2)
    return bytes(table + b"\x00\x00\x00\x00" + values)


def _pixels(data: bytes, order: str, main: dict[int, Entry]) -> NDArray[np.uint16]:
    width, height, bits = (_integers(main[code], order)[0] for code in (256, 257, 258))
    samples = _integers(main[277], order)[0] if 277 in main else 1
    if samples != 1 or bits != 16:
        raise ValueError(f"{samples} bands of {bits} bits; pictures of one band of 16 bits are calibrated")
    compression = _integers(main[259], order)[0] if 259 in main else 1
    if compression != 1 or 273 not in main:
        return _decoded(data, (height, width))
    offsets = _integers(main[273], order)
    counts = _integers(main[279], order)
    joined = all(a + n == b for a, n, b in zip(offsets, counts, offsets[1:], strict=False))
    if sum(counts) != 2 * width * height or offsets[-1] + counts[-1] > len(data):
        raise ValueError("the pixel data are cut off")
    if joined:
        flat = np.frombuffer(data, f"{order}u2", width * height, offsets[0])
    else:
        pieces = b"".join(data[at : at + size] for at, size in zip(offsets, counts, strict=True))
        flat = np.frombuffer(pieces, f"{order}u2")
    return flat.reshape(height, width).astype(np.uint16, copy=False)


def _decoded(data: bytes, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Compressed or tiled pixels."""
    import tifffile

    array = np.asarray(tifffile.imread(io.BytesIO(data)))
    if array.shape != shape or array.dtype != np.uint16:
        raise ValueError(f"pixels are {array.dtype} {array.shape}, expected uint16 {shape}")
    return array


def _integers(entry: Entry, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{entry.count}{'H' if entry.kind == 3 else 'I'}", entry.raw)


def _number(order: str, raw: bytes, size: int) -> int:
    number: int = struct.unpack(f"{order}{'H' if size == 2 else 'I'}", raw)[0]
    return number


def _marked_xmp(packet: bytes, quantity: str, path: Path, neutral: bool) -> bytes:
    """The packet with what the numbers are, and when neutral without what tells how to calibrate."""
    body = packet[packet.find(b"<") : packet.rfind(b">") + 1]
    if not body and not neutral:
        body = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%s"/></x:xmpmeta>' % _RDF.encode()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, remove_pis=True)
    root = etree.fromstring(body, parser) if body else None
    if root is None:
        raise CalibrationError(f"{path.name}: the picture has no readable XMP packet; its band can't be handed on")
    for description in root.iter(f"{{{_RDF}}}Description") if neutral else ():
        for name in description.attrib:
            if _is_radiometric(str(name)):
                del description.attrib[name]
        for child in list(description.iterchildren(tag=etree.Element)):
            if _is_radiometric(str(child.tag)):
                description.remove(child)
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        raise CalibrationError(f"{path.name}: the XMP packet has no RDF; its band can't be handed on")
    uri, _, local = MARK[1:].partition("}")
    note = etree.SubElement(rdf, f"{{{_RDF}}}Description", nsmap={"uav": uri})
    note.set(f"{{{_RDF}}}about", "")
    note.set(f"{{{uri}}}{local}", quantity)
    body = bytes(etree.tostring(root))
    return b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + body + b'<?xpacket end="w"?>'


def _is_radiometric(qualified: str) -> bool:
    uri, _, local = qualified.rpartition("}")
    return "/DLS/" in uri or _RADIOMETRIC.fullmatch(local) is not None
