"""Authlib, as its documentation uses it with `requests`."""

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from grants import ORDER, browse, report
from joserfc.jwk import ECKey

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def code():
    session = OAuth2Session(
        ORDER["document"],
        token_endpoint_auth_method="none",
        redirect_uri=ORDER["redirect"],
        code_challenge_method="S256",
    )
    verifier = "a-verifier-of-at-least-forty-three-characters-x"
    url, state = session.create_authorization_url(
        ORDER["authorize"], code_verifier=verifier, resource=ORDER["resource"]
    )
    led = browse(url)
    session.fetch_token(ORDER["token"], authorization_response=led, state=state, code_verifier=verifier)
    return session


def robot():
    session = OAuth2Session(
        ORDER["robot"], ECKey.import_key(ORDER["key"]), token_endpoint_auth_method="private_key_jwt"
    )
    session.register_client_auth_method(PrivateKeyJWT(ORDER["token"], alg="ES256"))
    return session


def credentials():
    session = robot()
    session.fetch_token(ORDER["token"], grant_type="client_credentials", resource=ORDER["resource"])
    return session


def exchange():
    session = robot()
    session.fetch_token(
        ORDER["token"],
        grant_type=EXCHANGE,
        subject_token=ORDER["session"],
        subject_token_type=ACCESS_TOKEN,
        resource=ORDER["resource"],
    )
    return session


report(code=code, credentials=credentials, exchange=exchange)
