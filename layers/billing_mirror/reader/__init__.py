"""Reading the mirror from your own code: :class:`Reader`, and what it returns. It needs boto3 only."""

from .reader import (
    Category,
    Counts,
    Difference,
    Drift,
    Job,
    MirroredObject,
    Page,
    Reader,
    Resolution,
    Run,
    Status,
)

__all__ = [
    "Category",
    "Counts",
    "Difference",
    "Drift",
    "Job",
    "MirroredObject",
    "Page",
    "Reader",
    "Resolution",
    "Run",
    "Status",
]
