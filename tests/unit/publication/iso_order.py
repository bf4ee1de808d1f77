"""Whether elements stand in the order that a schema demands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree


def assert_in_order(tree: Any, order: Mapping[str, str]) -> None:
    """Every element with several kinds of children is in the table, and its children are in the table's order."""
    checked = set()
    for node in tree.iter(etree.Element):
        name, found = etree.QName(node).localname, [etree.QName(child).localname for child in node]
        if len(set(found)) < 2 or found[0] in ("CharacterString", "beginPosition"):
            continue
        places = [order[name].split().index(child) for child in found]
        assert places == sorted(places), (name, found)
        checked.add(name)
    assert {"MD_Metadata", "MD_DataIdentification", "CI_Citation"} <= checked
