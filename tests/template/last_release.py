"""Print the table's schema, after a release: the next release is compared with it."""

import json

from tests.template.templates import properties

SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")

if __name__ == "__main__":
    print(json.dumps({name: properties("Table")[name] for name in SCHEMA}, indent=1))
