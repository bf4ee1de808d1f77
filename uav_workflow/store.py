"""Content-addressed products: a product is there when its manifest is, and it gets there by rename."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from uav_workflow.domain.product import Json, Made, Product
from uav_workflow.errors import NotMade, StoreError
from uav_workflow.findings import Finding

MANIFEST = "manifest.json"
ABSENT = "absent"
"""Version of a package that is not installed."""
_PACKAGES = ("uav-workflow", "numpy", "rasterio", "pycolmap", "opencv-python-headless", "exactextract", "pyodm")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, document: object) -> None:
    """Write a JSON file so that a reader sees the old or the new one, never half of it."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=2, ensure_ascii=False, default=str)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a product lies in the store, and everything its number depends on."""

    owner: str
    """Flight or campaign."""
    kind: str
    fingerprint: str


@dataclass(slots=True)
class Draft:
    """A product under construction: files go into `path`, what is known of them into the lists."""

    address: Address
    path: Path
    inputs: list[dict[str, str]] = field(default_factory=list)
    upstream: dict[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Json] = field(default_factory=dict)
    not_made: str | None = None
    _started: float = field(default_factory=time.monotonic)

    def note(self, made: Made) -> None:
        """Take over what a maker said."""
        self.findings.extend(made.findings)
        self.facts.update(made.facts)

    def manifest(self, describe: Callable[[Path], dict[str, Json]]) -> dict[str, Json]:
        """Everything that is known of the product."""
        peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        document: dict[str, Json] = {
            "kind": self.address.kind,
            "owner": self.address.owner,
            "fingerprint": self.address.fingerprint,
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "inputs": [dict(row) for row in self.inputs],
            "upstream": dict(self.upstream),
            "parameters": dict(self.parameters),
            "packages": {name: _version(name) for name in _PACKAGES},
            "duration_s": round(time.monotonic() - self._started, 3),
            "peak_memory_mib": round(peak / 1024),
            "findings": [dict(finding.to_json()) for finding in self.findings],
            "facts": dict(self.facts),
            "files": {
                file.relative_to(self.path).as_posix(): {
                    "sha256": sha256_of(file),
                    "bytes": file.stat().st_size,
                    **describe(file),
                }
                for file in sorted(self.path.rglob("*"))
                if file.is_file()
            },
        }
        if self.not_made is not None:
            document["not_made"] = self.not_made
        return document


class Store:
    """Products of one workspace, below ``products/<owner>/<kind>-<fingerprint>/``.

    Parameters
    ----------
    workspace : Path
        Created when absent.
    describe : callable, optional
        Gives extra manifest entries for a file (the grid of a raster).
    """

    def __init__(self, workspace: Path, describe: Callable[[Path], dict[str, Json]] | None = None) -> None:
        self.root = workspace / "products"
        self._describe = describe or (lambda _path: {})

    def path(self, address: Address) -> Path:
        """Folder of a product, there or not."""
        return self.root / address.owner / f"{address.kind}-{address.fingerprint}"

    def find(self, address: Address) -> Product | None:
        """Return the product, or None when it is not there."""
        folder = self.path(address)
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise StoreError(f"{folder / MANIFEST}: can't be read ({exc}); remove the folder to make it anew") from exc
        return Product(kind=address.kind, fingerprint=address.fingerprint, path=folder, manifest=manifest)

    @contextmanager
    def draft(self, address: Address) -> Iterator[Draft]:
        """Make a product: it is published when the block ends, and leaves nothing when it fails.

        A `NotMade` raised in the block publishes the reason in place of files.
        """
        final = self.path(address)
        final.parent.mkdir(parents=True, exist_ok=True)
        _sweep(final.parent)
        scratch = final.parent / f".draft-{final.name}-{os.getpid()}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        draft = Draft(address, scratch)
        try:
            try:
                yield draft
            except NotMade as reason:
                draft.not_made = str(reason)
                shutil.rmtree(scratch)
                scratch.mkdir()
            write_json(scratch / MANIFEST, draft.manifest(self._describe))
            self._publish(scratch, final)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def point_latest(self, owner: str, addresses: Iterable[Address]) -> None:
        """Let ``latest.json`` name the current set of products, for people and services."""
        folder = self.root / owner
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "latest.json", {address.kind: self.path(address).name for address in addresses})

    def latest(self, owner: str) -> dict[str, Product]:
        """Return the current products of a flight or campaign, by kind."""
        pointer = self.root / owner / "latest.json"
        if not pointer.is_file():
            return {}
        names: dict[str, str] = json.loads(pointer.read_text(encoding="utf-8"))
        found = {
            kind: self.find(Address(owner=owner, kind=kind, fingerprint=name.rpartition("-")[2]))
            for kind, name in names.items()
        }
        return {kind: product for kind, product in found.items() if product is not None}

    @staticmethod
    def _publish(scratch: Path, final: Path) -> None:
        try:
            scratch.rename(final)
        except OSError as exc:
            if not (final / MANIFEST).is_file():
                raise StoreError(f"{final}: can't be published ({exc})") from exc
            # somebody else made the same product meanwhile: theirs is as good


def _sweep(folder: Path) -> None:
    """Remove drafts whose process is gone."""
    for leftover in folder.glob(".draft-*"):
        pid = leftover.name.rpartition("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(leftover, ignore_errors=True)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ABSENT
