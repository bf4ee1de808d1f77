"""Elements of ISO's XML encodings: names by prefix, codes of code lists, text in two languages, said to be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One encoding.

    Attributes
    ----------
    namespaces : mapping
        Prefix to namespace; ``gco`` and ``xsi`` among them.
    codes : str
        Address of the code lists.
    free_text : str
        Prefix of text in several languages.
    url : str
        Element that holds an address.
    package : str
        Prefix that stands for packages of ISO 19115-3 that it lacks; the encoding of 2007 has one for all.
    """

    namespaces: Mapping[str, str]
    codes: str
    free_text: str
    url: str
    package: str = ""

    def node(
        self, tag: str, *children: Any, text: str | None = None, attributes: Mapping[str, str] | None = None
    ) -> Any:
        """Element of a name such as ``gco:Decimal``; children that are None are left out."""
        node = etree.Element(self._qualified(tag), nsmap=dict(self.namespaces))
        for name, value in (attributes or {}).items():
            node.set(self._qualified(name), value)
        node.text = text
        node.extend([child for child in children if child is not None])
        return node

    def text(self, tag: str, text: str | None, *, chinese: str | None = None) -> Any:
        """Text, with its Chinese beside it where there is one."""
        if text is None and chinese is None:
            return self.missing(tag)
        if chinese is None:
            return self.node(tag, self.node("gco:CharacterString", text=text))
        free = self.free_text
        localised = self.node(f"{free}:LocalisedCharacterString", text=chinese, attributes={"locale": "#zh"})
        return self.node(
            tag,
            self.node("gco:CharacterString", text=text) if text else None,
            self.node(f"{free}:PT_FreeText", self.node(f"{free}:textGroup", localised)),
            attributes={"xsi:type": f"{free}:PT_FreeText_PropertyType"},
        )

    def address(self, tag: str, url: str) -> Any:
        """Where something is found."""
        return self.node(tag, self.node(self.url, text=url))

    def code(self, tag: str, kind: str, value: str) -> Any:
        """Entry of a code list."""
        entry = {"codeList": f"{self.codes}#{kind.partition(':')[2]}", "codeListValue": value}
        return self.node(tag, self.node(kind, text=value, attributes=entry))

    def missing(self, tag: str) -> Any:
        """Element that the standard demands and nobody has filled in."""
        return self.node(tag, attributes={"gco:nilReason": "missing"})

    def _qualified(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        return f"{{{self.namespaces[prefix if prefix in self.namespaces else self.package]}}}{local}" if colon else name
