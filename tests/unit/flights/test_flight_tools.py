"""Units, profiles, digests, blur, progress, and the command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import typer
from synthetic_flight import FlightFolder, contents
from typer.testing import CliRunner

from uav_workflow.cli.check import check
from uav_workflow.errors import FlightDataError, UsageError
from uav_workflow.flights.campaign import orcid_is_valid
from uav_workflow.flights.digests import digests_of, flight_id
from uav_workflow.flights.looks import blur_effect
from uav_workflow.flights.photos import read_photo
from uav_workflow.flights.reading import read_flight
from uav_workflow.flights.remember import Memory
from uav_workflow.flights.sensors import load_profiles, profile_of
from uav_workflow.flights.spread import spread
from uav_workflow.flights.units import UnitError, to_house_unit

# -- units ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "unit", "area", "expected"),
    [
        ("fvc_green", 45, "%", None, 0.45),
        ("fvc_green", 0.45, "1", None, 0.45),
        ("height_mean", 12, "cm", None, 0.12),
        ("height_p95", 120, "mm", None, 0.12),
        ("agb_dry", 240, "g/m2", None, 240),
        ("agb_dry", 240, "g m-2", 0.25, 240),
        ("agb_dry", 240, "g·m⁻²", None, 240),
        ("agb_dry", 240, "g/m²", None, 240),
        ("agb_dry", 240, "g.m-2", None, 240),
        ("agb_dry", 0.24, "kg m^-2", None, 240),
        ("agb_dry", 2400, "kg/ha", None, 240),
        ("agb_dry", 2400, "kg ha-1", None, 240),
        ("agb_dry", 2.4, "t/ha", None, 240),
        ("agb_dry", 2.4, "Mg ha-1", None, 240),
        ("agb_dry", 60, "g", 0.25, 240),
        ("agb_dry", 60, "g/quadrat", 0.25, 240),
        ("agb_dry", 60, "g per quadrat", 0.25, 240),
        ("agb_dry", 60, "g/0.25 m2", None, 240),
        ("agb_fresh", 0.06, "kg", 0.25, 240),
        ("lai", 2.5, "", None, 2.5),
        ("lai", 2.5, "m2/m2", None, 2.5),
        ("species_richness", 14, "", None, 14),
    ],
)
def test_units_become_house_units(variable: str, value: float, unit: str, area: float | None, expected: float) -> None:
    assert to_house_unit(variable, value, unit, area) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("variable", "unit", "code"),
    [
        ("agb_dry", "g", "harvest-without-area"),
        ("agb_dry", "kg/plot", "harvest-without-area"),
        ("agb_dry", "", "missing-unit"),
        ("agb_dry", "lb/ft2", "wrong-unit"),
        ("agb_dry", "g/0m2", "wrong-unit"),
        ("fvc_green", "", "missing-unit"),
        ("fvc_green", "cm", "wrong-unit"),
        ("height_mean", "", "missing-unit"),
        ("height_mean", "%", "wrong-unit"),
        ("lai", "cm", "wrong-unit"),
    ],
)
def test_units_are_never_guessed(variable: str, unit: str, code: str) -> None:
    with pytest.raises(UnitError) as caught:
        to_house_unit(variable, 1.0, unit, None)
    assert caught.value.code == code


# -- sensor profiles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("MicaSense", "RedEdge-M", "micasense_rededge"),
        ("MicaSense", "Altum-PT", "micasense_altum_pt"),
        ("MicaSense", "Altum", "micasense_altum"),
        ("MicaSense", "RedEdge-P", "micasense_rededge_p"),
        ("Parrot", "Sequoia", "parrot_sequoia"),
        ("DJI", "M3M", "dji_m3m"),
        ("Sentera", "21214-00_3.2MP-GS-0001", "sentera_6x"),
        ("DJI", "FC300S", "dji_rgb"),
        ("DJI", "FC6360", "dji_p4m"),
        ("Canon", "Canon PowerShot SX260 HS", "generic_rgb"),
        ("", "", "generic_rgb"),
    ],
)
def test_profiles_by_make_and_model(make: str, model: str, name: str) -> None:
    assert profile_of(make, model, load_profiles()).name == name


def test_a_sites_own_profile_replaces_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "name: generic_rgb\ntitle: Our camera\nkind: rgb\nfallback: true\nmatch: [{}]\nbands: [{name: RGB}]\n"
    (tmp_path / "ours.yaml").write_text(text)
    monkeypatch.setenv("UAV_SENSORS", str(tmp_path))
    assert profile_of("Acme", "X", load_profiles()).title == "Our camera"
    assert profile_of("DJI", "FC300S", load_profiles()).name == "dji_rgb"


@pytest.mark.parametrize("line", ["kind: thermal", "focal: 3", "match: [{make: '['}]", "bands: []"])
def test_a_broken_profile_names_its_file(tmp_path: Path, line: str) -> None:
    text = "name: x\ntitle: X\nkind: rgb\nmatch: [{}]\nbands: [{name: RGB}]\n"
    lines = [old for old in text.splitlines() if not old.startswith(line.split(":", maxsplit=1)[0])]
    (tmp_path / "x.yaml").write_text("\n".join([*lines, line]))
    with pytest.raises(FlightDataError, match=r"x\.yaml"):
        load_profiles(tmp_path)


# -- digests and memory --------------------------------------------------------------------------------------------


def test_digests_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    photo, cache = tmp_path / "a.jpg", tmp_path / "cache" / "digests.json"
    photo.write_bytes(b"one")
    memory = Memory(cache)
    first = digests_of([photo], memory)[photo]
    memory.save()
    document = json.loads(cache.read_text())
    (key,) = document
    cache.write_text(json.dumps({key: "remembered"}))
    assert digests_of([photo], Memory(cache))[photo] == "remembered"
    photo.write_bytes(b"two")
    os.utime(photo, ns=(1, 1))
    assert digests_of([photo], Memory(cache))[photo] not in (first, "remembered")


def test_a_broken_memory_is_begun_anew(tmp_path: Path) -> None:
    cache = tmp_path / "digests.json"
    cache.write_text("{")
    memory = Memory(cache)
    (tmp_path / "a").write_bytes(b"a")
    memory.put("sha256", "x", tmp_path / "a")
    memory.save()
    assert Memory(cache).get("sha256", tmp_path / "a") == "x"


def test_flight_id_does_not_depend_on_order() -> None:
    photos = [("b.jpg", 2, "22"), ("a.jpg", 1, "11")]
    assert flight_id("20240731", photos) == flight_id("20240731", reversed(photos))
    assert flight_id("20240731", photos) != flight_id("20240731", photos[:1])


def test_the_cache_may_not_lie_in_the_folder(flight: FlightFolder) -> None:
    with pytest.raises(UsageError):
        read_flight(flight.write(), cache=flight.path / "cache.json")


def test_a_second_reading_opens_no_picture_again(
    flight: FlightFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "digests.json"
    first, _ = read_flight(flight.write(), cache=cache)
    monkeypatch.setattr("uav_workflow.flights.digests.sha256_of", lambda path: pytest.fail("hashed again"))
    monkeypatch.setattr("uav_workflow.flights.looks.look_at", lambda image: pytest.fail("decoded again"))
    second, _ = read_flight(flight.path, cache=cache)
    assert first == second


# -- looks, spread, photos -----------------------------------------------------------------------------------------


def test_blur_effect_grows_with_motion_in_either_direction() -> None:
    sharp = np.random.default_rng(1).uniform(0, 255, (200, 200)).astype(np.float32)
    values = [blur_effect(sharp)]
    for length in (3, 7, 15):
        kernel = np.ones(length) / length
        moved = np.apply_along_axis(np.convolve, 1, sharp, kernel, "same").astype(np.float32)
        values.append(blur_effect(moved))
        assert blur_effect(moved.T.copy()) == pytest.approx(values[-1], rel=0.05)
    assert values == sorted(values)
    assert values[0] < 0.2 < values[-1]
    assert np.isnan(blur_effect(np.full((50, 50), 7, np.float32)))


def test_spread_keeps_the_order_and_reports_to_the_end() -> None:
    seen: list[float] = []
    assert spread(lambda n: n * n, range(60), 4, lambda fraction, text: seen.append(fraction)) == [
        n * n for n in range(60)
    ]
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_read_photo_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(FlightDataError) as caught:
        read_photo(tmp_path / "a.jpg", tmp_path)
    assert caught.value.findings[0].code == "unreadable-photo"
    with pytest.raises(FlightDataError, match="can't be opened"):
        read_photo(tmp_path / "b.jpg", tmp_path)


@pytest.mark.parametrize(
    "orcid", ["0000-0002-1825-0097", "https://orcid.org/0000-0001-5109-3700", "0000-0002-1694-233X"]
)
def test_good_orcids(orcid: str) -> None:
    assert orcid_is_valid(orcid)


@pytest.mark.parametrize("orcid", ["0000-0002-1825-0098", "0000-0002", "", "0000-0002-1694-2330"])
def test_bad_orcids(orcid: str) -> None:
    assert not orcid_is_valid(orcid)


# -- the command ---------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout


def test_check_of_a_good_flight_as_json(flight: FlightFolder) -> None:
    before = contents(flight.write())
    code, text = run(str(flight.path), "--json")
    document = json.loads(text)
    assert code == 0
    assert document["usable"] is True
    assert document["findings"] == []
    assert document["flight"] == document["summary"]["flight"]
    assert document["summary"]["photos"] == 12
    assert document["summary"]["gsd_m"] == pytest.approx(40 * 6.25 / 3.61 / 240)
    assert contents(flight.path) == before


def test_check_of_a_bad_flight_exits_with_1(flight: FlightFolder) -> None:
    flight.change_all(gps=False)
    code, text = run(str(flight.write()), "--json")
    document = json.loads(text)
    assert code == 1
    assert (document["usable"], document["flight"]) == (False, None)
    assert "no-gps" in {finding["code"] for finding in document["findings"]}


def test_check_prints_a_table_and_a_verdict(flight: FlightFolder) -> None:
    flight.change_all(zone=None)
    code, text = run(str(flight.write()))
    assert code == 0
    assert "time-zone-unknown" in text
    assert "height above ground  40 m" in text
    assert "Usable, with 1 warning" in text


def test_check_shows_brackets_in_names_and_condenses_repetitions(flight: FlightFolder) -> None:
    folder = flight.write()
    (folder / "images/bad[red].JPG").write_bytes(b"x")
    rows = "".join(f"P01,2024-07-31,agb_dry,{n},,,,\n" for n in range(9)) + "P01,2024-07-31,fvc_green,0.4,1,,,\n"
    flight.text("observations.csv", "plot_id,date,variable,value,unit,area_m2,method,operator\n" + rows)
    code, text = run(str(folder))
    assert code == 0
    assert "bad[red]" in text
    assert "6 more like this" in text
    _, text = run(str(folder), "--json")
    codes = [finding["code"] for finding in json.loads(text)["findings"]]
    assert codes.count("missing-unit") == 9


def test_check_of_nothing(tmp_path: Path) -> None:
    code, text = run(str(tmp_path / "nothing"))
    assert code == 1
    assert "Not usable: 1 error" in text
