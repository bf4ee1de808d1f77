"""What is refused before a byte leaves, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fake_node import OPTIONS
from orders import Order

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry import failure, preflight
from uav_workflow.photogrammetry.offered import objections, read_offered
from uav_workflow.photogrammetry.preflight import check_files

OFFERED = read_offered([{"name": n, "type": t, "value": v, "domain": d} for n, t, v, d in OPTIONS])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dsm": 1}, "dsm = 1 must be true or false"),
        ({"dsm": "yes"}, "dsm = 'yes' must be true or false"),
        ({"orthophoto-resolution": 0}, "is outside of 'float > 0.0'"),
        ({"orthophoto-resolution": "2 cm"}, "must be a number"),
        ({"orthophoto-resolution": True}, "must be a number"),
        ({"pc-quality": "High"}, "is none of ultra, high, medium, low, lowest"),
        ({"mesh-octree-depth": 15}, "is outside of 'integer: 1 <= x <= 14'"),
        ({"mesh-octree-depth": 11.5}, "must be a whole number"),
        ({"matcher-neighbors": -1}, "is outside of 'positive integer'"),
        ({"boundary": 5}, "must be text"),
        ({"pc_quality": "high"}, r"pc_quality is unknown to it (meant pc-quality?)"),
    ],
)
def test_options_are_checked_in_type_and_domain(options: Mapping[str, Any], words: str) -> None:
    (found,) = objections(options, OFFERED)
    assert words in found


@pytest.mark.parametrize(
    "options",
    [
        {"dsm": True, "dtm": "false", "orthophoto-resolution": 2, "pc-quality": "low"},
        {"orthophoto-resolution": "2.5", "mesh-octree-depth": 14, "matcher-neighbors": 0, "boundary": "{}"},
        {"mesh-octree-depth": 1.0},
    ],
)
def test_what_a_node_takes_passes(options: Mapping[str, Any]) -> None:
    assert objections(options, OFFERED) == []


@pytest.mark.parametrize(
    ("domain", "good", "bad"),
    [
        ("percent", 100, 101),
        ("negative integer", 0, 1),
        ("float: -1.5 <= x <= 2", -1.5, 2.1),
        ("float >= 1", 1, 0.99),
        ("float < 1", 0.99, 1),
        ("float <= 1", 1, 1.01),
        ("in words nobody knows", 1e9, None),
    ],
)
def test_domains_are_read_as_nodes_write_them(domain: str, good: float, bad: float | None) -> None:
    offered = read_offered([{"name": "x", "type": "float", "value": "", "domain": domain}])
    assert objections({"x": good}, offered) == []
    assert bad is None or objections({"x": bad}, offered) == [f"x = {bad!r} is outside of '{domain}'"]


def test_a_wrong_value_is_refused_before_the_upload(order: Order, fake_node: Any) -> None:
    with pytest.raises(NodeError, match="dsm = 'maybe' must be true or false"):
        order.run(options={"dsm": "maybe"})
    assert fake_node.calls["new/init"] == 0


def test_empty_and_unreadable_files_are_named(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "IMG_0003.JPG"
    order.files[name].write_bytes(b"")
    with pytest.raises(NodeError, match=r"03\.bin: is empty"):
        order.run()
    original = Path.open

    def broken(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path == order.files[name]:
            raise PermissionError(13, "Permission denied")
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(NodeError, match=r"03\.bin: can't be read \(Permission denied\)"):
        order.run()


def test_text_files_alone_are_no_task(tmp_path: Path) -> None:
    (tmp_path / "geo.txt").write_text("EPSG:4326")
    with pytest.raises(NodeError, match="no photos to send"):
        check_files({"geo.txt": tmp_path / "geo.txt"})


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_for_the_results_is_refused_with_numbers(
    order: Order, fake_node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (preflight, failure):
        monkeypatch.setattr(module.shutil, "disk_usage", lambda _path: Usage(10**6, 10**6 - 50_000, 50_000))
    with pytest.raises(NodeError, match=r"disk full: .*about 0\.1 MB are needed, 0\.1 MB are free"):
        order.run()
    assert fake_node.calls["new/init"] == 0


def test_a_full_disk_under_the_record_is_said(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NodeError, match="disk full: no room for the record of the task"):
        order.run()
