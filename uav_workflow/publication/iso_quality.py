"""How well variables agree with the ground, as ISO's data quality reports in both encodings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from uav_workflow.publication.record import Record
from uav_workflow.publication.themes import named
from uav_workflow.publication.xml import Dialect

_UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """One figure of a comparison with ground values."""

    measure: str
    how: str
    value: float
    unit: str


def accuracies(record: Record) -> Iterator[Accuracy]:
    """RMSE and bias of every comparison."""
    for row in record.validations:
        sites = "1 site" if row.sites == 1 else f"{row.sites} sites"
        for key, name in (("rmse", "RMSE"), ("bias", "Bias")):
            if key in row.figures:
                yield Accuracy(
                    measure=f"{name} of {named(row.variable, 0)} ({row.variable}) of flight {row.flight_id}",
                    how=f"{row.method}, against {row.n} ground values of {sites}",
                    value=row.figures[key],
                    unit=row.unit,
                )


def quality_information(iso: Dialect, record: Record) -> Any | None:
    """``mdb:dataQualityInfo`` of ISO 19115-3; None without a comparison."""
    reports = [_report_of_2016(iso, one, number) for number, one in enumerate(accuracies(record), 1)]
    if not reports:
        return None
    scope = iso.node("mcc:MD_Scope", iso.code("mcc:level", "mcc:MD_ScopeCode", "dataset"))
    return iso.node("mdb:dataQualityInfo", iso.node("mdq:DQ_DataQuality", iso.node("mdq:scope", scope), *reports))


def _report_of_2016(iso: Dialect, one: Accuracy, number: int) -> Any:
    measure = iso.node("mdq:DQ_MeasureReference", iso.text("mdq:nameOfMeasure", one.measure))
    result = iso.node(
        "mdq:DQ_QuantitativeResult",
        iso.node("mdq:value", iso.node("gco:Record", text=f"{one.value:.4g}")),
        iso.node("mdq:valueUnit", _unit(iso, one.unit, number)),
    )
    evaluation = iso.node("mdq:DQ_EvaluationMethod", iso.text("mdq:evaluationMethodDescription", one.how))
    return iso.node(
        "mdq:report",
        iso.node(
            "mdq:DQ_QuantitativeAttributeAccuracy",
            iso.node("mdq:measure", measure),
            iso.node("mdq:evaluationMethod", evaluation),
            iso.node("mdq:result", result),
        ),
    )


def reports(iso: Dialect, record: Record) -> list[Any]:
    """``gmd:report`` of ISO 19139."""
    return [_report_of_2007(iso, one, number) for number, one in enumerate(accuracies(record), 1)]


def _report_of_2007(iso: Dialect, one: Accuracy, number: int) -> Any:
    result = iso.node(
        "gmd:DQ_QuantitativeResult",
        iso.node("gmd:valueUnit", _unit(iso, one.unit, number)),
        iso.node("gmd:value", iso.node("gco:Record", text=f"{one.value:.4g}")),
    )
    return iso.node(
        "gmd:report",
        iso.node(
            "gmd:DQ_QuantitativeAttributeAccuracy",
            iso.text("gmd:nameOfMeasure", one.measure),
            iso.text("gmd:evaluationMethodDescription", one.how),
            iso.node("gmd:result", result),
        ),
    )


def _unit(iso: Dialect, unit: str, number: int) -> Any:
    identifier = iso.node("gml:identifier", text=unit, attributes={"codeSpace": _UCUM})
    return iso.node("gml:UnitDefinition", identifier, attributes={"gml:id": f"unit-{number}"})
