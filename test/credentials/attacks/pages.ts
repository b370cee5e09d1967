/**
 * People and operators of a provider whose access tokens have the type of its ID tokens, and that adds an audience of
 * its own: what identifies a person at our pages is a token of our own client, of exactly one of the two kinds.
 */
import { PAGES_IDP, pagesAccessToken, pagesIdToken, type Changes } from "../../harness/besieged.ts"
import { asOperator, attack, operatorRefused, type Attack, type Attacks } from "../../harness/attacks.ts"
import type { CredentialRejection } from "../../../src/core/denials/terms/credential-rejection.ts"
import { US } from "../../harness/issuers.ts"

type Made = (changes: Changes) => Promise<string>
const by =
  (make: Made) =>
  (changes: Changes, because: CredentialRejection): Attack =>
    attack(operatorRefused(because), async () => asOperator(await make(changes)))
const idToken = by(pagesIdToken)
const accessToken = by(pagesAccessToken)

const missing = (claim: string) => ({ reason: "claim_missing", claim }) as const
const mismatch = (claim: string) => ({ reason: "claim_mismatch", claim }) as const
const audience = (...got: readonly string[]) => ({ reason: "audience_mismatch", got }) as const
const noPerson = (mark: string) => ({ reason: "no_person", mark }) as const
const unexpected = (claim: string) => ({ reason: "claim_unexpected", claim }) as const

export const pages: Attacks = {
  "ID token that no sign-in has asked for": idToken({ claims: { nonce: undefined } }, missing("nonce")),
  "ID token of the app whose sessions agents have": idToken({ claims: { aud: "app", azp: "app" } }, audience("app")),
  "ID token of another client that manages": idToken({ claims: { aud: "cli", azp: "cli" } }, audience("cli")),
  "ID token for our client and the app": idToken(
    { claims: { aud: ["console", "app"], azp: "console" } },
    audience("console", "app"),
  ),
  "ID token for our client, the app the party": idToken(
    { claims: { azp: "app" } },
    { reason: "client_mismatch", got: "app" },
  ),
  "ID token that says it is for a bearer": idToken({ claims: { typ: "Bearer" } }, mismatch("typ")),
  "ID token with the header of an access token": idToken(
    { header: { typ: "at+jwt" } },
    { reason: "type_refused", typ: "at+jwt" },
  ),
  "ID token of the client itself": idToken({ claims: { sub: "console" } }, noPerson("sub")),
  "ID token of a service account": idToken(
    { claims: { preferred_username: "service-account-console" } },
    noPerson("preferred_username"),
  ),
  "ID token of a service account of Google": idToken(
    { claims: { email: "robot@project.iam.gserviceaccount.com" } },
    noPerson("email"),
  ),
  "ID token bound to a key": idToken({ claims: { cnf: { jkt: "x" } } }, { reason: "bound" }),
  "ID token that is a logout token": idToken({ claims: { events: {} } }, { reason: "security_event" }),
  "access token that a careless mapper made for our client": accessToken(
    { claims: { aud: "console" } },
    missing("nonce"),
  ),
  "access token that a careless mapper made for our client, with a nonce": accessToken(
    { claims: { aud: "console", nonce: "n" } },
    mismatch("typ"),
  ),
  ...Object.fromEntries(
    ["client_id", "cid", "appid", "azpacr", "scp"].map((claim) => [
      `access token for our client that shows by ${claim}`,
      accessToken({ claims: { aud: "console", nonce: "n", typ: "ID", [claim]: "console" } }, unexpected(claim)),
    ]),
  ),
  "access token for the provider's own API alone": accessToken({ claims: { aud: "account" } }, audience("account")),
  "access token for us, the provider's API and another": accessToken(
    { claims: { aud: [US, "account", "https://other.test"] } },
    audience(US, "account", "https://other.test"),
  ),
  "access token for us and twice the provider's API": accessToken(
    { claims: { aud: [US, "account", "account"] } },
    audience(US, "account", "account"),
  ),
  "access token for us and something that is no text": accessToken({ claims: { aud: [US, 1] } }, audience(US)),
  "access token that the app got": accessToken({ claims: { azp: "app" } }, { reason: "client_mismatch", got: "app" }),
  "access token of a client that is named elsewhere": accessToken(
    { claims: { azp: undefined, client_id: "console" } },
    { reason: "client_mismatch", got: null },
  ),
  "access token that says it is an ID token": accessToken({ claims: { typ: "ID" } }, mismatch("typ")),
  "access token with the header of RFC 9068": accessToken(
    { header: { typ: "at+jwt" } },
    { reason: "type_refused", typ: "at+jwt" },
  ),
  "access token of another issuer": accessToken(
    { claims: { iss: `${PAGES_IDP}/` } },
    { reason: "issuer_unknown", iss: `${PAGES_IDP}/` },
  ),
}
