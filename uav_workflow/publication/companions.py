"""Records, pages and forms beside the data: what each is, and the standard it follows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A standard that a record follows.

    Attributes
    ----------
    address : str
        Its persistent address, or the namespace it defines.
    """

    name: str
    version: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A file beside the data."""

    name: str
    title: str
    media_type: str
    language: str | None = None
    standard: Standard | None = None


STAC = Standard(
    name="SpatioTemporal Asset Catalog: Catalog",
    version="1.1.0",
    address="https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json",
)
ISO_19115_3 = Standard(
    name="ISO/TS 19115-3 metadata", version="mdb 2.0", address="http://standards.iso.org/iso/19115/-3/mdb/2.0"
)
ISO_19139 = Standard(name="ISO/TS 19139 metadata", version="2007", address="http://www.isotc211.org/2005/gmd")
DATACITE = Standard(name="DataCite Metadata Schema", version="4.5", address="http://datacite.org/schema/kernel-4")

_HTML, _MARKDOWN, _XML, _JSON = "text/html", "text/markdown", "application/xml", "application/json"

COMPANIONS = (
    Companion(name="catalog.json", title="STAC catalog over the hand-overs", media_type=_JSON, standard=STAC),
    Companion(name="iso19115-3.xml", title="ISO 19115-3 metadata", media_type=_XML, standard=ISO_19115_3),
    Companion(name="iso19139.xml", title="ISO 19139 metadata", media_type=_XML, standard=ISO_19139),
    Companion(name="datacite.json", title="DataCite metadata", media_type=_JSON, standard=DATACITE),
    Companion(name="index.html", title="Data page", media_type=_HTML, language="en"),
    Companion(name="index_zh.html", title="Data page in Chinese", media_type=_HTML, language="zh"),
    Companion(name="quality_form.html", title="Quality form", media_type=_HTML, language="en"),
    Companion(name="quality_form_zh.html", title="Quality form in Chinese", media_type=_HTML, language="zh"),
    Companion(name="quality_form.md", title="Quality form as text", media_type=_MARKDOWN, language="en"),
    Companion(name="quality_form_zh.md", title="Quality form in Chinese as text", media_type=_MARKDOWN, language="zh"),
    Companion(name="sha256sums.txt", title="SHA-256 checksums of every other file", media_type="text/plain"),
)
"""In the order of the pages' list; the RO-Crate itself is the one that lists them."""
