/** Bounds on what an argument means, from the values of calls: what is like them is allowed, what is not is denied. */
import { beforeAll, describe, expect, test } from "vitest"
import { parse } from "yaml"
import { ArgumentValues } from "../../../cli/suggest/argument-values.ts"
import { boundOf } from "../../../cli/suggest/bounds.ts"
import { trafficUnder } from "../../../cli/suggest/traffic.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { runCases } from "../../../cli/decision-tables/suite.ts"
import { violation } from "../../harness/bounds.ts"
import type { ArgumentBound } from "../../../src/core/catalog/bounds/definition.ts"
import { START } from "./recorded-life.ts"
import { applied, codeOf, recordsOf, SUBJECTS, suggested, withReadArguments, type Usable } from "./written-to.ts"

const DAY = 86_400_000
const day = (days: number): string => new Date(START + days * DAY).toISOString().slice(0, 10)
const CALLS = 24

/** Of each argument: the values of 24 calls, the bound, and what is allowed and denied afterwards, by what the bound means. */
const ARGUMENTS: Readonly<
  Record<
    string,
    {
      readonly sent: (nth: number) => unknown
      readonly bound: object
      readonly allowed: readonly unknown[]
      readonly denied: readonly unknown[]
    }
  >
> = {
  file: {
    sent: (nth) => `/srv/reports/2026-${String(nth % 12).padStart(2, "0")}/a${nth}.pdf`,
    bound: { path: ["/srv/reports"] },
    allowed: ["/srv/reports/2027-01/x.pdf", "/srv/reports/y"],
    denied: ["/srv/reports/../../etc/passwd", "/srv/reports2/x", "/etc/passwd", undefined],
  },
  link: {
    sent: (nth) => `https://api.example.com/v1/orders/${nth}?page=${nth}`,
    bound: { url: { hosts: ["api.example.com"], path: "/v1/orders" } },
    allowed: ["https://api.example.com/v1/orders/99"],
    denied: [
      "https://evil.example/v1/orders/1",
      "https://api.example.com@evil.example/",
      "http://api.example.com/v1/orders/1",
    ],
  },
  mail: {
    sent: (nth) => `user${nth}@${nth % 2 === 0 ? "example.org" : "Example.com"}`,
    bound: { email: ["example.com", "example.org"] },
    allowed: ["new@example.org"],
    denied: ["a@evil.example", "a@evil.example,b@example.org"],
  },
  source: {
    sent: (nth) => `10.20.${nth % 3}.${nth}`,
    bound: { cidr: ["10.20.0.0/16"] },
    allowed: ["10.20.99.1"],
    denied: ["10.21.0.1", "10.020.0.1"],
  },
  price: {
    sent: (nth) => `${nth + 0.5} EUR`,
    bound: { quantity: { max: "30 EUR" } },
    allowed: ["0 EUR", "30 EUR"],
    denied: ["31 EUR", "1 USD", "-1 EUR"],
  },
  due: {
    sent: (nth) => day((nth % 12) - 3),
    bound: { date: { from: "today-4d", to: "today+10d" } },
    allowed: [day(-4), day(10)],
    denied: [day(-5), day(11), "tomorrow"],
  },
}

const callOf = (nth: number): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(ARGUMENTS).map(([name, { sent }]) => [name, sent(nth)]))

let base: Usable
beforeAll(async () => {
  base = await withReadArguments()
})

describe("of arguments that mean something", () => {
  const first = callOf(1)
  const records = () =>
    recordsOf(
      base.bundle,
      Array.from({ length: CALLS }, (_, nth) => callOf(nth)),
    )

  test("each has its bound with evidence, by which all that was recorded passes", async () => {
    const made = suggested(base, records())
    const catalog = made.files.get("catalog.yaml") ?? ""
    const parsed: { readonly bounds: readonly { readonly arguments: object }[] } = parse(catalog)
    expect(parsed.bounds.map((each) => each.arguments)).toEqual(
      Object.entries(ARGUMENTS)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { bound }]) => ({ [name]: bound })),
    )
    for (const name of Object.keys(ARGUMENTS)) {
      expect(catalog).toMatch(new RegExp(`# 24 calls, 2027-01-15, dec_\\d+, dec_\\d+: \`${name}\` was .+\\.\\n`, "u"))
    }
    const traffic = await trafficUnder(made.bundle, records(), new Map(), SUBJECTS)
    expect(traffic).toMatchObject({ calls: CALLS, allowed: CALLS, inSequence: CALLS, denied: [], untoldCount: 0 })
  })

  test("what the bounds mean is allowed, and nothing else", () => {
    const { bundle } = suggested(base, records())
    const code = (name: string, value: unknown): string =>
      codeOf(
        bundle,
        Object.fromEntries(Object.entries({ ...first, [name]: value }).filter(([, each]) => each !== undefined)),
      )
    for (const [name, { allowed, denied }] of Object.entries(ARGUMENTS)) {
      for (const value of allowed) expect([name, value, code(name, value)]).toEqual([name, value, "ok"])
      for (const value of denied) expect([name, value, code(name, value)]).toEqual([name, value, "policy_denied"])
    }
  })

  test("the ceiling is closed, because each argument has its bound, and is not if one has none", () => {
    const made = suggested(base, records())
    expect(made.files.get("agents.yaml")).toMatch(
      /# 24 calls, .*: no other arguments\.\n +arguments: \{ due: \{\}, .*source: \{\} \}\n +closed: true\n/u,
    )
    expect(codeOf(made.bundle, { ...first, bcc: "x" })).toBe("insufficient_scope")
    const unlike = Array.from({ length: CALLS }, (_, nth) => ({
      ...callOf(nth),
      note: "abcdefghijklmnopqrstuvwxyz".slice(nth),
    }))
    const open = suggested(base, recordsOf(base.bundle, unlike))
    expect(open.files.get("agents.yaml")).not.toContain("closed")
    expect(open.notes.join("\n")).toContain("no bound on `note` of crm.tickets.reply")
    const hidden = Array.from({ length: CALLS }, (_, nth) => ({ ...callOf(nth), unread: nth }))
    expect(suggested(base, recordsOf(base.bundle, hidden)).files.get("agents.yaml")).not.toContain("closed")
  })

  test("it brings no problem, its tests hold both sides of each bound, and once it is written nothing is left", () => {
    const made = suggested(base, records())
    const after = applied(base, made.files)
    expect(after.compiled.problems).toEqual(base.compiled.problems)
    const tests = made.files.get("suggested.test.yaml") ?? ""
    for (const name of Object.keys(ARGUMENTS)) expect(tests).toContain(`rules: [support-crm-tickets-reply-${name}]`)
    expect(tests).toContain("never_used: true }, insufficient_scope]")
    const { outcomes } = runCases(after.bundle, withTables(after.compiled).cases, null)
    expect(outcomes.filter(({ differs }) => differs.length > 0)).toEqual([])
    expect(suggested(after, records()).diff).toBe("")
  })
})

test("its tests of what was never used fail as long as it is not applied", () => {
  const made = suggested(
    base,
    recordsOf(
      base.bundle,
      Array.from({ length: 3 }, () => ({ mail: "a@example.org" })),
    ),
  )
  const { cases } = withTables({
    ...base.compiled,
    tables: new Map([...made.files].filter(([file]) => file === "suggested.test.yaml")),
  })
  const never = cases.filter(({ name }) => name.includes("never used"))
  const { outcomes } = runCases(base.bundle, never, null)
  expect(never.length).toBeGreaterThan(5)
  expect(outcomes.filter(({ differs }) => differs.length === 0).map(({ of }) => of.name)).toEqual([])
})

describe("no bound is made", () => {
  const boundFor = (sent: (nth: number) => unknown, calls = CALLS) => {
    const values = new ArgumentValues()
    for (let nth = 0; nth < calls; nth++) values.add(sent(nth), START)
    return boundOf(values, calls, "context.arguments.x")
  }
  const none = { none: expect.any(String) }

  test.each<readonly [string, (nth: number) => unknown]>([
    ["of paths that have only the root in common", (nth) => `/d${nth}/a`],
    ["of paths of which some lead upwards", (nth) => `/srv/a${nth}/${nth === 20 ? ".." : "b"}`],
    [
      "of paths whose directory was another a while ago",
      (nth) => `/srv/${nth > 15 ? "b" : "a"}/${nth}`.replace("/srv/b", "/opt"),
    ],
    ["of hosts of which new ones still come", (nth) => `https://h${Math.floor(nth / 4)}.example.org/`],
    ["of addresses at many domains", (nth) => `a@d${nth}.example`],
    ["of networks far from each other", (nth) => `${nth + 1}.0.0.1`],
    ["of several currencies", (nth) => `${nth} ${nth % 2 === 0 ? "EUR" : "USD"}`],
    ["of dates of many years", (nth) => `${1950 + nth}-01-01`],
    ["of objects", (nth) => ({ a: nth })],
    ["of nothing", () => null],
  ])("%s", (_what, sent) => {
    expect(boundFor(sent)).toEqual(none)
  })

  test("of a list that is empty, though its other values are addresses", () => {
    expect(boundFor((nth) => (nth === 3 ? [] : [`a${nth}@example.org`, `b${nth}@example.org`]))).toEqual(none)
    expect(boundFor((nth) => [`a${nth}@example.org`, `b${nth}@example.org`])).toMatchObject({
      by: { named: { email: ["example.org"] } },
    })
  })
})

test("a quantity below one leaves a share of itself, not a whole more", () => {
  const values = new ArgumentValues()
  for (let nth = 0; nth < CALLS; nth++) values.add(`${nth === 0 ? "0.04" : "0.02"} BTC`, START)
  expect(boundOf(values, CALLS, "x")).toMatchObject({
    by: { named: { quantity: { max: "0.05 BTC" } } },
    outside: "2 BTC",
  })
})

const holds = (bound: ArgumentBound, a: unknown): boolean => violation([{ a: bound }], { a }, START) === null

test("all that a bound is made of is within it, whatever was sent", () => {
  const pieces = [
    "/srv/",
    "a",
    "..",
    "https://a.example/",
    "x@a.example",
    "10.0.0.",
    "1",
    " EUR",
    "2026-01-0",
    "%2e",
    "\\",
    "é",
  ]
  let [bounds, seed] = [0, 7]
  const next = (most: number): number => (seed = (seed * 48_271) % 2_147_483_647) % most
  for (let round = 0; round < 4_000; round++) {
    const values = new ArgumentValues()
    const start = pieces[next(pieces.length)]
    const sent = Array.from({ length: 20 }, (_, nth) =>
      next(4) > 0
        ? `${start}${pieces[next(6) > 0 ? 6 : next(pieces.length)]}${next(3) > 0 ? nth : ""}`
        : `${start}${nth}`,
    )
    for (const value of sent) values.add(value, START)
    const bound = boundOf(values, sent.length, "x")
    if ("none" in bound || !("named" in bound.by)) continue
    bounds += 1
    const { named } = bound.by
    for (const value of [...sent, bound.within]) {
      expect(holds(named, value), JSON.stringify([named, value])).toBe(true)
    }
    expect(holds(named, bound.outside), JSON.stringify([named, bound.outside])).toBe(false)
  }
  expect(bounds).toBeGreaterThan(100)
})
