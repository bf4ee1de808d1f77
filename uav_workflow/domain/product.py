"""Products: kinds, and what a maker hands back beside the files it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from uav_workflow.findings import Finding

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

KINDS: tuple[str, ...] = (
    "reconstruction",
    "orthomosaic",
    "dsm",
    "dtm",
    "point_cloud",
    "reflectance",
    "indices",
    "canopy_height",
    "cover",
    "plot_predictors",
    "biomass",
    "plots",
    "match",
    "report",
    "handover",
)
"""Kinds of product a run may make, in the order of the data flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a maker says of the files it wrote: findings, and facts for the manifest."""

    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A finished product: a folder with manifest.json and the files it names.

    `manifest` holds kind, fingerprint, flight, inputs, parameters, packages, duration_s, peak_memory_mib, findings,
    facts, files (name -> sha256, bytes, grid) and, when the product could not be made, ``not_made`` with the reason.
    """

    kind: str
    fingerprint: str
    path: Path
    manifest: Mapping[str, Json]

    @property
    def not_made(self) -> str | None:
        """Reason why there is nothing to use, or None."""
        reason = self.manifest.get("not_made")
        return None if reason is None else str(reason)

    def file(self, name: str) -> Path:
        """Path of one of the product's files."""
        return self.path / name

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings recorded while it was made."""
        rows = self.manifest.get("findings")
        return tuple(Finding.from_json(row) for row in rows) if isinstance(rows, list) else ()  # type: ignore[arg-type]

    @property
    def facts(self) -> Mapping[str, Json]:
        """Facts recorded by the maker."""
        facts = self.manifest.get("facts")
        return facts if isinstance(facts, dict) else {}

    @property
    def digests(self) -> Mapping[str, str]:
        """SHA-256 of its files, by name."""
        files = self.manifest.get("files")
        rows = files.items() if isinstance(files, dict) else ()
        return {name: str(row["sha256"]) for name, row in rows if isinstance(row, dict) and row.get("sha256")}
