/** Gateways that cut a server's `tools/list` answer down to what an agent may call. */
import { z } from "zod"
import { LIFECYCLE_TOOLS, lifecycleName, lifecycleTools } from "../../src/core/catalog/lifecycle.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { knock } from "./door.ts"
import { keyOf, ORIGIN } from "./gateways.ts"
import { US } from "./issuers.ts"

export const endpoint = (server: string): string => `/${server}/mcp`

/** The yard's tools with routes as tools of MCP servers, so that every rule of the yard is about some list. */
export function withServers(body: BundleBody): BundleBody {
  const known = new Set(body.servers.map(({ name }) => name))
  const names = [...new Set(body.tools.map(({ server }) => server))].filter((name) => !known.has(name))
  const servers = names.map((name) => ({ name, origin: ORIGIN, path: endpoint(name), enforces_headers: false }))
  const entities = names.flatMap((server) =>
    LIFECYCLE_TOOLS.map((tool) => {
      const like = body.entities.find(({ uid }) => uid.type === "Tool" && uid.id === lifecycleName("desk", tool))
      if (!like) throw new Error("the yard has changed")
      return { ...like, uid: { type: "Tool", id: lifecycleName(server, tool) } }
    }),
  )
  return {
    ...body,
    servers: [...body.servers, ...servers],
    tools: [
      ...body.tools,
      ...names.flatMap((name) =>
        lifecycleTools(
          name,
          body.tools.filter(({ server }) => server === name),
        ),
      ),
    ],
    entities: [...body.entities, ...entities],
  }
}

export const toolList = (names: readonly string[], more: object = {}): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: 7,
    result: { tools: names.map((name) => ({ name, inputSchema: { type: "object" } })), ...more },
  })

const answered = z.object({ result: z.looseObject({ tools: z.array(z.looseObject({ name: z.string() })) }) })

export interface FilterAnswer {
  readonly status: number
  readonly code: string
  readonly decision: string
  readonly headers: Headers
  readonly text: string
  /** Names of the tools kept; null where the answer is no list. */
  readonly kept: readonly string[] | null
}

export interface Filtering {
  readonly gateway?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** `undefined` among the names of headers takes one away. */
export async function filter(
  token: string,
  server: string,
  names: readonly string[],
  { gateway = "envoy", headers = {}, body = toolList(names) }: Filtering = {},
): Promise<FilterAnswer> {
  const own = {
    "X-Narrowgate-Filter-Key": keyOf(gateway),
    "X-Narrowgate-Server": server,
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
  }
  return readFiltered(
    await knock(new Request(`${US}/v1/tools/filter`, { method: "POST", headers: { ...own, ...headers }, body })),
  )
}

/** Null for what is no list: a gateway that only observes gets back whatever it brought. */
function keptIn(text: string): readonly string[] | null {
  try {
    const read = answered.safeParse(JSON.parse(text))
    return read.success ? read.data.result.tools.map(({ name }) => name) : null
  } catch {
    return null
  }
}

async function readFiltered(response: Response): Promise<FilterAnswer> {
  const { status, headers } = response
  const text = await response.text()
  const code = headers.get("X-Narrowgate-Code") ?? "ok"
  const kept = status === 200 ? keptIn(text) : null
  return { status, code, decision: headers.get("X-Narrowgate-Decision") ?? "", headers, text, kept }
}
