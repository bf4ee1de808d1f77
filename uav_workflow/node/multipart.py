"""Reading a multipart body as it arrives: text parts to memory, file parts to disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from uav_workflow.node.refusal import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

TEXT_LIMIT = 8 * 1024 * 1024

STALL_S = 300.0
"""A body of which nothing arrives for so long is given up: the other end may be gone without a word."""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file part: the name the client gave it, and where its bytes lie for now."""

    name: str
    path: Path


@dataclass(slots=True)
class Form:
    """Parts of one body."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[ReceivedFile] = field(default_factory=list)

    def discard(self) -> None:
        """Delete what was received."""
        for file in self.files:
            file.path.unlink(missing_ok=True)


async def read_form(content_type: str, body: AsyncIterable[bytes], folder: Path | None) -> Form:
    """Read a body to its end.

    Parameters
    ----------
    content_type : str
        The request's header.
    body : async iterable of bytes
    folder : Path or None
        Where file parts go, in a field named ``images``; None refuses them.

    Raises
    ------
    Refusal
        The body is malformed, ends before its final boundary, or brings a file where none is expected; nothing of
        it stays on disk then.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return Form()
    boundary = options.get(b"boundary")
    if not boundary:
        raise Refusal("Multipart: Boundary not found")
    receiver = _Receiver(folder)
    try:
        parser = MultipartParser(boundary, receiver.callbacks())
        async for chunk in arriving(body):
            parser.write(chunk)
        if not receiver.ended:
            raise Refusal("Unexpected end of multipart data")
    except FormParserError as exc:
        receiver.abandon()
        raise Refusal(f"Malformed multipart data: {exc}") from exc
    except BaseException:
        receiver.abandon()
        raise
    return receiver.form


async def arriving(body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Pieces of a body as they come; `Refusal` when none does for `STALL_S`."""
    pieces = aiter(body)
    while True:
        try:
            async with asyncio.timeout(STALL_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refusal(f"Nothing arrived for {STALL_S:.0f} s; the upload is given up, send it again") from None
        yield piece


class _Receiver:
    """Callbacks of the parser, and the part that is open."""

    def __init__(self, folder: Path | None) -> None:
        self.form = Form()
        self.ended = False
        self._folder = folder
        self._header = b""
        self._value = b""
        self._disposition: dict[bytes, bytes] = {}
        self._text = bytearray()
        self._file: BinaryIO | None = None

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def abandon(self) -> None:
        """Close and delete everything received."""
        if self._file is not None:
            self._file.close()
        self.form.discard()

    def _begin(self) -> None:
        self._disposition = {}
        self._text = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = parse_options_header(self._value)[1]
        self._header = self._value = b""

    def _open(self) -> None:
        if b"filename" not in self._disposition:
            return
        if self._folder is None or self._disposition.get(b"name") != b"images":
            raise Refusal("Unexpected field")
        name = _raw_name(self._disposition[b"filename"])
        path = self._folder / f"{os.urandom(8).hex()}.part"
        self._file = path.open("xb")
        self.form.files.append(ReceivedFile(name, path))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > TEXT_LIMIT:
            raise Refusal(f"A text field is longer than {TEXT_LIMIT} bytes")

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        elif b"name" in self._disposition:
            name = self._disposition[b"name"].decode("utf-8", "replace")
            self.form.fields[name] = self._text.decode("utf-8", "replace")

    def _end(self) -> None:
        self.ended = True


def _raw_name(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
