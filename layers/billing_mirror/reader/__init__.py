"""Reading the mirror from your own code.

    from billing_mirror.reader import Reader

    reader = Reader("the table's name", scope="live")
    subscription = reader.get("rcds_...")
    for subscription in reader.by_customer("cus_..."): ...
    for run in reader.runs("invoice"): ...

A list is read to its end by iterating over it; ``.page(limit=20)`` reads one page of it. Lists leave out objects that
Stripe has deleted; :meth:`Reader.get` still returns them, with ``deleted`` set and the last known body.

:meth:`Reader.runs` and :meth:`Reader.drifts` show what reconcile has compared with Stripe, and what differed. Both are
kept for 400 days. The reader needs boto3 only.
:class:`UnreadableBody` is raised where items of a large body were removed from the table by hand.
"""

from ..core.catalog import Category
from ..core.errors import UnreadableBody
from ..core.runs.drift import Difference
from ..core.runs.run import Counts, Job, Resolution, Status
from .errors import EmptyScope, NoRegion, NotRefreshed, ReaderError, UnknownPast, UnknownStatus, UnknownType
from .history import Change, PastCustomer, PastObject
from .objects import MirroredObject
from .reader import Reader
from .results import Page, Results
from .runs import Drift, Run
from .unstorable import Unstorable

__all__ = [
    "Category",
    "Change",
    "Counts",
    "Difference",
    "Drift",
    "EmptyScope",
    "Job",
    "MirroredObject",
    "NoRegion",
    "NotRefreshed",
    "Page",
    "PastCustomer",
    "PastObject",
    "Reader",
    "ReaderError",
    "Resolution",
    "Results",
    "Run",
    "Status",
    "UnknownPast",
    "UnknownStatus",
    "UnknownType",
    "UnreadableBody",
    "Unstorable",
]
