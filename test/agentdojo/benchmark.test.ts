/**
 * AgentDojo, replayed with each policy that is for the suite `slack`, against the table of the page. It installs AgentDojo
 * by pip; AGENTDOJO_REQUIRED=yes makes it a failure if that cannot be done.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { countsOf, replayWith, runsOf } from "../../bench/agentdojo/benchmark.ts"
import { POLICIES, SUITES, writePolicies, type Suite } from "../../bench/agentdojo/policies.ts"
import { installAgentDojo, replaySuite, type Replay } from "../../bench/agentdojo/python.ts"
import { cellsOf, PAGE, rowsOf } from "../../bench/agentdojo/table.ts"
import { compileFiles } from "../../cli/compiler/compile.ts"
import { readPolicies } from "../../cli/compiler/model/read-directory.ts"
import { listen } from "../../dev/loopback.ts"

const SUITE = "slack"
const NAMES = POLICIES.map(({ name }) => name)

const interpreter = await installed()

async function installed(): Promise<string | null> {
  try {
    return await installAgentDojo()
  } catch (error) {
    if (process.env["AGENTDOJO_REQUIRED"] === "yes") throw error
    console.log(`AgentDojo cannot be installed, so the table of its page was not checked: ${String(error)}`)
    return null
  }
}

async function rowsFor(policy: string, suite: Suite): Promise<string[][]> {
  const rows = rowsOf(await readFile(PAGE, "utf8"))
  return rows.filter((cells) => cells[0] === `\`${policy}\`` && cells[1] === suite)
}

let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), "narrowgate-agentdojo-"))))
afterAll(async () => rm(directory, { recursive: true, force: true }))

/**
 * One catalog is for several policies, so it has tools that one of them does not permit; and the rules of one policy are
 * for several catalogs, so one of them may be about no tool there.
 */
const EXPECTED: ReadonlySet<string> = new Set(["unpermitted-tool", "never-holds"])

describe.each(POLICIES.flatMap((policy) => policy.suites.map((suite) => ({ policy, suite, name: policy.name }))))(
  "$name for $suite",
  ({ policy, suite, name }) => {
    it("checks", async () => {
      const place = join(directory, `${name}-${suite}`)
      await writePolicies(policy, suite, place)
      const { body, problems } = compileFiles(await readPolicies(place))
      expect(body).toBeDefined()
      expect(problems.filter(({ lint }) => !EXPECTED.has(lint ?? ""))).toEqual([])
    })

    it("has rows of the page", async () => {
      expect(await rowsFor(name, suite)).toHaveLength(policy.approver === undefined ? 1 : 2)
    })
  },
)

describe.skipIf(interpreter === null)("the table of the page", () => {
  let without: Replay
  beforeAll(async () => void (without = await replaySuite(interpreter ?? "", SUITE, null)))

  it("is of this version of AgentDojo", async () => {
    const page = await readFile(PAGE, "utf8")
    expect(page).toContain(`AgentDojo ${without.agentdojo}, suites ${without.version}`)
  })

  it("counts what AgentDojo says of agents without Narrowgate: each solves its tasks, and obeys each attack", () => {
    const { tasks, passed, pairs, attacks } = countsOf(without)
    expect({ passed, attacks }).toEqual({ passed: tasks, attacks: pairs })
  })

  it.each(runsOf([SUITE], NAMES).map((run) => ({ ...run, name: run.policy.name })))(
    "has the figures of $name, approver: $hasApprover",
    async (run) => {
      const { policy, suite, hasApprover } = run
      const replay = await replayWith(interpreter ?? "", run)
      const row = { policy: policy.name, suite, hasApprover, without: countsOf(without), with: countsOf(replay) }
      expect(await rowsFor(policy.name, suite)).toContainEqual(cellsOf(row))
    },
  )
})

describe.skipIf(interpreter === null)("a replay fails, and counts no denial, if the authorizer answers with", () => {
  const ANSWERS = {
    "/open": { session: "user-1" },
    "/decide": { allow: false, code: "policy_denied" },
    "/close": { approvals: 0 },
  }

  it.each<[string, object, number?]>([
    ["an error", {}, 500],
    ["a session that is a number", { "/open": { session: 1 } }],
    ["a decision in words", { "/decide": { allow: "yes", code: null } }],
    ["a decision without its code", { "/decide": { allow: true } }],
    ["a number of approvals that is a decision", { "/close": { approvals: true } }],
  ])("%s", async (_what, wrong, status = 200) => {
    const answers = new Map(Object.entries({ ...ANSWERS, ...wrong }))
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(status).end(JSON.stringify(answers.get(request.url ?? "")))
    })
    const { origin, close } = await listen(server, 0)
    try {
      await expect(replaySuite(interpreter ?? "", SUITE, origin)).rejects.toThrow(/RuntimeError|ValidationError/u)
    } finally {
      await close()
    }
  })
})

describe("figures of the page", () => {
  const figuresOf = (cells: readonly string[]): number[] => (cells.join(" ").match(/\d+/gu) ?? []).map(Number)
  const groups = async () =>
    Map.groupBy(rowsOf(await readFile(PAGE, "utf8")), ([policy, , approvals]) =>
      [policy, approvals?.replace(/\d+/u, "some")].join(" "),
    ).values()

  it("are together what they are in each suite", async () => {
    for (const rows of await groups()) {
      const together = rows.filter(([, suite]) => suite === "together")
      const each = rows.filter(([, suite]) => suite !== "together").map((cells) => figuresOf(cells.slice(2)))
      expect(together).toHaveLength(each.length > 1 ? 1 : 0)
      const sums = each.reduce((sum, figures) => sum.map((figure, at) => figure + (figures[at] ?? 0)))
      for (const cells of together) expect(figuresOf(cells.slice(2))).toEqual(sums)
    }
  })

  it("are in its text what they are in its table", async () => {
    const page = await readFile(PAGE, "utf8")
    const row = rowsOf(page).find(([policy, suite]) => policy === "`read-only`" && suite === "together")
    const [passed, , tasks, attacks, , pairs] = figuresOf(row?.slice(2) ?? [])
    const text = page.replaceAll(/\s+/gu, " ")
    expect(text).toContain(`${tasks} user tasks and ${pairs} pairs of a user task and an attack that makes calls.`)
    expect(text).toContain(`all ${passed} user tasks pass and ${attacks} of the ${pairs} attacks succeed.`)
  })
})

it("each suite has a policy", () => {
  expect(new Set(POLICIES.flatMap(({ suites }) => suites))).toEqual(new Set(SUITES))
})
