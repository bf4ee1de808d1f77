"""No path of a machine leaves with a publication; names, digests and checksums stay whole."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_publish import FLIGHT, product, workspace, write

from uav_workflow.findings import warning
from uav_workflow.handover.lineage import write_lineage
from uav_workflow.publication.copies import Places
from uav_workflow.publication.publish import publish
from uav_workflow.recipe.handover import Handover, LandCover, Scene, Template
from uav_workflow.recipe.section import Section
from uav_workflow.recipe.vegetation import Biomass, CanopyHeight, Cover

__all__ = ["workspace"]

NAMES = ("gf6 16m.tif", "scene.tif", "shapes.gpkg", "leaf_off.tif", "classes.tif", "fescue")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Files of a recipe, in a folder of somebody's own."""
    folder = tmp_path / "home of ada" / "secret project"
    (folder / "fescue").mkdir(parents=True)
    for name in (*NAMES[:-1], "fescue/model.json"):
        (folder / name).write_bytes(name.encode())
    return folder


def amend(folder: Path, **fields: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    write(folder / "manifest.json", manifest | fields)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def made_with_files(workspace: Path, private: Path) -> Path:
    """A workspace whose recipe names a template raster, a scene, a training file, a terrain, land cover and a model."""
    template, scene, training, terrain, classes, model = (private / name for name in NAMES)
    recipe: dict[str, Any] = {
        "cover": Cover(method="forest", training=training),
        "canopy_height": CanopyHeight(terrain=terrain),
        "biomass": Biomass(model=model),
        "handover": Handover(
            templates=[Template(name="gf6", raster=template)],
            scenes=[Scene(name="s2", raster=scene, date=date(2026, 7, 1))],
            land_cover=LandCover(name="worldcover", raster=classes),
        ),
    }
    handover = workspace / "products" / FLIGHT / "handover-aa"
    manifests: dict[str, Any] = {}
    for kind, section in recipe.items():
        folder = handover if kind == "handover" else product(workspace, kind, {"trained_on": str(training)})
        message = f"{training}: 3 shapes lie outside; see {private}/notes.txt"
        amend(
            folder, parameters={kind: section.model_dump(mode="json")}, findings=[warning("x", "x", message).to_json()]
        )
        manifests[kind] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    lineage = write_lineage({kind: manifests[kind] for kind in ("cover", "canopy_height", "biomass")}, handover)
    asset = {"href": "./lineage.json", "file:checksum": f"1220{sha256(lineage.path)}", "file:size": 1}
    table = {"href": "./samples.csv", "file:checksum": "as it was"}
    write(handover / "one-10m.json", {"type": "Feature", "assets": {"lineage": asset, "samples": table}})
    files = {path.name: {"sha256": sha256(path), "bytes": 1} for path in handover.iterdir()}
    amend(handover, upstream=dict.fromkeys(("cover", "canopy_height", "biomass"), "aa"), files=files)
    return workspace


def test_names_and_digests_stay_and_paths_do_not(made_with_files: Path, private: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _, findings = publish(FLIGHT, made_with_files, out)

    for path in out.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            for place in ("secret project", "home of ada", str(tmp_path)):
                assert place.encode() not in text, path
    manifest = json.loads((out / "data" / FLIGHT / "manifest.json").read_text(encoding="utf-8"))
    handover = manifest["parameters"]["handover"]
    assert handover["templates"][0]["raster"] == "gf6 16m.tif"
    assert handover["templates"][0]["raster_sha256"] == sha256(private / "gf6 16m.tif")
    assert handover["land_cover"]["raster"] == "classes.tif"
    lineage = json.loads((out / "data" / FLIGHT / "lineage.json").read_text(encoding="utf-8"))
    assert lineage["cover"]["parameters"]["cover"]["training"] == "shapes.gpkg"
    assert lineage["cover"]["parameters"]["cover"]["training_sha256"] == sha256(private / "shapes.gpkg")
    assert lineage["biomass"]["parameters"]["biomass"]["model"] == "fescue"
    assert lineage["canopy_height"]["parameters"]["canopy_height"]["terrain"] == "leaf_off.tif"
    assert manifest["findings"][0]["message"].startswith("shapes.gpkg: 3 shapes lie outside")
    crate = (out / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert all(name in crate for name in NAMES)
    assert "publication-holds-a-path" not in {finding.code for finding in findings}


def test_checksums_are_those_of_the_files_as_they_are_published(made_with_files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(FLIGHT, made_with_files, out)
    folder = out / "data" / FLIGHT
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name in ("lineage.json", "one-10m.json"):
        assert manifest["files"][name] == {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
    assets = json.loads((folder / "one-10m.json").read_text(encoding="utf-8"))["assets"]
    size = (folder / "lineage.json").stat().st_size
    assert assets["lineage"]["file:checksum"] == f"1220{sha256(folder / 'lineage.json')}"
    assert (assets["lineage"]["file:size"], assets["samples"]["file:checksum"]) == (size, "as it was")


def test_the_products_of_the_workspace_stay_as_they_are(made_with_files: Path, private: Path, tmp_path: Path) -> None:
    publish(FLIGHT, made_with_files, tmp_path / "out")
    manifest = (made_with_files / "products" / FLIGHT / "handover-aa" / "manifest.json").read_text(encoding="utf-8")
    assert str(private) in manifest


def test_a_path_in_a_table_is_not_changed_but_said(made_with_files: Path, private: Path, tmp_path: Path) -> None:
    table = made_with_files / "products" / FLIGHT / "handover-aa" / "samples.csv"
    table.write_text(f"cell_id,source\n1,{private / NAMES[1]}\n")
    _, findings = publish(FLIGHT, made_with_files, tmp_path / "out")
    said = [finding.where for finding in findings if finding.code == "publication-holds-a-path"]
    assert said == [f"data/{FLIGHT}/samples.csv"]
    assert (tmp_path / "out" / "data" / FLIGHT / "samples.csv").read_text() == table.read_text()


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("/home/ada/a.tif", "a.tif"),
        ("C:\\data\\a.tif", "a.tif"),
        ("~/plots/a.gpkg", "a.gpkg"),
        ("file:///srv/a.tif", "a.tif"),
        ("/data", "data"),
        ("see /data/rig/a.tif", "see rig/a.tif"),
        ("https://example.org/data/rig", "https://example.org/data/rig"),
        ("./data/rig/collection.json", "./data/rig/collection.json"),
        ("a value of 3 g/m2", "a value of 3 g/m2"),
        ("/srv/x/a.tif: can't be read", "a.tif: can't be read"),
        ("and/or 1/2, W/m2/nm", "and/or 1/2, W/m2/nm"),
        ("/datafile", "datafile"),
        ("beside /database", "beside /database"),
    ],
)
def test_what_is_a_path(text: str, cut: str) -> None:
    places = Places(["/data"], [])
    assert places.cut({"k": [text]}) == {"k": [cut]}


def test_every_file_that_a_recipe_can_name_is_tried() -> None:
    tried = {(Cover, "training"), (CanopyHeight, "terrain"), (Biomass, "model")}
    tried |= {(section, "raster") for section in (Template, Scene, LandCover)}
    assert {
        (of, name) for of in sections(Section) for name, field in of.model_fields.items() if holds_path(field)
    } == tried


def sections(base: type[Section]) -> set[type[Section]]:
    """Every part of the recipe."""
    below = set(base.__subclasses__())
    return below.union(*map(sections, below))


def holds_path(field: Any) -> bool:
    return "Path" in str(field.annotation)
