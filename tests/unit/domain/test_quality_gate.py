import math

import pytest

from uav_workflow.domain.quality import Gate


@pytest.mark.parametrize(
    ("value", "threshold", "verdict"),
    [(0.01, 0.03, "pass"), (0.03, 0.03, "pass"), (0.04, 0.03, "warn"), (0.06, 0.03, "warn"), (0.07, 0.06, "fail")],
)
def test_at_most(value, threshold, verdict):
    assert Gate.at_most("cv", value, 0.03, 0.06) == Gate("cv", value, threshold, verdict)


@pytest.mark.parametrize(
    ("value", "threshold", "verdict"), [(41, 30, "pass"), (30, 30, "pass"), (25, 30, "warn"), (19, 20, "fail")]
)
def test_at_least(value, threshold, verdict):
    assert Gate.at_least("sun", value, 30, 20) == Gate("sun", value, threshold, verdict)


@pytest.mark.parametrize(
    ("value", "threshold", "verdict"),
    [(1.0, 0.7, "pass"), (0.6, 0.7, "warn"), (1.5, 1.4, "warn"), (0.4, 0.5, "fail"), (100.0, 2.0, "fail")],
)
def test_within(value, threshold, verdict):
    assert Gate.within("factor", value, (0.7, 1.4), (0.5, 2.0)) == Gate("factor", value, threshold, verdict)


def test_what_could_not_be_measured_never_passes():
    for gate in (
        Gate.at_most("x", math.nan, 1, 2),
        Gate.at_least("x", math.nan, 2, 1),
        Gate.within("x", math.nan, (0, 1), (0, 2)),
    ):
        assert gate.verdict == "fail"
        assert gate.to_json()["value"] is None
