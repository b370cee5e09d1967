/** `/v1/users`: the people for whom agents act. */
import * as z from "zod"
import { endpoint, once } from "./endpoint.ts"
import { hasIssuer, NO_USER_NAME } from "./names.ts"

/** Where something of a person is left after their erasure, and why. */
export const REMAINS = {
  counts:
    "Counts of guardrails, carried labels and reported risks stay in force until their spans end. The key of a count has the person's name, and the values of the arguments by which the guardrail counts.",
  consents: "Requests for consent in the ledger of an agent that is not registered any more.",
  switches: "Revocations and reported risks that name the person, until an operator lifts them or they fade.",
  sessions: "Sessions at the pages of this Worker, encrypted with a key that only the person's browser has.",
  notices: "Notifications that wait for their receivers, or that these did not take.",
  records:
    "In the record logs: what operators did to the person, whose calls the person approved, and records that were on their way, which a repetition erases. Wherever records were copied to: sinks and exports.",
  recovery: "The platform's point-in-time recovery of Durable Objects.",
} as const
type Remaining = keyof typeof REMAINS
const isRemaining = (name: string): name is Remaining => Object.hasOwn(REMAINS, name)
export const REMAINING: readonly Remaining[] = Object.keys(REMAINS).filter(isRemaining)

const MAX_BODY_BYTES = 8_192

export const users = {
  eraseUser: endpoint({
    method: "POST",
    path: "/v1/users/erase",
    summary: "Erases a person: ends all of their tasks, and deletes what the ledgers say of them.",
    details:
      "Once it answers, no token, refresh token, consent or approval of theirs opens anything. It may be repeated. It does not keep the person from coming back: revoke the user first for that.",
    access: {
      by: "operator",
      role: "operator",
      area: "users",
      thingsIn: ({ user }: { readonly user: string }) => [{ kind: "user", target: user }],
    },
    record: "management",
    body: {
      schema: once(() =>
        z.strictObject({
          user: z
            .string()
            .max(2_048)
            .refine((user) => hasIssuer(user) && user.isWellFormed(), NO_USER_NAME)
            .describe("Issuer and subject, joined by `|`."),
          reason: z.string().max(1_024).exactOptional(),
        }),
      ),
      maxBytes: MAX_BODY_BYTES,
      usage: NO_USER_NAME,
    },
    answer: once(() =>
      z.looseObject({
        user: z.string(),
        ended: z.number().describe("Tasks that this has ended."),
        erased: z.number().describe("Task trees that are deleted, those that had ended before included."),
        records: z.number().describe("Decision records from which the person's fields are erased."),
        remains: z
          .array(
            z.looseObject({
              where: z.enum(REMAINING),
              what: z.string(),
              until: z
                .number()
                .nullable()
                .describe("Milliseconds since the epoch; null if that is unknown, or not limited."),
            }),
          )
          .describe("What is left of the person elsewhere."),
      }),
    ),
    errors: [],
  }),
} as const
