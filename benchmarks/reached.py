"""The code that makes a figure: what a program imports of this repository, at whatever depth."""

from __future__ import annotations

from hashlib import sha256
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def digest_of_code(*programs: str, data: str = "") -> str:
    """Digest of programs and of every module they can import: the same figures can only come of the same code.

    Imports inside functions count. A change elsewhere in the repository leaves finished figures valid.

    Parameters
    ----------
    programs : str
        Files below the repository's root, such as ``uav_workflow/engine/__main__.py``.
    data : str
        A folder whose YAML files count too.
    """
    finder = ModuleFinder(path=[str(ROOT)])
    for program in programs:
        finder.load_file(str(ROOT / program))
    files = {Path(module.__file__) for module in finder.modules.values() if module.__file__}
    files |= {ROOT / program for program in programs}
    files |= set((ROOT / data).rglob("*.yaml")) if data else set()
    digest = sha256()
    for path in sorted(files):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]
