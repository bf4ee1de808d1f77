"""Text files as field teams write them: any encoding, any line end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.findings import Finding, info, warning

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of a text file without their ends, and what was odd about it."""

    lines: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_text(path: Path, where: str) -> Text:
    """Decode a text file.

    UTF-8 and UTF-16 with a byte order mark are read as such, then UTF-8; anything else is a guess between GB 18030
    (high bytes in pairs) and Windows-1252, and is said (``encoding-guessed``). Line ends of old Macs and mixed ones are
    read and said (``odd-line-ends``).

    Raises
    ------
    OSError
        The file can't be read.
    """
    raw = path.read_bytes()
    findings: list[Finding] = []
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), None)
    if encoding is None:
        encoding = _encoding(raw)
        if encoding != "utf-8":
            label = {"gb18030": "GB 18030 (Chinese Windows)", "cp1252": "Windows-1252"}[encoding]
            message = f"the file is not UTF-8; it is read as {label}, which is a guess"
            findings.append(
                warning("encoding-guessed", where, message, "check names with accents, or save it as UTF-8")
            )
    text = raw.decode(encoding, errors="replace")
    kinds = set(re.findall(r"\r\n|\r|\n", text))
    if "\r" in kinds or len(kinds) > 1:
        how = "carriage returns alone (old Mac)" if kinds == {"\r"} else "mixed line ends"
        findings.append(info("odd-line-ends", where, f"the file has {how}; it was read all the same"))
    return Text(tuple(re.split(r"\r\n|\r|\n", text.replace("\x00", ""))), tuple(findings))


def _encoding(raw: bytes) -> str:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    runs = re.findall(rb"[\x80-\xff]+", raw)
    in_pairs = all(len(run) % 2 == 0 for run in runs)
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        in_pairs = False
    return "gb18030" if in_pairs else "cp1252"
