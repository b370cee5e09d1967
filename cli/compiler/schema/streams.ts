/** streams.yaml: whose Security Event Tokens are taken, of whom they may speak, and what follows from them. */
import { z } from "zod"
import type { StreamDefinition } from "../../../src/core/policy/definition/streams.ts"
import { HIGHEST_RISK } from "../../../src/core/guardrails/definition.ts"
import { HALF_LIFE } from "../../../src/core/guardrails/risk.ts"
import { EFFECTS, REPORTABLE_EVENTS } from "../../../src/core/policy/definition/security-events.ts"
import { VALUE_FORMATS } from "../../../src/core/policy/definition/streams.ts"
import { digest } from "./gateways.ts"
import { algorithms, ownKeys, toKeySource } from "./issuers.ts"
import { name, text } from "./values.ts"

const claimText = text(
  (value) => /^[\x21-\x7e]{1,2048}$/u.test(value),
  "not the value of a claim",
  "Write it as its tokens have it, letter by letter: plain ASCII without blanks.",
)

const event = z.enum(REPORTABLE_EVENTS)

const about = z.strictObject({
  users: z
    .array(
      z.strictObject({
        issuer: name.describe("The `id` of an issuer with `users` or `assertions`, in issuers.yaml."),
        by: z
          .array(z.enum(VALUE_FORMATS))
          .min(1)
          .default(["iss_sub"])
          .describe("The formats of subject identifiers whose value is the one in the issuer's `claims.subject`."),
      }),
    )
    .default([])
    .describe("The issuers whose users it may report on."),
  agents: z
    .array(z.string())
    .default([])
    .describe("The ids of the agents that it may report on. `*`: all registered agents."),
  keys: z.boolean().default(false).describe("Whether it may have Narrowgate's own signing keys revoked."),
})

const level = z.int().min(0).max(HIGHEST_RISK)

/** What a level counts for: a low one counts as if there had been no event. */
const risk = z
  .strictObject({
    low: level.default(0).describe("The risk of a report with the level `LOW`."),
    medium: level.default(50).describe("The risk of a report with the level `MEDIUM`."),
    high: level.default(90).describe("The risk of a report with the level `HIGH`."),
    doubt: level.default(60).describe("The risk of a report whose event has no level."),
    half_life: z
      .int()
      .min(HALF_LIFE.min)
      .max(HALF_LIFE.max)
      .default(HALF_LIFE.default)
      .describe("Seconds after which half of the risk is left."),
  })
  .prefault({})

const stream = z.strictObject({
  id: name.describe("The id of the stream in records."),
  issuer: claimText.describe("The exact `iss` of its tokens."),
  audiences: z
    .array(claimText)
    .min(1)
    .describe("The audiences of Narrowgate for this transmitter. One of them is in the `aud` of each token."),
  keys: ownKeys.describe("Where the transmitter's public keys are: exactly one of these."),
  algorithms: algorithms.describe("The algorithms with which it signs, and no others."),
  key_sha256: z
    .array(digest)
    .default([])
    .describe(
      "The SHA-256 of each bearer key that the transmitter may present, in hex. If there is none, no key is required.",
    ),
  events: z.array(event).min(1).describe("The events that it may report."),
  about: about.describe("The subjects that it may report on."),
  effects: z
    .partialRecord(event, z.enum(EFFECTS))
    .default({})
    .describe("Effects of events, if they are not the default ones."),
  risk: risk.describe("The risk that each level stands for, 0 to 100."),
  mode: z
    .enum(["enforce", "observe"])
    .default("enforce")
    .describe("`observe`: events are verified and recorded, and have no effect."),
})

export const streamsFile = z.strictObject({ streams: z.array(stream).describe("The streams.") })
export type StreamsFile = z.infer<typeof streamsFile>

/** As a bundle has it. */
export function toStream({ keys, ...stream }: StreamsFile["streams"][number]): StreamDefinition {
  return { ...stream, keys: toKeySource(keys) }
}
