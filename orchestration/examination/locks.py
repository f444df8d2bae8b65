"""Who is writing, and what dead runs hold."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.examination.finding import Finding
from orchestration.settings import Settings
from orchestration.warehouse import is_held

LONGEST_NIGHT = timedelta(hours=12)


def is_writing(settings: Settings) -> bool:
    """Whether some process holds the writer's lock now."""
    return settings.writer_lock.exists() and is_held(settings.writer_lock)


def writers_lock(settings: Settings, now: datetime) -> Finding:
    """Who holds the lock, and whether it has been too long for a night."""
    subject = "writer's lock"
    if not is_writing(settings):
        return Finding(subject, "good", "free")
    holder = holder_of(settings.writer_lock, Path("/proc"))
    if holder is None:
        return Finding(
            subject, "unknown", "a run is writing now; the system does not say which process it is"
        )
    since = datetime.fromtimestamp(Path(f"/proc/{holder}").stat().st_mtime, UTC)
    if now - since > LONGEST_NIGHT:
        return Finding(
            subject,
            "look",
            f"process {holder} has held it since {since:%Y-%m-%d %H:%M} UTC; look at its run in "
            "the orchestrator and stop it if it hangs: the lock goes with the process",
        )
    return Finding(subject, "good", f"process {holder} is writing, since {since:%H:%M} UTC")


def holder_of(lock: Path, proc: Path) -> int | None:
    """The process that holds a lock on a file; None where the system does not say."""
    inode = lock.stat().st_ino
    try:
        lines = (proc / "locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return None


def runs_and_slots(settings: Settings) -> Iterator[Finding]:
    """Runs whose process is gone, and slots of the writer's pool that such runs hold."""
    if not (settings.dagster_home / "dagster.yaml").exists():
        return
    from orchestration.instance import POOL, open_instance, unfinished_runs

    with open_instance(settings) as instance:
        dead, alive = (
            {r.dagster_run.run_id for r in unfinished_runs(settings, instance, alive=is_alive)}
            for is_alive in (False, True)
        )
        slots = instance.event_log_storage.get_concurrency_info(POOL).claimed_slots
    ended = "the next `alliance nightly` marks them failed and frees what they hold"
    yield Finding(
        "dead runs",
        "look" if dead else "good",
        f"{len(dead)} runs whose process is gone ({', '.join(sorted(dead)[:3])}); {ended}"
        if dead
        else "none",
    )
    held = [slot.run_id for slot in slots if slot.run_id not in alive]
    yield Finding(
        "pool slots",
        "look" if held else "good",
        f"{len(held)} held by runs that are over ({', '.join(sorted(set(held))[:3])}); {ended}"
        if held
        else "none held by a run that is over",
    )
