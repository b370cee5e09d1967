/** `narrowgate test` as people run it: what it prints, its exit code, and that it runs again after an edit. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const ROOT = join(import.meta.dirname, "../../..")
const MAIN = join(ROOT, "bin/narrowgate.ts")

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-test-"))
  await cp(join(ROOT, "policies"), join(directory, "policies"), { recursive: true })
})
afterEach(() => rm(directory, { recursive: true }))

const ENV = { PATH: process.env["PATH"], NO_COLOR: "1" }

function narrowgate(...args: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd: directory, env: ENV },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr })
      },
    )
  })
}

/** The example's tables, and none but this one. */
async function only(table: string): Promise<void> {
  const policies = join(directory, "policies")
  for (const name of await readdir(policies)) if (name.endsWith(".test.yaml")) await rm(join(policies, name))
  await writeFile(join(policies, "own.test.yaml"), table)
}

const table = (
  expectation: string,
) => `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/support }
tests:
  - { name: a ticket, call: crm.tickets.get, expect: ${expectation} }
  - { name: a list, call: crm.tickets.list, expect: allow }
`

describe("test", () => {
  it("passes on the example, in one line", async () => {
    const { code, stdout } = await narrowgate("test")
    expect(stdout).toMatch(/^policies: \d+ tests passed; 12 of 12 rules determined a decision \(100 %\)\n$/)
    expect(code).toBe(0)
  })

  it("tells what failed, and fails", async () => {
    await only(table("policy_denied"))
    const { code, stdout } = await narrowgate("test")
    expect(stdout).toBe(`policies/own.test.yaml:3:13 failed: a ticket
  expected  policy_denied
  got       allow by support-agents, support-staff
  read      task.labels = []

policies: 1 of 2 tests failed; 2 of 12 rules determined a decision (16 %)
`)
    expect(code).toBe(1)
  })

  it("runs those that are asked for", async () => {
    await only(table("policy_denied"))
    expect(await narrowgate("test", "--filter", "a list")).toMatchObject({ code: 0 })
    expect(await narrowgate("test", "--filter", "own.test.yaml a ticket")).toMatchObject({ code: 1 })
    const none = await narrowgate("test", "--filter", "nothing")
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("no test has `nothing`")])
  })

  it("lists rules with file and line, and wants so many of them", async () => {
    await only(table("allow"))
    const { code, stdout } = await narrowgate("test", "--coverage", "--min-coverage", "17")
    expect(stdout).toMatch(/\n {2}policies\/limits\.cedar:3 +never +no-environment-variables\n/)
    expect(stdout).toMatch(/\n {2}policies\/support\.cedar:11 +tested +support-staff\n/)
    expect(stdout).toMatch(/Less than 17 % of the rules\.\n$/)
    expect(code).toBe(1)
    expect((await narrowgate("test", "--min-coverage", "16")).code).toBe(0)
  })

  it("lists broken rules that no test notices", async () => {
    await only(table("allow"))
    const { code, stdout } = await narrowgate("test", "--mutate")
    expect(stdout).toMatch(/^policies\/limits\.cedar:3 unnoticed: no-environment-variables: the rule dropped\n/)
    expect(stdout).toMatch(/\npolicies: \d+ of 64 broken rules noticed\n/)
    expect(code).toBe(1)
    await only(table("policy_denied"))
    // Of tests that fail already nobody knows what they notice.
    expect((await narrowgate("test", "--mutate")).stdout).not.toContain("unnoticed")
  })

  it("says the same as JSON", async () => {
    await only(table("policy_denied"))
    const { code, stdout } = await narrowgate("test", "--json")
    expect(code).toBe(1)
    const told: unknown = JSON.parse(stdout)
    expect(told).toMatchObject({
      ok: false,
      problems: [],
      tests: [
        {
          file: "own.test.yaml",
          line: 3,
          column: 13,
          name: "a ticket",
          ok: false,
          expected: { decision: "policy_denied" },
          got: { decision: "allow", rules: ["support-agents", "support-staff"] },
          differs: ["decision"],
          disagreements: [],
        },
        { name: "a list", ok: true, differs: [] },
      ],
      coverage: { percent: 16 },
      mutation: null,
    })
    const passing = await narrowgate("test", "--json", "--mutate", "--filter", "a list")
    expect(JSON.parse(passing.stdout)).toMatchObject({ ok: false, mutation: { mutants: 64 } })
  })

  it("does not run what does not check, policies or tables", async () => {
    await only(table("alow"))
    const wrong = await narrowgate("test")
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toMatch(
      /^policies\/own\.test\.yaml:3:54 error: `tests\[0\]\.expect` \(`alow`\): no decision\n/,
    )
    expect(wrong.stdout).toContain("fix: Did you mean `allow`?")
    expect((await narrowgate("check")).stdout).toContain("own.test.yaml:3:54 error")
    expect((await narrowgate("check")).code).toBe(1)
    expect((await narrowgate("build", "policies", "--out", "bundle")).code).toBe(0)
    await writeFile(join(directory, "policies/catalog.yaml"), "tools: 4\n")
    expect(await narrowgate("test", "--json")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"ok": false'),
    })
  })

  it("is no test where there is none", async () => {
    await only("")
    await rm(join(directory, "policies/own.test.yaml"))
    const { code, stderr } = await narrowgate("test")
    expect([code, stderr]).toEqual([1, expect.stringContaining("policies has no tests")])
  })

  it.each([["--min-coverage", "101"], ["--min-coverage", "x"], ["--watch", "--json"], ["--cover"]])(
    "%s %s is refused",
    async (...args) => {
      expect((await narrowgate("test", ...args)).code).toBe(2)
    },
  )

  it("watches: runs again after each edit, whatever was wrong in between", async () => {
    await only(table("allow"))
    const child = spawn(process.execPath, [MAIN, "test", "--watch"], { cwd: directory, env: ENV })
    let printed = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text))
    const until = async (text: string): Promise<void> => {
      while (!printed.includes(text)) await once(child.stdout, "data")
      printed = ""
    }
    try {
      await until("2 tests passed")
      await writeFile(join(directory, "policies/own.test.yaml"), table("policy_denied"))
      await until("1 of 2 tests failed")
      await writeFile(join(directory, "policies/own.test.yaml"), table("alow"))
      await until("no decision")
      await rm(join(directory, "policies/own.test.yaml"))
      await until("has no tests")
      const rules = join(directory, "policies/support.cedar")
      await writeFile(rules, (await readFile(rules, "utf8")).replace('UserGroup::"support"', 'UserGroup::"sales"'))
      await writeFile(join(directory, "policies/own.test.yaml"), table("allow"))
      await until("2 of 2 tests failed")
      child.kill("SIGINT")
      expect((await once(child, "exit"))[0]).toBe(0)
    } finally {
      child.kill("SIGKILL")
    }
  })
})
