import { listDurableObjectIds, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { publish, yard } from "../harness/bundles.ts"
import {
  allow,
  answer,
  codeFor,
  formOf,
  query,
  redeem,
  refreshBy,
  sentTo,
  shown,
  signedIn,
  visit,
} from "../harness/browser.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { CLASS, METADATA, newClient, publishClass, register, registerText } from "../harness/registration.ts"
import { MAX_TASK_LIFE } from "../../src/core/policy/definition/agents.ts"
import { clientRegistry } from "../../src/ledger/registration/client-registry.ts"
import { networkOf } from "../../src/ledger/registration/network.ts"
import { Registration, registrationObject } from "../../src/ledger/registration/registration.ts"

yardForEach()

const REDIRECT = METADATA.redirect_uris[0]
const asked = (client: string, more = {}) => ({
  client_id: client,
  redirect_uri: REDIRECT,
  scope: "files.*:read",
  ...more,
})
const shownBy = (client: string) => ({
  client_id: client,
  client_assertion: undefined,
  client_assertion_type: undefined,
  redirect_uri: REDIRECT,
})
const revoke = async (client: string) =>
  manage("DELETE", `/v1/clients/${encodeURIComponent(client)}`, await bearerOf("operator"))

describe("Nobody in the chain gains: a client that registers itself", () => {
  test("cannot, unless the class is there, and the metadata says so", async () => {
    const metadata = async (): Promise<unknown> =>
      (await knock(new Request(`${US}/.well-known/oauth-authorization-server`))).json()
    expect((await register()).status).toBe(404)
    expect(await metadata()).not.toHaveProperty("registration_endpoint")
    await publishClass()
    expect(await metadata()).toMatchObject({ registration_endpoint: `${US}/oauth/register` })
    const { status, client, headers } = await register({
      grant_types: ["authorization_code", "refresh_token"],
      unknown: 1,
    })
    expect([status, headers.get("cache-control")]).toEqual([201, "no-store"])
    expect(client).toEqual({
      client_id: expect.stringMatching(/^https:\/\/authz\.example\/clients\/mcp\/[A-Za-z0-9_-]{22}$/),
      client_id_issued_at: expect.any(Number),
      ...METADATA,
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    })
  })

  test("may have its answer at Cursor, which takes it at that address alone", async () => {
    await publishClass()
    expect((await register({ redirect_uris: ["cursor://anysphere.cursor-mcp/oauth/callback"] })).status).toBe(201)
  })

  test("can be used from a page of another origin", async () => {
    await publishClass()
    const headers = { Origin: "https://page.test", "Access-Control-Request-Method": "POST" }
    const before = await knock(new Request(`${US}/oauth/register`, { method: "OPTIONS", headers }))
    expect(before.headers.get("access-control-allow-origin")).toBe("*")
  })

  test("does not learn which tools there are beyond what it may be given", async () => {
    await publishClass()
    const client = await newClient()
    const told = async (scope: string) => {
      const said = await visit(query(asked(client, { scope })), null)
      return new URL(said.headers.get("location") ?? "").searchParams.get("error_description")
    }
    const ofNone = await told("nothing.at.all:read")
    expect(ofNone).toMatch(/^The scopes name no tool that can be granted\./)
    for (const scope of ["mail.send:write", "mail.*:write", "safe.burn:execute", "safe.*:execute files.write:write"]) {
      expect(await told(scope), scope).toBe(ofNone)
    }
  })

  test("has its tokens by a person's consent, whose page quotes its name as unverified, and calls with them", async () => {
    await publishClass()
    const client = await newClient({ client_name: "<b>Bank</b> \u202Efdp" })
    const { html } = await shown(await visit(query(asked(client)), await signedIn()))
    expect(html).toContain("Allow a program that registered itself to act for you?")
    expect(html).not.toContain("Allow authz.example")
    expect(html).toContain("Unverified name")
    expect(html).toContain("&lt;b&gt;Bank&lt;/b&gt; fdp")
    expect(html).toContain("This program is not verified.")
    const { issued } = await redeem(await codeFor(asked(client)), shownBy(client))
    expect(issued?.scope).toBe("files.*:read")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    const again = await refreshBy(issued?.refresh_token ?? "", shownBy(client))
    expect((await callWith(again.issued?.access_token ?? "", "/files")).code).toBe("ok")
  })

  test("never exceeds its class, whatever it asks for", async () => {
    await publishClass()
    const client = await newClient()
    const beyond = await visit(query(asked(client, { scope: "safe.burn:execute" })), await signedIn())
    expect(sentTo(beyond).searchParams.get("error")).toBe("invalid_scope")
    const code = await codeFor(asked(client, { scope: "files.*:read safe.burn:execute files.write:write" }))
    const { issued } = await redeem(code, shownBy(client))
    expect(issued?.scope).toBe("files.*:read")
    expect((await callWith(issued?.access_token ?? "", "/safe", { method: "DELETE" })).code).toBe("insufficient_scope")
    const { searchParams } = sentTo(await visit(query(asked(client, { purpose: "alone" })), await signedIn()))
    expect(searchParams.get("error")).not.toBeNull()
    for (const grant_type of ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"]) {
      expect((await redeem("", { ...shownBy(client), grant_type })).refused?.error).toBe("invalid_client")
    }
  })

  test("loses with its class what the class loses, from the next call on", async () => {
    await publishClass()
    const client = await newClient()
    const { issued } = await redeem(await codeFor(asked(client)), shownBy(client))
    await publish(await yard(), 3)
    forgetCaches()
    expect((await callWith(issued?.access_token ?? "", "/files")).code).not.toBe("ok")
    expect((await refreshBy(issued?.refresh_token ?? "", shownBy(client))).refused?.error).toBe("invalid_client")
    expect((await visit(query(asked(client)), await signedIn())).status).toBe(400)
  })

  test("that is revoked has no code, no token and no refresh, and its tokens end before the answer", async () => {
    await publishClass()
    const client = await newClient()
    const { issued } = await redeem(await codeFor(asked(client)), shownBy(client))
    const alice = await signedIn()
    const code = await codeFor(asked(client))
    const form = await formOf(query(asked(client)), alice)
    form.set("decision", "allow")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    expect((await manage("DELETE", `/v1/clients/${encodeURIComponent(client)}`, await bearerOf("viewer"))).status).toBe(
      403,
    )
    const before = Date.now()
    expect((await revoke(client)).status).toBe(200)
    // The switch outlives each task that the client may have, and then ends by itself.
    const { revocations } = z
      .object({ revocations: z.array(z.looseObject({ agent: z.string(), until: z.number() })) })
      .parse((await manage("GET", "/v1/revocations", await bearerOf("operator"))).json)
    expect(revocations.map(({ agent }) => agent)).toEqual([client])
    expect(revocations[0]?.until).toBeGreaterThan(before + MAX_TASK_LIFE * 1_000)
    expect((await callWith(issued?.access_token ?? "", "/files")).code).not.toBe("ok")
    const refused = await redeem(code, shownBy(client))
    expect([refused.status, refused.refused?.error]).toEqual([401, "invalid_client"])
    expect(await recordOf(refused.refused?.decision_id ?? "")).toMatchObject({
      denial: { reason: "registration_gone", client },
    })
    expect((await refreshBy(issued?.refresh_token ?? "", shownBy(client))).refused?.error).toBe("invalid_client")
    expect((await answer(query(asked(client)), alice, form)).status).toBe(400)
    const page = await visit(query(asked(client)), alice)
    expect([page.status, await page.text()]).toEqual([
      400,
      expect.stringContaining("This program is not registered here."),
    ])
    expect((await revoke(client)).status).toBe(404)
  })

  test("that has expired has no code, no token and no refresh", async () => {
    await publishClass()
    const client = await newClient()
    const code = await codeFor(asked(client))
    const { issued } = await redeem(await codeFor(asked(client)), shownBy(client))
    await runInDurableObject(registrationObject(env, client), async (object, { storage }) => {
      const stored = object.read()
      storage.kv.put("registration", { ...stored, expiresAt: Date.now() })
    })
    expect((await redeem(code, shownBy(client))).refused?.error).toBe("invalid_client")
    expect((await refreshBy(issued?.refresh_token ?? "", shownBy(client))).refused?.error).toBe("invalid_client")
    expect((await visit(query(asked(client)), await signedIn())).status).toBe(400)
  })

  test("reaches nothing by an id that is made up", async () => {
    await publishClass()
    const before = new Set((await listDurableObjectIds(env.REGISTRATION)).map(String))
    const made = (by: string, unique = "A".repeat(22)): string => `${by}/clients/mcp/${unique}`
    const ids = [
      made(US),
      made("https://evil.test"),
      made(US, "A".repeat(23)),
      made(`${US}/x`),
      `${US}/clients/other/${"A".repeat(22)}`,
    ]
    for (const client of ids) {
      expect((await visit(query(asked(client)), await signedIn())).status, client).toBe(400)
      expect((await redeem("1", shownBy(client))).refused?.error, client).toBe("invalid_client")
      expect((await revoke(client)).status, client).toBe(404)
    }
    const reached = (await listDurableObjectIds(env.REGISTRATION)).filter((id) => !before.has(String(id)))
    for (const id of reached) {
      expect(id.equals(env.REGISTRATION.idFromName(made(US)))).toBe(true)
      await runInDurableObject(env.REGISTRATION.get(id), async (_object, { storage }) => {
        expect([...storage.kv.list()]).toEqual([])
        expect(await storage.getAlarm()).toBeNull()
      })
    }
  })

  test("is redirected to what it has registered alone", async () => {
    await publishClass()
    const client = await newClient()
    for (const redirect_uri of [
      "https://evil.test/",
      "http://127.0.0.1:4000/other",
      "http://localhost:4000/callback",
    ]) {
      expect((await visit(query(asked(client, { redirect_uri })), await signedIn())).status).toBe(400)
    }
    const other = { redirect_uri: "http://127.0.0.1:9/callback" }
    const back = sentTo(await allow(query(asked(client, other)), await signedIn()))
    expect(back.href).toContain("http://127.0.0.1:9/callback?code=")
  })

  test("cannot send people to its own page before they have seen ours", async () => {
    await publishClass()
    const place = "https://phish.test/login"
    const client = await newClient({ redirect_uris: [place, "com.phish.app:/back"] })
    const failing = [
      { response_type: "token" },
      { scope: "safe.burn:execute" },
      { resource: "https://other.test" },
      { code_challenge_method: "plain" },
      { request: "x" },
    ]
    for (const redirect_uri of [place, "com.phish.app:/back"]) {
      for (const more of failing) {
        for (const by of [null, await signedIn()]) {
          const said = await visit(query(asked(client, { redirect_uri, ...more })), by)
          const error = "scope" in more ? 403 : 400
          expect([said.status, said.headers.has("location")], JSON.stringify(more)).toEqual([error, false])
          expect(await said.text()).toContain("Return to the program")
        }
      }
    }
    // Once they have seen it they are.
    const { searchParams, origin } = sentTo(
      await allow(query(asked(client, { redirect_uri: place })), await signedIn()),
    )
    expect([origin, searchParams.has("code")]).toEqual(["https://phish.test", true])
  })
})

describe("hostile metadata", () => {
  const nested = `{"redirect_uris":["${REDIRECT}"],"a":${"[".repeat(100)}${"]".repeat(100)}}`
  test.each<readonly [string, string, string]>([
    ["no JSON", "redirect_uris=1", "invalid_client_metadata"],
    ["no object", "[]", "invalid_client_metadata"],
    ["empty", "", "invalid_client_metadata"],
    ["too large", JSON.stringify({ ...METADATA, a: "a".repeat(10_240) }), "invalid_client_metadata"],
    ["too deep", nested, "invalid_client_metadata"],
    [
      "a member twice",
      `{"redirect_uris":["${REDIRECT}"],"redirect_uris":["https://evil.test/"]}`,
      "invalid_client_metadata",
    ],
    ["no redirect URI", "{}", "invalid_redirect_uri"],
    ["an empty list", '{"redirect_uris":[]}', "invalid_redirect_uri"],
    ["no list", '{"redirect_uris":"https://app.test/"}', "invalid_redirect_uri"],
    [
      "too many",
      JSON.stringify({ redirect_uris: Array.from({ length: 17 }, (_, at) => `https://app.test/${at}`) }),
      "invalid_redirect_uri",
    ],
    ...[
      "javascript:alert(1)",
      "data:text/html,x",
      "http://app.test/",
      "https://a@b.test/",
      "https://app.test/#a",
      "file:///etc/passwd",
      // An app installs, opens or runs what such a URL names, and it would do so even if the person refuses.
      "cursor://anysphere.cursor-deeplink/mcp/install?name=a&config=e30",
      "cursor://anysphere.cursor-mcp/oauth/callback?a",
      "vscode://evil.extension/callback",
      "vscode-insiders:/mcp/install",
      "https://app.test/../x",
      "",
    ].map((uri) => [uri, JSON.stringify({ redirect_uris: [REDIRECT, uri] }), "invalid_redirect_uri"] as const),
    ["a number among them", JSON.stringify({ redirect_uris: [REDIRECT, 1] }), "invalid_redirect_uri"],
    ["a secret", JSON.stringify({ ...METADATA, client_secret: "s" }), "invalid_client_metadata"],
    [
      "a method with a key",
      JSON.stringify({ ...METADATA, token_endpoint_auth_method: "private_key_jwt" }),
      "invalid_client_metadata",
    ],
    ["another grant", JSON.stringify({ ...METADATA, grant_types: ["client_credentials"] }), "invalid_client_metadata"],
    ["refreshing alone", JSON.stringify({ ...METADATA, grant_types: ["refresh_token"] }), "invalid_client_metadata"],
    ["a token for its answer", JSON.stringify({ ...METADATA, response_types: ["token"] }), "invalid_client_metadata"],
    ["a name that is no text", JSON.stringify({ ...METADATA, client_name: {} }), "invalid_client_metadata"],
  ])("is refused: %s", async (_what, body, error) => {
    await publishClass()
    const { status, refused } = await registerText(body)
    expect([status, refused?.error]).toEqual([400, error])
    expect((await clientRegistry(env, CLASS.class).listed("", 9)).total).toBe(0)
  })

  test("of another type than JSON is refused", async () => {
    await publishClass()
    const { refused } = await registerText(JSON.stringify(METADATA), { "Content-Type": "text/plain" })
    expect(refused?.error).toBe("invalid_client_metadata")
  })
})

describe("the pace of registrations", () => {
  test("is limited for a minute, and for a day", async () => {
    for (const [seq, limits] of [{ per_minute: 2 }, { per_day: 2, per_minute: 9 }].entries()) {
      const name = `limited-${seq}`
      await publishClass({ ...limits, class: name }, seq + 2)
      expect([(await register()).status, (await register()).status]).toEqual([201, 201])
      const { status, headers, refused } = await register()
      expect([status, refused?.error]).toEqual([429, "rate_limited"])
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(seq === 0 ? 0 : 86_000)
    }
  })

  test("of one network leaves the others their part of the day", async () => {
    await publishClass({ per_day: 8 })
    const from = async (address: string) => (await register({}, { "CF-Connecting-IP": address })).status
    expect([await from("192.0.2.1"), await from("192.0.2.2"), await from("192.0.2.3")]).toEqual([201, 201, 429])
    expect([await from("2001:db8::1"), await from("2001:db8:0:ffff::2"), await from("2001:db8:0::3")]).toEqual([
      201, 201, 429,
    ])
    expect(await from("198.51.100.1")).toBe(201)
  })

  test("of one network leaves the others their part of the minute", async () => {
    await publishClass({ per_minute: 8 })
    const from = async (address: string) => register({}, { "CF-Connecting-IP": address })
    const first = await Promise.all(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(from))
    expect(first.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 429, 429])
    const { status, headers, refused } = await from("192.0.2.5")
    expect([status, refused?.error_description]).toEqual([429, "Too many programs have registered from this network."])
    expect(Number(headers.get("retry-after"))).toBeLessThanOrEqual(60)
    for (const other of ["198.51.100.1", "2001:db8::1", "203.0.113.9"]) expect((await from(other)).status).toBe(201)
    // A minute later there is room again.
    await runInDurableObject(clientRegistry(env, CLASS.class), (_object, { storage }) => {
      storage.sql.exec("UPDATE paces SET at = at - 60000")
    })
    expect((await from("192.0.2.5")).status).toBe(201)
  })

  test("reads a network as the part of an address that its holder has all of", () => {
    const of = (address: string) => networkOf(new Request(US, { headers: { "CF-Connecting-IP": address } }))
    expect([of("192.0.2.77"), of("2001:db8::1"), of("::1"), of("2001:DB8:1:2:3:4:5:6"), of("nonsense")]).toEqual([
      "192.0.2.0/24",
      "2001:db8:0::/48",
      "0:0:0::/48",
      "2001:db8:1::/48",
      "unknown",
    ])
  })

  test("of those that are live stays within the most, even all at once, and those that were given up make room", async () => {
    await publishClass({ most: 2 })
    const all = await Promise.all([register(), register(), register(), register()])
    expect(all.map(({ status }) => String(status)).toSorted()).toEqual(["201", "201", "429", "429"])
    const [kept = "", givenUp = ""] = all.flatMap(({ client }) => client?.client_id ?? [])
    await redeem(await codeFor(asked(kept)), shownBy(kept))
    await runInDurableObject(clientRegistry(env, CLASS.class), (_object, { storage }) => {
      storage.sql.exec("UPDATE clients SET registration = json_set(registration, '$.registeredAt', 0)")
    })
    expect((await register()).status).toBe(201)
    expect((await visit(query(asked(givenUp)), await signedIn())).status).toBe(400)
    expect((await visit(query(asked(kept)), await signedIn())).status).toBe(200)
    expect((await register()).status).toBe(429)
  })
})

test("those for whom there is no room ask no more of other clients than the pace allows", async () => {
  await publishClass({ most: 1, per_minute: 3 })
  const kept = await newClient()
  await redeem(await codeFor(asked(kept)), shownBy(kept))
  await runInDurableObject(clientRegistry(env, CLASS.class), (_object, { storage }) => {
    storage.sql.exec("UPDATE clients SET registration = json_set(registration, '$.registeredAt', 0)")
  })
  const question = vi.spyOn(Registration.prototype, "usedAt")
  for (let count = 0; count < 9; count++) expect((await register()).status).toBe(429)
  expect(question.mock.calls.length).toBe(3)
  question.mockRestore()
})

test("those of one network, for whom there is no room, leave the others their part of the search for it", async () => {
  await publishClass({ most: 1, per_minute: 8 })
  const kept = await newClient()
  await redeem(await codeFor(asked(kept)), shownBy(kept))
  await runInDurableObject(clientRegistry(env, CLASS.class), (_object, { storage }) => {
    storage.sql.exec("UPDATE clients SET registration = json_set(registration, '$.registeredAt', 0)")
  })
  const question = vi.spyOn(Registration.prototype, "usedAt")
  const from = async (address: string) => (await register({}, { "CF-Connecting-IP": address })).status
  for (let count = 0; count < 9; count++) expect(await from(`192.0.2.${count}`)).toBe(429)
  expect(question.mock.calls.length).toBe(2)
  expect(await from("198.51.100.1")).toBe(429)
  expect(question.mock.calls.length).toBe(3)
  question.mockRestore()
})

test("of those that find room at the same time, no more register than the pace allows", async () => {
  await publishClass({ most: 3, per_minute: 4 })
  for (const { status } of [await register(), await register(), await register()]) expect(status).toBe(201)
  await runInDurableObject(clientRegistry(env, CLASS.class), (_object, { storage }) => {
    storage.sql.exec("UPDATE clients SET registration = json_set(registration, '$.registeredAt', 0)")
  })
  const all = await Promise.all([register(), register(), register()])
  expect(all.map(({ status }) => String(status)).toSorted()).toEqual(["201", "429", "429"])
})

test("operators see who has registered, and when it got a token last", async () => {
  await publishClass()
  const client = await newClient()
  const listed = z.object({ clients: z.array(z.looseObject({ id: z.string(), last_token: z.number().nullable() })) })
  const list = async () => listed.parse((await manage("GET", "/v1/clients", await bearerOf("viewer"))).json).clients
  expect(await list()).toEqual([
    {
      id: client,
      name: "A program",
      redirect_uris: METADATA.redirect_uris,
      registered_at: expect.any(Number),
      expires_at: expect.any(Number),
      last_token: null,
    },
  ])
  await redeem(await codeFor(asked(client)), shownBy(client))
  expect(await list()).toMatchObject([{ id: client, last_token: expect.any(Number) }])
  await revoke(client)
  expect(await list()).toEqual([])
})
