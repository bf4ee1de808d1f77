"""XMP packets as flat tags."""

from __future__ import annotations

from lxml import etree

from uav_workflow.domain.tags import TagValue

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_USUAL_PREFIX = {
    "http://pix4d.com/1.0": "Camera",
    "http://pix4d.com/1.0/": "Camera",
    "http://pix4d.com/camera/1.0": "Camera",
    "http://pix4d.com/camera/1.0/": "Camera",
    "http://micasense.com/MicaSense/1.0/": "MicaSense",
    "http://micasense.com/DLS/1.0/": "DLS",
    "http://www.dji.com/drone-dji/1.0/": "drone-dji",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
}
_BULK = {"IMUAngularVelocity", "IMULinearAcceleration", "History"}
"""Gyroscope logs and edit histories: hundreds of kilobytes that nothing reads."""


def parse_xmp(packet: bytes) -> dict[str, TagValue]:
    """Flat tags of an XMP packet, ``prefix:local`` whatever URI the vendor bound the prefix to.

    Attributes and elements count alike, every ``rdf:Description`` is read, sequences become tuples of text. Of a
    property written twice the first is kept. Entities and document types are refused.

    Raises
    ------
    ValueError
        The packet is no XML, or declares a document type.
    """
    start, end = packet.find(b"<"), packet.rfind(b">")
    body = packet[start : end + 1]
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("the XMP packet declares entities; it is not read")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, remove_pis=True)
    root = etree.fromstring(body, parser) if body else None
    if root is None:
        raise ValueError("the XMP packet is no XML")
    tags: dict[str, TagValue] = {}
    for description in root.iter(f"{_RDF}Description"):
        if description.getparent() is None or description.getparent().tag != f"{_RDF}RDF":
            continue
        prefixes = {uri: prefix for prefix, uri in description.nsmap.items() if prefix}
        for name, value in description.attrib.items():
            _add(tags, str(name), prefixes, str(value).strip())
        for child in description.iterchildren(tag=etree.Element):
            inner = {uri: prefix for prefix, uri in child.nsmap.items() if prefix}
            _add(tags, str(child.tag), inner, _element_value(child))
    return tags


def _add(tags: dict[str, TagValue], qualified: str, prefixes: dict[str, str], value: TagValue) -> None:
    if qualified.startswith(_RDF):
        return
    uri, _, local = qualified[1:].rpartition("}")
    if local not in _BULK:
        prefix = _USUAL_PREFIX.get(uri) or prefixes.get(uri, "")
        tags.setdefault(f"{prefix}:{local}" if prefix else local, value)


def _element_value(element: etree._Element) -> TagValue:
    items = element.findall(f"./*/{_RDF}li")
    if items or element.find(f"{_RDF}Seq") is not None:
        return tuple((item.text or "").strip() for item in items)
    return (element.text or "").strip()
