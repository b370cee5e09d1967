/** The command as people run it: a process with arguments, its output, its exit code. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type RequestListener } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { digestOf } from "../../../src/core/policy/digest.ts"
import { recordOf } from "../../../src/core/record/record.ts"
import { run } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-command-"))
  await cp(join(ROOT, "policies"), join(directory, "policies"), { recursive: true })
})
afterEach(() => rm(directory, { recursive: true }))

describe("check", () => {
  it("is content with the example, in one line", async () => {
    const { code, stdout } = await narrowgate("check", "policies")
    expect(code).toBe(0)
    expect(stdout).toMatch(/^policies: 12 rules, .*; no problems\n$/)
  })

  it("shows place, line, caret and fix", async () => {
    await spoil()
    const { code, stdout } = await narrowgate("check", "policies")
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /^policies\/catalog\.yaml:\d+:5 error: unknown key `costs`\n +\d+ \| {5}costs: 10\n +\| {5}\^{5}\n/,
    )
    expect(stdout).toMatch(/ {2}fix: Did you mean `cost`\?\n\npolicies: 1 error\n$/)
  })

  it("fails on a warning where it is told to be strict, and then only", async () => {
    await edit("gateways.yaml", "body: false", "body: false\n    mode: observe")
    const lax = await narrowgate("check", "policies")
    expect(lax).toMatchObject({ code: 0, stdout: expect.stringMatching(/\[observing-gateway\]\n[^]*; 1 warning\n$/) })
    expect(await narrowgate("check", "policies", "--strict")).toMatchObject({ ...lax, code: 1 })
    await edit(
      "gateways.yaml",
      "    mode: observe",
      "    # lint-allow observing-gateway: for a week\n    mode: observe",
    )
    expect((await narrowgate("check", "policies", "--strict")).code).toBe(0)
  })

  it("tells 20 of a lint, and how many more there are", async () => {
    const names = Array.from(
      { length: 23 },
      (_, index) => `  - { name: everything.t${index}, action: write, sensitivity: public }\n`,
    )
    await edit("catalog.yaml", "tools:\n", `tools:\n${names.join("")}`)
    const { stdout } = await narrowgate("check", "policies")
    expect(stdout.match(/ \[unpermitted-tool\]\n/gu)).toHaveLength(20)
    expect(stdout).toMatch(/\n3 more of \[unpermitted-tool\]: --json lists all\n\n.*; 23 warnings\n$/)
  })

  it("compares ceilings with the records of a file or of a Worker", async () => {
    const chain = ["spiffe://example.org/agent/support", "spiffe://example.org/agent/researcher"]
    const call = { kind: "call", decision: "allow", code: "ok", tool: "crm.tickets.list", chain } as const
    const one = recordOf({ id: "dec_01M8FRTPFW2PZ059GH11BCBJZF", at: 1_764_000_000_000, ...call })
    await writeFile(join(directory, "records.jsonl"), `${JSON.stringify(one)}\n\n`)
    const ofFile = await narrowgate("check", "policies", "--records", "records.jsonl", "--strict")
    expect(ofFile.code).toBe(0)
    expect(ofFile.stdout).toMatch(
      /note: the agent called 1 of the \d+ tools within its ceiling, in 1 record from 2025-11-24/,
    )
    expect(ofFile.stdout).toMatch(/; 5 notes\n$/)
    expect(
      await withWorker({ decisions: [one], arrived: "1" }, "check", "policies", "--from-worker", "--strict"),
    ).toEqual(ofFile)
    await writeFile(join(directory, "records.jsonl"), `${JSON.stringify(one)}\nnone\n`)
    const refused = await narrowgate("check", "policies", "--records", "records.jsonl")
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/records\.jsonl:2 holds no decision record/),
    })
  })

  it("says the same as JSON", async () => {
    await spoil()
    const { code, stdout } = await narrowgate("check", "policies", "--json")
    expect(code).toBe(1)
    const problem = { file: "catalog.yaml", column: 5, severity: "error", mend: "Did you mean `cost`?" }
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, digest: null, problems: [problem] })
  })
})

describe("build", () => {
  it("writes the bytes whose digest it prints", async () => {
    const { code, stdout } = await narrowgate("build", "policies", "--out", "bundle.json")
    expect(code).toBe(0)
    const bytes = new Uint8Array(await readFile(join(directory, "bundle.json")))
    expect(stdout).toBe(`${await digestOf(bytes)}\n`)
  })

  it("writes nothing if there is an error", async () => {
    await spoil()
    const { code, stdout, stderr } = await narrowgate("build", "policies", "--out", "bundle.json")
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
    expect(stderr).toContain("unknown key `costs`")
    expect(await readdir(directory)).toEqual(["policies"])
  })

  it("says what to do where it cannot write", async () => {
    const { code, stderr } = await narrowgate("build", "policies", "--out", "nowhere/bundle.json")
    expect(code).toBe(1)
    expect(stderr).toMatch(/error: cannot write nowhere\/bundle\.json: .*\n {2}fix: /)
    expect(stderr).not.toContain("    at ")
  })
})

describe("decisions", () => {
  const allow = recordOf({
    id: "dec_1",
    at: 1_000,
    kind: "call",
    decision: "allow",
    code: "ok",
    tool: "crm.tickets.get",
    action: "read",
    chain: ["spiffe://example.org/agent/support"],
    user: "https://idp.example|alice",
    task: "tsk_1",
  })
  const deny = recordOf({
    id: "dec_2",
    at: 2_000,
    kind: "call",
    code: "policy_denied",
    tool: "mail.send",
    action: "write",
    denial: { reason: "policy_forbids", principal: "the user", rules: ["mail-within-the-company"] },
    rules: ["mail-within-the-company"],
  })

  it("are told one a line, oldest first", async () => {
    const { code, stdout } = await withWorker(
      { decisions: [deny, allow], arrived: "1" },
      "decisions",
      "tail",
      "--limit",
      "2",
    )
    expect(code).toBe(0)
    const [first, second] = stdout.split("\n")
    expect(first).toMatch(
      /00:00:01\.000Z allow ok +crm\.tickets\.get:read +example\.org\/agent\/support for alice tsk_1 dec_1/,
    )
    expect(second).toMatch(/deny +policy_denied +mail\.send:write .*policy forbids.*mail-within-the-company.* dec_2/)
  })

  it("are passed on whole as JSON", async () => {
    const { stdout } = await withWorker({ decisions: [allow], arrived: "1" }, "decisions", "tail", "--json")
    expect(JSON.parse(stdout)).toEqual(allow)
  })

  it("are followed in the order in which they are stored, however old they are", async () => {
    const late = recordOf({ ...allow, id: "dec_0", at: 0 })
    const answers = [
      { decisions: [deny, allow], arrived: "3" },
      { decisions: [], arrived: "3" },
      { decisions: [late], arrived: "4" },
      { decisions: [], arrived: "4" },
    ]
    const queries: string[] = []
    const { stdout } = await withServer(
      (request, response) => {
        const { search, searchParams } = new URL(request.url ?? "", "http://127.0.0.1")
        queries.push(searchParams.get("arrived_after") ?? search)
        const answer = answers[queries.length - 1]
        response.statusCode = answer ? 200 : 403
        response.end(JSON.stringify(answer))
      },
      ...["decisions", "tail", "--follow", "--user", "https://idp.example|alice"],
    )
    expect(stdout.match(/dec_\d/g)).toEqual(["dec_1", "dec_2", "dec_0"])
    expect(queries).toEqual(["?user=https%3A%2F%2Fidp.example%7Calice&limit=20", "3", "3", "4", "4"])
  })

  it("are explained", async () => {
    const { code, stdout } = await withWorker(deny, "explain", "dec_2")
    expect(code).toBe(0)
    expect(stdout).toMatch(/^dec_2 denied: policy_denied\n/)
    expect(stdout).toMatch(/rules +mail-within-the-company\n/)
    expect(stdout).not.toMatch(/\n +cut /)
    const long = recordOf({ ...deny, path: `/${"a".repeat(300)}` })
    expect((await withWorker(long, "explain", "dec_2")).stdout).toMatch(/\n +cut +truncated, being too long: path\n/)
  })

  it("say where to start where nobody answers", async () => {
    const { code, stderr } = await narrowgate("decisions", "tail", "--url", "http://127.0.0.1:1")
    expect(code).toBe(3)
    expect(stderr).toBe(
      "error: no answer from http://127.0.0.1:1\n  fix: Start the local stack (`narrowgate dev`), or name the one that runs: --url http://127.0.0.1:PORT, or NARROWGATE_URL; its identity provider is on the next port, or where --idp says.\n",
    )
  })

  it("are not asked of a remote Worker without a token", async () => {
    const { code, stderr } = await run(directory, ["decisions", "tail", "--url", "https://authz.example"], {})
    expect(code).toBe(2)
    expect(stderr).toContain("NARROWGATE_TOKEN")
  })
})

describe("usage", () => {
  it.each([
    ["chek"],
    ["build"],
    ["decisions", "tail", "--limit", "0"],
    ["decisions", "tail", "--decision", "maybe"],
    ["decisions", "tail", "--user", "alice"],
  ])("of %s %s is refused", async (...args) => {
    expect((await narrowgate(...args)).code).toBe(2)
  })
})

function narrowgate(...args: readonly string[]) {
  return run(directory, args, { NARROWGATE_TOKEN: "operator" })
}

/** Runs against a Worker that gives one answer, to the right token alone. */
async function withWorker(answer: unknown, ...args: readonly string[]) {
  return withServer(
    (request, response) => {
      response.statusCode = request.headers.authorization === "Bearer operator" ? 200 : 401
      response.end(JSON.stringify(answer))
    },
    ...args,
  )
}

async function withServer(respond: RequestListener, ...args: readonly string[]) {
  const server = createServer(respond)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  try {
    return await narrowgate(...args, "--url", `http://127.0.0.1:${port}`)
  } finally {
    server.close()
  }
}

async function spoil(): Promise<void> {
  await edit("catalog.yaml", "cost: 10", "costs: 10")
}

async function edit(name: string, find: string, replace: string): Promise<void> {
  const file = join(directory, "policies", name)
  await writeFile(file, (await readFile(file, "utf8")).replace(find, replace))
}
