/**
 * What agents teach, end to end: real calls through a real local stack, their records, what `narrowgate suggest` makes of
 * them, and what the policies with it then decide. Once on the traffic of the demo, once on that of a large API whose
 * document its owner publishes.
 */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { decisionPages } from "../../cli/remote/decision-pages.ts"
import { login, operatorToken } from "../../cli/remote/local-stack-login.ts"
import { getToken } from "../../dev/demo/agent.ts"
import { startParts } from "../../dev/demo/parts.ts"
import { tell } from "../../dev/demo/story.ts"
import { twoFreePorts } from "../../dev/loopback.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { run } from "../node/cli/run.ts"

const ROOT = join(import.meta.dirname, "../..")
/** GitHub's own description of its API. */
const DOCUMENT = "@octokit/openapi@23.0.2"
/** Records of reads follow within a second. */
const RECORDED_WITHIN_MS = 3_000

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-teaching-"))
})
afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }))

const suggestion = z.looseObject({
  calls: z.number(),
  diff: z.string(),
  grants: z.array(z.looseObject({ removed: z.array(z.string()), added: z.array(z.string()) })),
  tests: z.number(),
  traffic: z.looseObject({
    calls: z.number(),
    allowed: z.number(),
    inSequence: z.number(),
    denied: z.array(z.unknown()),
    untoldCount: z.number(),
  }),
})

/** Writes the suggestion, and holds it against what it promises. */
async function suggestInto(policies: string, records: string): Promise<z.infer<typeof suggestion>> {
  const args = ["suggest", policies, "--records", records, "--write", "--json"]
  const { code, stdout, stderr } = await run(directory, args)
  expect([code, stderr]).toEqual([0, ""])
  const made = suggestion.parse(JSON.parse(stdout))
  expect(made.traffic).toMatchObject({ calls: made.calls, allowed: made.calls, denied: [], untoldCount: 0 })
  expect(made.grants.flatMap(({ added }) => added)).toEqual([])
  const checked = await run(directory, ["check", policies, "--json"])
  expect(JSON.parse(checked.stdout)).toMatchObject({ ok: true })
  const tested = await run(directory, ["test", policies])
  expect([tested.code, tested.stdout]).toEqual([0, expect.stringMatching(/tests passed/u)])
  const again = await run(directory, ["suggest", policies, "--records", records])
  expect(again.stdout).toContain("What is granted is what was used.")
  return made
}

async function keepRecords(stack: Pick<Stack, "origin" | "provider">, file: string): Promise<void> {
  await sleep(RECORDED_WITHIN_MS)
  const bearer = await operatorToken({ origin: stack.provider })
  const lines: string[] = []
  for await (const { decisions } of decisionPages({ url: stack.origin, idp: stack.provider }, bearer, {}, 100_000)) {
    for (const record of decisions) lines.push(`${JSON.stringify(record)}\n`)
  }
  await writeFile(file, gzipSync(lines.join("")))
}

describe("of the demo's traffic", () => {
  test("the policies that are suggested allow it, and deny what was never used", async () => {
    const policies = join(directory, "demo")
    await cp(join(ROOT, "policies"), policies, { recursive: true })
    const parts = await startParts(policies)
    const records = join(directory, "demo.ndjson.gz")
    try {
      for await (const scene of tell(parts)) expect(scene.title).not.toBe("")
      await keepRecords(parts.stack, records)
    } finally {
      await parts.close()
    }
    const made = await suggestInto(policies, records)
    expect(made.calls).toBeGreaterThan(20)
    expect(made.traffic.inSequence).toBe(made.calls)
    expect(made.tests).toBeGreaterThan(30)
    const by = (agent: string, call: string, ...more: readonly string[]) =>
      run(directory, [
        ...["explain", "--policies", policies, "--call", call, "--user", "alice", "--group", "support"],
        ...["--agent", `spiffe://example.org/agent/${agent}`, "--json", ...more],
      ])
    const never = await by("support", "crm.tickets.list", "--purpose", "triage-ticket")
    expect(JSON.parse(never.stdout)).toMatchObject({ decision: "insufficient_scope" })
    const used = await by("support", "everything.echo", "--purpose", "triage-ticket", "--arguments", '{"message":"x"}')
    expect(JSON.parse(used.stdout)).toMatchObject({ decision: "allow" })
  }, 480_000)
})

describe("of the traffic of GitHub's API", () => {
  const AGENT = "spiffe://example.org/agent/triage"
  let stack: Stack
  let policies: string
  beforeAll(async () => {
    const packed = await promisify(execFile)("npm", ["pack", DOCUMENT, "--silent"], { cwd: directory })
    await promisify(execFile)("tar", ["xzf", packed.stdout.trim()], { cwd: directory })
    policies = join(directory, "policies")
    const document = join(directory, "package/generated/api.github.com.json")
    const made = await run(directory, [
      ...["init", policies, "--yes", "--openapi", document, "--server", "github", "--agent", AGENT, "--owner", "dev"],
      ...["--purpose", "triage", "--group", "support", "--sensitivity", "internal", "--writes", "listed"],
      ...["--gateway", "traefik"],
    ])
    expect([made.code, made.stderr]).toEqual([0, ""])
    // The traffic of weeks, in seconds.
    const guardrails = join(policies, "guardrails.yaml")
    await writeFile(guardrails, (await readFile(guardrails, "utf8")).replace("limit: 20\n", "limit: 200\n"))
    stack = await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state") })
  }, 480_000)
  afterAll(async () => stack.close())

  /** As Traefik asks. */
  async function ask(token: string, path: string): Promise<string> {
    const { status, headers } = await fetch(`${stack.origin}/authz/forward`, {
      headers: {
        "x-narrowgate-key": "ngk_edge_development",
        "x-forwarded-method": "GET",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "127.0.0.1:8080",
        "x-forwarded-uri": path,
        authorization: `Bearer ${token}`,
      },
    })
    return headers.get("x-narrowgate-code") ?? String(status)
  }

  test("the policies that are suggested allow it, and deny what was never used", async () => {
    const session = await login({ origin: stack.provider, user: "alice" })
    const where = { narrowgate: stack.origin, provider: stack.provider }
    for (let task = 0; task < 4; task++) {
      const { token } = await getToken(where, { agent: AGENT, subject: session.access_token, purpose: "triage" })
      if (!token) throw new Error("no token")
      for (let index = 0; index < 10; index++) {
        const issue = task * 10 + index + 1
        expect(await ask(token.access_token, `/repos/acme/shop/issues/${issue}`)).toBe("200")
        expect(await ask(token.access_token, `/repos/acme/shop/issues/${issue}/comments`)).toBe("200")
      }
      for (let time = 0; time < 5; time++) {
        expect(await ask(token.access_token, "/repos/acme/shop/labels")).toBe("200")
      }
    }
    const records = join(directory, "github.ndjson.gz")
    await keepRecords(stack, records)
    const made = await suggestInto(policies, records)
    expect(made.calls).toBe(100)
    const removed = made.grants.flatMap((grant) => grant.removed)
    expect(removed.length).toBeGreaterThan(500)
    // From the paths: one owner, one repository, and the numbers of issues up to 25 % more.
    expect(made.diff).toMatch(/\+unless \{ context\.arguments has owner && context\.arguments\.owner == "acme" \};/u)
    expect(made.diff).toMatch(/issue_number >= 1 && context\.arguments\.issue_number <= 50/u)
    // Each argument has its bound, so no other comes.
    expect(made.diff).toMatch(/\+ +closed: true/u)
    const explained = async (call: string) => {
      const args = ["explain", "--policies", policies, "--call", call, "--user", "alice", "--group", "support"]
      const { stdout } = await run(directory, [...args, "--agent", AGENT, "--json"])
      return z.looseObject({ decision: z.string() }).parse(JSON.parse(stdout)).decision
    }
    expect(await explained("GET /repos/acme/shop/issues/7")).toBe("allow")
    expect(await explained("GET /repos/acme/shop/issues/51")).toBe("policy_denied")
    expect(await explained("GET /repos/other/shop/issues/7")).toBe("policy_denied")
    expect(await explained("GET /repos/acme/shop/labels?page=2")).toBe("insufficient_scope")
    expect(await explained("GET /repos/acme/shop/actions/secrets")).toBe("insufficient_scope")
  }, 480_000)
})
