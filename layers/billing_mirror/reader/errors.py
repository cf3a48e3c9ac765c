"""What the reader refuses. Each text is a sentence for a person, and says what there is instead."""


class ReaderError(ValueError):
    """A request that the table cannot answer as it is."""


class UnknownType(ReaderError):
    """The catalog has no type of this name, and the table holds no object of it."""


class UnknownStatus(ReaderError):
    """Stripe documents no such status for the type, and the table holds no object with it."""


class UnknownPast(ReaderError):
    """The history does not know what an object was at a moment."""


class EmptyScope(ReaderError):
    """The table holds nothing of this mode, only of the other one."""


class NoRegion(ReaderError):
    """boto3 does not know in which region the table is."""


class NotRefreshed(TimeoutError):
    """The mirror has not fetched an object in time."""
