/**
 * The examples of JavaScript, as their users have them: with the packed package and the real frameworks. Each agent gives
 * money back behind the local stack, for which a person has to approve; each service stands behind its gateway.
 */
import { execFile, spawn } from "node:child_process"
import { globSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { text } from "node:stream/consumers"
import { promisify } from "node:util"
import { Miniflare } from "miniflare"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { PACKAGE, toolAt } from "../../cli/package.ts"
import { developmentKey } from "../../cli/remote/local-stack-policies.ts"
import { startGateway } from "../../dev/gateway.ts"
import { accepting, endWithUs, freePort, stop } from "../../dev/loopback.ts"
import { AGENT, AUDIENCE, startBehind } from "../node/server/behind.ts"
import { pack } from "../package/installed.ts"
import { startPythonStack } from "../python/stack.ts"
import { installation, installed } from "./installed.ts"
import { startCallingModel } from "./model.ts"

const EXAMPLES = join(PACKAGE, "examples")
const MOST_LINES = { agents: 25, services: 10 } as const
const LONGEST_LINE = 120
const PROMPT = "Give back 249.00 for the order 1001."
const ASKED = /^Please approve: (\S+\/console\/approvals\/(tsk_[^/]+)\/apr_\w+)$/u

/** What a gateway would say, by whoever reaches the service past it. */
const OWN_WORD = {
  "X-Narrowgate-Agent": AGENT,
  "X-Narrowgate-User": "http://127.0.0.1:8788|alice",
  "X-Narrowgate-Task": "tsk_1",
  "X-Narrowgate-Purpose": "triage-ticket",
  "X-Narrowgate-Tool": "crm.tickets.get",
  "X-Narrowgate-Decision": "dec_1",
}

async function wrangler(cwd: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [toolAt("wrangler", "bin/wrangler.js"), ...args], {
    cwd,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  })
}

const stackOrder = z.object({
  issuer: z.string(),
  gateway: z.string(),
  people: z.string(),
  support: z.tuple([z.string()], z.string()),
  robot: z.string(),
  key: z.looseObject({}),
})

describe.each(["agents", "services"] as const)("%s", (kind) => {
  test.each(globSync(`${kind}/*/*.ts`, { cwd: EXAMPLES }))(`%s has at most ${MOST_LINES[kind]} lines`, async (path) => {
    const lines = (await readFile(join(EXAMPLES, path), "utf8")).split("\n").slice(1)
    const own = lines.filter((line) => line.trim() !== "" && !line.trim().startsWith("//"))
    expect(own.length).toBeLessThanOrEqual(MOST_LINES[kind])
    expect(own.filter((line) => line.length > LONGEST_LINE)).toEqual([])
  })
})

describe.skipIf(!installed)("with the packed package", () => {
  let directory = ""
  const parting = new AsyncDisposableStack()
  const at = (...path: readonly string[]): string => join(directory, ...path)

  beforeAll(async () => {
    await pack()
    directory = await mkdtemp(installation("npm/examples-"))
    parting.defer(async () => rm(directory, { recursive: true, force: true }))
    await cp(EXAMPLES, directory, { recursive: true })
    await writeFile(at("package.json"), '{ "type": "module" }\n')
    const narrowgate = at("node_modules/narrowgate")
    await cp(join(PACKAGE, "build/narrowgate"), narrowgate, { recursive: true })
    await mkdir(join(narrowgate, "node_modules"))
    for (const name of ["jose", "oauth4webapi"])
      await symlink(join(PACKAGE, "node_modules", name), join(narrowgate, "node_modules", name))
  })
  afterAll(async () => parting.disposeAsync())

  test("they compile, strictly", async () => {
    const types = at("node_modules/@types")
    await mkdir(types)
    for (const name of ["node", "express"]) await symlink(join(PACKAGE, "node_modules/@types", name), join(types, name))
    const common = { strict: true, noEmit: true, skipLibCheck: true, target: "es2024" }
    const lib = ["es2024", "esnext.disposable"]
    const ofNode = { ...common, module: "nodenext", types: ["node"], lib: [...lib, "dom"] }
    const include = ["services", ...["typescript", "ai-sdk", "openai-agents"].map((name) => `agents/${name}`)]
    await writeFile(at("tsconfig.json"), JSON.stringify({ compilerOptions: ofNode, include }))
    // Its types are those that wrangler makes of its configuration.
    const worker = at("agents/cloudflare-agents")
    await wrangler(worker, "types")
    const ofWorkers = { ...common, module: "esnext", moduleResolution: "bundler", lib }
    const compilerOptions = { ...ofWorkers, types: ["./worker-configuration.d.ts", "node"] }
    await writeFile(join(worker, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["agent.ts"] }))
    for (const project of [directory, worker]) {
      const compiler = [toolAt("typescript", "bin/tsc"), "-p", project]
      await expect(promisify(execFile)(process.execPath, compiler)).resolves.toEqual({ stdout: "", stderr: "" })
    }
  })

  describe("an agent gives money back once a person has approved, and not if they reject", () => {
    let order: z.infer<typeof stackOrder>
    let model = ""
    let environment: Readonly<Record<string, string>>

    beforeAll(async () => {
      const stack = parting.adopt(await startPythonStack(), async (each) => each.close())
      order = stackOrder.parse(stack.order)
      const called = { tool: "refund", arguments: { order: "1001", amount: 24_900 } }
      const started = parting.adopt(await startCallingModel(called), async (each) => each.close())
      model = `${started.origin}/v1`
      environment = { OPENAI_BASE_URL: model, OPENAI_API_KEY: "none", OPENAI_AGENTS_DISABLE_TRACING: "1", MODEL: "m" }
    })

    const people = async (what: string, parameters: Record<string, string>): Promise<string> => {
      const answer = await fetch(`${order.people}/${what}?${new URLSearchParams(parameters)}`)
      if (!answer.ok) throw new Error(await answer.text())
      return answer.text()
    }
    const mcp = (): string => `${order.gateway}/billing/mcp`

    /** Returns what it has said after a person has decided. */
    async function run(name: string, decision: "approve" | "reject"): Promise<string> {
      const [agent] = order.support
      const identity = at(`${name}.jwt`)
      await writeFile(identity, await people("identity", { agent, audience: order.issuer }))
      const own = {
        NARROWGATE: order.issuer,
        IDENTITY_FILE: identity,
        SESSION: await people("session", { user: "alice" }),
        MCP_URL: mcp(),
      }
      const child = spawn(process.execPath, ["agent.ts"], {
        cwd: at("agents", name),
        env: { ...process.env, ...environment, ...own },
        stdio: ["ignore", "pipe", "pipe"],
      })
      endWithUs(child)
      const complaint = text(child.stderr)
      const said: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        const [, , task] = ASKED.exec(line) ?? []
        if (task === undefined) said.push(line)
        else await people(decision, { task })
      }
      await stop(child)
      expect([child.exitCode, await complaint]).toEqual([0, ""])
      return said.join("\n")
    }

    test.each(["typescript", "ai-sdk", "openai-agents"])("%s", async (name) => {
      expect(await run(name, "approve")).toContain("refunded")
      const rejected = await run(name, "reject")
      expect(rejected).toContain("It was rejected")
      expect(rejected).not.toContain("refunded")
    })

    test("cloudflare-agents", async () => {
      const cwd = at("agents/cloudflare-agents")
      await wrangler(cwd, "deploy", "--dry-run", "--outdir", "dist")
      const contents = await readFile(join(cwd, "dist/agent.js"), "utf8")
      const variables = {
        ...{ ISSUER: order.issuer, AGENT: order.robot, KEY: JSON.stringify(order.key), MCP_URL: mcp() },
        ...environment,
      }
      const port = await freePort()
      const worker = new Miniflare({
        host: "127.0.0.1",
        port,
        logRequests: false,
        workers: [
          {
            config: {
              name: "refunds",
              compatibilityDate: "2026-10-01",
              compatibilityFlags: ["nodejs_compat"],
              manifest: { mainModule: "agent.js", modules: { "agent.js": { type: "esm", contents } } },
              env: {
                ...Object.fromEntries(
                  Object.entries(variables).map(([key, value]) => [key, { type: "text" as const, value }]),
                ),
                Refunds: { type: "durable-object", worker: "refunds", exportName: "Refunds" },
              },
              exports: { Refunds: { type: "durable-object", storage: "sqlite" } },
            },
          },
        ],
      })
      await worker.ready
      try {
        const ask = async (decision: "approve" | "reject"): Promise<string> => {
          // Whoever watches its state.
          const watching = new WebSocket(`ws://127.0.0.1:${port}/agents/refunds/${decision}`)
          const decided = new Promise<void>((resolve, reject) => {
            watching.addEventListener("message", ({ data }) => {
              const [, task] = /\/console\/approvals\/(tsk_[^/]+)\/apr_/u.exec(String(data)) ?? []
              if (task !== undefined) people(decision, { task }).then(() => resolve(), reject)
            })
          })
          const answer = await fetch(`http://127.0.0.1:${port}/agents/refunds/${decision}`, {
            method: "POST",
            headers: { "X-Session": await people("session", { user: "alice" }) },
            body: PROMPT,
          })
          watching.close()
          expect(answer.status).toBe(200)
          await decided
          return answer.text()
        }
        expect(await ask("approve")).toContain("refunded")
        const rejected = await ask("reject")
        expect(rejected).toContain("It was rejected")
        expect(rejected).not.toContain("refunded")
      } finally {
        await worker.dispose()
      }
    })
  })

  const SERVED =
    'import { serve } from "@hono/node-server"; import app from "./service.ts"; serve({ ...app, port: +process.env.PORT })'

  test.each([
    ["hono", ["--input-type=module", "--eval", SERVED]],
    ["express", ["service.ts"]],
  ])("%s: a call through the gateway arrives with who makes it, one past the gateway does not", async (name, args) => {
    await using each = new AsyncDisposableStack()
    const behind = each.adopt(await startBehind(), async (one) => one.close())
    const port = await freePort()
    const child = spawn(process.execPath, args, {
      cwd: at("services", name),
      env: { ...process.env, NARROWGATE: behind.stack.origin, AUDIENCE, PORT: String(port) },
      stdio: ["ignore", "inherit", "pipe"],
    })
    endWithUs(child)
    each.defer(async () => stop(child))
    let complaint = ""
    child.stderr.setEncoding("utf8").on("data", (said: string) => (complaint += said))
    await accepting(child, port, () => complaint)
    const service = `http://127.0.0.1:${port}`
    const authorizer = { origin: behind.stack.origin, key: developmentKey("telling"), dialect: "envoy" } as const
    const routes = [{ prefix: "/crm", upstream: `${service}/crm` }]
    const gateway = each.adopt(await startGateway({ port: 0, authorizer, routes }), async (one) => one.close())
    const headers = { Authorization: `Bearer ${behind.token}` }
    const allowed = await fetch(`${gateway.origin}/crm/tickets/42`, { headers })
    expect([allowed.status, await allowed.json()]).toEqual([200, { ticket: "42", agent: AGENT }])
    expect((await fetch(`${service}/crm/tickets/42`, { headers: { ...headers, ...OWN_WORD } })).status).toBe(401)
  })
})
