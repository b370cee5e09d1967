"""requests-oauthlib, as its documentation uses it."""

import os

from grants import ORDER, browse, report
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

# The local stack has no TLS, and needs none: it does not leave the machine.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def code():
    session = OAuth2Session(ORDER["document"], redirect_uri=ORDER["redirect"], pkce="S256")
    url, _ = session.authorization_url(ORDER["authorize"], resource=ORDER["resource"])
    session.fetch_token(ORDER["token"], authorization_response=browse(url), include_client_id=True)
    return session


def credentials():
    session = OAuth2Session(client=BackendApplicationClient(client_id=ORDER["robot"]))
    session.fetch_token(ORDER["token"], include_client_id=True, resource=ORDER["resource"])
    return session


report(code=code, credentials=credentials)
