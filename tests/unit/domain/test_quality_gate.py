import math

import pytest

from uav_workflow.domain.quality import Gate


@pytest.mark.parametrize(
    ("value", "threshold", "verdict"),
    [(0.01, 0.03, "pass"), (0.03, 0.03, "pass"), (0.04, 0.03, "warn"), (0.06, 0.03, "warn"), (0.07, 0.06, "fail")],
)
def test_at_most(value, threshold, verdict):
    assert Gate.at_most("cv", value, 0.03, 0.06) == Gate("cv", value, threshold, verdict, side="at_most")


@pytest.mark.parametrize(
    ("value", "threshold", "verdict"), [(41, 30, "pass"), (30, 30, "pass"), (25, 30, "warn"), (19, 20, "fail")]
)
def test_at_least(value, threshold, verdict):
    assert Gate.at_least("sun", value, 30, 20) == Gate("sun", value, threshold, verdict, side="at_least")


@pytest.mark.parametrize(
    ("value", "threshold", "verdict"),
    [(1.0, 0.7, "pass"), (0.6, 0.7, "warn"), (1.5, 1.4, "warn"), (0.4, 0.5, "fail"), (100.0, 2.0, "fail")],
)
def test_within(value, threshold, verdict):
    inside = (0.5, 2.0) if verdict == "fail" else (0.7, 1.4)
    assert Gate.within("factor", value, (0.7, 1.4), (0.5, 2.0)) == Gate(
        "factor", value, threshold, verdict, side="inside", inside=inside
    )


def test_a_reader_of_the_json_knows_which_side_is_good():
    said = [
        Gate.at_most("x", 1, 1, 2).to_json(),
        Gate.at_least("x", 1, 2, 1).to_json(),
        Gate.within("x", 1, (0, 1), (0, 2)).to_json(),
    ]
    assert [row["side"] for row in said] == ["at_most", "at_least", "inside"]
    assert said[2]["inside"] == [0, 1]


def test_what_could_not_be_measured_never_passes():
    for gate in (
        Gate.at_most("x", math.nan, 1, 2),
        Gate.at_least("x", math.nan, 2, 1),
        Gate.within("x", math.nan, (0, 1), (0, 2)),
    ):
        assert gate.verdict == "fail"
        assert gate.to_json()["value"] is None
