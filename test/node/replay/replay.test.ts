/** Recorded calls, decided again on the state that the calls before them leave under other policies. */
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { compileFiles } from "../../../cli/compiler/compile.ts"
import { readPolicies } from "../../../cli/compiler/model/read-directory.ts"
import { Replay, type Replayed } from "../../../cli/replay/replay.ts"
import type { ShownRecord } from "../../../cli/remote/decision-record.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import { RecordedLife } from "../suggest/recorded-life.ts"

const SUPPORT = "spiffe://example.org/agent/support"
const DIGEST = "0".repeat(64)

let texts: ReadonlyMap<string, string>
let bundle: Bundle
beforeAll(async () => {
  texts = (await readPolicies(join(import.meta.dirname, "../../../policies"))).texts
  bundle = { ...changed(), pointer: { seq: 1, digest: DIGEST } }
})

/** The example, changed in one place. */
function changed(file?: string, find?: string, replace = ""): Bundle {
  const copy = new Map(texts)
  if (file !== undefined && find !== undefined) {
    const text = copy.get(file) ?? ""
    if (!text.includes(find)) throw new Error(`${file} has no ${find}`)
    copy.set(file, text.replace(find, replace))
  }
  const { bundle: compiled, problems } = compileFiles({ texts: copy, tables: new Map(), problems: [] })
  if (!compiled) throw new Error(JSON.stringify(problems))
  return compiled
}

function replayed(records: readonly ShownRecord[], by: Bundle): readonly Replayed[] {
  const replay = new Replay(by, new Map([[DIGEST, bundle]]))
  return records.flatMap((record) => replay.next(record) ?? [])
}

const summaryOf = ({ judged, how }: Replayed): string =>
  `${how}: ${judged.kind === "flips" ? judged.to.code : judged.kind === "untold" ? judged.what.join(", ") : judged.kind}`

/** Reads, writes, a customer's data, and what may not be done after that. */
function life(): RecordedLife {
  const recorded = new RecordedLife(bundle)
  const task = recorded.open(SUPPORT, "answer-customer", "crm.*:read mail.send:write")
  task.call("crm.tickets.get", { ticket: "1" })
  task.call("mail.send", { to: "ann@example.org", text: "hello" })
  task.call("crm.customers.get", { customer: "7" })
  task.call("mail.send", { to: "ann@example.org", text: "secret" })
  task.call("crm.tickets.get", { ticket: "2" })
  return recorded
}

describe("a recorded sequence comes out", () => {
  test("as it did, under the bundle that decided it", () => {
    const { records } = life()
    expect(records.map(({ code }) => code)).toEqual(["ok", "ok", "ok", "ok", "policy_denied", "ok"])
    expect(replayed(records, bundle).map(summaryOf)).toEqual(Array.from({ length: 5 }, () => "sequence: same"))
  })

  test("with other labels, if a tool leaves none any more: nothing of that is in a single record", () => {
    const read = "  - name: crm.customers.get\n    action: read\n    sensitivity: confidential\n"
    const without = changed("catalog.yaml", `${read}    labels: [reads:confidential]\n`, read)
    expect(replayed(life().records, without).map(summaryOf)).toEqual([
      "sequence: same",
      "sequence: same",
      "sequence: same",
      "sequence: ok",
      "sequence: same",
    ])
  })

  test("with other windows, which count what they admit themselves", () => {
    const recorded = new RecordedLife(bundle)
    const task = recorded.open(SUPPORT, "answer-customer")
    for (let index = 0; index < 6; index++) task.call("crm.tickets.get", { ticket: "1" })
    const narrow = changed("guardrails.yaml", "limit: 600\n    within: 1m", "limit: 2\n    within: 3s")
    // Two in any three seconds, a second apart: every third is one too many, and what is denied does not count.
    const everyThird = ["sequence: same", "sequence: same", "sequence: rate_limited"]
    expect(replayed(recorded.records, narrow).map(summaryOf)).toEqual([...everyThird, ...everyThird])
  })

  test("with another budget of the task, which no single record shows", () => {
    const recorded = new RecordedLife(bundle)
    const task = recorded.open(SUPPORT, "answer-customer")
    for (let index = 0; index < 4; index++) task.call("crm.tickets.get", { ticket: "1" })
    const narrow = changed("agents.yaml", "calls: 50", "calls: 2")
    expect(replayed(recorded.records, narrow).map(summaryOf)).toEqual([
      "sequence: same",
      "sequence: same",
      "sequence: budget_exhausted",
      "sequence: budget_exhausted",
    ])
  })

  test("with another grant, which the task gets when it is opened", () => {
    const narrow = changed(
      "agents.yaml",
      "tools: [crm.*:read, crm.tickets.reply:write, mail.send:write",
      "tools: [crm.*:read",
    )
    expect(replayed(life().records, narrow).map(summaryOf)).toEqual([
      "sequence: same",
      "sequence: insufficient_scope",
      "sequence: same",
      "sequence: insufficient_scope",
      "sequence: same",
    ])
  })
})

describe("nothing is guessed where", () => {
  test("a record of the tree is lost: the later calls are decided by their own records", () => {
    const { records } = life()
    const lost = records.filter((_record, index) => index !== 2)
    expect(replayed(lost, bundle).map(summaryOf)).toEqual([
      "sequence: same",
      "alone: same",
      "alone: same",
      "alone: same",
    ])
  })

  test("the opening of the task is not recorded", () => {
    const { records } = life()
    expect(new Set(replayed(records.slice(1), bundle).map(({ how }) => how))).toEqual(new Set(["alone"]))
    const narrow = changed(
      "agents.yaml",
      "tools: [crm.*:read, crm.tickets.reply:write, mail.send:write",
      "tools: [crm.*:read",
    )
    expect(replayed(records.slice(1), narrow).map(summaryOf)[1]).toBe("alone: invalid_scope")
  })

  test("an argument that other rules read is not recorded, or is redacted", () => {
    const rule = `@id("no-42")
forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get")
when { context.arguments has ticket && context.arguments.ticket == "42" };`
    const copy = new Map(texts)
    copy.set(
      "schema.cedarschema",
      (copy.get("schema.cedarschema") ?? "").replace("  to?: String,", "  to?: String,\n  ticket?: String,"),
    )
    copy.set("limits.cedar", `${copy.get("limits.cedar") ?? ""}\n${rule}\n`)
    const { bundle: reading, problems } = compileFiles({ texts: copy, tables: new Map(), problems: [] })
    if (!reading) throw new Error(JSON.stringify(problems))
    expect(replayed(life().records, reading).map(summaryOf)).toEqual([
      "alone: context.arguments.ticket",
      "sequence: same",
      "sequence: same",
      "sequence: same",
      "alone: context.arguments.ticket",
    ])
  })

  test("a call was denied by its grant, and the next grant might be wider", () => {
    const recorded = new RecordedLife(bundle)
    const task = recorded.open(SUPPORT, "answer-customer", "crm.*:read")
    task.call("mail.send", { to: "ann@example.org", text: "hello" })
    expect(recorded.records.at(-1)?.code).toBe("insufficient_scope")
    expect(replayed(recorded.records, bundle).map(summaryOf)).toEqual(["sequence: what its task had requested"])
    const narrow = changed(
      "agents.yaml",
      "tools: [crm.*:read, crm.tickets.reply:write, mail.send:write",
      "tools: [crm.*:read",
    )
    expect(replayed(recorded.records, narrow).map(summaryOf)).toEqual(["sequence: same"])
  })

  test("a window reaches back beyond the oldest record, unless its figures show that nothing was there", () => {
    const { records } = life()
    const early = records.map((record) => ({
      ...record,
      windows: record.windows.map((each) => ({ ...each, used: each.used + 5 })),
    }))
    expect(new Set(replayed(early, bundle).map(({ how }) => how))).toEqual(new Set(["alone"]))
  })
})
