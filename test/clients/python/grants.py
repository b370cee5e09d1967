"""What the programs of OAuth libraries share: a person who opens and pastes links, and a report of each grant.

A program gets its order as JSON in its first argument: URLs of the authorization server, of a protected `call`, and of
the person's browser, two clients (`document`, public, and `robot`, which has a key) and a person's `session`.
"""

import json
import sys
from urllib.request import Request, urlopen

ORDER = json.loads(sys.argv[1])


def browse(url):
    """Where the person was led."""
    return urlopen(Request(ORDER["browser"], data=url.encode())).read().decode()


def report(**grants):
    """What each grant's token opens, or why there is none."""
    said = {}
    for name, grant in grants.items():
        try:
            said[name] = grant().get(ORDER["call"]).text
        except Exception as error:
            said[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(said))
