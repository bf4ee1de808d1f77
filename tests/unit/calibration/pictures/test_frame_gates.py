"""Gates of the pictures as a set: bands, tags, firmware, clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from calibration.pictures.clock import clock_jumps, without_clock
from calibration.pictures.frames import frame_gates
from uav_workflow.domain.flight import Capture
from uav_workflow.flights.sensors import load_profiles

REDEDGE = next(profile for profile in load_profiles() if profile.name == "micasense_rededge")
BANDS = ("Blue", "Green", "Red", "Red edge", "NIR")


@pytest.fixture
def rig(picture):
    """Captures of five bands, ten seconds apart."""

    def make(count=3, **options):
        return [
            Capture(
                capture_id=f"c{n}",
                images=tuple(
                    picture(f"set/IMG_{n:04d}_{k}.tif", band=band, after_s=10 * n, **options)
                    for k, band in enumerate(BANDS, 1)
                ),
            )
            for n in range(count)
        ]

    return make


def _frame_gates(captures, model):
    return {gate.name: gate for gate in frame_gates(captures, clock_jumps(captures), REDEDGE, model, {})}


def test_a_whole_flight_passes_every_gate_of_its_frames(rig, rededge):
    gates = _frame_gates(rig(), rededge)
    assert set(gates) == {
        "band-set",
        "captures-full",
        "exposure-tags",
        "firmware-versions",
        "firmware-known",
        "clock-jumps",
        "band-times",
    }
    assert {gate.verdict for gate in gates.values()} == {"pass"}


def test_a_band_that_no_picture_has(rig, rededge):
    captures = [replace(capture, images=capture.images[:-1]) for capture in rig()]
    gates = _frame_gates(captures, rededge)
    assert gates["band-set[NIR]"].verdict == "warn"
    assert gates["captures-full"].verdict == "pass"


def test_a_capture_without_all_bands(rig, rededge):
    first, *others = rig(12)
    gates = _frame_gates([replace(first, images=first.images[1:]), *others], rededge)
    assert gates["captures-full"].verdict == "warn"
    assert gates["captures-full"].value == pytest.approx(11 / 12)
    assert gates["captures-full"].where == "set/IMG_0000_2.tif"
    assert (
        _frame_gates([replace(first, images=first.images[1:]), *others[:3]], rededge)["captures-full"].verdict == "fail"
    )


@pytest.mark.parametrize("tag", ["EXIF__ExposureTime", "EXIF__ISOSpeed"])
def test_pictures_without_exposure(rig, rededge, tag):
    gates = _frame_gates([*rig(9), *rig(1, **{tag: None})], rededge)
    assert gates["exposure-tags"].verdict == "warn"
    assert gates["exposure-tags"].value == pytest.approx(0.1)
    assert _frame_gates(rig(1, **{tag: None}), rededge)["exposure-tags"].verdict == "fail"


def test_firmware_nobody_tried_and_firmware_that_is_mixed(rig, rededge):
    strange = _frame_gates(rig(2, EXIF__Software="v9.0.1"), rededge)
    assert (strange["firmware-known"].verdict, strange["firmware-versions"].verdict) == ("warn", "pass")
    mixed = _frame_gates([*rig(2), *rig(2, EXIF__Software="v5.1.7")], rededge)
    assert (mixed["firmware-known"].verdict, mixed["firmware-versions"].verdict) == ("pass", "warn")
    assert mixed["firmware-versions"].value == 2


def test_bands_that_were_not_taken_together(rig, rededge):
    first, *others = rig()
    late = replace(first.images[4], time_utc=first.images[4].time_utc + timedelta(seconds=3))
    gates = _frame_gates([replace(first, images=(*first.images[:4], late)), *others], rededge)
    assert (gates["band-times"].verdict, gates["band-times"].value) == ("warn", 3.0)
    assert gates["band-times"].where == first.primary.name


@pytest.mark.parametrize(("shift_s", "jumps"), [(0, 0), (-3600, 1), (86400, 1), (1800, 0)])
def test_a_clock_that_jumps(rig, rededge, shift_s, jumps):
    """From the third capture on; half an hour is a change of batteries."""
    captures = [
        replace(
            c, images=tuple(replace(i, time_utc=i.time_utc + timedelta(seconds=shift_s * (n > 1))) for i in c.images)
        )
        for n, c in enumerate(rig(4))
    ]
    gate = _frame_gates(captures, rededge)["clock-jumps"]
    assert gate.value == jumps
    assert gate.verdict == ("warn" if jumps else "pass")
    if jumps:
        assert gate.where == captures[2].primary.name


def test_names_that_a_person_gave_have_no_order(picture):
    named = [picture("panels/before.tif", after_s=0), picture("panels/after.tif", after_s=900)]
    counted = [picture("a/IMG_0009.tif", after_s=0), picture("b/IMG_0001.tif", after_s=-900)]
    captures = [Capture(capture_id=image.name, images=(image,)) for image in (*named, *counted)]
    assert clock_jumps(captures) == []


def test_the_order_without_a_clock_is_that_of_the_file_names(rig):
    captures = without_clock(list(reversed(rig(12))))
    assert [capture.capture_id for capture in captures] == [f"c{n}" for n in range(12)]
    assert all(image.time_utc is None for capture in captures for image in capture.images)
