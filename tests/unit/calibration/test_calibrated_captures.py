import json

import numpy as np
import pytest
import tifffile

from calibration.captures import calibrate_captures
from calibration.pictures.image_file import MARK_TAG, read_picture, write_picture
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.flight import Capture, SensorProfile
from uav_workflow.errors import CalibrationError
from uav_workflow.flights.metadata import read_tags
from uav_workflow.flights.photos import read_photo
from uav_workflow.flights.reading import read_flight

SHAPE = (60, 80)
AREA = ("10,10,60,10,60,50,10,50",)
LIGHT = {"Green": 1.3, "NIR": 0.9}


def _panel(shoot, number, after_s, *, light=1.0, serial="RP02-1603036-SC", albedo=(0.69, 0.61), **options):
    tags = {"Camera__CalibrationPicture": 2, "Camera__ReflectArea": AREA, "MicaSense__PanelSerial": serial}
    images = tuple(
        shoot(
            f"P{number}_{n}.tif",
            np.full(SHAPE, rho),
            LIGHT[band] * light,
            band=band,
            after_s=after_s,
            **tags,
            **options,
        )
        for n, (band, rho) in enumerate(zip(LIGHT, albedo, strict=True))
    )
    return Capture(capture_id=f"P{number}", images=images)


def _survey(shoot, number, after_s, scenes, *, light=1.0, **options):
    images = tuple(
        shoot(f"set/IMG_{number}_{n}.tif", scenes[n], LIGHT[band] * light, band=band, after_s=after_s, **options)
        for n, band in enumerate(LIGHT)
    )
    return Capture(capture_id=f"S{number}", images=images)


@pytest.fixture
def scenes():
    rng = np.random.default_rng(2)
    return [rng.uniform(0.02, 0.3, SHAPE), rng.uniform(0.1, 0.5, SHAPE)]


@pytest.fixture
def steady(shoot, scenes):
    return [_panel(shoot, 0, -60), *(_survey(shoot, n, n, scenes) for n in range(3)), _panel(shoot, 1, 60)]


def test_reflectance_comes_back(steady, scenes, flight_of, tmp_path):
    out = tmp_path / "out"
    made = calibrate_captures(flight_of(steady), out)
    for n in range(2):
        values = tifffile.imread(out / f"set/IMG_1_{n}.tif")
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, scenes[n], atol=2e-4)
    assert made.facts["quantity"] == "reflectance"
    assert made.facts["panel_captures"] == ["P0", "P1"]
    assert made.facts["images"] == 6
    assert not list(out.rglob("P*.tif"))
    assert not (out / "invalid").exists()


def test_the_document_names_factors_panels_gates_and_uncertainty(steady, flight_of, tmp_path):
    calibrate_captures(flight_of(steady), tmp_path / "out")
    document = json.loads((tmp_path / "out/calibration.json").read_text())
    assert [band["band"] for band in document["bands"]] == ["Green", "NIR"]
    assert document["bands"][0]["basis"] == "panel"
    assert document["bands"][0]["relative_uncertainty"]["combined"] == pytest.approx(0.05, rel=0.01)
    assert len(document["panels"]) == 4
    assert document["images"]["set/IMG_0_0.tif"]["irradiance"] == pytest.approx(1.3, rel=2e-3)
    assert {gate["name"] for gate in document["gates"]} >= {"sun-elevation", "panel-cv[NIR]", "saturated[Green]"}


def test_a_changing_sky_with_sun_sensor(shoot, scenes, flight_of, tmp_path):
    dim = [1.0, 0.4, 0.7]
    captures = [
        _panel(shoot, 0, -60, irradiance=2.0),
        *(_survey(shoot, n, n, scenes, light=share, irradiance=2.0 * share) for n, share in enumerate(dim)),
    ]
    settings = CalibrationSettings(smooth_sun_sensor=False)
    calibrate_captures(flight_of(captures), tmp_path / "out", settings=settings)
    for number in range(3):
        values = tifffile.imread(tmp_path / f"out/set/IMG_{number}_1.tif")
        np.testing.assert_allclose(values, scenes[1], atol=5e-4)


def test_saturated_pixels_stay_finite_and_are_masked(shoot, flight_of, tmp_path):
    scene = np.full(SHAPE, 0.2)
    scene[5:8, 6:10] = 5.0
    captures = [_panel(shoot, 0, -60), _survey(shoot, 0, 0, [scene, scene])]
    made = calibrate_captures(flight_of(captures), tmp_path / "out")
    import cv2

    values = tifffile.imread(tmp_path / "out/set/IMG_0_0.tif")
    mask = cv2.imread(str(tmp_path / "out/invalid/set/IMG_0_0.tif.png"), cv2.IMREAD_GRAYSCALE)
    assert np.isfinite(values).all()
    assert values.max() <= 2.0
    assert np.array_equal(mask == 255, scene == 5.0)
    share = 12 / scene.size
    gate = next(gate for gate in made.facts["gates"] if gate["name"] == "saturated[Green]")
    assert gate["value"] == pytest.approx(share)


def test_dark_noise_is_floored_only_when_written(shoot, flight_of, tmp_path):
    captures = [_panel(shoot, 0, -60), _survey(shoot, 0, 0, [np.full(SHAPE, -0.01), np.full(SHAPE, 0.2)])]
    calibrate_captures(flight_of(captures), tmp_path / "out")
    assert tifffile.imread(tmp_path / "out/set/IMG_0_0.tif").max() == 0.0
    document = json.loads((tmp_path / "out/calibration.json").read_text())
    assert document["images"]["set/IMG_0_0.tif"]["mean"] == pytest.approx(-0.01, rel=0.02)


def test_without_panel_and_sensor_values_are_relative_and_say_so(shoot, scenes, flight_of, tmp_path):
    captures = [_survey(shoot, n, n, scenes) for n in range(2)]
    made = calibrate_captures(flight_of(captures), tmp_path / "out")
    assert made.facts["quantity"] == "relative"
    assert "reflectance-relative" in {finding.code for finding in made.findings}
    green, nir = (tifffile.imread(tmp_path / f"out/set/IMG_0_{n}.tif") for n in (0, 1))
    assert 0 < green.max() <= 1.5
    expected = np.mean(scenes[0]) * LIGHT["Green"] / (np.mean(scenes[1]) * LIGHT["NIR"])
    assert green.mean() / nir.mean() == pytest.approx(expected, rel=1e-3)


def test_the_sun_sensor_alone_is_warned_of(shoot, scenes, flight_of, tmp_path):
    captures = [_survey(shoot, n, n, scenes, irradiance=1.3) for n in range(2)]
    made = calibrate_captures(flight_of(captures), tmp_path / "out")
    assert made.facts["quantity"] == "reflectance"
    assert "reflectance-biased" in {finding.code for finding in made.findings}


def test_an_unknown_panel_is_an_error_and_a_table_cures_it(shoot, scenes, flight_of, tmp_path):
    captures = [_panel(shoot, 0, -60, serial="RP03-9999999-SC"), _survey(shoot, 0, 0, scenes)]
    with pytest.raises(CalibrationError, match="RP03-9999999-SC"):
        calibrate_captures(flight_of(captures), tmp_path / "out")
    table = tmp_path / "panel.csv"
    table.write_text("serial,centre_nm,albedo\nRP03-9999999-SC,560,0.69\nRP03-9999999-SC,840,0.61\n")
    calibrate_captures(flight_of(captures), tmp_path / "out", settings=CalibrationSettings(panel_tables=(table,)))
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out/set/IMG_0_0.tif"), scenes[0], atol=2e-4)


def test_panels_can_be_ignored(shoot, scenes, flight_of, tmp_path):
    captures = [_panel(shoot, 0, -60, serial="RP03-9999999-SC"), _survey(shoot, 0, 0, scenes)]
    made = calibrate_captures(flight_of(captures), tmp_path / "out", settings=CalibrationSettings(use_panels=False))
    assert made.facts["quantity"] == "relative"


def test_a_panel_capture_without_a_panel_is_reported(shoot, scenes, flight_of, tmp_path):
    apart = Capture(capture_id="said", images=_survey(shoot, 9, -90, scenes).images, is_panel=True)
    made = calibrate_captures(flight_of([_survey(shoot, 0, 0, scenes)], (apart,)), tmp_path / "out")
    assert {finding.code: finding.where for finding in made.findings}["panel-not-found"] == "said"


def test_a_capture_that_cannot_be_read_is_left_out_whole_and_named(shoot, scenes, flight_of, tmp_path):
    captures = [_panel(shoot, 0, -60), *(_survey(shoot, n, n, scenes) for n in range(12))]
    broken = captures[7].images[1].path
    broken.write_bytes(broken.read_bytes()[:4000])
    made = calibrate_captures(flight_of(captures), tmp_path / "out")
    assert {finding.code: finding.where for finding in made.findings}["capture-not-calibrated"] == "S6"
    assert not list((tmp_path / "out/set").glob("IMG_6_*"))
    assert made.facts["images"] == 22


def test_many_broken_captures_stop_the_work(shoot, scenes, flight_of, tmp_path):
    captures = [_panel(shoot, 0, -60), *(_survey(shoot, n, n, scenes) for n in range(6))]
    for capture in captures[4:6]:
        capture.images[1].path.write_bytes(b"II*\x00")
    with pytest.raises(CalibrationError, match="2 of 6"):
        calibrate_captures(flight_of(captures), tmp_path / "out")


def test_calibrated_pictures_are_refused(shoot, scenes, flight_of, tmp_path):
    capture = _survey(shoot, 0, 0, scenes, **{MARK_TAG.replace(":", "__"): "reflectance"})
    with pytest.raises(CalibrationError, match="already calibrated"):
        calibrate_captures(flight_of([capture]), tmp_path / "out")


def test_a_camera_without_radiometry_is_refused(shoot, scenes, flight_of, tmp_path):
    sensor = SensorProfile(name="unheard_of", title="", kind="multispectral", bands=())
    with pytest.raises(CalibrationError, match="unheard_of"):
        calibrate_captures(flight_of([_survey(shoot, 0, 0, scenes)], sensor=sensor), tmp_path / "out")


def test_progress_ends_at_one_and_hands_make_no_difference(steady, flight_of, tmp_path):
    told = []
    calibrate_captures(flight_of(steady), tmp_path / "a", progress=lambda share, text: told.append(share))
    calibrate_captures(flight_of(steady), tmp_path / "b", workers=1)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    for path in sorted((tmp_path / "a").rglob("*.tif")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.shared
def test_a_real_flight_end_to_end(shared_data, shared_reference, tmp_path):
    flight, _ = read_flight(shared_data / "micasense_rededge/0000SET")
    made = calibrate_captures(flight, tmp_path)
    chain = json.loads((shared_reference / "radiometry_reference.json").read_text())["panel_chain_0000SET"]
    document = json.loads((tmp_path / "calibration.json").read_text())
    for band in document["bands"]:
        expected = chain[band["band"]]
        assert band["visits"][0]["factor"] == pytest.approx(expected["panel_over_dls"], rel=0.005)
        name = next(n for n, row in document["images"].items() if row["band"] == band["band"])
        values = tifffile.imread(tmp_path / name)
        assert values.mean(dtype=float) == pytest.approx(expected["flight_mean_rho_dls_x_panel"], rel=0.005)
    assert made.facts["quantity"] == "reflectance"


@pytest.mark.shared
@pytest.mark.parametrize(
    "frame", ["micasense_rededge/0000SET/000/IMG_0001_2.tif", "garfield_sequoia/IMG_161122_163244_0002_NIR.TIF"]
)
def test_what_a_node_reads_of_a_calibrated_picture(shared_data, tmp_path, frame):
    before = read_photo(shared_data / frame, shared_data)
    source = read_picture(before.path)
    assert np.array_equal(source.dn, tifffile.imread(before.path))
    values = np.random.default_rng(1).random(source.dn.shape, np.float32)
    write_picture(tmp_path / "a.tif", values, source, "reflectance")
    after = read_photo(tmp_path / "a.tif", tmp_path)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), values)
    for kept in ("band", "time_utc", "position", "attitude", "focal_px", "principal_point_px", "serial", "orientation"):
        assert getattr(after, kept) == getattr(before, kept), kept
    for tag in ("MicaSense:CaptureId", "Camera:CaptureUUID", "Camera:RigCameraIndex", "EXIF:Make", "EXIF:Model"):
        assert after.tags.get(tag) == before.tags.get(tag)
    gone = ("EXIF:BlackLevel", "EXIF:ExposureTime", "EXIF:ISOSpeed", "EXIF:ISOSpeedRatings", "Camera:Irradiance")
    gone += ("Camera:VignettingPolynomial", "Camera:VignettingPolynomial2D", "MicaSense:RadiometricCalibration")
    gone += ("DLS:SpectralIrradiance", "Camera:IrradianceList", "Camera:SensorModel")
    tags = read_tags(tmp_path / "a.tif")
    assert not [tag for tag in gone if tag in tags]
    assert tags.text(MARK_TAG) == "reflectance"


def test_a_picture_of_the_other_byte_order_and_a_compressed_one(tmp_path):
    dn = np.random.default_rng(3).integers(0, 65520, SHAPE, dtype=np.uint16)
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    tag = [(700, 1, len(packet), packet, True)]
    tifffile.imwrite(tmp_path / "big.tif", dn, byteorder=">", extratags=tag, metadata=None)
    tifffile.imwrite(tmp_path / "packed.tif", dn, compression="zlib", tile=(16, 16), extratags=tag, metadata=None)
    values = dn.astype(np.float32) / 65535
    for name in ("big.tif", "packed.tif"):
        picture = read_picture(tmp_path / name)
        assert np.array_equal(picture.dn, dn)
        write_picture(tmp_path / f"out_{name}", values, picture, "relative")
        assert np.array_equal(tifffile.imread(tmp_path / f"out_{name}"), values)


@pytest.mark.parametrize("content", [b"", b"II*\x00", b"II*\x00\xff\xff\xff\x7f", b"\xff\xd8\xff\xe1" + bytes(64)])
def test_what_is_no_picture_is_an_error_of_ours(tmp_path, content):
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(CalibrationError, match=r"x\.tif"):
        read_picture(tmp_path / "x.tif")


def test_eight_bit_and_three_band_pictures_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(SHAPE, np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((*SHAPE, 3), np.uint16), photometric="rgb")
    for name in ("a.tif", "b.tif"):
        with pytest.raises(CalibrationError, match="bits"):
            read_picture(tmp_path / name)
