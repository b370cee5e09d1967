/** `narrowgate/client` in a page of another origin: an agent that runs in its user's browser. */
import { createServer } from "node:http"
import { join } from "node:path"
import { build } from "esbuild"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { listen } from "../../dev/loopback.ts"
import { startAgents, SUPPORT, VAULT, type Agents } from "../node/client/stage.ts"
import { isInstalled, startBrowser } from "./browser.ts"

describe.skipIf(!isInstalled())("an agent in a page", () => {
  const parting = new AsyncDisposableStack()
  let agents: Agents
  beforeAll(async () => {
    agents = await startAgents()
    parting.defer(agents.close)
  })
  afterAll(async () => parting.disposeAsync())

  test.each([
    [SUPPORT, false],
    [VAULT, true],
  ])("opens a task, has it renewed, and ends it (%s, bound: %s)", async (agent, dpop) => {
    const entry = join(import.meta.dirname, "../../client/index.ts")
    const options = {
      bundle: true,
      write: false,
      platform: "browser",
      format: "iife",
      globalName: "narrowgate",
    } as const
    const { outputFiles } = await build({ entryPoints: [entry], ...options })
    const server = createServer((request, response) => {
      if (request.url === "/client.js") response.setHeader("content-type", "text/javascript").end(outputFiles[0]?.text)
      else if (request.url === "/moved") response.writeHead(302, { location: "/" }).end()
      else response.setHeader("content-type", "text/html").end("<!doctype html><title>agent</title>")
    })
    await using opened = new AsyncDisposableStack()
    const page = opened.adopt(await listen(server, 0), async (each) => each.close())
    const browser = opened.adopt(await startBrowser(), async (each) => each.close())
    const tab = await browser.newPage()
    await tab.goto(`${page.origin}/`)
    await tab.addScriptTag({ url: "/client.js" })
    const order = {
      issuer: agents.stack.origin,
      resource: agents.edge.origin,
      svid: await agents.svid(agent)({
        audience: agents.stack.origin,
        now: Date.now(),
        signal: AbortSignal.timeout(5_000),
      }),
      session: await agents.session("alice"),
      dpop,
    }
    const seen: unknown = await tab.evaluate(async ({ svid, ...more }) => {
      const { openTask } = Reflect.get(globalThis, "narrowgate")
      const task = await openTask({ ...more, identity: () => svid })
      const now = Date.now
      Date.now = () => now() + 100_000
      const first = await task.token()
      Date.now = () => now() + (more.dpop ? 100_000 : 230_000)
      const next = await task.token()
      // A browser tells no page where a redirect leads: nothing may follow it.
      const moved = await task.fetch(`${location.origin}/moved`).catch(({ code }: { code: string }) => code)
      await task.complete()
      const after = await task.token().catch(({ code }: { code: string }) => code)
      return [task.id.slice(0, 4), task.isBound, first === next, moved, after]
    }, order)
    expect(seen).toEqual(["tsk_", dpop, dpop, "redirected", "task_ended"])
  })
})
