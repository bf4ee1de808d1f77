"""Tags of files written byte by byte, and of real cameras."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from synthetic_flight import XMP, Photo, write_photo

from uav_workflow.flights.metadata import read_header, read_tags
from uav_workflow.flights.photos import read_photo, read_photos
from uav_workflow.flights.tiff import read_directories
from uav_workflow.flights.xmp import parse_xmp


def tiff_bytes(order: str, entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """A TIFF of one directory; values longer than four bytes follow it."""
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", 8)
    offset = 8 + 2 + 12 * len(entries) + 4
    body, tail = struct.pack(order + "H", len(entries)), b""
    for code, kind, count, value in entries:
        inline = value.ljust(4, b"\x00")
        if len(value) > 4:
            inline = struct.pack(order + "I", offset + len(tail))
            tail += value
        body += struct.pack(order + "HHI", code, kind, count) + inline
    return head + body + b"\x00" * 4 + tail


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_in_both_byte_orders(order: str) -> None:
    data = tiff_bytes(
        order,
        [
            (271, 2, 10, b"MicaSense\x00"),
            (274, 3, 1, struct.pack(order + "H", 6)),
            (33434, 5, 1, struct.pack(order + "II", 472500, 1_000_000_000)),
            (37380, 10, 1, struct.pack(order + "ii", -1, 3)),
            (50714, 4, 4, struct.pack(order + "IIII", 4800, 4801, 4802, 4803)),
            (51111, 12, 1, struct.pack(order + "d", -2.5)),
            (33437, 5, 1, struct.pack(order + "II", 28, 0)),
            (37500, 7, 8, b"maker \x01\x02"),
        ],
    )
    tags = read_directories(lambda offset, count: data[offset : offset + count]).tags
    assert tags["EXIF:Make"] == "MicaSense"
    assert tags["EXIF:Orientation"] == 6
    assert tags["EXIF:ExposureTime"] == pytest.approx(4.725e-4, rel=1e-15)
    assert tags["EXIF:ExposureBiasValue"] == pytest.approx(-1 / 3)
    assert tags["EXIF:BlackLevel"] == (4800, 4801, 4802, 4803)
    assert "EXIF:FNumber" not in tags  # 28 / 0
    assert "EXIF:MakerNote" not in tags


@pytest.mark.parametrize("length", [0, 4, 8, 9, 15, 40])
def test_a_cut_directory_is_an_error_and_never_a_hang(length: int) -> None:
    data = tiff_bytes("<", [(271, 2, 10, b"MicaSense\x00"), (274, 3, 1, b"\x01\x00")] * 3)[:length]
    with pytest.raises(ValueError, match=r"TIFF|cut off"):
        read_directories(lambda offset, count: data[offset : offset + count])


def test_a_directory_that_points_to_itself_ends() -> None:
    data = tiff_bytes("<", [(34665, 4, 1, struct.pack("<I", 8))])
    assert read_directories(lambda offset, count: data[offset : offset + count]).tags == {"EXIF:ExifOffset": 8}


def test_tags_of_a_written_jpg_and_tiff_agree(tmp_path: Path) -> None:
    photo = Photo(make="MicaSense", model="RedEdge-M", xmp=(("Camera:BandName", "Red edge"),), orientation=1)
    jpg, tiff = (read_tags(write_photo(tmp_path / name, photo)) for name in ("a.jpg", "a.tif"))
    for key in ("EXIF:Make", "EXIF:ExposureTime", "GPS:GPSLatitude", "Camera:BandName", "EXIF:DateTimeOriginal"):
        assert jpg.get(key) == tiff.get(key)
        assert jpg.get(key) is not None


def test_truncated_tiff(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.tif", Photo())
    assert read_header(path).complete
    path.write_bytes(path.read_bytes()[:-500])
    assert not read_header(path).complete


def test_previews_behind_the_picture_are_no_truncation(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", Photo())
    path.write_bytes(path.read_bytes() + b"\x00" * 200_000)
    assert read_header(path).complete


# -- XMP -----------------------------------------------------------------------------------------------------------


def packet(inner: str) -> bytes:
    return (
        '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + inner + "</rdf:RDF></x:xmpmeta>"
    ).encode()


@pytest.mark.parametrize("uri", ["http://pix4d.com/1.0", "http://pix4d.com/camera/1.0", "http://pix4d.com/camera/1.0/"])
@pytest.mark.parametrize("prefix", ["Camera", "ns1"])
def test_camera_tags_under_each_of_the_three_uris(uri: str, prefix: str) -> None:
    as_attribute = packet(f'<rdf:Description xmlns:{prefix}="{uri}" {prefix}:BandName="NIR"/>')
    as_element = packet(
        f'<rdf:Description xmlns:{prefix}="{uri}"><{prefix}:BandName>NIR</{prefix}:BandName></rdf:Description>'
    )
    assert parse_xmp(as_attribute) == parse_xmp(as_element) == {"Camera:BandName": "NIR"}


def test_sequences_and_several_descriptions() -> None:
    tags = parse_xmp(
        packet(
            '<rdf:Description xmlns:MicaSense="http://micasense.com/MicaSense/1.0/">'
            "<MicaSense:DarkRowValue><rdf:Seq><rdf:li>4924</rdf:li><rdf:li>4909</rdf:li></rdf:Seq>"
            "</MicaSense:DarkRowValue></rdf:Description>"
            '<rdf:Description xmlns:Camera="http://pix4d.com/1.0">'
            "<Camera:PrincipalPoint>2.4,1.8</Camera:PrincipalPoint>"
            "<Camera:InvalidPixel><rdf:Seq/></Camera:InvalidPixel></rdf:Description>"
        )
    )
    assert tags == {
        "MicaSense:DarkRowValue": ("4924", "4909"),
        "Camera:PrincipalPoint": "2.4,1.8",
        "Camera:InvalidPixel": (),
    }


def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + packet('<rdf:Description xmlns:C="u" C:x="&a;"/>')
    with pytest.raises(ValueError, match="entities"):
        parse_xmp(bomb)


def test_a_broken_packet_costs_the_photo_nothing_else(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", Photo())
    data = path.read_bytes()
    start = data.index(b"<x:xmpmeta")
    end = data.index(b"</x:xmpmeta>")
    path.write_bytes(data[:start] + b"\x01" * (end - start) + data[end:])
    header = read_header(path)
    assert header.tags.text("EXIF:Make") == "DJI"


# -- real cameras --------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_rededge(shared_data: Path) -> None:
    folder = shared_data / "micasense_rededge"
    image = read_photo(folder / "0000SET/000/IMG_0001_2.tif", folder)
    assert (image.width, image.height, image.bits) == (1280, 960, 16)
    assert (image.band.name, image.band.centre_nm, image.band.fwhm_nm) == ("Green", 560, 20)
    assert image.exposure_s == pytest.approx(1012500e-9)
    assert image.tags.numbers("EXIF:BlackLevel") == (4800, 4800, 4800, 4800)
    assert image.tags.numbers("MicaSense:RadiometricCalibration")[0] == pytest.approx(0.00012732174055526607)
    assert image.focal_px == pytest.approx(1444.7053421311762)
    assert image.principal_point_px == pytest.approx((2.39744 * 266.666667, 1.83008 * 266.666667))
    assert image.time_utc is not None
    assert image.time_utc.isoformat() == "2017-10-19T20:42:10.200159+00:00"
    assert image.position is not None
    assert image.position.lat == pytest.approx(36 + 34 / 60 + 33.8934 / 3600)
    assert image.position.lon == pytest.approx(-(119 + 26 / 60 + 6.93744 / 3600))


@pytest.mark.shared
def test_real_negative_subsecond(shared_data: Path) -> None:
    folder = shared_data / "micasense_rededge"
    image = read_photo(folder / "0001SET/000/IMG_0002_4.tif", folder)
    assert image.time_utc is not None
    assert image.time_utc.isoformat() == "2018-04-10T10:52:30.866550+00:00"
    assert image.focal_px == pytest.approx(5.4522109959088949 * 266.666667)


@pytest.mark.shared
def test_real_sequoia(shared_data: Path) -> None:
    folder = shared_data / "garfield_sequoia"
    images, findings = read_photos(folder)
    assert findings == []
    image = next(image for image in images if image.name.endswith("0091_GRE.TIF"))
    assert image.tags.text("Camera:IrradianceList") is not None
    assert image.serial == "PI040378AA6C000032"
    assert image.attitude is not None
    assert image.attitude.pitch_deg == pytest.approx(-87.46552)
    assert image.focal_px == pytest.approx(3.98 * 266.6667, rel=0.01)
    assert image.time_utc is not None
    assert image.time_utc.isoformat() == "2016-11-22T16:41:50.101027+00:00"


@pytest.mark.shared
def test_real_plain_camera(shared_data: Path) -> None:
    folder = shared_data / "caliterra_block"
    image = read_photo(folder / "images/IMG_9400.jpg", folder)
    assert image.name == "images/IMG_9400.jpg"
    assert image.time_utc is not None
    assert image.time_utc.isoformat() == "2014-10-19T18:22:28+00:00"
    assert image.focal_px == pytest.approx(2904.35, abs=0.1)
    assert image.attitude is None


def test_xmp_template_of_these_tests_is_xml() -> None:
    assert parse_xmp(XMP.format(attributes='Camera:BandName="Red"').encode()) == {"Camera:BandName": "Red"}
