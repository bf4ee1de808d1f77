"""docs/calibration.ipynb runs as written, and its numbers are those of the simulated truth."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "calibration.ipynb"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Names the notebook leaves behind, and what it printed."""
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    said = []
    names = {"print": lambda *words: said.append(" ".join(map(str, words)))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("notebook")))
        for number, cell in enumerate(document["cells"]):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    return names, said


def test_no_output_and_no_machine_is_kept():
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_irradiance_is_the_true_one(ran):
    names, _ = ran
    with (names["FLIGHT"] / "truth" / "irradiance.csv").open() as stream:
        true = list(csv.DictReader(stream))
    for band, light in names["plan"].light.items():
        key = band.lower().replace(" ", "_")
        expected = [float(row[f"direct_{key}"]) + float(row[f"diffuse_{key}"]) for row in true]
        images = [image.name for c in names["plan"].captures for image in c.images if image.band.name == band]
        assert_allclose([light.irradiance[name] for name in images], expected, rtol=0.03)


def test_what_is_stated_covers_the_panels_error(ran):
    names, said = ran
    for mean, sd in names["sure"].values():
        assert 0.045 < sd / mean < 0.075  # a panel of 5 % and little besides
    assert names["made"].document["quantity"] == "reflectance"
    assert len(names["readings"]) == 10
    assert any("albedo" in line for line in said)


def test_noise_is_that_of_the_simulated_sensor(ran):
    """Electrons of a full well over the largest number, as `simulation.rededge.digitise` has it."""
    from uav_workflow.simulation.rededge import FULL_WELL, MOST

    assert_allclose(list(ran[0]["noise"].values()), MOST / FULL_WELL, rtol=0.25)
    assert np.isfinite(list(ran[0]["noise"].values())).all()
