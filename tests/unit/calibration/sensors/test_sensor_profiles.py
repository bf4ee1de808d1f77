"""Cameras as data: every shipped profile, and a camera that is a new file alone."""

import math

import numpy as np
import pytest
import tifffile
import yaml
from camera_files import Shot, write_shot

from calibration.captures import calibrate_captures
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.tags import Tags
from uav_workflow.errors import CalibrationError, FlightDataError
from uav_workflow.flights.photos import read_photo
from uav_workflow.flights.reading import read_flight
from uav_workflow.flights.sensors import load_profiles, profile_of

SHAPE = (40, 64)
FAMILIES = {
    "micasense_rededge",
    "micasense_rededge_p",
    "micasense_altum",
    "micasense_altum_pt",
    "parrot_sequoia",
    "dji_p4m",
    "dji_m3m",
    "sentera_6x",
    "pix4d_convention",
}


def test_every_family_has_a_file_that_is_understood():
    multispectral = {profile.name: profile for profile in load_profiles() if profile.kind == "multispectral"}
    assert set(multispectral) == FAMILIES
    for profile in multispectral.values():
        RadiometricModel.of(profile)
        assert profile.source == f"{profile.name}.yaml"
    assert load_profiles()[-1].name == "generic_rgb"


# -- an invented camera, from its file alone ---------------------------------------------------------------------

ACME = {
    "name": "acme_two",
    "title": "Acme Two",
    "kind": "multispectral",
    "match": [{"make": "acme", "model": "two", "lens": "9mm.*", "firmware_since": "2.0"}],
    "clock": "utc",
    "bands": [
        {"name": "Green", "centre_nm": 550, "fwhm_nm": 20},
        {"name": "NIR", "centre_nm": 850, "fwhm_nm": 40},
    ],
    "group_key": {"tags": "Acme:Trigger"},
    "band_source": {"name": [], "index": "Acme:Eye", "first_index": 10},
    "radiometry": {
        "quantity": "si",
        "bits": 14,
        "lsb": 1,
        "black": {"tags": "Acme:Dark"},
        "vignette": {
            "centre": [["Acme:Cx", "Acme:Cy"]],
            "radial": "Acme:Falloff",
            "order": "descending",
            "coordinates": "normalised",
        },
        "exposure": {"tags": {"Acme:Milliseconds": 0.001}},
        "gain": {"tags": {"Acme:Decigain": 0.1}},
        "response": {"factors": ["Acme:Response"], "divisors": ["Acme:Sensitivity"]},
        "irradiance": {"kind": "value", "value": "Acme:Light"},
        "pi_factor": False,
        "panel": {"marked": "Acme:Panel", "valid": [7], "area": "Acme:Area", "serial": "Acme:Serial"},
    },
}
C2, C1 = -0.2, -0.05


def _acme(path, reflectance, light, *, eye, trigger, after_s, factor=0.5, **tags):
    """The camera's law turned round: what it stores of a reflectance under a light."""
    height, width = reflectance.shape
    rows, columns = np.mgrid[:height, :width]
    r = np.hypot(columns - 30, rows - 21) / (math.hypot(width, height) / 2)
    fall_off = 1 + C1 * r + C2 * r**2
    shine = reflectance * light * factor
    dn = np.rint(shine * fall_off * 2**14 * 0.004 * 2.0 * 0.5 / 0.002 + 300)
    xmp = {
        "Acme:Trigger": trigger,
        "Acme:Eye": eye,
        "Acme:Dark": 300,
        "Acme:Cx": 30,
        "Acme:Cy": 21,
        "Acme:Falloff": f"{C2}, {C1}",
        "Acme:Milliseconds": 4,
        "Acme:Decigain": 20,
        "Acme:Response": 0.002,
        "Acme:Sensitivity": 0.5,
        "Acme:Light": light,
    }
    shot = Shot(
        make="Acme", model="Two", software="2.1", lens="9mm f2", after_s=after_s, north_m=after_s, xmp=xmp | tags
    )
    write_shot(path, np.clip(dn, 0, 2**14 - 1).astype(np.uint16), shot)


def test_an_invented_camera_flies_from_its_file_alone(tmp_path, monkeypatch):
    folder = tmp_path / "sensors"
    folder.mkdir()
    (folder / "acme.yaml").write_text(yaml.safe_dump(ACME))
    monkeypatch.setenv("UAV_SENSORS", str(folder))
    rng = np.random.default_rng(6)
    truth = {10: rng.uniform(0.03, 0.2, SHAPE), 11: rng.uniform(0.2, 0.5, SHAPE)}
    panel = {
        "Acme:Panel": 7,
        "Acme:Area": "20,8,50,8,50,34,20,34",
        "Acme:Serial": "A-1",
        "Camera:Albedo": 0.45,
        "Camera:CalibrationPicture": 2,
    }
    images = tmp_path / "flight/images"
    for eye in (10, 11):
        _acme(images / f"p{eye}.tif", np.full(SHAPE, 0.45), 0.9, eye=eye, trigger="p", after_s=-40, **panel)
        for shot, light in enumerate((1.0, 0.6, 0.8)):
            path = images / f"s{shot}_{eye}.tif"
            _acme(path, truth[eye], light, eye=eye, trigger=f"s{shot}", after_s=10 * shot)
    flight, findings = read_flight(tmp_path / "flight")
    assert flight is not None, findings
    assert flight.sensor.name == "acme_two"
    assert [image.band.name for image in flight.captures[0].images] == ["Green", "NIR"]
    assert flight.captures[0].images[1].band.centre_nm == 850
    made = calibrate_captures(flight, tmp_path / "out")
    assert made.facts["quantity"] == "reflectance"
    for eye in (10, 11):
        for shot in range(3):
            values = tifffile.imread(tmp_path / f"out/images/s{shot}_{eye}.tif")
            np.testing.assert_allclose(values, truth[eye], atol=8e-5)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("match", [{"make": "acme", "lense": "x"}], "match.0.lense"),
        ("group_key", {"stem": "(?P<capture>.*)"}, "group_key.stem"),
        ("alignment", {"kind": "guess"}, "alignment.kind"),
        ("extends", "nobody", "nobody"),
        ("extends", "acme_two", "acme_two"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(tmp_path, key, value, why):
    (tmp_path / "acme.yaml").write_text(yaml.safe_dump(ACME | {key: value}))
    with pytest.raises(FlightDataError, match=rf"acme\.yaml.*{why}"):
        load_profiles(tmp_path)


def test_a_wrong_radiometric_key_is_named_with_its_file(tmp_path):
    wrong = ACME | {"radiometry": ACME["radiometry"] | {"gain": {"tag": "x"}}}
    (tmp_path / "acme.yaml").write_text(yaml.safe_dump(wrong))
    profile = next(profile for profile in load_profiles(tmp_path) if profile.name == "acme_two")
    with pytest.raises(CalibrationError, match=r"acme\.yaml.*radiometry\.gain\.tag"):
        RadiometricModel.of(profile)


def test_a_file_says_only_what_differs_from_the_one_it_extends(tmp_path):
    mine = {
        "name": "micasense_rededge",
        "extends": "micasense_rededge",
        "radiometry": {"irradiance": {"max_tilt_deg": 10}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))
    profiles = load_profiles(tmp_path)
    profile = profile_of("MicaSense", "RedEdge-M", profiles)
    assert profile.source.endswith("mine.yaml")
    rule = RadiometricModel.of(profile).irradiance
    assert (rule.max_tilt_deg, rule.kind, rule.direct_to_diffuse) == (10, "dls", 6.0)


def test_two_files_that_extend_each_other_are_refused(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        text = {"name": name, "extends": other, "title": name, "kind": "rgb", "match": [], "bands": [{"name": "RGB"}]}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(text))
    with pytest.raises(FlightDataError, match="circle"):
        load_profiles(tmp_path)


def test_firmware_and_lens_tell_profiles_apart(tmp_path):
    new = ACME | {"name": "new", "match": [{"make": "acme", "firmware_since": "1.10"}]}
    old = ACME | {"name": "old", "match": [{"make": "acme", "firmware_before": "1.10", "lens": "8mm.*"}]}
    for text in (new, old):
        (tmp_path / f"{text['name']}.yaml").write_text(yaml.safe_dump(text))
    profiles = load_profiles(tmp_path)
    dn = np.full(SHAPE, 900, np.uint16)
    for software, lens, name in (
        ("v1.12.0-34-gabc", None, "new"),
        ("v1.9.3", "8mm-0001", "old"),
        ("v1.9.3", "5mm-0001", "generic_rgb"),
    ):
        path = write_shot(tmp_path / "x.tif", dn, Shot(make="Acme", model="Q", software=software, lens=lens))
        image = read_photo(path, tmp_path)
        assert profile_of(image.make, image.model, profiles, tags=image.tags).name == name


@pytest.mark.parametrize(
    ("lens", "name"),
    [
        ("5.4mm-0001_0016", "sentera_double4k_nir"),
        ("5.4mm-0001_0015", "sentera_double4k_nir"),
        ("5.4mm-0001_0014", "generic_rgb"),
    ],
)
def test_a_body_whose_colours_are_mixed_bands_is_named(lens, name):
    """The RGB half of a Double 4K is a plain camera; the other halves look like one and are none."""
    tags = Tags({"EXIF:LensModel": lens, "Camera:BandName": ("RedEdge", "Garbage", "NIR")})
    profile = profile_of("Sentera", "21022-01_12MP-ERS-0001", load_profiles(), tags=tags, rgb=True)
    assert profile.name == name
    assert not profile.radiometry
    if name != "generic_rgb":
        assert "mixed" in profile.title
        # the camera's own colour transform, a row over its diagonal, says the same as the maker's page
        assert (round(-2.581 / 2.700, 3), round(6.550 / 2.700, 3), round(-0.921 / 2.700, 3)) == (-0.956, 2.426, -0.341)
        assert all(text in profile.notes[1] for text in ("0.956", "2.426", "0.341"))
