"""What a killed change of keys left, finished before anything else is done in a home."""

from orchestration.erasure import finish_erasures
from orchestration.key_rotation import finish_rotations
from orchestration.rewriting import remove_candidate
from orchestration.settings import Settings


def finish_key_changes(settings: Settings) -> None:
    """Erasures first: the key of one has no rotation to finish. The caller holds the writer's
    lock."""
    finish_erasures(settings)
    finish_rotations(settings)
    remove_candidate(settings)
