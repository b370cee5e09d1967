/** Agents that others' frameworks make, with a task of `narrowgate/client`: docs/guides/agents.md shows each. */
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { login } from "../../cli/remote/local-stack-login.ts"
import { CONSOLE_CLIENT } from "../../cli/remote/local-stack.ts"
import { ROBOT } from "../node/interop/robot.ts"
import { installation, installed, place } from "./installed.ts"
import { startProgram } from "./program.ts"
import { ASKED, CLOSED, makeWorld, type World } from "./world.ts"

const FRAMEWORKS: readonly (readonly [framework: string, isBound: boolean])[] = [
  ["ai-sdk", true],
  ["ai-sdk, by an auth provider", false],
  ["mastra", true],
  ["openai-agents", true],
]

describe.skipIf(!installed)("agents", () => {
  let world: World
  const parting = new AsyncDisposableStack()
  beforeAll(async () => {
    place()
    world = await makeWorld([])
    parting.defer(world.close)
  })
  afterAll(async () => parting.disposeAsync())

  test.each(FRAMEWORKS)("%s, bound: %s", async (framework, isBound) => {
    const { stack, origin, robot } = world
    const { access_token: session } = await login({ origin: stack.provider, user: "alice" })
    const order = {
      framework,
      isBound,
      library: pathToFileURL(join(import.meta.dirname, "../../client/index.ts")).href,
      guide: join(import.meta.dirname, "../../docs/guides/agents.md"),
      issuer: stack.origin,
      agent: ROBOT,
      key: robot.privateJwk,
      session,
      resource: origin,
      server: `${origin}/desk/mcp`,
    }
    const program = startProgram({
      command: process.execPath,
      args: [installation("npm", "agents.mjs"), JSON.stringify(order)],
      visit: async (page) => approve(stack.origin, stack.provider, page),
    })
    const told = async (tool: string, args: Readonly<Record<string, string>>): Promise<unknown> =>
      JSON.parse((await program.call(tool, args)).text)
    try {
      expect(await program.call("search", { query: "printer" })).toMatchObject({
        failed: false,
        text: expect.stringContaining("tickets"),
      })
      expect(await told("read-ticket", { ticket: CLOSED, asked: "denial" })).toMatchObject({
        code: "policy_denied",
        decision: expect.stringMatching(/^dec_/),
      })
      expect(await told("read-ticket", { ticket: ASKED, asked: "denial" })).toMatchObject({
        code: "approval_required",
        approval: { status: "pending", url: expect.stringContaining(`${stack.origin}/console/approvals/tsk_`) },
      })
      const denied = await program.call("read-ticket", { ticket: CLOSED })
      const text = expect.stringMatching(/^Narrowgate denied the call of "read-ticket", .*policy_denied/)
      const part = { type: "text", text }
      // What its SDK makes of a failed result.
      const result = framework === "openai-agents" ? part : { isError: true, content: [part] }
      expect(JSON.parse(denied.text)).toMatchObject(result)
      const approved = await program.call("read-ticket", { ticket: ASKED })
      expect(approved.text).toContain("on fire")
    } finally {
      await program.call("complete", {})
      await program.close()
    }
  })
})

/** Olivia opens the page that the agent shows, and approves. */
async function approve(issuer: string, provider: string, page: string): Promise<boolean> {
  const { access_token: token } = await login({ origin: provider, user: "olivia", client: CONSOLE_CLIENT })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const url = page.replace(/^.*\/console\/approvals\/(tsk_[^/]+)\/(apr_\w+)$/, `${issuer}/v1/tasks/$1/approvals/$2`)
  return (await fetch(url, { method: "POST", headers, body: JSON.stringify({ approve: true }) })).ok
}
