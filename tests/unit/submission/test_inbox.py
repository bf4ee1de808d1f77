from __future__ import annotations

import time
from pathlib import Path

import pytest

from uav_workflow.submission.handin import hand_in
from uav_workflow.submission.inbox import QUIET_S, Inbox


def make_flight(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "a.JPG").write_bytes(b"photo")
    return folder


def test_a_handed_in_folder_arrives_once(tmp_path: Path) -> None:
    hand_in(make_flight(tmp_path / "card"), tmp_path / "inbox", name="first")
    inbox = Inbox(tmp_path / "inbox", tmp_path / "workspace")
    (arrival,) = inbox.arrivals()
    assert arrival.folder.name == "first"
    inbox.remember(arrival, "complete", "20260101-abc")
    assert list(inbox.arrivals()) == []
    assert [row["outcome"] for row in inbox.outcomes().values()] == ["complete"]


def test_a_changed_folder_arrives_again(tmp_path: Path) -> None:
    hand_in(make_flight(tmp_path / "card"), tmp_path / "inbox", name="first")
    inbox = Inbox(tmp_path / "inbox", tmp_path / "workspace")
    (arrival,) = inbox.arrivals()
    inbox.remember(arrival, "refused", None)
    (tmp_path / "inbox" / "first" / "plots.csv").write_text("plot_id\n")
    assert len(list(inbox.arrivals())) == 1


def test_a_folder_copied_by_hand_must_have_been_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_flight(tmp_path / "inbox" / "by_hand")
    inbox = Inbox(tmp_path / "inbox", tmp_path / "workspace")
    assert list(inbox.arrivals()) == []
    later = time.time() + QUIET_S + 1
    monkeypatch.setattr("uav_workflow.submission.inbox.time.time", lambda: later)
    assert [arrival.folder.name for arrival in inbox.arrivals()] == ["by_hand"]


def test_a_folder_still_being_copied_is_left_alone(tmp_path: Path) -> None:
    make_flight(tmp_path / "inbox" / ".incoming-first")
    assert list(Inbox(tmp_path / "inbox", tmp_path / "workspace").arrivals()) == []
