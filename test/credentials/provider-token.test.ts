/** Which tokens of a provider are a person's, and whose: no app's, no other client's, none of the other kind. */
import { describe, expect, test } from "vitest"
import { PLAIN_ACCESS_TOKEN, PLAIN_ID_TOKEN, type AccessTokenShape } from "../../src/core/policy/definition/issuers.ts"
import { checkIdToken, checkIsPerson, clientOf } from "../../src/credentials/provider-token.ts"

const CLIENTS = ["app", "cli"]
type Claims = Readonly<Record<string, unknown>>
const rejection = (reason: string, more: object = {}) => ({ rejected: expect.objectContaining({ reason, ...more }) })

describe("the client of an access token", () => {
  const shape: AccessTokenShape = { ...PLAIN_ACCESS_TOKEN, client_claim: "azp" }

  test.each<[string, Claims, unknown]>([
    ["one of ours, by the claim that the entry names", { azp: "cli", client_id: "other" }, { client: "cli" }],
    ["another's", { azp: "other", client_id: "cli" }, rejection("client_mismatch")],
    ["nobody's", { client_id: "cli" }, rejection("client_mismatch")],
    ["a list", { azp: ["cli"] }, rejection("client_mismatch")],
  ])("%s", (_what, claims, expected) => {
    expect(clientOf(claims, shape, CLIENTS)).toEqual(expected)
  })
})

describe("an ID token", () => {
  const shape = { ...PLAIN_ID_TOKEN, require: { email_verified: true } }
  const audience = rejection("audience_mismatch")
  const client = rejection("client_mismatch")

  test.each<[string, Claims, unknown]>([
    ["for one of our clients", { aud: "app" }, { client: "app" }],
    ["for one, in a list", { aud: ["app"] }, { client: "app" }],
    ["for two, issued to one", { aud: ["app", "cli"], azp: "cli" }, { client: "cli" }],
    ["for two, of which none is named", { aud: ["app", "cli"] }, client],
    ["for nobody", { aud: [], azp: "app" }, audience],
    ["for a number", { aud: 7, azp: "app" }, audience],
    ["for one and a number", { aud: ["app", 7], azp: "app" }, audience],
    ["for one and another's", { aud: ["app", "other"], azp: "app" }, audience],
    ["issued to another's", { aud: "app", azp: "other" }, client],
    ["issued to null", { aud: "app", azp: null }, client],
    ["issued to a list", { aud: "app", azp: ["app"] }, client],
    ["with the client of an access token", { aud: "app", client_id: "app" }, rejection("claim_unexpected")],
    ["of an app", { aud: "app", gty: "client-credentials" }, rejection("no_person", { mark: "gty" })],
    ["of the app itself", { aud: "app", sub: "app" }, rejection("no_person", { mark: "sub" })],
    ["without what the entry requires", { aud: "app", email_verified: false }, rejection("claim_mismatch")],
  ])("%s", (_what, claims, expected) => {
    expect(checkIdToken({ sub: "alice", email_verified: true, ...claims }, shape, CLIENTS)).toEqual(expected)
  })
})

describe("a person", () => {
  const mark = (claim: string) => rejection("no_person", { mark: claim })

  test.each<[string, Claims, unknown]>([
    ["of no marks", {}, null],
    ["gty of an app", { gty: "client-credentials" }, mark("gty")],
    ["gty of an app, as others write it", { gty: "client_credentials" }, mark("gty")],
    ["gty of a person", { gty: "password" }, null],
    ["idtyp of an app", { idtyp: "app" }, mark("idtyp")],
    ["idtyp of a device", { idtyp: "device" }, mark("idtyp")],
    ["idtyp of a person", { idtyp: "user" }, null],
    ["the name of a service account", { preferred_username: "service-account-x" }, mark("preferred_username")],
    ["a name with that in it", { preferred_username: "my-service-account-x" }, null],
    ["a name that is no text", { preferred_username: 7 }, null],
    ["the address of a service account", { email: "x@p.iam.gserviceaccount.com" }, mark("email")],
    ["an address with that in it", { email: "x.gserviceaccount.com@example.org" }, null],
    ["an address that is no text", { email: 7 }, null],
    ["a claim that the entry excludes", { oid: null }, mark("oid")],
    ["the client as the subject", { sub: "app" }, mark("sub")],
    ["the client as the subject, as Auth0 writes it", { sub: "app@clients" }, mark("sub")],
    ["another app as the subject", { sub: "other", azp: "other" }, mark("sub")],
    ["another app as the subject, as Auth0 writes it", { sub: "other@clients", appid: "other" }, mark("sub")],
    ["another app besides", { azp: "other" }, null],
  ])("%s", (_what, claims, expected) => {
    expect(checkIsPerson({ sub: "alice", ...claims }, "app", ["oid"])).toEqual(expected)
  })
})
