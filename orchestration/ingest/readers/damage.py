"""What a damaged file makes of a library, as a refusal: its own words may quote a cell."""

from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.ingest.refusal import DeliveryRefused

_RUST_PANIC = "PanicException"
"""Raised by libraries written in Rust; it is no Exception, and its type cannot be imported."""


@contextmanager
def refused_when_damaged(what: str) -> Iterator[None]:
    """Around a library that reads a file's bytes, and nothing else.

    Raises DeliveryRefused: too_large (no memory), damaged_file (whatever the library raises).
    """
    try:
        yield
    except DeliveryRefused:
        raise
    except MemoryError:
        raise DeliveryRefused(
            "too_large", "the file needs more memory than the reader may use; split it"
        ) from None
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _RUST_PANIC:
            raise
        raise DeliveryRefused(
            "damaged_file",
            f"the file cannot be read as {what}: it is damaged, cut off, encrypted or of another "
            "format; export it again, or mend `format` in the contract",
        ) from None
