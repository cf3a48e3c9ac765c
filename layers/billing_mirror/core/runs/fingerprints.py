"""A compact set of the ids that lists have shown: eight bytes for each id.

Ten million ids do not fit into a function's memory as texts, and one write for each would cost too much. One entry
holds the fingerprints of a page; all entries together tell whether an id was shown. Among a thousand million ids, the
chance that an id that was not shown counts as shown is one in ten thousand million.
"""

from collections.abc import Iterable
from hashlib import blake2b

SIZE = 8
_HEAD = 2
_REST = SIZE - _HEAD


def fingerprint(identifier: str) -> bytes:
    """Eight bytes for an id."""
    return blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()


def pack(identifiers: Iterable[str]) -> bytes:
    """The fingerprints of some ids, one after the other."""
    return b"".join(fingerprint(identifier) for identifier in identifiers)


class Fingerprints:
    """A set of ids that holds six bytes for each, sorted by the first two. It can test ids, and not list them."""

    def __init__(self) -> None:
        self._rests: dict[bytes, bytearray] = {}

    def add(self, packed: bytes) -> None:
        """Adds the result of :func:`pack`."""
        for start in range(0, len(packed), SIZE):
            head = packed[start : start + _HEAD]
            self._rests.setdefault(head, bytearray()).extend(packed[start + _HEAD : start + SIZE])

    def __contains__(self, identifier: str) -> bool:
        one = fingerprint(identifier)
        rests = self._rests.get(one[:_HEAD], bytearray())
        offset = rests.find(one[_HEAD:])
        while offset > 0 and offset % _REST:
            offset = rests.find(one[_HEAD:], offset + 1)
        return offset >= 0
