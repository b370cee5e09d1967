/** What the API says of what people are asked, as far as both the console and the command line read it. */
import * as z from "zod"
import { members } from "./members.ts"

/** A whole task, before it begins. */
export const askedTask = z.looseObject({
  kind: z.literal("task"),
  task: z.string(),
  agent: z.string(),
  purpose: z.string(),
  audience: z.string(),
  scope: z.string(),
  authorization_details: z
    .array(z.looseObject({ arguments: z.record(z.string(), members).exactOptional() }))
    .nullable(),
  calls: z.number().nullable(),
  binding_message: z.string().nullable(),
  /** Seconds. */
  life: z.number(),
  /** Milliseconds since the epoch. */
  expires_at: z.number(),
})

/** A single call. */
export const askedCall = z.looseObject({
  kind: z.literal("call"),
  id: z.string(),
  task: z.string(),
  tool: z.string(),
  method: z.string(),
  arguments: members,
  redacted: z.array(z.string()),
  environment: z.string(),
  agent: z.string(),
  purpose: z.string(),
  chain: z.array(z.string()),
  user: z.string().nullable(),
  name: z.string().nullable(),
  guardrail: z.string().nullable(),
  rules: z.array(z.string()),
  need: z.number(),
  /** Calls that one approval may allow. */
  most_uses: z.number(),
  votes: z.array(z.looseObject({ by: z.string() })),
  /** `frozen`: its task is, and for now nobody can answer. */
  unanswerable: z.string().nullable(),
  /** Milliseconds since the epoch. */
  expires_at: z.number(),
})
