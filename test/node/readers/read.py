"""One query a line -> one JSON object a line. The first argument names the reader."""
import json
import sys
from urllib.parse import parse_qs


def werkzeug(query):
    from werkzeug.test import create_environ
    from werkzeug.wrappers import Request
    return Request(create_environ(query_string=query)).args.to_dict(flat=False)


def django(query):
    from django.conf import settings
    from django.http import QueryDict
    if not settings.configured:
        settings.configure(DATA_UPLOAD_MAX_NUMBER_FIELDS=None)
    return dict(QueryDict(query).lists())


READERS = {"urllib": lambda query: parse_qs(query, keep_blank_values=True), "werkzeug": werkzeug, "django": django}
read = READERS[sys.argv[1]]
read("warm=up")
for line in sys.stdin:
    lists = read(line.rstrip("\n"))
    print(json.dumps({name: values[0] if len(values) == 1 else values for name, values in lists.items()}))
