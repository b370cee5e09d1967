/** What the Worker is told of itself: read to the letter, or nothing is answered at all. Attacks and slips as data. */
import { createExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { app } from "../../src/app.ts"
import { configOf } from "../../src/platform/config.ts"
import { yardForEach } from "../harness/each-test.ts"
import { US } from "../harness/issuers.ts"
import { logged, provoke } from "../harness/worker-log.ts"

const told = (variables: Readonly<Record<string, unknown>>): Env => ({ ...env, ...variables })

const WRONG: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "a URL with a slash at its end, which no token's issuer and no audience has": { ISSUER: `${US}/` },
  "no URL": { ISSUER: "authz.example" },
  "nothing of itself": { ISSUER: undefined },
  "no publisher": { PUBLISHER_KEYS: undefined },
  "a publisher's keys that are no set": { PUBLISHER_KEYS: "[]" },
  "a publisher's keys that nobody can read": { PUBLISHER_KEYS: "{" },
  "an algorithm that its keys do not have": { SIGNING_ALGORITHM: "RS256" },
  "to sign by none": { SIGNING_ALGORITHM: "none" },
  "a jurisdiction that there is not": { JURISDICTION: "moon" },
  // Only the local stack reaches loopback, and it says so in one way.
  "that it is local, in another way": { LOCAL: "1" },
  "that it is not local": { LOCAL: "false" },
  "that it is local, maybe": { LOCAL: "" },
  "secrets of its clients that are no object": { SIGN_IN_SECRETS: '["secret"]' },
  "a secret of a client that is empty": { SIGN_IN_SECRETS: '{"idp":""}' },
  "secrets of its clients that nobody can read": { SIGN_IN_SECRETS: "secret" },
}

yardForEach()

describe("a Worker that is told", () => {
  test("what it has to be told answers", async () => {
    for (const variables of [{}, { LOCAL: "true" }, { SIGN_IN_SECRETS: '{"idp":"secret"}' }]) {
      expect(configOf(told(variables))).toMatchObject({ issuer: US, signingAlgorithm: "ES256" })
    }
    expect([configOf(told({})).local, configOf(told({ LOCAL: "true" })).local]).toEqual([false, true])
    const answer = await app.fetch(new Request(`${US}/.well-known/jwks.json`), told({}), createExecutionContext())
    expect(answer.status).toBe(200)
  })

  test.for(Object.entries(WRONG))("%s refuses every request", async ([, variables]) => {
    expect(() => configOf(told(variables))).toThrow()
    provoke("failed")
    for (const [method, path] of [
      ["GET", "/authz/forward"],
      ["POST", "/oauth/token"],
      ["GET", "/oauth/authorize"],
      ["GET", "/console/approvals"],
      ["GET", "/v1/tasks"],
      ["GET", "/.well-known/jwks.json"],
    ] as const) {
      const answer = await app.fetch(new Request(US + path, { method }), told(variables), createExecutionContext())
      expect([path, answer.status]).toEqual([path, 503])
      expect(await answer.text()).not.toContain("secret")
    }
    const alive = await app.fetch(new Request(`${US}/healthz`), told(variables), createExecutionContext())
    expect([alive.status, await alive.json()]).toEqual([200, { status: "alive", loopback: "nothing" }])
  })

  test("to keep its objects in a jurisdiction, by a runtime that cannot, says so and refuses every request", async () => {
    provoke("failed")
    for (const path of ["/authz/forward", "/v1/tasks", "/readyz"]) {
      const answer = await app.fetch(new Request(US + path), told({ JURISDICTION: "eu" }), createExecutionContext())
      expect([path, answer.status]).toEqual([path, 503])
    }
    expect(logged("jurisdiction_impossible").at(-1)).toMatchObject({ jurisdiction: "eu" })
  })

  test("a secret for each issuer has none by a name that every object has", () => {
    const { signInSecrets } = configOf(told({ SIGN_IN_SECRETS: '{"idp":"secret"}' }))
    expect(["idp", "constructor", "toString"].map((id) => signInSecrets.get(id))).toEqual([
      "secret",
      undefined,
      undefined,
    ])
  })
})
