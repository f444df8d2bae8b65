"""A zip archive's members, unpacked within bounds and whole, before anything looks into them."""

import posixpath
import zipfile
from pathlib import Path

from orchestration.ingest.readers.damage import refused_when_damaged
from orchestration.ingest.refusal import DeliveryRefused

MAX_MEMBERS = 200
MAX_BYTES = 200 * 2**20
MAX_RATIO = 100
RATIO_FLOOR_BYTES = 2**20
"""Members and archives that unpack to no more than this may be as repetitive as they like."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")


def read_members(path: Path, what: str) -> dict[str, bytes]:
    """Name -> content of every member; `what` is the format, for messages. Folders are left out.

    Raises DeliveryRefused: damaged_file, unsafe_archive.
    """
    with refused_when_damaged(what), zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        _check_listing(infos, archive.comment, path.stat().st_size)
        members = {}
        for info in infos:
            if info.is_dir():
                continue
            # Reads no more than the size that was listed, and compares the check sum.
            members[info.filename] = archive.read(info)
    if any(content.startswith(_ARCHIVES) for content in members.values()):
        raise _unsafe("an archive inside the archive")
    return members


def _check_listing(infos: list[zipfile.ZipInfo], comment: bytes, n_packed: int) -> None:
    if len(infos) > MAX_MEMBERS:
        raise _unsafe(f"more than {MAX_MEMBERS} members")
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        raise _unsafe(f"more than {MAX_BYTES} bytes once unpacked; split it")
    if total > max(RATIO_FLOOR_BYTES, MAX_RATIO * n_packed) or any(
        info.file_size > max(RATIO_FLOOR_BYTES, MAX_RATIO * info.compress_size) for info in infos
    ):
        raise _unsafe(f"a member that unpacks to more than {MAX_RATIO} times its size")
    if len({info.filename.lower() for info in infos}) != len(infos):
        raise _unsafe("two members of one name")
    if comment or any(info.comment for info in infos):
        raise _unsafe("comments in the archive itself")
    for info in infos:
        name = info.filename
        if (
            name.startswith("/")
            or "\\" in name
            or ":" in name
            or info.orig_filename != name
            or posixpath.normpath(name) != name.rstrip("/")
            or ".." in name.split("/")
        ):
            raise _unsafe("a member whose name is a path out of the archive")
        if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
            raise _unsafe("encrypted members, or members compressed in an unusual way")


def _unsafe(what: str) -> DeliveryRefused:
    return DeliveryRefused(
        "unsafe_archive",
        f"the file is a zip archive with {what}, which no export needs; save the sheet as a new "
        "workbook and send that",
    )
