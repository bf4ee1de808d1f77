"""Base of a recipe's sections, and the files that a recipe names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of the recipe's parts: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _off_is_a_word(cls, data: Any) -> Any:
        """YAML reads a bare ``off`` as false and ``on`` as true; fields that know these words get them back."""
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields
        words = {
            key: "on" if value else "off"
            for key, value in data.items()
            if isinstance(value, bool) and key in fields and "off" in get_args(fields[key].annotation)
        }
        return {**data, **words}


def with_digest(document: Any, key: str, inside: str, hint: str) -> Any:
    """Put the digest of a named file beside its path: the same recipe never means two files."""
    if not isinstance(document, dict) or document.get(key) is None:
        return document
    path = Path(str(document[key])).expanduser().absolute()
    file = path / inside if inside else path
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ValueError(f"{file} can't be read: {hint} ({exc})") from exc
    if document.get(f"{key}_sha256") not in (None, digest):
        raise ValueError(f"{file} is not the {key} this recipe was written with: its digest is {digest}")
    return {**document, key: path, f"{key}_sha256": digest}
