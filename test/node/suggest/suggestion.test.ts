/**
 * What is suggested from recorded traffic: it allows what was used (soundness), nothing is guessed, and the repository checks and passes its tests afterwards.
 */
import { join } from "node:path"
import fc from "fast-check"
import { beforeAll, describe, expect, test } from "vitest"
import { compileFiles, compilePolicies, type Compiled } from "../../../cli/compiler/compile.ts"
import { readPolicies } from "../../../cli/compiler/model/read-directory.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { runCases } from "../../../cli/decision-tables/suite.ts"
import { leastScopes } from "../../../cli/suggest/least-scopes.ts"
import { ObservedUse } from "../../../cli/suggest/observed-use.ts"
import { PathArguments } from "../../../cli/replay/path-arguments.ts"
import { suggestionFor, type Base, type Suggestion } from "../../../cli/suggest/suggestion.ts"
import { trafficUnder } from "../../../cli/suggest/traffic.ts"
import type { ShownRecord } from "../../../cli/remote/decision-record.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import { RecordedLife } from "./recorded-life.ts"

const DIRECTORY = join(import.meta.dirname, "../../../policies")
const SUPPORT = "spiffe://example.org/agent/support"

const SUBJECTS = { agents: new Set([SUPPORT]), purposes: new Set(["answer-customer", "refund-order"]) }

let compiled: Compiled
let base: Base
let bundle: Bundle
beforeAll(async () => {
  compiled = await compilePolicies(DIRECTORY)
  const { body, bundle: made } = compiled
  if (!body || !made) throw new Error("the example does not check")
  base = { body, compiled }
  bundle = made
})

function useOf(records: readonly ShownRecord[]): ObservedUse {
  const use = new ObservedUse(base.body.tools)
  const paths = new PathArguments(base.body.routes)
  for (const record of records) use.add(paths.shownIn(record))
  return use
}

function suggested(records: readonly ShownRecord[], agents: readonly string[] = [SUPPORT]): Suggestion {
  const made = suggestionFor(base, useOf(records), { ...SUBJECTS, agents: new Set(agents) })
  if ("problems" in made) throw new Error(JSON.stringify(made))
  return made
}

/** The directory with the files of the suggestion. */
async function applied({ files }: Suggestion): Promise<Compiled> {
  const { texts, tables } = await readPolicies(DIRECTORY)
  const all = new Map([...texts, ...tables, ...files])
  const isTable = (file: string): boolean => file.endsWith(".test.yaml")
  return compileFiles({
    texts: new Map([...all].filter(([file]) => !isTable(file))),
    tables: new Map([...all].filter(([file]) => isTable(file))),
    problems: [],
  })
}

/** Calls that policy permits, each with the purpose that grants it. */
const CALLS: readonly (readonly [purpose: string, tool: string, args: Readonly<Record<string, unknown>>])[] = [
  ["answer-customer", "crm.tickets.get", { ticket: "1" }],
  ["answer-customer", "crm.tickets.list", {}],
  ["answer-customer", "crm.customers.get", { customer: "7" }],
  ["answer-customer", "crm.tickets.reply", { ticket: "1", text: "hello" }],
  ["answer-customer", "desk.search", { query: "x" }],
  ["answer-customer", "desk.read-ticket", { id: "1" }],
  ["refund-order", "billing.read-order", { order: "1001" }],
  ["refund-order", "billing.refund", { order: "1001", amount: 500 }],
]

function lifeOf(calls: readonly (typeof CALLS)[number][], times = 1): readonly ShownRecord[] {
  const life = new RecordedLife(bundle)
  for (const [purpose, ofPurpose] of Map.groupBy(calls, ([name]) => name)) {
    const task = life.open(SUPPORT, purpose)
    for (let time = 0; time < times; time++) for (const [, tool, args] of ofPurpose) task.call(tool, args)
  }
  return life.records
}

/** Written here anew: a pattern ends in `.*`, or is a name. */
const covers = (scope: string, { name, action }: Pick<Tool, "name" | "action">): boolean => {
  const [pattern = "", of] = scope.split(":")
  if (of !== action) return false
  return pattern === "*" || pattern === name || (pattern.endsWith(".*") && name.startsWith(pattern.slice(0, -1)))
}

test("the scopes cover exactly what was used, and none of them can be left out", () => {
  const names = ["a.x", "a.y", "a.b.x", "a.b.y", "b.x"]
  const tools = names.flatMap((name) =>
    (["read", "write"] as const).map((action, index): Tool => {
      const rest = { sensitivity: "public", labels: [], groups: [], cost: 1, redact: [] } as const
      return { name: index === 0 ? name : `${name}w`, server: "a", action, ...rest }
    }),
  )
  const pattern = fc.constantFrom("*", "a.*", "a.b.*", "b.*", ...names)
  const scope = fc.tuple(pattern, fc.constantFrom("read", "write")).map((parts) => parts.join(":"))
  fc.assert(
    fc.property(fc.uniqueArray(scope, { maxLength: 5 }), fc.subarray(tools, { minLength: 1 }), (written, used) => {
      const least = leastScopes(written, new Set(used.map(({ name }) => name)), tools)
      const coveredBy = (scopes: readonly string[]) => tools.filter((tool) => scopes.some((each) => covers(each, tool)))
      expect(coveredBy(least)).toEqual(used)
      for (const left of least)
        expect(coveredBy(least.filter((each) => each !== left)).length).toBeLessThan(used.length)
    }),
    { numRuns: 1_000 },
  )
})

test("what was used is allowed, and what was not is denied", async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray([...CALLS], { minLength: 1 }), async (calls) => {
      const records = lifeOf(calls)
      expect(records.map(({ code }) => code)).toEqual(records.map(() => "ok"))
      const made = suggested(records)
      const traffic = await trafficUnder(made.bundle, records, new Map(), SUBJECTS)
      expect(traffic).toMatchObject({ calls: calls.length, allowed: calls.length, denied: [], untoldCount: 0 })
      const after = await applied(made)
      expect(after.problems).toEqual(compiled.problems)
      const others = CALLS.filter((call) => !calls.includes(call) && calls.some(([purpose]) => purpose === call[0]))
      for (const [purpose, tool, args] of others) {
        const life = new RecordedLife(made.bundle)
        expect(life.open(SUPPORT, purpose).call(tool, args).code).toBe("insufficient_scope")
      }
    }),
    { numRuns: 4 },
  )
}, 60_000)

test("its tests are those of the repository and its own, and all pass", async () => {
  const made = suggested(lifeOf(CALLS.slice(0, 3)))
  const after = await applied(made)
  const { cases, problems } = withTables(after)
  expect(problems).toEqual(compiled.problems)
  expect(cases.length).toBeGreaterThan(withTables(compiled).cases.length)
  const { outcomes } = runCases(made.bundle, cases, null)
  expect(outcomes.filter(({ differs }) => differs.length > 0).map(({ of }) => of.name)).toEqual([])
})

test("the same records give the same text, and on what was written already there is nothing left to say", async () => {
  const records = lifeOf(CALLS)
  const made = suggested(records)
  expect(suggested(records).diff).toBe(made.diff)
  const after = await applied(made)
  if (!after.body) throw new Error("the suggestion does not check")
  const again = suggestionFor({ body: after.body, compiled: after }, useOf(records), SUBJECTS)
  expect(again).toMatchObject({ diff: "" })
})

describe("bounds", () => {
  const refunds = (amounts: readonly number[]): readonly ShownRecord[] => {
    const life = new RecordedLife(bundle)
    for (const amount of amounts) life.open(SUPPORT, "refund-order").call("billing.refund", { order: "1001", amount })
    return life.records
  }

  test("of numbers leave head-room, and are tested on both sides", () => {
    const made = suggested(refunds(Array.from({ length: 25 }, (_, index) => 1000 + index)))
    expect(made.files.get("suggested.cedar")).toContain(
      "unless { context.arguments has amount && context.arguments.amount >= 1 && context.arguments.amount <= 1300 };",
    )
    const tests = made.files.get("suggested.test.yaml") ?? ""
    expect(tests).toContain(
      "[billing.refund, { amount: 1301 }, { deny: policy_denied, rules: [support-billing-refund-amount] }]",
    )
    const life = new RecordedLife(made.bundle)
    const refund = (amount: number) => life.open(SUPPORT, "refund-order").call("billing.refund", { order: "1", amount })
    expect([1024, 1300, 1301].map((amount) => refund(amount).code)).toEqual(["ok", "ok", "policy_denied"])
  })

  test("a caller writes no rule, whatever it calls its arguments", () => {
    const rule = `permit (principal == Agent::"${SUPPORT}", action == Action::"write", resource == Tool::"mail.send")`
    const name = `note\n@id("own")\n${rule};\n//`
    const records = refunds(Array.from({ length: 25 }, () => 1000)).map((record) => ({
      ...record,
      // Two of one rule's id, and one that Cedar cannot write as JSON does.
      arguments: { ...record.arguments, [name]: "a", "a b": "c", "a-b": "c", "\u0007": "d" },
    }))
    const rules = suggested(records).files.get("suggested.cedar") ?? ""
    expect(rules).toContain("support-billing-refund-amount")
    expect(rules.split("\n").filter((line) => line.startsWith("permit"))).toEqual([])
  })

  test("a file of records writes nothing by its ids and environments", () => {
    const records = refunds(Array.from({ length: 25 }, () => 1000)).map((record) => ({
      ...record,
      id: `${record.id}\n      - [crm.tickets.get, allow]\n// `,
      environment: "development]\n    tools: [x",
    }))
    const lines = [...suggested(records).files.values()].flatMap((text) => text.split("\n"))
    expect(
      lines.map((line) => line.trim()).filter((line) => /^- \[crm\.tickets\.get, allow\]$|^tools: \[x/u.test(line)),
    ).toEqual([])
  })

  test.each([
    ["https://api.example.org/a", "https://api.example.net/b"],
    ["https://api-1.example.org/a", "https://api-2.example.org/b"],
    ["https://api.example.org:8443/a", "https://api.example.org:8444/b"],
  ])("of URLs do not end within a host: %s and %s", (one, other) => {
    const life = new RecordedLife(bundle)
    const urls = Array.from({ length: 40 }, (_, index) => `${index % 2 === 0 ? one : other}${index}`)
    for (const query of urls) life.open(SUPPORT, "answer-customer").call("desk.search", { query })
    const records = life.records.map((record, index) =>
      record.kind === "call" ? { ...record, arguments: { query: urls[Math.floor(index / 2)] } } : record,
    )
    expect(suggested(records).files.get("suggested.cedar") ?? "").not.toContain("like")
  })

  test("are not made of a few calls: it says so", () => {
    const made = suggested(refunds(Array.from({ length: 19 }, () => 1000)))
    expect(made.files.has("suggested.cedar")).toBe(false)
    expect(made.notes.join("\n")).toContain(
      "fewer than 20 calls of billing.refund (19), so no bounds on their arguments",
    )
  })

  test("are not made of redacted arguments: nothing of them is in the text", () => {
    const life = new RecordedLife(bundle)
    for (let index = 0; index < 30; index++) {
      life.open(SUPPORT, "answer-customer").call("mail.send", { to: "ann@example.org", text: `secret ${index}` })
    }
    const made = suggested(life.records)
    expect(JSON.stringify([...made.files])).not.toMatch(/secret \d|\[redacted\]/u)
  })
})

describe("records of before the rules were corrected", () => {
  const REPLY = "crm.tickets.reply"

  /** As the gateway denied them by the token alone: no ledger knew their number, their arguments, or the groups of the user. */
  function deniedAtEdge(records: readonly ShownRecord[]): readonly ShownRecord[] {
    const unseen = { calls: null, groups: [], arguments: {}, arguments_omitted: null, life: null, number: null }
    let number = 0
    return records.map((record) => {
      if (record.decision === "deny") return { ...record, ...unseen }
      if (record.kind === "exchange") number = 0
      number += 1
      return { ...record, number }
    })
  }

  function before(calls: readonly (readonly [tool: string, mode: "enforce" | "observe"])[]): readonly ShownRecord[] {
    const life = new RecordedLife(bundle)
    for (let nth = 0; nth < 5; nth++) {
      const task = life.open(SUPPORT, "answer-customer", "crm.tickets.get:read")
      for (const [tool, mode] of calls) task.call(tool, { ticket: "1" }, { mode })
    }
    return deniedAtEdge(life.records)
  }

  test("do not count as denied where the change could grant what they were denied, and the tests come", async () => {
    const records = before([
      ["crm.tickets.get", "enforce"],
      [REPLY, "observe"],
    ])
    expect(new Set(records.map(({ denial }) => denial?.reason))).toEqual(new Set([undefined, "tool_not_granted"]))
    const made = suggested(records)
    const traffic = await trafficUnder(made.bundle, records, new Map(), SUBJECTS)
    expect(traffic).toMatchObject({ calls: 10, allowed: 5, denied: [], unpermitted: [], untoldCount: 5 })
    expect(traffic.untold).toEqual({ "what its task had requested": 5 })
    expect(made.files.get("suggested.test.yaml")).toMatch(/\[crm\.tickets\.reply, .*allow\]/u)
  })

  test("are not decided for a user without groups if no record of their task has them", async () => {
    const records = before([
      [REPLY, "observe"],
      ["crm.tickets.get", "enforce"],
    ])
    const { denied, untold } = await trafficUnder(suggested(records).bundle, records, new Map(), SUBJECTS)
    expect(denied).toEqual([])
    expect(untold).toEqual({ "the groups of its user": 5 })
  })
})

describe("a budget of calls", () => {
  const purposes = new Set(["refund-order"])
  /** Each task reads twice and sends three times, which its grant does not cover. */
  const observed = (): readonly ShownRecord[] => {
    const life = new RecordedLife(bundle)
    for (let nth = 0; nth < 20; nth++) {
      const task = life.open(SUPPORT, "refund-order")
      for (const order of ["1", "2"]) task.call("billing.read-order", { order })
      for (const text of ["a", "b", "c"]) task.call("mail.send", { to: "ann@example.org", text }, { mode: "observe" })
    }
    // What a gateway denies before it asks the ledger has no count.
    return life.records.map((record) => (record.decision === "deny" ? { ...record, calls: null } : record))
  }

  test("leaves room for all calls that happened, also those that were denied", async () => {
    const records = observed()
    expect(useOf(records).counted.get("refund-order")).toMatchObject({ most: 5 })
    const subjects = { agents: new Set([SUPPORT]), purposes }
    const made = suggestionFor(base, useOf(records), subjects)
    if ("problems" in made) throw new Error(JSON.stringify(made))
    expect(made.files.get("agents.yaml")).toMatch(/calls: 7\b/u)
    expect((await trafficUnder(made.bundle, records, new Map(), subjects)).denied).toEqual([])
  })

  test("counts the calls below a task for it as well, and none that costs nothing", () => {
    const [opening, ...calls] = observed().slice(0, 6)
    if (!opening) throw new Error("there is no record")
    const child = calls.map((call) => ({ ...call, task: `${call.task}.1`, purpose: "answer-customer" }))
    const lifecycle = calls.slice(0, 1).map((call) => ({ ...call, tool: "everything.mcp.initialize" }))
    expect(base.body.tools.map(({ name }) => name)).toContain("everything.mcp.initialize")
    const { counted } = useOf([opening, ...lifecycle, ...calls, ...child])
    expect(counted.get("refund-order")?.most).toBe(10)
    expect(counted.get("answer-customer")?.most).toBe(5)
  })
})

test("the table names the schema where agents.yaml names its own, as a directory that was initialised does", () => {
  const records = lifeOf(CALLS.slice(0, 2))
  const [first] = (suggested(records).files.get("suggested.test.yaml") ?? "").split("\n")
  expect(first).toBe("# yaml-language-server: $schema=../schemas/test.schema.json")
  const text = compiled.texts.get("agents.yaml") ?? ""
  const head = (agents: string): string | undefined => {
    const texts = new Map(compiled.texts).set("agents.yaml", agents)
    const made = suggestionFor({ ...base, compiled: { ...compiled, texts } }, useOf(records), SUBJECTS)
    if ("problems" in made) throw new Error(JSON.stringify(made))
    return made.files.get("suggested.test.yaml")?.split("\n")[0]
  }
  expect(head(text.replace("../schemas/", ".schemas/"))).toBe(
    "# yaml-language-server: $schema=.schemas/test.schema.json",
  )
  expect(head(text.replace(/^.*\n/u, ""))).toMatch(/^# Made by/u)
})

test("what an observing gateway let happen is granted too, and named as widening", () => {
  const life = new RecordedLife(bundle)
  const task = life.open(SUPPORT, "refund-order")
  const { code } = task.call("mail.send", { to: "ann@example.org", text: "x" }, { mode: "observe" })
  expect(code).toBe("insufficient_scope")
  const { grants } = suggested(life.records)
  expect(grants).toContainEqual({
    of: { purpose: "refund-order" },
    removed: expect.any(Array),
    added: ["mail.send:write"],
  })
})

describe("of the calls of others", () => {
  const RESEARCHER = "spiffe://example.org/agent/researcher"
  const mixed = (more: (life: RecordedLife) => void): readonly ShownRecord[] => {
    const life = new RecordedLife(bundle)
    life.open(SUPPORT, "triage-ticket").call("crm.tickets.list")
    more(life)
    return life.records
  }
  const denials = async (by: Bundle, records: readonly ShownRecord[]) =>
    (await trafficUnder(by, records, new Map(), SUBJECTS)).denied.map(({ agent, tool, code, count, today }) => ({
      agent,
      tool,
      code,
      count,
      today,
    }))

  test("none is denied by what is fitted to one agent", async () => {
    const records = mixed((life) => life.open(RESEARCHER, "triage-ticket").call("crm.tickets.get", { ticket: "1" }))
    const made = suggestionFor(base, useOf(records), { agents: new Set([SUPPORT]), purposes: new Set() })
    if ("problems" in made) throw new Error(JSON.stringify(made))
    expect(await denials(made.bundle, records)).toEqual([])
  })

  test("those are named that a purpose fitted to part of the records would deny", async () => {
    const own = mixed(() => undefined)
    const made = suggestionFor(base, useOf(own), { agents: new Set(), purposes: new Set(["triage-ticket"]) })
    if ("problems" in made) throw new Error(JSON.stringify(made))
    const all = mixed((life) => {
      const task = life.open(RESEARCHER, "triage-ticket")
      for (const ticket of ["1", "2"]) task.call("crm.tickets.get", { ticket })
    })
    expect(await denials(made.bundle, all)).toEqual([
      { agent: RESEARCHER, tool: "crm.tickets.get", code: "insufficient_scope", count: 2, today: 0 },
    ])
  })

  test("those that only an observing gateway let happen are named as denied today, too, and nobody is permitted more by them", async () => {
    const records = mixed((life) => {
      life.open(RESEARCHER, "triage-ticket").call("everything.trigger-long-running-operation", {}, { mode: "observe" })
    })
    const subjects = { agents: new Set([SUPPORT]), purposes: new Set<string>() }
    const made = suggestionFor(base, useOf(records), subjects)
    if ("problems" in made) throw new Error(JSON.stringify(made))
    const { denied, unpermitted } = await trafficUnder(made.bundle, records, new Map(), subjects)
    expect(denied).toMatchObject([{ agent: RESEARCHER, code: "insufficient_scope", count: 1, today: 1 }])
    expect(unpermitted).toEqual([])
  })

  test("no rule is suggested for the users of another agent", async () => {
    const records = mixed((life) => {
      // A tool that its grant covers, and that rules permit to nobody in this copy.
      life.open(RESEARCHER, "triage-ticket").call("crm.tickets.get", { ticket: "1" }, { mode: "observe" })
    })
    const { texts } = await readPolicies(DIRECTORY)
    const rules = texts.get("support.cedar") ?? ""
    const unpermitting = compileFiles({
      texts: new Map(texts).set("support.cedar", rules.replaceAll(`Action::"read"`, `Action::"execute"`)),
      tables: new Map(),
      problems: [],
    }).bundle
    if (!unpermitting) throw new Error("it does not check")
    const others = { agents: new Set([SUPPORT]), purposes: new Set<string>() }
    const by = async (subjects: typeof others) =>
      (await trafficUnder(unpermitting, records, new Map(), subjects)).unpermitted.map(({ tool, agent }) => [
        tool,
        agent,
      ])
    expect(await by({ agents: new Set([RESEARCHER]), purposes: new Set() })).toContainEqual([
      "crm.tickets.get",
      RESEARCHER,
    ])
    expect(await by(others)).not.toContainEqual(["crm.tickets.get", RESEARCHER])
  })
})
