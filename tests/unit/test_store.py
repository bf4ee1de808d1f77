from __future__ import annotations

import json
from pathlib import Path

import pytest

from uav_workflow.domain.product import Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import warning
from uav_workflow.store import Address, Store

ADDRESS = Address(owner="20260701-abc", kind="cover", fingerprint="0123456789ab")


def test_a_product_is_there_only_after_its_draft_ended_well(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.draft(ADDRESS) as draft:
        (draft.path / "cover.tif").write_bytes(b"values")
        draft.note(Made(findings=(warning("unimodal", "cover.tif", "flat"),), facts={"threshold": -3.5}))
        assert store.find(ADDRESS) is None
    product = store.find(ADDRESS)
    assert product is not None
    assert product.file("cover.tif").read_bytes() == b"values"
    assert product.facts == {"threshold": -3.5}
    assert [finding.code for finding in product.findings] == ["unimodal"]
    files = product.manifest["files"]
    assert isinstance(files, dict)
    assert set(files) == {"cover.tif"}


def test_a_failed_draft_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError), store.draft(ADDRESS) as draft:
        (draft.path / "half.tif").write_bytes(b"half")
        raise ZeroDivisionError
    assert store.find(ADDRESS) is None
    assert list((tmp_path / "products" / ADDRESS.owner).iterdir()) == []


def test_what_could_not_be_made_is_said_in_place_of_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.draft(ADDRESS) as draft:
        (draft.path / "half.tif").write_bytes(b"half")
        raise NotMade("no harvests")
    product = store.find(ADDRESS)
    assert product is not None
    assert product.not_made == "no harvests"
    assert [path.name for path in product.path.iterdir()] == ["manifest.json"]


def test_drafts_of_dead_processes_are_swept(tmp_path: Path) -> None:
    folder = tmp_path / "products" / ADDRESS.owner
    dead = folder / ".draft-dsm-0-99999999"
    dead.mkdir(parents=True)
    with Store(tmp_path).draft(ADDRESS):
        pass
    assert not dead.exists()


def test_latest_points_at_the_current_set(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.draft(ADDRESS):
        pass
    store.point_latest(ADDRESS.owner, [ADDRESS])
    assert store.latest(ADDRESS.owner).keys() == {"cover"}
    pointer = json.loads((tmp_path / "products" / ADDRESS.owner / "latest.json").read_text())
    assert pointer == {"cover": "cover-0123456789ab"}
