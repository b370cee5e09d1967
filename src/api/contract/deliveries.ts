/** `/v1/deliveries`: how deliveries of notices to their receivers went. */
import * as z from "zod"
import { endpoint, once } from "./endpoint.ts"
import { moment, momentOrNull } from "./members.ts"

const receiver = once(() => {
  const receiver = { id: z.string(), format: z.string(), events: z.array(z.string()) }
  const letter = { id: z.string(), type: z.string(), reason: z.string(), tries: z.number(), died_at: moment() }
  return z.union([
    z.looseObject({
      ...receiver,
      waiting: z.number().describe("Notices that are not delivered yet."),
      dead: z.number().describe("Notices that were given up."),
      next_at: momentOrNull(),
      succeeded_at: momentOrNull(),
      last_failure: z.looseObject({ at: moment(), reason: z.string(), status: z.number().nullable() }).nullable(),
      gone: z
        .boolean()
        .describe("It has answered 410: nothing is sent until its address changes or an operator retries."),
      dead_letters: z.array(z.looseObject(letter)),
    }),
    z.looseObject({ ...receiver, error: z.literal("unavailable") }).describe("Its state could not be read."),
  ])
})

export const deliveries = {
  listDeliveries: endpoint({
    method: "GET",
    path: "/v1/deliveries",
    summary: "Lists the receivers of notices, and what could not be delivered to each.",
    access: { by: "operator", role: "viewer", area: "deliveries" },
    record: "management",
    answer: once(() => z.looseObject({ receivers: z.array(receiver()) })),
    errors: [],
  }),
  retryDelivery: endpoint({
    method: "POST",
    path: "/v1/deliveries/:delivery/retry",
    summary: "Sends dead letters once more.",
    access: {
      by: "operator",
      role: "operator",
      area: "deliveries",
    },
    record: "management",
    answer: once(() => z.looseObject({ id: z.string(), retried: z.number() })),
    errors: ["not_found"],
  }),
} as const
