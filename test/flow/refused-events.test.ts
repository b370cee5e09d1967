import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { exchangeForm, JWT, openTask, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith } from "../harness/gateways.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { IDP, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { claimsOf, personOf, push, signEvents } from "../harness/streams.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import { REFUSED_EVENTS } from "./events-to-refuse.ts"

let token = ""
beforeAll(async () => {
  await publish(await yard())
  token = (await openTask("first")).token
})
afterAll(async () => {
  vi.restoreAllMocks()
  await freshIsolate()
})

describe("a Security Event Token is refused, recorded, and changes nothing:", () => {
  test.each(Object.entries(REFUSED_EVENTS))("%s", async (_name, { send, err, reason }) => {
    const spied = vi.spyOn(Switchboard.prototype, "signal")
    const answer = await send()
    expect(answer).toMatchObject({ status: 400, err })
    expect(answer.headers.get("content-language")).toBe("en")
    expect(answer.headers.get("content-type")).toContain("application/json")
    expect(answer.headers.get("cache-control")).toBe("no-store")
    expect(spied).not.toHaveBeenCalled()
    const record = await recordOf(answer.decision)
    expect(record).toMatchObject({ kind: "management", decision: "deny", code: err })
    const denial: Readonly<Record<string, unknown>> = { ...record.denial }
    const because = denial["because"]
    expect(typeof because === "object" && because !== null ? { ...because } : denial).toMatchObject({ reason })
    // No part of a token is in a record.
    expect(JSON.stringify(record)).not.toMatch(/e[wy][A-Za-z0-9_-]{18,}/)
  })

  test("and alice works on", async () => {
    expect((await callWith(token, "/files/a")).code).toBe("ok")
    expect((await manage("GET", "/v1/revocations", await bearerOf("viewer"))).json).toEqual({ revocations: [] })
  })
})

test("nothing but POST is there", async () => {
  expect((await manage("GET", "/v1/events", null)).status).toBe(405)
})

test("a Security Event Token opens nothing elsewhere", async () => {
  const events = claimsOf({ "session-presented": {} })
  // Whatever else another kind of token would have to say.
  const more = {
    sub: "alice",
    exp: Math.floor(Date.now() / 1000) + 300,
    auth_time: 1,
    groups: ["staff"],
    client_id: "app",
  }
  for (const [iss, aud] of [
    [IDP, "app"],
    [IDP, US],
    ["https://second.test", "app"],
  ]) {
    const set = await signEvents({ ...events, ...more, iss, aud }, "second-signals")
    const form = await exchangeForm("first")
    expect((await postForm({ ...form, subject_token: set })).status).toBe(400)
    expect((await postForm({ ...form, actor_token: set, actor_token_type: JWT })).status).toBe(401)
    expect((await callWith(set, "/files/a")).code).toBe("invalid_token")
    expect((await manage("GET", "/v1/revocations", `Bearer ${set}`)).status).toBe(401)
  }
  const taken = await push(await signEvents(claimsOf({ "session-presented": {} }, personOf("alice"))))
  expect(taken.status).toBe(202)
})
