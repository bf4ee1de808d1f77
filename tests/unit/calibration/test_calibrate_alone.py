"""`uav calibrate` and the functions under it: a folder of pictures to a folder of reflectance."""

import json
import shutil

import numpy as np
import pytest
import rasterio
import tifffile
import typer
from camera_files import Shot, write_shot
from rasterio.errors import NotGeoreferencedWarning
from typer.testing import CliRunner

from calibration.alone import calibrate_folder
from calibration.pictures.image_file import MARK_TAG
from calibration.planning.settings import CalibrationSettings
from uav_workflow.cli.calibrate import calibrate
from uav_workflow.errors import CalibrationError, FlightDataError, UsageError
from uav_workflow.flights.metadata import read_tags

SHAPE = (60, 80)
BANDS = {"Green": (560, 0.69), "NIR": (840, 0.61)}
SCALE = 1.5e-4 / (2**16 * 3e-4)


def _write(folder, name, band, reflectance, *, capture, after_s=0.0, panel=False, **options):
    centre, _ = BANDS[band]
    tags = {
        "Camera:BandName": band,
        "Camera:CentralWavelength": centre,
        "MicaSense:CaptureId": capture,
        "MicaSense:RadiometricCalibration": ["1.5e-4", "0", "0"],
        "Camera:VignettingCenter": ["40", "30"],
        "Camera:VignettingPolynomial": ["0", "0", "0", "0", "0", "0"],
    }
    if panel:
        tags |= {
            "Camera:CalibrationPicture": 2,
            "Camera:ReflectArea": "10,10,60,10,60,50,10,50",
            "MicaSense:PanelSerial": "RP02-1603036-SC",
        }
    dn = np.clip(np.rint(reflectance / np.pi / SCALE + 4800), 0, 65520).astype(np.uint16)
    shot = Shot(
        **{"make": "MicaSense", "model": "RedEdge-M", "software": "v5.1.7"} | options,
        exposure_s=3e-4,
        black=(4800,) * 4,
        iso_tag=34867,
        after_s=after_s,
        north_m=after_s,
        xmp=tags,
    )
    return write_shot(folder / name, dn, shot)


@pytest.fixture
def folder(tmp_path):
    """One panel capture and three of the survey, the last of which misses a band."""
    rng = np.random.default_rng(9)
    for index, (band, (_, albedo)) in enumerate(BANDS.items()):
        _write(tmp_path / "f", f"A/P_{index}.tif", band, np.full(SHAPE, albedo), capture="p", after_s=-30, panel=True)
        for number in range(3 - index):
            scene = rng.uniform(0.05, 0.5, SHAPE)
            np.save(tmp_path / f"{number}_{index}.npy", scene)
            _write(tmp_path / "f", f"B/S{number}_{index}.tif", band, scene, capture=f"s{number}", after_s=5 * number)
    return tmp_path / "f"


def _contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_picture_becomes_one_of_the_same_name(folder, tmp_path):
    before = _contents(folder)
    done = calibrate_folder(folder, tmp_path / "out")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.tif"))
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.tif")) == names
    assert sorted(done.document["images"]) == names
    assert len(names) == 7
    for number, index in ((0, 0), (0, 1), (1, 1), (2, 0)):
        values = tifffile.imread(tmp_path / f"out/B/S{number}_{index}.tif")
        assert values.dtype == np.float32
        # the sun's height changes by 4e-4 between the panel and the last picture
        np.testing.assert_allclose(values, np.load(tmp_path / f"{number}_{index}.npy"), rtol=5e-4, atol=5e-5)
    for index, (_, albedo) in enumerate(BANDS.values()):
        np.testing.assert_allclose(tifffile.imread(tmp_path / f"out/A/P_{index}.tif"), albedo, rtol=1e-4)
    assert done.document["quantity"] == "reflectance"
    assert done.document["panel_captures"] == ["p"]
    assert _contents(folder) == before


def test_tags_are_kept_but_for_the_black_level_of_the_numbers(folder, tmp_path):
    calibrate_folder(folder, tmp_path / "out")
    before, after = (read_tags(place / "B/S0_0.tif") for place in (folder, tmp_path / "out"))
    layout = {"BitsPerSample", "SampleFormat", "StripOffsets", "StripByteCounts", "RowsPerStrip", "NewSubfileType"}
    layout |= {"BlackLevel", "PhotometricInterpretation", "SamplesPerPixel", "Compression", "PlanarConfiguration"}
    lost = {tag for tag in before if tag not in after}
    assert {tag.partition(":")[2] for tag in lost} <= layout
    assert {tag: after.get(tag) for tag in before if tag in after and tag.partition(":")[2] not in layout} == {
        tag: before.get(tag) for tag in before if tag in after and tag.partition(":")[2] not in layout
    }
    assert "EXIF:ExposureTime" in after
    assert "MicaSense:RadiometricCalibration" in after
    assert after.text(MARK_TAG) == "reflectance"


def test_the_results_are_not_calibrated_again(folder, tmp_path):
    calibrate_folder(folder, tmp_path / "out")
    with pytest.raises(CalibrationError, match="already calibrated"):
        calibrate_folder(tmp_path / "out", tmp_path / "twice")


def test_a_folder_of_a_panel_alone(folder, tmp_path):
    done = calibrate_folder(folder / "A", tmp_path / "out")
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out/P_1.tif"), 0.61, rtol=1e-4)
    assert [band["basis"] for band in done.document["bands"]] == ["panel", "panel"]


@pytest.mark.parametrize("place", ["f", "f/out", "."])
def test_results_lie_apart_from_the_pictures(folder, tmp_path, place):
    with pytest.raises(UsageError, match="apart"):
        calibrate_folder(folder, tmp_path / place)


def test_a_folder_of_something_else_is_not_filled(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(UsageError, match="other files"):
        calibrate_folder(folder, tmp_path / "mine")


def test_a_cut_off_picture_costs_itself_alone_and_is_named(folder, tmp_path):
    path = folder / "B/S1_0.tif"
    path.write_bytes(path.read_bytes()[:5000])
    done = calibrate_folder(folder, tmp_path / "out")
    assert len(done.document["images"]) == 6
    broken = [finding for finding in done.findings if "S1_0.tif" in finding.where]
    assert broken
    assert broken[0].hint == "copy it again from the card"


def test_pictures_of_another_camera_are_left_out_and_named(folder, tmp_path):
    write_shot(folder / "x.tif", np.zeros(SHAPE, np.uint16), Shot(make="Parrot", model="Sequoia"))
    done = calibrate_folder(folder, tmp_path / "out")
    assert {finding.code: finding.where for finding in done.findings}["other-camera"] == "x.tif"
    assert "x.tif" not in done.document["images"]


def test_mixed_firmware_is_said(folder, tmp_path):
    _write(folder, "B/S9_0.tif", "Green", np.full(SHAPE, 0.2), capture="s9", after_s=60, software="v3.3.0")
    done = calibrate_folder(folder, tmp_path / "out")
    said = next(finding for finding in done.findings if finding.code == "calibration-firmware-versions")
    assert "v5.1.7 (7), v3.3.0 (1)" in said.message


def test_the_thermal_band_comes_out_in_degrees(folder, tmp_path):
    for path in folder.rglob("*.tif"):
        path.unlink()
    _write(folder, "IMG_0001_1.tif", "Green", np.full(SHAPE, 0.2), capture="a", model="Altum")
    write_shot(
        folder / "IMG_0001_6.tif",
        np.full((12, 16), 29815, np.uint16),
        Shot(make="MicaSense", model="Altum", xmp={"Camera:BandName": "LWIR", "MicaSense:CaptureId": "a"}),
    )
    done = calibrate_folder(folder, tmp_path / "out")
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out/IMG_0001_6.tif"), 25.0, atol=1e-3)
    assert done.document["images"]["IMG_0001_6.tif"]["quantity"] == "celsius"
    assert read_tags(tmp_path / "out/IMG_0001_6.tif").text(MARK_TAG) == "celsius"
    units = {}
    for name in ("IMG_0001_6", "IMG_0001_1"):
        path = tmp_path / "out" / f"{name}.tif"
        with pytest.warns(NotGeoreferencedWarning), rasterio.open(path) as file:
            units[name] = (file.descriptions[0], file.units[0], file.dtypes[0])
    assert units["IMG_0001_6"] == ("apparent temperature, emissivity 1", "degree_Celsius", "float32")
    assert units["IMG_0001_1"][1] == "1"
    (thermal,) = done.document["thermal"]
    assert (thermal["band"], thermal["emissivity"], thermal["unit"]) == ("LWIR", 1.0, "degree_Celsius")
    assert (thermal["lowest"], thermal["highest"]) == pytest.approx((25.0, 25.0), abs=1e-3)
    assert [band["band"] for band in done.document["bands"]] == ["Green"]
    assert "temperature-apparent" in {finding.code for finding in done.findings}
    assert gate_of(done, "temperature-range[LWIR]")["verdict"] == "pass"


def test_numbers_that_are_no_hundredths_of_a_kelvin_fail_their_gate(folder, tmp_path):
    """14-bit counts of a bare thermal core read as -193 degrees."""
    write_shot(
        folder / "IMG_0001_6.tif",
        np.full((12, 16), 8000, np.uint16),
        Shot(make="MicaSense", model="Altum", xmp={"Camera:BandName": "LWIR", "MicaSense:CaptureId": "a"}),
    )
    _write(folder, "IMG_0001_1.tif", "Green", np.full(SHAPE, 0.2), capture="a", model="Altum")
    for path in folder.rglob("*.tif"):
        if not path.name.startswith("IMG_0001"):
            path.unlink()
    done = calibrate_folder(folder, tmp_path / "out")
    assert gate_of(done, "temperature-range[LWIR]")["verdict"] == "fail"
    assert "calibration-temperature-range" in {finding.code for finding in done.findings}


def test_a_folder_without_pictures_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty"):
        with pytest.raises(FlightDataError, match=name):
            calibrate_folder(tmp_path / name, tmp_path / "out")


def gate_of(done, name):
    return next(gate for gate in done.document["gates"] if gate["name"] == name)


def _command(*arguments):
    app = typer.Typer()
    app.command()(calibrate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_prints_one_document(folder, tmp_path):
    result = _command(folder, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["out"] == str(tmp_path / "out")
    assert {band["band"] for band in document["bands"]} == {"Green", "NIR"}
    assert {"panels", "gates", "images", "findings"} <= document.keys()
    again = _command(folder, "-o", tmp_path / "out")
    assert again.exit_code == 0, again.output
    assert "7 pictures" in again.stdout


def test_the_command_takes_a_table_of_panels(folder, tmp_path):
    table = tmp_path / "panels.csv"
    table.write_text("serial,centre_nm,albedo\nRP02-1603036-SC,500,0.3\nRP02-1603036-SC,900,0.3\n")
    result = _command(folder, "-o", tmp_path / "out", "--json", "--panels", table)
    rows = json.loads(result.stdout)["panels"]
    assert [(row["albedo"], row["albedo_source"]) for row in rows] == [(0.3, "table of the user")] * 2
    ignored = _command(folder, "-o", tmp_path / "out", "--json", "--ignore-panels")
    assert json.loads(ignored.stdout)["quantity"] == "relative"


def test_the_command_takes_a_place_a_sky_and_bounds(folder, tmp_path):
    """The panel's tags are gone; a person says where it is."""
    for path in (folder / "A").glob("*.tif"):
        path.unlink()
    for index, (band, (_, albedo)) in enumerate(BANDS.items()):
        _write(folder, f"A/P_{index}.tif", band, np.full(SHAPE, albedo), capture="p", after_s=-30)
    places = [
        item for index in (0, 1) for item in ("--panel-at", f"A/P_{index}.tif=RP02-1603036-SC:10,10,60,10,60,50,10,50")
    ]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("calibration: {block_adjustment: 'off', limits: {sun-elevation: [80, 79]}}\n")
    options = ("--recipe", recipe, "--set", "calibration.sky=overcast")
    result = _command(folder, "-o", tmp_path / "out", "--json", *places, *options)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [row["found_by"] for row in document["panels"]] == ["given place"] * 2
    assert document["quantity"] == "reflectance"
    assert (document["sky"]["kind"], document["sky"]["told_by"]) == ("overcast", "recipe")
    gate = next(gate for gate in document["gates"] if gate["name"] == "sun-elevation")
    assert (gate["threshold"], gate["verdict"]) == (79.0, "fail")
    plain = _command(folder, "-o", tmp_path / "out", *places)
    assert "gates passed" in plain.stdout


@pytest.mark.parametrize("wrong", ["A/P_0.tif", "A/P_0.tif=X:1,2,3", "=X:1,2,3,4,5,6,7,8", "a=X:1,2,3,4,5,6,7,b"])
def test_a_place_that_says_nothing_is_a_wrong_use(folder, tmp_path, wrong):
    result = _command(folder, "-o", tmp_path / "out", "--panel-at", wrong)
    assert isinstance(result.exception, UsageError)
    assert "--panel-at" in str(result.exception)


def test_the_command_takes_a_table_of_markers(folder, tmp_path):
    table = tmp_path / "markers.csv"
    table.write_text("family,id,serial,side_mm,x_mm,y_mm,region_mm\nDICT_6X6_250,5,M,70,60,0,40\n")
    assert _command(folder, "-o", tmp_path / "out", "--json", "--markers", table).exit_code == 0
    table.write_text("family,id,serial,side_mm,x_mm,y_mm,region_mm\nDICT_9X9,5,M,70,60,0,40\n")
    refused = _command(folder, "-o", tmp_path / "out", "--markers", table)
    assert "DICT_9X9" in str(refused.exception)
    assert "markers.csv" in str(
        _command(folder, "-o", tmp_path / "out", "--markers", tmp_path / "no-markers.csv").exception
    )


@pytest.mark.shared
def test_a_real_panel_capture(shared_data, tmp_path):
    """Reflectance of the panel is the card's, in every band."""
    source = tmp_path / "card"
    source.mkdir()
    for band in range(1, 6):
        shutil.copy(shared_data / f"micasense_rededge/0000SET/000/IMG_0000_{band}.tif", source)
    done = calibrate_folder(source, tmp_path / "out")
    assert len(done.document["images"]) == 5
    assert len(done.document["panels"]) == 5
    for row in done.document["panels"]:
        values = tifffile.imread(tmp_path / "out" / row["image"])
        (x0, y0), (x1, y1) = np.min(row["corners"], axis=0), np.max(row["corners"], axis=0)
        region = values[int(y0) + 12 : int(y1) - 12, int(x0) + 12 : int(x1) - 12]
        assert np.median(region) == pytest.approx(row["albedo"], rel=0.02)


@pytest.mark.shared
def test_odd_single_frames_need_a_table_or_no_panels(shared_data, tmp_path):
    folder = shared_data / "micasense_rededge/0001SET"
    with pytest.raises(CalibrationError, match=r"RP0.*table"):
        calibrate_folder(folder, tmp_path / "out")
    done = calibrate_folder(folder, tmp_path / "out", settings=CalibrationSettings(use_panels=False))
    quantities = {band["band"]: band["quantity"] for band in done.document["bands"]}
    assert quantities == {"Green": "relative", "NIR": "reflectance"}
