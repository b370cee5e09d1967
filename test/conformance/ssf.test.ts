/**
 * The Security Event Tokens that SSF, CAEP and RISC show, pushed over HTTP to streams registered for their issuers. They
 * are years old: signed here, and moved in time to now, each is taken and has the effect that its event has on whom it
 * names; as it stands it is refused for its time alone.
 */
import { expect } from "vitest"
import { z } from "zod"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import type { StreamDefinition } from "../../src/core/policy/definition/streams.ts"
import { eventOf, REPORTABLE_EVENTS, type EffectName } from "../../src/core/policy/definition/security-events.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { push, signEvents, SIGNER_OF } from "../harness/streams.ts"
import { conformance } from "./conformance.ts"

const claimsSchema = z.looseObject({
  iss: z.string(),
  iat: z.number(),
  aud: z.union([z.string(), z.array(z.string())]),
  sub_id: z.looseObject({ format: z.string() }),
  events: z.record(z.string(), z.looseObject({ event_timestamp: z.number().optional() })),
})
type Claims = z.infer<typeof claimsSchema>
const documentSchema = z.looseObject({
  cases: z.array(z.object({ file: z.string(), set_claims: claimsSchema })).nonempty(),
})

/** What follows from each, in their order: of tokens, sessions, devices and things of others we know nobody. */
const FOLLOWS: readonly (readonly [event: string, effect: EffectName, because?: string])[] = [
  ["session-revoked", "none", "subject_unknown"],
  ["session-revoked", "revoke"],
  ["session-revoked", "revoke"],
  ["token-claims-change", "none", "subject_unknown"],
  ["token-claims-change", "none", "subject_unknown"],
  ["token-claims-change", "none", "subject_unknown"],
  ["credential-change", "none", "nothing_to_do"],
  ["assurance-level-change", "none", "nothing_to_do"],
  ["assurance-level-change", "risk"],
  ["device-compliance-change", "none", "subject_unknown"],
  ["session-established", "none"],
  ["session-presented", "none"],
  ["risk-level-change", "risk"],
  ["verification", "none"],
  ["account-enabled", "lift"],
  ["account-disabled", "stop"],
  ["token-claims-change", "revoke"],
  ["session-revoked", "revoke"],
  ["token-claims-change", "revoke"],
  ["token-claims-change", "none", "subject_unknown"],
]

const userOf = ({ sub_id: subject }: Claims): unknown => (subject.format === "complex" ? subject["user"] : subject)

/** Whose person it names, where it says so; the others are a provider's that the transmitter speaks for. */
const issuersIn = (claims: Claims): readonly string[] => {
  const named = z.object({ format: z.literal("iss_sub"), iss: z.string() }).safeParse(userOf(claims))
  return named.success ? [named.data.iss] : ["https://idp.example.com/"]
}

/** A stream for it, signed by the key of the tests', and the issuers that it speaks of. */
async function registered(claims: Claims): Promise<BundleBody> {
  const body = await yard()
  const issuers = issuersIn(claims).map((issuer, nth): IssuerDefinition => {
    const [template] = body.issuers
    if (!template) throw new Error("the yard has no issuer")
    const { operators: _operators, ...rest } = template
    return { ...rest, id: `vector-${nth}`, issuer }
  })
  const [template] = body.streams
  if (!template) throw new Error("the yard has no stream")
  const users = issuers.map(({ id }) => ({ issuer: id, by: ["iss_sub", "email", "phone_number"] as const }))
  const stream: StreamDefinition = {
    ...template,
    id: "vector",
    issuer: claims.iss,
    audiences: typeof claims.aud === "string" ? [claims.aud] : claims.aud.slice(0, 1),
    events: REPORTABLE_EVENTS,
    about: { users, agents: [], keys: false },
  }
  return { ...body, issuers: [...body.issuers, ...issuers], streams: [stream] }
}

/** All of its times by as much; of the one that is from the year 2451 the time of its event is right as it is. */
function movedToNow(claims: Claims): Claims {
  const iat = Math.floor(Date.now() / 1000)
  const by = Math.max(0, iat - claims.iat)
  const moved = Object.entries(claims.events).map(([type, { event_timestamp: at, ...told }]) => {
    return [type, at === undefined ? told : Object.assign(told, { event_timestamp: at + by })] as const
  })
  return { ...claims, iat, events: Object.fromEntries(moved) }
}

const listed = async (path: string): Promise<string> =>
  JSON.stringify((await manage("GET", path, await bearerOf("viewer"))).json)

freshIsolateForEach()

conformance("ssf", (cases) => {
  const { cases: all } = cases.json("set-examples.json", documentSchema)
  expect(SIGNER_OF["idp-signals"]).toBeDefined()
  for (const [nth, { file, set_claims: claims }] of all.entries()) {
    const [event, effect, because] = FOLLOWS[nth] ?? ["", "none"]
    cases.case(`${file}, example ${nth + 1}: ${event} has the effect ${effect}`, async () => {
      await publish(await registered(claims))
      const refused = await push(await signEvents(claims))
      expect(refused).toMatchObject({ status: 400, err: "invalid_request" })
      const { denial } = await recordOf(refused.decision)
      const time = claims.iat * 1000 < Date.now() ? "expired" : "not_yet_valid"
      expect(denial).toMatchObject({ because: { reason: time } })

      expect(Object.keys(claims.events).map(eventOf)).toEqual([event])
      const answer = await push(await signEvents(movedToNow(claims)))
      expect(answer.status).toBe(202)
      const record = await recordOf(answer.decision)
      expect(record.arguments).toMatchObject({ event, effect, ...(because !== undefined && { because }) })
      const stops = await listed("/v1/revocations")
      expect(stops.includes('"by":"stream|vector"')).toBe(effect === "revoke" || effect === "stop")
      if (effect === "none") return
      const [issuer = ""] = issuersIn(claims)
      expect(record.user?.startsWith(`${issuer}|`)).toBe(true)
    })
  }
})
