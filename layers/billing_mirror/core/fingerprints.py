"""Which ids lists have shown, in eight bytes each.

Ten million ids would not fit into a function's memory as texts, nor should each one cost a write. The fingerprints of
a page go into one entry; read together again, they say of any id whether it was shown. Of a thousand million ids, one
that was not shown is taken for shown with a chance of one in ten thousand millions.
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
    """A set of ids that can be asked, and does not know them: six bytes for each and some for the sorting."""

    def __init__(self) -> None:
        self._rests: dict[bytes, bytearray] = {}

    def add(self, several: bytes) -> None:
        """What :func:`packed` has made."""
        for start in range(0, len(several), SIZE):
            head = several[start : start + _HEAD]
            self._rests.setdefault(head, bytearray()).extend(several[start + _HEAD : start + SIZE])

    def __contains__(self, identifier: str) -> bool:
        one = fingerprint(identifier)
        rests = self._rests.get(one[:_HEAD], bytearray())
        place = rests.find(one[_HEAD:])
        while place > 0 and place % _REST:
            place = rests.find(one[_HEAD:], place + 1)
        return place >= 0
