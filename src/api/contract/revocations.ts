/** What the API says of a switch that is set, as the console and the command line read it. */
import * as z from "zod"

export const stop = z.looseObject({
  id: z.string(),
  agent: z.string().exactOptional(),
  user: z.string().exactOptional(),
  tool: z.string().exactOptional(),
  key: z.string().exactOptional(),
  everything: z.literal(true).exactOptional(),
  /** Seconds. */
  before: z.number().exactOptional(),
  by: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  /** Milliseconds. */
  at: z.number().exactOptional(),
})

/** What a stop would hit, or hits, and whether what it names is known. */
export const stopTarget = z.looseObject({
  known: z.boolean().nullable(),
  nearest: z.array(z.string()),
  hits: z.object({
    tools: z.number().nullable(),
    recent: z.object({ tasks: z.number(), agents: z.number(), users: z.number() }).nullable(),
  }),
})
export type StopHits = z.infer<typeof stopTarget>["hits"]

/** `2 tools; at least 3 tasks, of 1 agent, for 2 people, in the last hour` */
export function hitsText({ tools, recent }: StopHits): string {
  const lately =
    recent === null
      ? "how many tasks is unknown"
      : recent.tasks === 0
        ? "no task in the last hour, as far as records show"
        : `at least ${count(recent.tasks, "task")} in the last hour, of ${count(recent.agents, "agent")}, for ${recent.users === 1 ? "1 person" : `${recent.users} people`}`
  return tools === null ? lately : `${count(tools, "tool")}; ${lately}`
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

export type Stop = z.infer<typeof stop>

export const stops = z.looseObject({ revocations: z.array(stop) })
