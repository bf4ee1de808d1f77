"""Findings gathered on the way."""

from __future__ import annotations

from typing import TypeVar

from uav_workflow.findings import Finding

_Result = TypeVar("_Result")


class Notes(list[Finding]):
    """A list of findings that takes them off results that bring some along."""

    def take(self, result: tuple[_Result, list[Finding]]) -> _Result:
        """Keep the findings, hand on the rest."""
        self.extend(result[1])
        return result[0]
