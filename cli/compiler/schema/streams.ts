/** streams.yaml: whose Security Event Tokens are taken, of whom they may speak, and what follows from them. */
import { z } from "zod"
import { HIGHEST_RISK } from "../../../src/core/guardrails/definition.ts"
import { HALF_LIFE } from "../../../src/core/guardrails/risk.ts"
import { EFFECTS, TELLABLE_EVENTS } from "../../../src/core/policy/definition/security-events.ts"
import { VALUE_FORMATS } from "../../../src/core/policy/definition/streams.ts"
import { digest } from "./gateways.ts"
import { algorithms, ownKeys } from "./issuers.ts"
import { name, text } from "./values.ts"

const claimText = text(
  (value) => /^[\x21-\x7e]{1,2048}$/u.test(value),
  "not the value of a claim",
  "Write it as its tokens have it, letter by letter: plain ASCII without blanks.",
)

const event = z.enum(TELLABLE_EVENTS)

const about = z.strictObject({
  users: z
    .array(
      z.strictObject({
        issuer: name.describe("`id` of an issuer with `users` or `assertions`: its people."),
        by: z
          .array(z.enum(VALUE_FORMATS))
          .min(1)
          .default(["iss_sub"])
          .describe("Formats of subject whose value is what the issuer's `claims.subject` says."),
      }),
    )
    .default([]),
  agents: z.array(z.string()).default([]).describe("Ids of agents; `*`: all that are registered."),
  keys: z.boolean().default(false).describe("It may have our own signing keys pulled."),
})

const level = z.int().min(0).max(HIGHEST_RISK)

/** What a level counts for: what is low is as if nothing had been told. */
const risk = z
  .strictObject({
    low: level.default(0),
    medium: level.default(50),
    high: level.default(90),
    doubt: level.default(60).describe("Of events that say no level themselves."),
    half_life: z
      .int()
      .min(HALF_LIFE.min)
      .max(HALF_LIFE.max)
      .default(HALF_LIFE.default)
      .describe("Seconds after which half of it is left."),
  })
  .prefault({})

const stream = z.strictObject({
  id: name.describe("What records call it."),
  issuer: claimText.describe("The exact `iss` of its tokens."),
  audiences: z.array(claimText).min(1).describe("What its tokens call us: one of them is in their `aud`."),
  keys: ownKeys.describe("Where its public keys are: exactly one place."),
  algorithms: algorithms.describe("By which it signs, and no others."),
  key_sha256: z
    .array(digest)
    .default([])
    .describe(
      "The SHA-256 of each bearer key that its transmitter may present, in hex; without one none is asked for.",
    ),
  events: z.array(event).min(1).describe("What it may tell of."),
  about: about.describe("Of whom it may tell that."),
  effects: z.partialRecord(event, z.enum(EFFECTS)).default({}).describe("What follows, where not what usually does."),
  risk: risk.describe("What its levels count for, 0 to 100."),
  mode: z.enum(["enforce", "observe"]).default("enforce").describe("`observe`: verify and record, and change nothing."),
})

export const streamsFile = z.strictObject({ streams: z.array(stream) })
export type StreamsFile = z.infer<typeof streamsFile>
