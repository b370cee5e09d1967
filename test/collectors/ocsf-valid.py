"""Reads OCSF events, one a line, and says which are not valid by the schema of their class and version. JSON out."""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

CLASSES = {0: "base_event", 3003: "authorize_session", 6003: "api_activity"}
validators = {}
problems, counts = [], {}
for number, line in enumerate(sys.stdin):
    event = json.loads(line)
    key = (event["metadata"]["version"], event["class_uid"])
    if key not in validators:
        schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(key[0])).get_class_schema(CLASSES[key[1]], profiles=[])
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        validators[key] = Draft202012Validator(schema)
    counts[CLASSES[key[1]]] = counts.get(CLASSES[key[1]], 0) + 1
    for error in validators[key].iter_errors(event):
        problems.append(f"line {number}: {error.json_path}: {error.message[:200]}")
print(json.dumps({"counts": counts, "problems": problems[:20]}))
