/** SEP-2643, a draft of MCP, behind `experimental: [structured-denials]`: what a program reads of a denial, and no more. */
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { openTask } from "../harness/agents.ts"
import { person, questionIn, say } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

yardForEach()

const KEY = "io.modelcontextprotocol/authorization"
const ECHO = "io.modelcontextprotocol/authorization-context-id"
const MODERN = "2026-07-28"
const APPROVAL_KEY = "narrowgate.approval"
const REASON = "insufficient_authorization"

const rpc = (method: string, params: object): string => JSON.stringify({ jsonrpc: "2.0", id: 7, method, params })
const call = (name: string, more: object = {}): string => rpc("tools/call", { name, arguments: {}, ...more })

const ONCE = { id: "one", tools: ["desk.search"], per: "task", limit: 1, seconds: 60 } as const
const ASKS = { consequence: "approve", approval: "finance" } as const

async function isAskedFor(guardrail: ReturnType<typeof window> = window(ONCE)): Promise<void> {
  const body = await yard()
  const gateways = body.gateways.map((each) =>
    each.id === "envoy" ? { ...each, experimental: ["structured-denials" as const] } : each,
  )
  await publish({ ...body, gateways, guardrails: [...body.guardrails, guardrail] }, 2)
}

async function reader(scope = "desk.*:read"): Promise<string> {
  const { token } = await openTask("first", { scope })
  return token
}

async function post(token: string, body: string, headers: object = {}): Promise<GatewayAnswer> {
  return callWith(token, "/desk/mcp", {
    method: "POST",
    body,
    headers: { "Content-Type": "application/json", ...headers },
  })
}

const answered = z.object({
  result: z.looseObject({ resultType: z.string().optional(), _meta: z.record(z.string(), z.unknown()) }),
})
/** Undefined: the result has none. */
const envelopeOf = ({ body }: GatewayAnswer): unknown => answered.parse(JSON.parse(body)).result._meta[KEY]

interface Case {
  readonly what: string
  readonly ask: (token: string) => Promise<GatewayAnswer>
  readonly code: string
  /** Undefined: the result has no envelope. */
  readonly remediation: string | undefined
}
const CASES: readonly Case[] = [
  {
    what: "waiting helps, which the text says",
    ask: async (token) => {
      await post(token, call("search"))
      return post(token, call("search"))
    },
    code: "rate_limited",
    remediation: "undisclosed",
  },
  {
    what: "no scope would do",
    ask: async () => {
      const { token } = await openTask("second", { scope: "files.list:read" })
      return post(token, call("search"))
    },
    code: "insufficient_scope",
    remediation: "unavailable",
  },
  {
    what: "there is no such tool",
    ask: async (token) => post(token, call("launch")),
    code: "unknown_tool",
    remediation: "unavailable",
  },
  {
    what: "policy does not permit it",
    ask: async (token) => {
      await stop({ kind: "tool", tool: "desk.search" })
      return post(token, call("search"))
    },
    code: "policy_denied",
    remediation: "unavailable",
  },
  {
    what: "it is malformed, whoever may do it",
    ask: async (token) => post(token, call("search", { arguments: [] })),
    code: "malformed_call",
    remediation: undefined,
  },
]
test.each(CASES)("of a call: $what", async ({ ask, code, remediation }) => {
  await isAskedFor()
  const answer = await ask(await reader())
  expect(answer.code).toBe(code)
  expect(envelopeOf(answer)).toEqual(
    remediation && { reason: REASON, remediation, authorizationContextId: answer.decision },
  )
  expect(JSON.parse(answer.body)).toMatchObject({ result: { _meta: { "narrowgate/denial": { error: answer.code } } } })
})

test("a scope that would do is left to the challenge, and an error has no `_meta`", async () => {
  await isAskedFor(window({ ...ONCE, tools: ["desk.mcp.ping"] }))
  const token = await reader()
  const outside = await post(token, call("pay"))
  expect(outside.headers.get("WWW-Authenticate")).toContain('error="insufficient_scope"')
  await post(token, rpc("ping", {}))
  const limited = await post(token, rpc("ping", {}))
  expect([outside.code, limited.code]).toEqual(["insufficient_scope", "rate_limited"])
  for (const { body } of [outside, limited]) expect(body).not.toContain("io.modelcontextprotocol")
})

test("nobody gets it who has not asked for it", async () => {
  expect(envelopeOf(await post(await reader(), call("launch")))).toBeUndefined()
})

describe("a call that a person has to approve", () => {
  const asModern = { "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "search" }
  const opensUrls = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { url: {} } },
  }
  const accepted = { inputResponses: { [APPROVAL_KEY]: { action: "accept" } } }
  const search = async (token: string, meta: object = opensUrls, more: object = {}): Promise<GatewayAnswer> =>
    post(token, call("search", { ...more, _meta: { ...opensUrls, ...meta } }), asModern)

  async function waiting(): Promise<string> {
    await isAskedFor(window(ONCE, ASKS))
    const token = await reader()
    await post(token, call("search"))
    return token
  }
  async function decide(answer: GatewayAnswer, approve: boolean): Promise<void> {
    const { task } = z.object({ task: z.string() }).parse(await recordOf(answer.decision))
    await say({ task, id: await questionIn(answer) }, await person("fay"), { approve })
  }

  test("has the hint of a page where the client is asked to open it, and never `unavailable` while it pends", async () => {
    const token = await waiting()
    const asked = await search(token)
    expect(answered.parse(JSON.parse(asked.body)).result.resultType).toBe("input_required")
    expect(envelopeOf(asked)).toEqual({
      reason: REASON,
      remediation: "available",
      authorizationContextId: asked.decision,
      remediationHints: [{ type: "url" }],
    })
    const [again, older] = [await search(token, {}, accepted), await post(token, call("search"))]
    for (const answer of [again, older]) {
      expect(envelopeOf(answer)).toEqual({
        reason: REASON,
        remediation: "undisclosed",
        authorizationContextId: answer.decision,
      })
    }
    await decide(older, false)
    expect(envelopeOf(await search(token))).toMatchObject({ remediation: "unavailable" })
  })

  test("is decided the same whatever id is sent back", async () => {
    const token = await waiting()
    const asked = await search(token)
    const echoes = [asked.decision, await questionIn(asked), "approved", "", null, 7, {}, ["x"], "x".repeat(9_000)]
    for (const echo of echoes) {
      expect((await search(token, { [ECHO]: echo }, accepted)).code, JSON.stringify(echo)).toBe("approval_required")
    }
    await decide(asked, true)
    const other = await post(token, call("pay", { _meta: { [ECHO]: asked.decision } }))
    expect(other.code, "another call").toBe("insufficient_scope")
    expect((await search(token, { [ECHO]: "dec_of_somebody_else" }, accepted)).code).toBe("ok")
    expect((await search(token, { [ECHO]: asked.decision }, accepted)).code, "once").toBe("approval_required")
  })
})
