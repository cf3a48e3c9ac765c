"""Which object types are there?"""

from collections.abc import Mapping

from .object_types import ObjectType
from .types_v1 import V1_TYPES
from .types_v2 import V2_TYPES

OBJECT_TYPES: Mapping[str, ObjectType] = {row.name: row for row in (*V2_TYPES, *V1_TYPES)}
