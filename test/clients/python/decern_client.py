"""decern's client of AuthZEN, as its README uses it."""

import json
import sys

from decern import Client

ORDER = json.loads(sys.argv[1])
CLIENT = Client(ORDER["server"], token=ORDER["key"])

for person in ORDER["people"]:
    decision = CLIENT.evaluate(
        subject={"type": "Principal", "id": person},
        action="Read",
        resource={"type": "Resource", "id": "claim1"},
    )
    print(json.dumps(decision.allowed))
