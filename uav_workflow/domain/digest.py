"""The name of a set of facts: equal facts, equal name."""

from __future__ import annotations

import hashlib
import json


def fingerprint(document: object) -> str:
    """First 12 hex digits of the SHA-256 of a JSON-able document, independent of key order."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
