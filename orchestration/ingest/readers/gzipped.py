"""gzip, undone within bounds: what a few bytes may grow to is limited before it is there.

Every member's check sum is verified, and nothing may follow the last one, so that a cut or padded
file is found here and not passed over by a later reader. A member's header may carry the name of
the file that was compressed, which nobody sees and which is searched like any other text.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

from orchestration.ingest.readers.opened import OtherText
from orchestration.ingest.refusal import DeliveryRefused

MAGIC = b"\x1f\x8b"
MAX_RATIO = 100
RATIO_FLOOR_BYTES = 16 * 2**20
"""Up to here a file may be as repetitive as it likes."""
_READ_BYTES = 2**18
_MAX_NAME_BYTES = 2**8
_HEADER_BYTES = 10
_NAME = 8
"""The one flag plain gzip sets: the name of the file follows. The engine reads no other."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Gunzipped:
    """Reads like the file that was compressed. `other_texts` fill up on the way."""

    def __init__(self, stream: Readable, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._n_in = self._n_out = 0
        self.other_texts: list[OtherText] = []
        self._pieces = self._decompressed()

    def read(self, _: int = -1) -> bytes:
        """The next piece, of no particular length; empty at the end.

        Raises DeliveryRefused: damaged_file, truncated_file, too_large.
        """
        return next(self._pieces, b"")

    def _more(self) -> bytes:
        chunk = self._stream.read(_READ_BYTES)
        self._n_in += len(chunk)
        return chunk

    def _decompressed(self) -> Iterator[bytes]:
        data = self._more()
        while data:
            data = self._searched_header(data)
            engine = zlib.decompressobj(wbits=31)
            while True:
                try:
                    piece = engine.decompress(data, _READ_BYTES)
                except zlib.error:
                    raise _damaged("its check sums do not fit") from None
                self._count(piece)
                if piece:
                    yield piece
                if engine.eof:
                    break
                data = engine.unconsumed_tail
                if not data and not piece:
                    data = self._more()
                    if not data:
                        raise _cut_off()
            data = engine.unused_data or self._more()

    def _count(self, piece: bytes) -> None:
        self._n_out += len(piece)
        if self._n_out > self._max_bytes:
            raise DeliveryRefused(
                "too_large",
                f"the file unpacks to more than the {self._max_bytes} bytes that are taken; "
                "split it",
            )
        if self._n_out > max(RATIO_FLOOR_BYTES, MAX_RATIO * self._n_in):
            raise DeliveryRefused(
                "too_large",
                f"the file unpacks to more than {MAX_RATIO} times its size, as no export does; "
                "send it uncompressed",
            )

    def _searched_header(self, data: bytes) -> bytes:
        """The member's data from its start, once its whole header is there and was searched."""
        while (texts := _header_texts(data)) is None:
            more = self._more()
            if not more:
                raise _cut_off()
            data += more
        self.other_texts += [OtherText("the gzip header", text) for text in texts]
        return data


def _header_texts(data: bytes) -> list[str] | None:
    """What text a member's header (RFC 1952) holds; None when more bytes are needed."""
    if not data.startswith(MAGIC[: len(data)]):
        raise _damaged("it is not gzip, or something follows its end")
    if len(data) < _HEADER_BYTES:
        return None
    flags = data[3]
    if flags & ~_NAME:
        raise _damaged("it uses parts of gzip that plain `gzip` does not write")
    if not flags:
        return []
    end = data.find(b"\0", _HEADER_BYTES, _HEADER_BYTES + _MAX_NAME_BYTES)
    if end < 0 and len(data) >= _HEADER_BYTES + _MAX_NAME_BYTES:
        raise _damaged("its header does not end")
    return None if end < 0 else [data[_HEADER_BYTES:end].decode("latin-1")]


def _damaged(why: str) -> DeliveryRefused:
    return DeliveryRefused(
        "damaged_file",
        f"the file cannot be unpacked: {why}; compress and send it again, or take "
        "`compression: gzip` out of the contract's dialect if this system does not compress",
    )


def _cut_off() -> DeliveryRefused:
    return DeliveryRefused(
        "damaged_file",
        "the compressed file is cut off, as when a transfer breaks off; send it again",
    )
