import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Table, writeTable } from "../../../src/core/encoding/sorted-table.ts"

interface Row {
  readonly name: string
  readonly number: number
}

/** Whatever a text may hold: quotes, line breaks, names that begin another, lone surrogates. */
const names = fc.uniqueArray(
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom('"', "\\", "\n", ",", "a", "é", "\ud800") }),
  ),
)
const rowsOf = (all: readonly string[]): Row[] => all.map((name, number) => ({ name, number }))
const write = (rows: readonly Row[]) => writeTable("row", rows, ({ name }) => name, JSON.stringify)

/** In the midst of others, as in a bundle, after a way over UTF-8. */
function tableOf(rows: readonly Row[], around = '["m",0]\n'): Table<Row> {
  const { text } = write(rows)
  const whole = new TextDecoder().decode(new TextEncoder().encode(around + text + around))
  return new Table({ text: whole, from: around.length, to: around.length + text.length })
}

describe("a table", () => {
  test("has every row under its name and at its place, and nothing else", () => {
    fc.assert(
      fc.property(names, names, (inside, others) => {
        const rows = rowsOf(inside)
        const table = tableOf(rows)
        const { places } = write(rows)
        for (const row of rows) {
          expect(table.find(row.name)).toEqual(row)
          expect(table.get(row.name)).toEqual(row)
          expect(table.at(places.get(row.name) ?? -1)).toEqual(row)
        }
        for (const other of others) expect(table.has(other)).toBe(inside.includes(other))
        expect(new Set(table.values())).toEqual(new Set(rows))
      }),
    )
  })

  test("has those whose names begin so in their order, from behind any of them", () => {
    const plain = fc.uniqueArray(fc.string({ unit: fc.constantFrom('"', "\\", "a", "b", "é", ":"), maxLength: 4 }))
    const prefixes = fc.string({ unit: fc.constantFrom('"', "a", "b", ":"), maxLength: 2 })
    fc.assert(
      fc.property(
        plain,
        prefixes,
        fc.string({ unit: fc.constantFrom("a", "b", '"'), maxLength: 2 }),
        (all, prefix, rest) => {
          const table = tableOf(rowsOf(all))
          const found = [...table.rowsOf(prefix, null)].map(({ name }) => name)
          expect(found.toSorted()).toEqual(all.filter((name) => name.startsWith(prefix)).toSorted())
          for (const [index, name] of found.entries()) {
            expect([...table.rowsOf(prefix, name)].map((row) => row.name)).toEqual(found.slice(index + 1))
          }
          // From behind one that is not there, or no more.
          const absent = prefix + rest
          const behind = [...table.rowsOf(prefix, absent)].map(({ name }) => name)
          expect(found.slice(found.length - behind.length)).toEqual(behind)
          const place = [...table.rowsOf(prefix, null)].length - behind.length
          for (const name of found.slice(0, place)) expect(JSON.stringify(name) <= JSON.stringify(absent)).toBe(true)
        },
      ),
    )
  })

  test("gives the same object each time, however it is asked", () => {
    const table = tableOf(rowsOf(["b", "a", "c"]))
    const before = table.get("b")
    expect(table.values()).toContain(before)
    expect(table.values()).toBe(table.values())
    for (const row of table.values()) expect(table.get(row.name)).toBe(row)
  })

  test("is the same text whatever the order of its rows", () => {
    fc.assert(
      fc.property(names, (inside) => {
        const rows = rowsOf(inside)
        expect(write(rows.toReversed()).text).toBe(write(rows).text)
      }),
    )
  })

  test("has no name twice", () => {
    expect(() => write(rowsOf(["a", "b", "a"]))).toThrow('row "a" is there twice')
  })
})
