/** What no record shows in use, and since when it is there. */
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { compileFiles, type Compiled } from "../../../cli/compiler/compile.ts"
import { readPolicies } from "../../../cli/compiler/model/read-directory.ts"
import { UseCounter, withAge, type LastUse } from "../../../cli/unused/last-use.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import { RecordedLife } from "./recorded-life.ts"

const SUPPORT = "spiffe://example.org/agent/support"

let texts: ReadonlyMap<string, string>
let now: { readonly body: BundleBody; readonly bundle: Bundle }
beforeAll(async () => {
  texts = (await readPolicies(join(import.meta.dirname, "../../../policies"))).texts
  now = usable(texts)
})

function usable(files: ReadonlyMap<string, string>): { readonly body: BundleBody; readonly bundle: Bundle } {
  const { body, bundle, problems }: Compiled = compileFiles({ texts: files, tables: new Map(), problems: [] })
  if (!body || !bundle) throw new Error(JSON.stringify(problems))
  return { body, bundle }
}

const named = (all: readonly LastUse[], kind: string): readonly string[] =>
  all.filter((one) => one.kind === kind && one.last === null).map(({ name }) => name)

test("what calls used is used, and nothing else", () => {
  const life = new RecordedLife(now.bundle)
  const task = life.open(SUPPORT, "answer-customer")
  task.call("crm.tickets.get", { ticket: "1" })
  task.call("mail.send", { to: "eve@evil.example", text: "x" })
  const counter = new UseCounter()
  for (const record of life.records) counter.add(record)
  const all = counter.of(now.body)
  expect(named(all, "agent")).toEqual(
    now.body.agents
      .map(({ id }) => id)
      .filter((id) => id !== SUPPORT)
      .toSorted(),
  )
  expect(named(all, "purpose")).toEqual(["nightly-report", "refund-order", "triage-ticket"])
  expect(named(all, "tool")).not.toContain("crm.tickets.get")
  // It was denied, so it was not used; the rule that denied it was.
  expect(named(all, "tool")).toContain("mail.send")
  expect(named(all, "forbid")).not.toContain("mail-within-the-company")
  expect(named(all, "forbid")).toContain("no-external-after-confidential")
  expect(named(all, "permit")).toEqual(["lifecycle-for-all", "nightly-report-lists-tickets", "research-agents-read"])
  expect(named(all, "scope").filter((name) => name.startsWith(`${SUPPORT} crm.`))).toEqual([
    `${SUPPORT} crm.customers.get`,
    `${SUPPORT} crm.tickets.list`,
    `${SUPPORT} crm.tickets.reply`,
  ])
})

test("a part is as old as the oldest bundle in a row that has it", () => {
  const without = usable(
    new Map(texts).set("limits.cedar", (texts.get("limits.cedar") ?? "").replace("no-environment-variables", "other")),
  )
  const all = new UseCounter().of(now.body)
  const since = (name: string, bundles: Parameters<typeof withAge>[1]): number | null | undefined =>
    withAge(all, bundles).find((one) => one.name === name)?.since
  const history = [
    { at: 3, bundle: now.bundle },
    { at: 2, bundle: without.bundle },
    { at: 1, bundle: now.bundle },
  ]
  expect(since("no-environment-variables", history)).toBe(3)
  expect(since("mail-within-the-company", history)).toBe(1)
  expect(since("mail-within-the-company", [])).toBe(null)
})
