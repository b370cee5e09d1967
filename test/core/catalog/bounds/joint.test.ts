/** What bounds of several definitions allow together: nothing that one of them refuses, and none is lost. */
import { expect, test } from "vitest"
import { violation } from "../../../harness/bounds.ts"
import type { ArgumentBound, MeaningBound } from "../../../../src/core/catalog/bounds/definition.ts"
import { contradiction, jointBounds } from "../../../../src/core/catalog/bounds/joint.ts"
import { meaningsOf } from "../../../../src/core/catalog/bounds/kinds.ts"

const DAY = 86_400_000
const NOW = Date.parse("2026-03-01T23:59:00Z")

/** Bounds of one kind, from wide to narrow and beside each other, and values about them. */
const ALIKE: Readonly<
  Record<keyof MeaningBound, { readonly bounds: readonly MeaningBound[]; readonly values: readonly unknown[] }>
> = {
  path: {
    bounds: [
      { path: ["/"] },
      { path: ["/srv"] },
      { path: ["/srv/a", "/etc"] },
      { path: ["/srv/a"] },
      { path: ["srv"] },
    ],
    values: ["/", "/srv", "/srv/a", "/srv/a/b", "/srv/ab", "/etc/a", "srv/a", "/SRV/a"],
  },
  url: {
    bounds: [
      { url: { hosts: ["*.example.org"] } },
      { url: { hosts: ["a.example.org"] } },
      { url: { hosts: ["a.example.org"], schemes: ["https", "http"] } },
      { url: { hosts: ["a.example.org"], schemes: ["http"] } },
      { url: { hosts: ["a.example.org"], ports: [443, 8443] } },
      { url: { hosts: ["a.example.org"], ports: [443] } },
      { url: { hosts: ["a.example.org"], path: "/v1" } },
      { url: { hosts: ["a.example.org"], path: "/v1/x" } },
      { url: { hosts: ["a.example.org"], schemes: ["http"], ports: [443] } },
    ],
    values: ["https", "http"].flatMap((scheme) =>
      ["a.example.org", "b.example.org", "example.org"].flatMap((host) =>
        ["", ":443", ":80", ":8443"].flatMap((port) =>
          ["", "/v1", "/v1/x/y", "/v10"].map((path) => `${scheme}://${host}${port}${path}`),
        ),
      ),
    ),
  },
  email: {
    bounds: [{ email: ["example.org"] }, { email: ["*.example.org"] }, { email: ["a.example.org", "example.org"] }],
    values: ["x@example.org", "x@a.example.org", "x@b.a.example.org", "x@other.example"],
  },
  cidr: {
    bounds: [{ cidr: ["0.0.0.0/0"] }, { cidr: ["10.0.0.0/8"] }, { cidr: ["10.1.0.0/16", "::/0"] }, { cidr: ["::/0"] }],
    values: ["10.1.2.3", "10.2.0.0/16", "10.0.0.0/7", "192.0.2.1", "2001:db8::1", "::ffff:10.1.2.3"],
  },
  quantity: {
    bounds: [
      { quantity: { max: "10 EUR" } },
      { quantity: { max: "5 EUR" } },
      { quantity: { min: "-5 EUR", max: "5 EUR" } },
      { quantity: { max: "1 KiB" } },
    ],
    values: ["1 EUR", "7 EUR", "-1 EUR", "5 USD", "1000 B", "1024 B", "1 kB"],
  },
  date: {
    bounds: [
      { date: { from: "2026-01-01", to: "2026-12-31" } },
      { date: { from: "2026-02-01", to: "2026-03-01" } },
      { date: { from: "2026-02-01T12:00:00Z" } },
      { date: { from: "today-31d", to: "today" } },
      { date: { from: "today-1d", to: "today" } },
      { date: { from: "today+1d" } },
      { date: { from: "2026-02-01", to: "today" } },
      { date: { from: "today-31d", to: "2026-12-31" } },
    ],
    values: Array.from({ length: 800 }, (_, nth) =>
      new Date(NOW + (nth - 400) * DAY).toISOString().slice(0, 10),
    ).concat(["2026-02-01T11:59:59Z", "2026-02-01T12:00:00Z", "2026-03-01T23:59:59Z"]),
  },
  schema: {
    bounds: [{ schema: { type: "number" } }, { schema: { type: "number", maximum: 1 } }],
    values: [0, 1, 2, "1"],
  },
}

const TIMES = [0, NOW - 400 * DAY, NOW, NOW + DAY, NOW + 200 * DAY, NOW + 5_000 * DAY]
const holds = (bound: ArgumentBound, a: unknown, now: number): boolean => violation([{ a: bound }], { a }, now) === null

test.each(Object.entries(ALIKE))(
  "of two bounds of %s one is left out only if the other allows no more, ever",
  (_name, { bounds, values }) => {
    let implied = 0
    for (const one of bounds) {
      for (const other of bounds) {
        const [[narrow], [wide]] = [meaningsOf(one), meaningsOf(other)]
        if (!narrow || !wide || !narrow.kind.implies(narrow.definition, wide.definition)) continue
        if (one !== other) implied += 1
        for (const now of TIMES)
          for (const value of values)
            expect(!holds(one, value, now) || holds(other, value, now), JSON.stringify([one, other, value, now])).toBe(
              true,
            )
      }
    }
    expect(implied).toBeGreaterThan(_name === "quantity" || _name === "schema" ? -1 : 0)
  },
)

const joint = (...bounds: readonly ArgumentBound[]): object | undefined =>
  jointBounds(bounds.map((bound) => ({ a: bound })))["a"]

test("of dates and days from today both ends stay, because no order of them lasts", () => {
  const fixed = { date: { from: "2026-01-01", to: "2026-12-31" } }
  const moving = { date: { from: "today-31d", to: "today" } }
  expect(joint(fixed, moving)).toEqual({ date: { all: [fixed.date, moving.date] } })
  expect(joint({ date: { from: "today-62d", to: "today+1d" } }, moving)).toEqual(moving)
  expect(joint({ eq: "2026-03-01" }, moving)).toEqual({ eq: "2026-03-01", ...moving })
})

test("an argument may be absent if each of its bounds allows it, as one that only names it does", () => {
  const few = { max_length: 9 }
  expect(joint({}, { ...few, optional: true })).toEqual({ ...few, optional: true })
  expect(joint({}, few, { optional: true })).toEqual(few)
  for (const a of [undefined, "x", null]) {
    expect(violation([{ a: {} }], a === undefined ? {} : { a }, NOW)).toBe(null)
  }
})

test("a date that is listed is possible only on the days on which it is within the days from today", () => {
  const bounds = [{ a: { eq: "2026-03-01" } }, { a: { date: { from: "today-31d", to: "today" } } }]
  const possible = [-1, 0, 31, 32].map((days) => contradiction(bounds, NOW + days * DAY) === null)
  expect(possible).toEqual([false, true, true, false])
})
