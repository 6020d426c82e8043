"""Asks every action of the collectors through the official SDK, once, and compares the answers with its models.

    sdk_actions.py HOST:PORT FIELDS

FIELDS is a JSON object: for each action, the fields that the exporter reads. Prints a line for each difference: a
field of an answer that the model does not know, a field of the model that the answer does not have, and a field that
the exporter reads and no model has.
"""

import json
import os
import sys
import warnings

from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tcss.v20201101 import models, tcss_client

endpoint, fields = sys.argv[1], json.loads(sys.argv[2])
http = HttpProfile(protocol="http", endpoint=endpoint, reqTimeout=30)
keys = credential.Credential(os.environ["TENCENTCLOUD_SECRET_ID"], os.environ["TENCENTCLOUD_SECRET_KEY"])
client = tcss_client.TcssClient(keys, "ap-guangzhou", ClientProfile(httpProfile=http))

parameters = {
    "DescribeVulLevelSummary": {"CategoryType": "SYSTEM"},
    "DescribeVulTopRanking": {"CategoryType": "SYSTEM"},
    "DescribeVulScanLocalImageList": {"TaskID": 1001, "Limit": 100, "Offset": 0, "By": "VulCount", "Order": "DESC"},
    "DescribeAssetImageScanStatus": {"TaskID": "1001"},
}


def members(model, place):
    """Every field of a model, nested ones too, and those that have no value."""
    for name, value in vars(model).items():
        name = name[1:]
        yield name
        if value is None:
            print(f"{place}: the answer has no {name}")
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "_deserialize"):
                yield from members(item, f"{place}.{name}")


warnings.simplefilter("error")
for action, read in sorted(fields.items()):
    request = getattr(models, f"{action}Request")()
    try:
        request._deserialize(parameters.get(action, {}))
        answer = getattr(client, action)(request)
    except Warning as unknown:
        print(f"{action}: {unknown}")
        continue
    known = set(members(answer, action))
    for name in sorted(set(read) - known):
        print(f"{action}: no model has {name}")
