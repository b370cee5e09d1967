/** Requests to manage: of a task's agent, and of operators. */
import { z } from "zod"
import { NDJSON } from "../../src/core/encoding/ndjson.ts"
import { knock } from "./door.ts"
import { accessToken, US } from "./issuers.ts"

export interface ManagementAnswer {
  readonly status: number
  readonly code: string
  readonly headers: Headers
  /** Null without a body, and of lines. */
  readonly json: unknown
}

export async function manage(
  method: string,
  path: string,
  authorization: string | null,
  more: Readonly<Record<string, string>> = {},
  body: unknown = null,
): Promise<ManagementAnswer> {
  const headers = { ...(authorization === null ? {} : { Authorization: authorization }), ...more }
  const response = await knock(
    new Request(US + path, { method, headers, body: body === null ? null : JSON.stringify(body) }),
  )
  const code = response.headers.get("X-Narrowgate-Code") ?? "ok"
  const json: unknown = method === "HEAD" || isLines(response) ? null : await response.json()
  return { status: response.status, code, headers: response.headers, json }
}

const isLines = ({ headers }: Response): boolean => headers.get("Content-Type") === NDJSON

/** One of operators.yaml, by the command line's client. */
export async function bearerOf(operator: "viewer" | "approver" | "operator" | "careful"): Promise<string> {
  return `Bearer ${await accessToken(operator, "cli")}`
}

const ended = z.object({ task: z.string(), status: z.string(), ended: z.array(z.string()) })

/** Ends a task with a token of it, or as an operator; what was ended, sorted. */
export async function complete(task: string, authorization: string): Promise<readonly string[]> {
  const { status, json } = await manage("POST", `/v1/tasks/${task}/complete`, authorization)
  if (status !== 200) throw new Error(`not ended: ${status} ${JSON.stringify(json)}`)
  return ended.parse(json).ended.toSorted()
}

const views = z.object({
  tasks: z.array(
    z.looseObject({
      status: z.string(),
      ended_by: z.string().nullable(),
      frozen_by: z.string().nullable(),
      labels: z.array(z.string()),
      carried: z.array(z.string()),
      opened_at: z.number(),
      expires_at: z.number(),
      calls: z.object({ limit: z.number().nullable() }),
    }),
  ),
})

/** A task as an operator is shown it. */
export async function viewOf(task: string): Promise<z.infer<typeof views>["tasks"][number]> {
  const { tasks } = views.parse((await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))).json)
  const [first] = tasks
  if (!first) throw new Error(`no task ${task}`)
  return first
}
