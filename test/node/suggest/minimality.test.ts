/**
 * Nothing of a suggestion can be left out: without a tool, an action class, an agent's purpose or a permit some recorded
 * call is denied; without a bound, a closing or a window something is allowed that was never used.
 */
import fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import { isMap, isScalar, isSeq, parseDocument, type Node } from "yaml"
import { fit } from "../../../cli/suggest/fit.ts"
import { trafficUnder } from "../../../cli/suggest/traffic.ts"
import type { ShownRecord } from "../../../cli/remote/decision-record.ts"
import { SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import { RecordedLife } from "./recorded-life.ts"
import { applied, suggested, SUPPORT, TOOL, usable, useOf, withReadArguments, type Usable } from "./written-to.ts"
import { compileFiles } from "../../../cli/compiler/compile.ts"

type Values = Readonly<Record<string, unknown>>

/** Each with the purpose that grants it. */
const CALLS: readonly (readonly [purpose: string, tool: string, values: (nth: number) => Values])[] = [
  ["answer-customer", "crm.tickets.get", (nth) => ({ ticket: `t-${nth}` })],
  ["answer-customer", "crm.tickets.list", () => ({})],
  ["answer-customer", "crm.customers.get", () => ({ customer: "7" })],
  ["answer-customer", TOOL, (nth) => ({ mail: `u${nth}@example.org`, file: `/srv/reports/${nth}.pdf` })],
  ["answer-customer", "desk.search", () => ({})],
  ["refund-order", "billing.read-order", () => ({})],
  ["refund-order", "billing.refund", (nth) => ({ amount: 100 + nth })],
]

let base: Usable
beforeAll(async () => {
  base = await withReadArguments()
})

const SUBJECTS = { agents: new Set([SUPPORT]), purposes: new Set(["answer-customer", "refund-order"]) }

function recordsOf(calls: readonly (typeof CALLS)[number][], times: number): readonly ShownRecord[] {
  const life = new RecordedLife(base.bundle)
  for (let time = 0; time < times; time++) {
    for (const [purpose, ofPurpose] of Map.groupBy(calls, ([name]) => name)) {
      const task = life.open(SUPPORT, purpose)
      for (const [, tool, values] of ofPurpose) task.call(tool, values(time))
    }
  }
  expect(life.records.map(({ code }) => code)).toEqual(life.records.map(() => "ok"))
  return life.records
}

interface Without {
  readonly what: string
  readonly file: string
  readonly text: string
}

/** `agents.yaml` with one element less of what the agent has, and the purposes that were used, or with a lower sensitivity. */
function* lessAuthority(text: string, purposes: ReadonlySet<string>): Generator<Without> {
  const paths = parseDocument(text)
  const placesOf = (key: string): readonly (readonly (string | number)[])[] => {
    const all = paths.get(key)
    if (!isSeq<Node>(all)) return []
    return all.items.flatMap((item, index) => {
      const name = isMap(item) ? String(item.get("id") ?? item.get("name")) : ""
      return SUBJECTS.agents.has(name) || purposes.has(name) ? [[key, index]] : []
    })
  }
  for (const place of [...placesOf("purposes"), ...placesOf("agents")]) {
    const grant = [...place, place[0] === "agents" ? "ceiling" : "grant"]
    for (const list of [
      [...grant, "tools"],
      [...place, "purposes"],
    ]) {
      const node = paths.getIn(list)
      if (!isSeq<Node>(node)) continue
      for (const [index, item] of node.items.entries()) {
        const document = parseDocument(text)
        document.deleteIn([...list, index])
        yield {
          what: `${list.join(".")} ${isScalar(item) ? String(item.value) : ""}`,
          file: "agents.yaml",
          text: document.toString(),
        }
      }
    }
    const rank = SENSITIVITIES.findIndex((each) => each === paths.getIn([...grant, "max_sensitivity"]))
    const document = parseDocument(text)
    document.setIn([...grant, "max_sensitivity"], SENSITIVITIES[rank - 1])
    if (rank > 0) yield { what: `${grant.join(".")} sensitivity`, file: "agents.yaml", text: document.toString() }
  }
}

/** `suggested.cedar` with one rule less. */
function* lessRules(text: string): Generator<Without & { readonly id: string }> {
  const rules = text.split(/(?=^\/\/ \d+ calls?, )/mu)
  for (const [index, rule] of rules.entries()) {
    const id = /@id\("([^"]+)"\)/u.exec(rule)?.[1]
    if (id === undefined) continue
    yield { what: id, id, file: "suggested.cedar", text: rules.toSpliced(index, 1).join("") }
  }
}

/** Null: it does not even check. */
function bundleWithout({ compiled }: Usable, { file, text }: Without): Bundle | null {
  const { bundle } = compileFiles({ texts: new Map(compiled.texts).set(file, text), tables: new Map(), problems: [] })
  return bundle ?? null
}

const isAllowed = (bundle: Bundle, purpose: string, tool: string, values: Values): boolean =>
  new RecordedLife(bundle).open(SUPPORT, purpose).call(tool, values).code === "ok"

/** Beside what was used in one respect, by the id of the rule. */
const BEYOND: Readonly<Record<string, readonly [purpose: string, tool: string, values: Values]>> = {
  "support-crm-tickets-reply-mail": ["answer-customer", TOOL, { mail: "u@evil.example", file: "/srv/reports/1.pdf" }],
  "support-crm-tickets-reply-file": ["answer-customer", TOOL, { mail: "u@example.org", file: "/etc/passwd" }],
  "support-billing-refund-amount": ["refund-order", "billing.refund", { amount: 9_000 }],
}

test("each tool, purpose, sensitivity and bound of a suggestion is needed", async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.subarray([...CALLS], { minLength: 1 }), fc.constantFrom(1, 24), async (calls, times) => {
      const records = recordsOf(calls, times)
      const made = suggested(base, records, SUBJECTS)
      const after = applied(base, made.files)
      expect((await trafficUnder(after.bundle, records, new Map(), SUBJECTS)).denied).toEqual([])
      for (const less of lessAuthority(
        after.compiled.texts.get("agents.yaml") ?? "",
        new Set(calls.map(([name]) => name)),
      )) {
        const bundle = bundleWithout(after, less)
        if (!bundle) continue
        seen.add(less.what.replace(/ .*/u, ""))
        expect((await trafficUnder(bundle, records, new Map(), SUBJECTS)).denied, less.what).not.toEqual([])
      }
      for (const less of lessRules(made.files.get("suggested.cedar") ?? "")) {
        const bundle = bundleWithout(after, less)
        const beyond = BEYOND[less.id]
        if (!bundle || !beyond) throw new Error(`${less.what} has no call beyond it`)
        seen.add(less.id)
        expect([less.id, isAllowed(after.bundle, ...beyond), isAllowed(bundle, ...beyond)]).toEqual([
          less.id,
          false,
          true,
        ])
      }
    }),
    { numRuns: 6, seed: 22, examples: [[[...CALLS], 24]] },
  )
  for (const id of Object.keys(BEYOND)) expect(seen).toContain(id)
  expect([...seen].some((what) => what.endsWith("ceiling.tools"))).toBe(true)
  expect([...seen].some((what) => what.endsWith("grant.tools"))).toBe(true)
}, 240_000)

test("without its window more calls come in a minute than ever did, without its closing an argument that never did", () => {
  const records = recordsOf([["answer-customer", TOOL, (nth) => ({ mail: `u${nth}@example.org` })]], 120)
  const made = suggested(base, records, SUBJECTS)
  const after = applied(base, made.files)
  const burst = (bundle: Bundle, window: number): readonly string[] => {
    const life = new RecordedLife(bundle)
    return Array.from({ length: window + 1 }, () => {
      life.now -= 900
      return life.open(SUPPORT, "answer-customer").call(TOOL, { mail: "u@example.org" }).code
    })
  }
  const window = after.body.guardrails.find(({ id }) => id === "support-per-minute")
  if (window?.kind !== "limit") throw new Error("there is no window")
  expect(burst(after.bundle, window.limit).at(-1)).toBe("rate_limited")
  const guardrails = base.compiled.texts.get("guardrails.yaml") ?? ""
  const open = usable(
    compileFiles({
      texts: new Map(after.compiled.texts).set("guardrails.yaml", guardrails),
      tables: new Map(),
      problems: [],
    }),
  )
  expect(burst(open.bundle, window.limit).at(-1)).toBe("ok")
  const more = { mail: "u@example.org", bcc: "x" }
  const agents = (after.compiled.texts.get("agents.yaml") ?? "").replace("closed: true", "")
  const wider = bundleWithout(after, {
    what: "closed",
    file: "agents.yaml",
    text: agents.replace(/arguments: \{ mail: \{\} \}/u, ""),
  })
  if (!wider) throw new Error("it does not check")
  expect(isAllowed(after.bundle, "answer-customer", TOOL, more)).toBe(false)
  expect(isAllowed(wider, "answer-customer", TOOL, more)).toBe(true)
})

test("a permit for what policy permits to no user is needed, and permits that tool alone", async () => {
  const [used, other] = ["everything.gzip-file-as-resource", "everything.get-env"]
  const observed = await withReadArguments(`@id("agents-run")
permit (
  principal in AgentGroup::"support",
  action in [Action::"read", Action::"execute", Action::"delegate"],
  resource in Server::"everything"
);`)
  const life = new RecordedLife(observed.bundle)
  const subjects = { agents: new Set([SUPPORT]), purposes: new Set(["refund-order"]) }
  life.open(SUPPORT, "refund-order").call(used, {}, { mode: "observe" })
  const made = await fit(observed, useOf(life.records, observed), subjects, () => life.records, new Map())
  if ("problems" in made) throw new Error(JSON.stringify(made.problems))
  const after = applied(observed, made.suggestion.files)
  const denied = async (bundle: Bundle) => (await trafficUnder(bundle, life.records, new Map(), subjects)).denied.length
  expect(await denied(after.bundle)).toBe(0)
  const rules = [...lessRules(after.compiled.texts.get("suggested.cedar") ?? "")]
  expect(rules.map(({ id }) => id)).toEqual([`group-support-uses-${used.replaceAll(".", "-")}`])
  for (const less of rules) {
    const bundle = bundleWithout(after, less)
    expect(bundle && (await denied(bundle)), less.id).toBe(1)
  }
  expect(new RecordedLife(after.bundle).open(SUPPORT, "refund-order").call(used).code).toBe("ok")
  expect(new RecordedLife(after.bundle).open(SUPPORT, "refund-order").call(other).code).not.toBe("ok")
})
