from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from uav_workflow.errors import StoreError, UsageError
from uav_workflow.submission import handin
from uav_workflow.submission.handin import RECEIPT, hand_in


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    folder = tmp_path / "meadow"
    (folder / "images").mkdir(parents=True)
    for index in range(3):
        (folder / "images" / f"IMG_{index}.JPG").write_bytes(bytes([index]) * 5000)
    (folder / "plots.csv").write_text("plot_id\n")
    return folder


def test_the_copy_is_whole_and_the_source_untouched(flight: Path, tmp_path: Path) -> None:
    before = {path: path.stat() for path in flight.rglob("*")}
    receipt = hand_in(flight, tmp_path / "inbox")
    assert sorted(receipt.files) == ["images/IMG_0.JPG", "images/IMG_1.JPG", "images/IMG_2.JPG", "plots.csv"]
    for name in receipt.files:
        assert (receipt.folder / name).read_bytes() == (flight / name).read_bytes()
    assert json.loads((receipt.folder / RECEIPT).read_text()) == receipt.files
    assert {path: path.stat().st_mtime_ns for path in flight.rglob("*")} == {
        p: s.st_mtime_ns for p, s in before.items()
    }


def test_a_cut_copy_goes_on_where_it_was(flight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = tmp_path / "inbox"
    copies = []

    def cut(reading: object, writing: object, length: int) -> None:
        copies.append(1)
        if len(copies) == 3:
            raise OSError(28, "No space left on device")
        shutil.copyfileobj.__wrapped__(reading, writing, length)  # type: ignore[attr-defined]

    whole = shutil.copyfileobj
    cut.__wrapped__ = whole  # type: ignore[attr-defined]
    monkeypatch.setattr(handin.shutil, "copyfileobj", cut)
    with pytest.raises(StoreError, match="No space left"):
        hand_in(flight, inbox)
    assert not (inbox / "meadow").exists()
    monkeypatch.setattr(handin.shutil, "copyfileobj", whole)
    receipt = hand_in(flight, inbox)
    assert receipt.copied_bytes == 5000 + len("plot_id\n")
    assert (inbox / "meadow" / "images" / "IMG_2.JPG").is_file()


def test_handing_in_twice_copies_nothing(flight: Path, tmp_path: Path) -> None:
    hand_in(flight, tmp_path / "inbox")
    assert hand_in(flight, tmp_path / "inbox").copied_bytes == 0


def test_another_flight_of_the_same_name_is_refused(flight: Path, tmp_path: Path) -> None:
    hand_in(flight, tmp_path / "inbox")
    (flight / "plots.csv").write_text("plot_id,x\n")
    with pytest.raises(StoreError, match="--name"):
        hand_in(flight, tmp_path / "inbox")
    assert hand_in(flight, tmp_path / "inbox", name="meadow-2").folder.name == "meadow-2"


def test_an_inbox_inside_the_folder_is_refused(flight: Path) -> None:
    with pytest.raises(UsageError, match="inside"):
        hand_in(flight, flight / "inbox")


def test_a_medium_that_lies_is_noticed(flight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(reading: object, writing: object, length: int) -> None:
        writing.write(b"0" * len(reading.read()))  # type: ignore[attr-defined]

    monkeypatch.setattr(handin.shutil, "copyfileobj", lossy)
    with pytest.raises(StoreError, match="read back"):
        hand_in(flight, tmp_path / "inbox")
