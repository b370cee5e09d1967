/** What is told by a stream of events, on the very next call through a gateway. */
import { env } from "cloudflare:workers"
import { decodeProtectedHeader } from "jose"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { MAX_STREAM_SWITCHES, SIGNAL_VERSION } from "../../src/core/signals/stream-change.ts"
import { switchboard, Switchboard } from "../../src/revocation/switchboard.ts"
import { exchangeForm, ID_TOKEN, openChild, openTask, postForm } from "../harness/agents.ts"
import { twinOf } from "../harness/forge.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, IDP, idToken, SECOND_IDP, secondProvidersToken, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { publishCareful } from "../harness/risks.ts"
import { claimsOf, personOf, push, signEvents, tell } from "../harness/streams.ts"
import { keepLeases } from "../harness/switches.ts"

beforeEach(publishCareful)
freshIsolateForEach()

const codeOf = async ({ token }: { readonly token: string }): Promise<string> =>
  (await callWith(token, "/files/a")).code
const second = async (sub: string) => openTask("first", { subject_token: await secondProvidersToken(sub) })
const uri = (value: string) => ({ format: "uri", uri: value })
const now = (): number => Math.floor(Date.now() / 1000)
const [OK, ENDED] = ["ok", "invalid_token"]

describe("a session that is revoked", () => {
  test("ends the user's tasks and those below them on the next call, and no other's; a new session works", async () => {
    keepLeases()
    const root = await openTask("first")
    const [child, bob] = [
      await openChild(root.token, "second"),
      await openTask("first", { subject_token: await idToken("bob") }),
    ]
    expect(await codeOf(root)).toBe(OK)
    const answer = await tell({ "session-revoked": { event_timestamp: now() } })
    expect(answer).toMatchObject({ status: 202, err: "" })
    expect(answer.headers.get("cache-control")).toBe("no-store")
    const refused = await callWith(root.token, "/files/a")
    expect(refused.code).toBe(ENDED)
    expect(await recordOf(refused.decision)).toMatchObject({ denial: { reason: "stopped", kind: "user" } })
    expect([await codeOf(child), await codeOf(bob)]).toEqual([ENDED, OK])
    forgetCaches()
    expect(await codeOf(root)).toBe(ENDED)
    const old = await idToken("alice", { claims: { iat: now() - 60 } })
    const again = await postForm({ ...(await exchangeForm("first")), subject_token: old })
    expect(again.refused?.error).toBe("unauthorized_client")
    expect(await codeOf(await openTask("first"))).toBe(OK)
    expect(await recordOf(answer.decision)).toMatchObject({
      kind: "management",
      decision: "allow",
      code: "ok",
      mode: "enforce",
      operator: "stream|idp-signals",
      user: `${IDP}|alice`,
      arguments: { event: "session-revoked", effect: "revoke" },
    })
    const { json } = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
    expect(json).toMatchObject({
      revocations: [
        { user: `${IDP}|alice`, by: "stream|idp-signals", before: expect.any(Number), at: expect.any(Number) },
      ],
    })
  })

  test("of one issuer's user is not that of the same subject of another", async () => {
    const [ours, theirs] = [await openTask("first"), await second("alice")]
    expect((await tell({ "session-revoked": {} }, personOf("alice", SECOND_IDP))).err).toBe("access_denied")
    expect((await tell({ "session-revoked": {} }, personOf("alice"), "second-signals")).err).toBe("access_denied")
    expect([await codeOf(ours), await codeOf(theirs)]).toEqual([OK, OK])
    expect((await tell({ "session-revoked": {} }, personOf("alice", SECOND_IDP), "second-signals")).status).toBe(202)
    expect([await codeOf(ours), await codeOf(theirs)]).toEqual([OK, ENDED])
    expect((await tell({ "session-revoked": {} })).status).toBe(202)
    expect([await codeOf(ours), await codeOf(await second("carol"))]).toEqual([ENDED, OK])
  })

  test("leaves alone what was given after it", async () => {
    const late = await openTask("first")
    expect((await tell({ "session-revoked": { event_timestamp: now() - 100 } })).status).toBe(202)
    expect(await codeOf(late)).toBe(OK)
  })

  test("of an agent ends what is done by it and for it", async () => {
    const root = await openTask("first")
    const [child, other] = [await openChild(root.token, "second"), await openTask("third")]
    expect((await tell({ "session-revoked": {} }, uri(agentId("second")))).status).toBe(202)
    expect([await codeOf(root), await codeOf(child), await codeOf(other)]).toEqual([OK, ENDED, OK])
    expect((await tell({ "session-revoked": {} }, uri(agentId("third")))).err).toBe("access_denied")
  })
})

test("a user whose account is disabled is stopped until it is enabled again, in whatever order that is told", async () => {
  const root = await openTask("first")
  const at = now()
  const told = await signEvents(claimsOf({ "account-disabled": { event_timestamp: at - 20 } }))
  expect((await push(told)).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
  const { refused } = await postForm(await exchangeForm("first"))
  expect(refused?.error).toBe("unauthorized_client")
  expect((await tell({ "account-enabled": { event_timestamp: at - 10 } })).status).toBe(202)
  expect(await codeOf(root)).toBe(OK)
  // Late, and of before: it stands no more.
  expect((await tell({ "account-disabled": { event_timestamp: at - 15 } })).status).toBe(202)
  expect(await codeOf(root)).toBe(OK)
  // With the other of the two signatures that ECDSA has, so that it is another text.
  const again = await push(twinOf(told))
  expect(again.status).toBe(202)
  expect((await recordOf(again.decision)).arguments).toMatchObject({ event: "account-disabled", repeated: true })
  expect(await codeOf(root)).toBe(OK)
  expect((await tell({ "account-disabled": { event_timestamp: at } })).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
})

test("enabling lifts nothing that an operator or another stream has stopped", async () => {
  const root = await openTask("first")
  const body = { user: `${IDP}|alice`, confirm: true }
  expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)).status).toBe(200)
  expect((await tell({ "account-enabled": {} })).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
})

test("an operator lifts what a stream has stopped", async () => {
  const root = await openTask("first")
  expect((await tell({ "account-disabled": {} })).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
  const listed = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
  const [id = ""] = JSON.stringify(listed.json).match(/swi_[0-9a-f]{32}/) ?? []
  const lift = async (one: string) => manage("DELETE", `/v1/revocations/${one}`, await bearerOf("operator"))
  const { left } = z.object({ left: z.object({ id: z.string(), before: z.number() }) }).parse((await lift(id)).json)
  forgetCaches()
  expect(await codeOf(root)).toBe(ENDED)
  // What is left is the operator's: the stream's own news move and lift nothing of it.
  expect((await tell({ "account-enabled": {} })).status).toBe(202)
  const listing = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
  expect(listing.json).toMatchObject({ revocations: [{ ...left, by: `${IDP}|operator` }] })
  expect((await lift(left.id)).json).toEqual({ id: left.id, lifted: true })
  forgetCaches()
  expect(await codeOf(root)).toBe(OK)
})

test("what a user gave before an account was disabled is over when it is enabled, in whatever order that is told", async () => {
  const at = now()
  const session = async (iat: number) => ({ subject_token: await idToken("alice", { claims: { iat } }) })
  const [before, meanwhile, after] = [
    await openTask("first", await session(at - 60)),
    await openTask("first", await session(at - 15)),
    await openTask("first", await session(at - 5)),
  ]
  const disabled = async () => tell({ "account-disabled": { event_timestamp: at - 20 } })
  const enabled = async () => tell({ "account-enabled": { event_timestamp: at - 10 } })
  // Enabled alone, it stops nothing: the account was never disabled, as far as is known.
  expect((await enabled()).status).toBe(202)
  expect(await codeOf(before)).toBe(OK)
  for (const told of [disabled, enabled]) {
    expect((await told()).status).toBe(202)
    forgetCaches()
    const codes = [await codeOf(before), await codeOf(meanwhile), await codeOf(after)]
    expect(codes).toEqual([ENDED, ENDED, OK])
  }
  const { refused } = await postForm({ ...(await exchangeForm("first")), ...(await session(at - 15)) })
  expect(refused?.error).toBe("unauthorized_client")
})

test("a risk counts for the next call, the higher of several stands, and a level of before does not replace a later one", async () => {
  const root = await openTask("first")
  const at = now()
  expect((await tell({ "risk-level-change": { current_level: "HIGH", event_timestamp: at - 5 } })).status).toBe(202)
  const refused = await callWith(root.token, "/files/a")
  expect(refused.code).toBe("policy_denied")
  expect((await recordOf(refused.decision)).facts).toMatchObject({ risk: expect.any(Number) })
  const { json } = await manage("GET", "/v1/risks", await bearerOf("viewer"))
  const event = { stream: "idp-signals", event: "risk-level-change" }
  expect(json).toMatchObject({ risks: [{ user: `${IDP}|alice`, level: 90, half_life: 3600, ...event }] })
  expect((await tell({ "risk-level-change": { current_level: "LOW", event_timestamp: at - 10 } })).status).toBe(202)
  expect(await codeOf(root)).toBe("policy_denied")
  expect((await tell({ "risk-level-change": { current_level: "LOW", event_timestamp: at } })).status).toBe(202)
  expect(await codeOf(root)).toBe(OK)
  // What is low to the stream lifts nothing that an operator has told.
  const risk = { user: `${IDP}|alice`, level: 80, confirm: true }
  expect((await manage("POST", "/v1/risks", await bearerOf("operator"), {}, risk)).status).toBe(200)
  expect((await tell({ "risk-level-change": { current_level: "LOW" } })).status).toBe(202)
  expect(await codeOf(root)).toBe("policy_denied")
})

test("what follows is what the stream's entry says: a device that does not comply is a risk here, a revocation there", async () => {
  const [ours, theirs] = [await openTask("first"), await second("alice")]
  const told = { "device-compliance-change": { current_status: "not-compliant", previous_status: "compliant" } }
  expect((await tell(told)).status).toBe(202)
  expect((await tell(told, personOf("alice", SECOND_IDP), "second-signals")).status).toBe(202)
  expect([await codeOf(ours), await codeOf(theirs)]).toEqual(["policy_denied", ENDED])
})

test("a key of ours that was disclosed is pulled", async () => {
  const root = await openTask("first")
  const { kid } = decodeProtectedHeader(root.token)
  const subject = uri(`${US}/.well-known/jwks.json#${kid}`)
  expect((await tell({ "credential-change": { change_type: "revoke" } }, subject)).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
  forgetCaches()
  const again = await openTask("first")
  expect(decodeProtectedHeader(again.token).kid).not.toBe(kid)
  expect(await codeOf(again)).toBe(OK)
})

test("several events of one token are each recorded, and all of them hold", async () => {
  keepLeases()
  const root = await openTask("first")
  const events = { "session-revoked": {}, "risk-level-change": { current_level: "HIGH" } }
  expect((await tell(events)).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
  expect(await codeOf(await openTask("first"))).toBe("policy_denied")
  await vi.waitFor(async () => {
    const { json } = await manage("GET", "/v1/decisions?kind=management", await bearerOf("viewer"))
    const text = JSON.stringify(json)
    expect(text).toContain('"event":"session-revoked","effect":"revoke"')
    expect(text).toContain('"event":"risk-level-change","effect":"risk"')
  })
})

test("what nothing follows from is acknowledged at once, and changes nothing", async () => {
  const root = await openTask("first")
  const spied = vi.spyOn(Switchboard.prototype, "signal")
  const unheard = { "https://events.example/unheard-of": { whatever: true } }
  for (const [events, subject] of [
    [{ verification: { state: "s" } }, { format: "opaque", id: "the stream" }],
    [{ verification: {} }, undefined],
    [{ "stream-updated": { status: "paused" } }, { format: "opaque", id: "the stream" }],
    [{ "session-presented": {} }, personOf("alice")],
    [{ "session-revoked": {} }, { format: "opaque", id: "a session" }],
    [unheard, personOf("alice")],
  ] as const) {
    const answer = await tell(events, subject)
    expect(answer.status).toBe(202)
    expect(await recordOf(answer.decision)).toMatchObject({ decision: "allow", arguments: { effect: "none" } })
  }
  expect(spied).not.toHaveBeenCalled()
  expect(await codeOf(root)).toBe(OK)
})

test("a stream that is observed is verified and recorded, and changes nothing", async () => {
  const root = await openTask("first")
  const answer = await tell({ "session-revoked": {} }, personOf("alice"), "watched")
  expect(answer.status).toBe(202)
  expect(await recordOf(answer.decision)).toMatchObject({
    mode: "observe",
    user: `${IDP}|alice`,
    arguments: { event: "session-revoked", effect: "revoke" },
  })
  expect(await codeOf(root)).toBe(OK)
})

test("the same jti for something else is refused, and for another stream is another", async () => {
  const root = await openTask("first")
  const first = claimsOf({ "session-established": {} })
  expect((await push(await signEvents(first))).status).toBe(202)
  const told = { ...claimsOf({ "session-revoked": {} }, personOf("bob")), jti: "1" }
  expect((await push(await signEvents(told))).status).toBe(202)
  const reused = await push(await signEvents({ ...told, ...{ sub_id: personOf("alice") } }))
  expect(reused).toMatchObject({ status: 400, err: "invalid_request" })
  expect(await recordOf(reused.decision)).toMatchObject({
    denial: { reason: "jti_reused" },
    operator: "stream|idp-signals",
  })
  expect(await codeOf(root)).toBe(OK)
})

test("what cannot be kept is not acknowledged, and holds once it is sent again", async () => {
  const root = await openTask("first")
  const token = await signEvents(claimsOf({ "session-revoked": {} }))
  vi.spyOn(Switchboard.prototype, "signal").mockRejectedValue(new Error("out of reach, by a test"))
  const answer = await push(token)
  expect(answer).toMatchObject({ status: 503, err: "unavailable" })
  expect(answer.headers.get("retry-after")).toBe("5")
  expect(await recordOf(answer.decision)).toMatchObject({ denial: { reason: "switches_unavailable" } })
  vi.restoreAllMocks()
  expect((await push(token)).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
})

test("more than a stream may stop is refused, for those who are stopped already it is not, and all of them are", async () => {
  const board = switchboard(env)
  const stop = (user: string, at: number) =>
    ({ kind: "stop", stopped: { kind: "user", user }, before: null, at }) as const
  const report = { stream: "idp-signals", digest: "", until: Date.now() + 600_000 }
  // Four fifths of all: the rest is for other streams.
  const many = Array.from({ length: (MAX_STREAM_SWITCHES / 5) * 4 - 1 }, (_, nth) => stop(`${IDP}|user-${nth}`, 1))
  const telling = board.signal(SIGNAL_VERSION, { ...report, jti: "many", changes: [stop(`${IDP}|alice`, 1), ...many] })
  const root = await openTask("first", { subject_token: await idToken("bob"), subject_token_type: ID_TOKEN })
  expect(await telling).toBe("kept")
  const answer = await tell({ "account-disabled": {} }, personOf("bob"))
  expect(answer).toMatchObject({ status: 503, err: "unavailable" })
  expect(await recordOf(answer.decision)).toMatchObject({ denial: { reason: "stops_full" } })
  expect((await tell({ "account-disabled": {} })).status).toBe(202)
  expect(await codeOf(root)).toBe(OK)
  const { refused } = await postForm({ ...(await exchangeForm("first")), actor_token: await svid("first") })
  expect(refused?.error).toBe("unauthorized_client")
  expect((await tell({ "session-revoked": {} }, personOf("alice", SECOND_IDP), "second-signals")).status).toBe(202)
})
