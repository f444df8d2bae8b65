"""The machine: versions, room, whether its disk is encrypted, and that nothing reports home."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestration.examination.finding import Finding
from orchestration.settings import TELEMETRY_OFF, Settings

PYTHON = ((3, 11), (3, 14))
"""From, and below."""
LOCKED = Path(__file__).resolve().parents[2] / "requirements" / "runtime.txt"
GIB = 2**30
LEAST_FREE_BYTES = 2 * GIB
_ENCRYPTING = ("ecryptfs", "fuse.gocryptfs", "fuse.cryfs", "fuse.encfs")
_SHOWN = 5


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Findings on the machine that a home lies on."""
    yield python_version(sys.version_info[:2])
    yield distributions(LOCKED)
    yield disk_space(settings)
    yield encrypted_volume(settings.home)
    wrong = [name for name, value in TELEMETRY_OFF.items() if os.environ.get(name) != value]
    yield Finding(
        "telemetry", "look" if wrong else "good", f"not off: {', '.join(wrong)}" if wrong else "off"
    )


def python_version(found: tuple[int, int]) -> Finding:
    """Whether the interpreter is one that the locked distributions are made for."""
    said = ".".join(map(str, found))
    if PYTHON[0] <= found < PYTHON[1]:
        return Finding("python", "good", said)
    return Finding("python", "look", f"{said}; install 3.11, 3.12 or 3.13 and set up anew")


def distributions(locked: Path) -> Finding:
    """Installed versions held against the lock that ships with the repository."""
    if not locked.exists():
        return Finding("distributions", "unknown", "the lock is not beside the software")
    wanted = locked_versions(locked.read_text(encoding="utf-8"))
    wrong = []
    for name, (wanted_version, is_conditional) in wanted.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = ""
        if found != wanted_version and not (is_conditional and not found):
            wrong.append(f"{name} {found or 'missing'} (locked: {wanted_version})")
    if not wrong:
        return Finding("distributions", "good", f"{len(wanted)} as locked")
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return Finding(
        "distributions",
        "look",
        f"{', '.join(wrong[:_SHOWN])}{more}; any `make` target installs what is locked",
    )


def locked_versions(text: str) -> dict[str, tuple[str, bool]]:
    """Name -> version, and whether only some machines need it, out of a lock's lines."""
    found = {}
    for line in text.splitlines():
        pinned, _, marker = line.removesuffix("\\").partition(";")
        name, equals, wanted = pinned.strip().partition("==")
        if equals and not line.startswith((" ", "#")):
            found[name.partition("[")[0]] = (wanted.strip(), bool(marker.strip()))
    return found


def disk_space(settings: Settings) -> Finding:
    """Free room against what a night may write.

    A full build rewrites the warehouse beside itself and spills as much; each waiting export comes
    once more into the archive and twice, as tables, into scratch and warehouse; a release is new.
    """
    warehouse = _size(settings.warehouse)
    wanted = LEAST_FREE_BYTES + 2 * warehouse + 3 * _size(settings.landing)
    free = shutil.disk_usage(_existing(settings.home)).free
    said = f"{free / GIB:.1f} GiB free, a night may want {wanted / GIB:.1f}"
    if free >= wanted:
        return Finding("disk", "good", said)
    return Finding("disk", "look", f"{said}; make room before the next night")


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def encrypted_volume(home: Path) -> Finding:
    """Whether the volume under a home is encrypted, as far as the system says."""
    subject = "encrypted volume"
    if sys.platform == "darwin":
        return _file_vault(subject)
    try:
        source, kind = mount_of(
            home.resolve(), Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return Finding(subject, "unknown", "this system does not say; make sure of it yourself")
    if kind in _ENCRYPTING:
        return Finding(subject, "good", f"on {kind}")
    if _is_crypt(Path(source).resolve().name, Path("/sys/class/block")):
        return Finding(subject, "good", "on dm-crypt")
    return Finding(
        subject,
        "unknown",
        f"no encryption can be seen under {kind}; a provider's or a folder's own does not show "
        "here: make sure that the home lies on an encrypted volume",
    )


def mount_of(path: Path, mountinfo: str) -> tuple[str, str]:
    """Device and kind of the file system that holds a path. Raises ValueError when none does."""
    best: tuple[int, str, str] | None = None
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, ends = left.split(), right.split()
        if len(fields) < 5 or len(ends) < 2:
            continue
        point = Path(fields[4])
        if point in (path, *path.parents) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), ends[1], ends[0])
    if best is None:
        raise ValueError("no mount holds the path")
    return best[1], best[2]


def _is_crypt(block: str, blocks: Path) -> bool:
    """Whether a block device, or one it is made of, is a dm-crypt mapping."""
    folder = blocks / block
    try:
        if (folder / "dm" / "uuid").read_text(encoding="utf-8").startswith("CRYPT-"):
            return True
    except OSError:
        pass
    slaves: Sequence[Path] = sorted((folder / "slaves").glob("*"))
    return any(_is_crypt(slave.name, blocks) for slave in slaves)


def _file_vault(subject: str) -> Finding:
    try:
        done = subprocess.run(
            ["/usr/bin/fdesetup", "status"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Finding(subject, "unknown", "the system does not say; look at FileVault yourself")
    if "FileVault is On" in done.stdout:
        return Finding(subject, "good", "FileVault is on")
    if "FileVault is Off" in done.stdout:
        return Finding(subject, "look", "FileVault is off; switch it on")
    return Finding(subject, "unknown", "the system does not say; look at FileVault yourself")
