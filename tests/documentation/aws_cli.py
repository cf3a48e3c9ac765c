"""A stand-in for the part of the AWS CLI that an example uses, for machines that have none.

The command's options become a request of botocore, as the real one derives them from the same service model:
https://docs.aws.amazon.com/cli/latest/reference/dynamodb/
"""

import json
import os
import sys

import botocore.session
import jmespath
from botocore import xform_name


def main(arguments: list[str]) -> None:
    service, operation, *rest = arguments
    client = botocore.session.get_session().create_client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    assert shape is not None, "an operation without options"
    names = {xform_name(name, "-"): name for name in shape.members}
    request: dict[str, object] = {}
    limit: int | None = None
    query, output = "@", os.environ.get("AWS_DEFAULT_OUTPUT", "json")
    options = iter(rest)
    for option in options:
        name = option.removeprefix("--")
        if name == "query":
            query = next(options)
        elif name == "output":
            output = next(options)
        elif name == "max-items":  # for pages of the CLI's own
            limit = int(next(options))
        elif name.startswith("no-"):
            request[names[name.removeprefix("no-")]] = False
        else:
            text = next(options)
            kind = shape.members[names[name]].type_name
            request[names[name]] = text if kind == "string" else json.loads(text)
    answer = getattr(client, method)(**request)
    if limit is not None:
        answer["Items"] = answer["Items"][:limit]
    shown = jmespath.search(query, answer)
    print("\t".join(shown) if output == "text" else json.dumps(shown, indent=4, default=str))


if __name__ == "__main__":
    main(sys.argv[1:])
