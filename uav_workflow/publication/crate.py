"""RO-Crate: the published folder and how each of its products was made, as JSON-LD beside the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from uav_workflow.publication import licences
from uav_workflow.publication.companions import COMPANIONS, Standard
from uav_workflow.publication.folder import NAME as CHECKSUMS
from uav_workflow.publication.record import DATA, Record, Step
from uav_workflow.publication.sentences import step_sentences
from uav_workflow.publication.titles import abstracts
from uav_workflow.store import ABSENT, sha256_of

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

NAME = "ro-crate-metadata.json"
VERSION = "1.3"
PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.6"


def write_crate(record: Record, out: Path) -> Path:
    """Write ``ro-crate-metadata.json``; the files are described where they lie, nothing is copied.

    The Process Run Crate profile is claimed only where its requirements are met: a licence, and steps that all know
    their software. The address of a program is that which its package states, or none. Records, pages and forms that
    lie in the folder are listed too, each with the standard it follows.

    Parameters
    ----------
    record : Record
    out : Path
        Folder, which exists.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=VERSION)
    _describe(crate, record)
    files = {}
    for file in record.files:
        if file.name != NAME:
            facts = {"name": file.title, "sha256": file.sha256, "contentSize": str(file.size)}
            facts["encodingFormat"] = file.media_type
            files[file.name] = crate.add_file(record.root / file.name, file.name, properties=facts)
    _list_companions(crate, out)
    actions = [_action(crate, step) for step in record.steps]
    _link_handovers(crate, record, files)
    if mentioned := [*actions, *_software(crate, record.software)]:
        crate.root_dataset["mentions"] = mentioned
    if _is_process_run(record):
        profile: dict[str, Any] = {"@type": ["CreativeWork", "Profile"], "name": "Process Run Crate"}
        profile["version"] = PROCESS_RUN.rpartition("/")[2]
        crate.root_dataset["conformsTo"] = _entity(crate, PROCESS_RUN, profile)
    path = out / NAME
    text = json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _is_process_run(record: Record) -> bool:
    return bool(record.campaign.licence and record.steps and all(step.packages for step in record.steps))


def _describe(crate: ROCrate, record: Record) -> None:
    campaign, root = record.campaign, crate.root_dataset
    west, south, east, north = record.bbox
    corners = f"{south} {west} {north} {east}"
    box = _entity(crate, "#bbox", {"@type": "GeoShape", "name": "Bounding box", "box": corners})
    facts: dict[str, Any] = {
        "identifier": record.identifier,
        "name": record.title or record.identifier,
        "alternateName": record.title_zh,
        "datePublished": (campaign.published or record.created).isoformat(),
        "description": abstracts(record)[0],
        "keywords": [*campaign.keywords, *campaign.keywords_zh],
        "publisher": _entity(crate, "#publisher", {"@type": "Organization", "name": campaign.publisher})
        if campaign.publisher
        else None,
        "creditText": campaign.citation,
        "temporalCoverage": f"{record.start.isoformat()}/{record.end.isoformat()}",
        "spatialCoverage": _entity(crate, "#place", {"@type": "Place", "name": campaign.place, "geo": box}),
        "creator": _creators(crate, record),
        "funding": [
            _entity(crate, f"#funding-{number}", {"@type": "Grant", "name": name})
            for number, name in enumerate(campaign.funding, 1)
        ],
        "license": _licence(crate, campaign.licence) if campaign.licence else None,
        "contactPoint": _entity(crate, "#contact", {"@type": "ContactPoint", "name": campaign.contact})
        if campaign.contact
        else None,
    }
    facts["author"] = facts["creator"]
    for name, value in facts.items():
        if value:
            root[name] = _alone(value)


def _licence(crate: ROCrate, licence: str) -> Any:
    address = licences.address(licence) or "#licence"
    return _entity(crate, address, {"@type": "CreativeWork", "name": licence})


def _creators(crate: ROCrate, record: Record) -> list[Any]:
    people = []
    for number, creator in enumerate(record.campaign.creators, 1):
        orcid = (creator.orcid or "").rpartition("/")[2]
        home = None
        if creator.affiliation:
            organisation = {"@type": "Organization", "name": creator.affiliation}
            home = _entity(crate, f"#organisation/{quote(creator.affiliation, safe='')}", organisation)
        address = f"https://orcid.org/{orcid}" if orcid else f"#creator-{number}"
        people.append(_entity(crate, address, {"@type": "Person", "name": creator.name, "affiliation": home}))
    return people


def _action(crate: ROCrate, step: Step) -> Any:
    inputs = [
        _entity(
            crate,
            f"#input/{sha256}/{quote(name)}",
            {"@type": "CreativeWork", "name": name, "sha256": sha256},
        )
        for name, sha256 in sorted(step.inputs.items())
    ]
    upstream = [_product(crate, kind, fingerprint) for kind, fingerprint in sorted(step.upstream.items())]
    facts = {
        "@type": "CreateAction",
        "name": f"{step.kind} of flight {step.flight_id}",
        "description": step_sentences(step),
        "endTime": step.created.isoformat(),
        "instrument": _software(crate, step.packages),
        "object": [*inputs, *upstream, *_parameters(crate, step)],
        "result": _product(crate, step.kind, step.fingerprint),
    }
    return _entity(crate, f"#action/{_key(step)}", facts)


def _list_companions(crate: ROCrate, out: Path) -> None:
    """List what lies beside the data and speaks of it; checksums, written last, have none of their own."""
    about = []
    for companion in COMPANIONS:
        path = out / companion.name
        written = path.is_file()
        if not written and companion.name != CHECKSUMS:
            continue
        facts: dict[str, Any] = {"name": companion.title, "encodingFormat": companion.media_type}
        if written and companion.name != CHECKSUMS:
            facts |= {"sha256": sha256_of(path), "contentSize": str(path.stat().st_size)}
        if companion.language:
            facts["inLanguage"] = companion.language
        entity = crate.add_file(path, companion.name, properties=facts)
        if companion.name != CHECKSUMS:
            entity["about"] = crate.root_dataset
            about.append(entity)
        if companion.standard:
            entity["conformsTo"] = _standard(crate, companion.standard)
    if about:
        crate.root_dataset["subjectOf"] = about


def _standard(crate: ROCrate, standard: Standard) -> Any:
    facts = {"@type": "CreativeWork", "name": standard.name, "version": standard.version}
    return _entity(crate, standard.address, facts)


def _link_handovers(crate: ROCrate, record: Record, files: Mapping[str, Any]) -> None:
    """Say which of the files each flight's hand-over is: the one product that is published whole."""
    for step in record.steps:
        if step.kind == "handover":
            parts = [entity for name, entity in files.items() if name.startswith(f"{DATA}/{step.flight_id}/")]
            if parts:
                _product(crate, step.kind, step.fingerprint)["hasPart"] = parts


def _software(crate: ROCrate, packages: Mapping[str, str]) -> list[Any]:
    return [
        _entity(
            crate,
            f"#software/{quote(name, safe='')}/{quote(version, safe='')}",
            {"@type": "SoftwareApplication", "name": name, "version": version, "url": _home(name)},
        )
        for name, version in sorted(packages.items())
        if version != ABSENT
    ]


def _home(package: str) -> str | None:
    """Address of a package, as the installed one states it; None where it states none or is not installed."""
    try:
        stated = metadata(package)
    except PackageNotFoundError:
        return None
    rows = (row.partition(", ") for row in stated.get_all("Project-URL") or ())
    links = {label.lower(): link for label, _, link in rows}
    names = ("homepage", "home", "source", "source code", "repository", "github", "documentation")
    found = [*(stated.get_all("Home-page") or ()), *(links.get(name) for name in names), *links.values()]
    return next((link for link in found if link and link.startswith("http")), None)


def _parameters(crate: ROCrate, step: Step) -> list[Any]:
    return [
        _entity(
            crate,
            f"#parameter/{_key(step)}/{quote(name, safe='')}",
            # JSON-LD drops null, and reads an object or a list as nodes of the graph: both are said as JSON text.
            {
                "@type": "PropertyValue",
                "name": name,
                "value": value if isinstance(value, bool | int | float | str) else json.dumps(value, sort_keys=True),
            },
        )
        for name, value in sorted(step.parameters.items())
    ]


def _product(crate: ROCrate, kind: str, fingerprint: str) -> Any:
    facts = {"@type": "CreativeWork", "name": kind, "identifier": fingerprint}
    return _entity(crate, f"#product/{quote(kind, safe='')}/{fingerprint}", facts)


def _key(step: Step) -> str:
    return "/".join(quote(part, safe="") for part in (step.flight_id, step.kind, step.fingerprint))


def _entity(crate: ROCrate, identifier: str, facts: dict[str, Any]) -> Any:
    """The entity of this id; made when it is met first, since steps share software, inputs and products."""
    from rocrate.model import ContextEntity

    if (known := crate.get(identifier)) is not None:
        return known
    entity = crate.add(ContextEntity(crate, identifier, properties={"@type": facts["@type"]}))
    for name, value in facts.items():
        if name != "@type" and value is not None and value != []:
            entity[name] = _alone(value)
    return entity


def _alone(value: Any) -> Any:
    """A list of one is that one, as RO-Crate asks."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
