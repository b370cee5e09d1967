/** Decision records in files: exports, plain and compressed, and the filters of the API on them. */
import { hash } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { matches, matchesCall, type RecordFilter } from "../../../cli/records/filter.ts"
import { inOrder } from "../../../cli/records/in-order.ts"
import { recordsInFiles } from "../../../cli/records/read-files.ts"
import { linesIn } from "../../../cli/records/lines.ts"
import { decisionRecord, type ShownRecord } from "../../../cli/remote/decision-record.ts"
import { firstIdAt } from "../../../src/core/encoding/ids.ts"
import { conditionsOf } from "../../../src/audit/record-query.ts"
import { recordOf, storedForm } from "../../../src/core/record/record.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-records-test-"))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const RECORDS = [1, 2, 3].map((number) => recordOf({ id: `dec_${number}`, at: number, kind: "call", code: "ok" }))
/** As they are stored, without what is blank, and with their place. */
const LINES = RECORDS.map((record, index) => {
  const stored: object = JSON.parse(storedForm(record).body)
  return JSON.stringify({ ...stored, log: "records-0", index, salt: "c2FsdA" })
})
const EXPORT = [
  '{"header":{"version":1,"issuer":"https://authz.example","log":"records-0","from":0,"frontier":[]}}',
  ...LINES,
  '{"checkpoint":{"log":"records-0","size":3,"note":"…"}}',
  '{"footer":{"log":"records-0","next":3}}',
].join("\n")

async function idsIn(content: string | Buffer, ...more: readonly string[]): Promise<readonly string[]> {
  const file = join(directory, "records")
  await writeFile(file, content)
  return (await Array.fromAsync(recordsInFiles([file, ...more]))).map(({ id }) => id)
}

describe("records are read from", () => {
  const all = ["dec_1", "dec_2", "dec_3"]
  test.each<readonly [name: string, content: string | Buffer]>([
    ["plain lines", LINES.join("\n")],
    ["lines that end as on Windows, with empty ones", `${LINES.join("\r\n\r\n")}\r\n`],
    ["an export", EXPORT],
    ["a compressed export", gzipSync(EXPORT)],
    ["several compressed parts in one file", Buffer.concat(LINES.map((line) => gzipSync(`${line}\n`)))],
  ])("%s", async (_name, content) => {
    expect(await idsIn(content)).toEqual(all)
  })

  test("an empty file, and one file after the other", async () => {
    expect(await idsIn("")).toEqual([])
    const other = join(directory, "other.ndjson.gz")
    await writeFile(other, gzipSync(EXPORT))
    expect(await idsIn(LINES[0]?.replace("dec_1", "dec_0") ?? "", other)).toEqual(["dec_0", ...all])
  })

  test("files that overlap, each record once", async () => {
    const older = join(directory, "older.ndjson")
    await writeFile(older, EXPORT)
    expect(await idsIn([EXPORT, ...LINES].join("\n"), older)).toEqual(all)
  })

  test("a decision's two records, of which its ledger has made one", async () => {
    const ledger = LINES[0]?.replace("{", '{"life":1,"number":1,') ?? ""
    expect(await idsIn([LINES[0], ledger, ledger].join("\n"))).toEqual(["dec_1", "dec_1"])
  })

  test("an export keeps where each record stands in its log", async () => {
    const file = join(directory, "export")
    await writeFile(file, EXPORT)
    expect(await Array.fromAsync(recordsInFiles([file]))).toMatchObject(
      [0, 1, 2].map((index) => ({ log: "records-0", index, salt: "c2FsdA" })),
    )
  })
})

describe("a file is named that", () => {
  test.each<readonly [name: string, content: string | Buffer, message: RegExp]>([
    ["has a line that is no record", `${LINES[0]}\n{"id":1}\n`, /records:2 holds no decision record/u],
    [
      "nests deeper than any reader recurses",
      `${LINES[0]?.slice(0, -1)},"facts":{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}\n`,
      /records:1 holds no decision record/u,
    ],
    [
      "is of a time that no calendar has",
      `${LINES[0]?.replace('"at":1', '"at":1e20')}\n`,
      /records:1 holds no decision record/u,
    ],
    ["has half a line", `${LINES[0]}\n${LINES[1]?.slice(0, 40)}`, /records:2 holds no decision record/u],
    [
      "is cut within its compression",
      gzipSync(`${EXPORT}\n`.repeat(50)).subarray(0, 300),
      /records is cut or damaged after line/u,
    ],
    ["has a byte changed", damaged(gzipSync(EXPORT)), /records is cut or damaged after line/u],
  ])("%s", async (_name, content, message) => {
    await expect(idsIn(content)).rejects.toThrow(message)
  })

  test("is not there", async () => {
    await expect(Array.fromAsync(recordsInFiles([join(directory, "none")]))).rejects.toThrow(/cannot read the records/u)
  })
})

test.each<readonly [name: string, content: Buffer]>([
  ["cut", gzipSync(many()).subarray(0, -400)],
  ["damaged", damaged(gzipSync(many()))],
])("of a compressed file that is %s, what is before that place is read", async (_name, content) => {
  const file = join(directory, "records.gz")
  await writeFile(file, content)
  const read: string[] = []
  const reading = (async (): Promise<void> => {
    for await (const { id } of recordsInFiles([file])) read.push(id)
  })()
  await expect(reading).rejects.toThrow(/cut or damaged after line/u)
  expect(read.length).toBeGreaterThan(400)
})

/** As little compressible as records are. */
function many(): string {
  const line = (index: number): string =>
    (LINES[0] ?? "").replace("dec_1", `dec_${index}`).replace("c2FsdA", hash("sha256", String(index)))
  return Array.from({ length: 1_000 }, (_, index) => line(index)).join("\n")
}

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length - 6] = (copy[copy.length - 6] ?? 0) ^ 0xff
  return copy
}

const TASK = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const TIMES = [1_795_500_000_000, 1_795_500_000_001, 1_795_500_086_400]
const some = fc.record({
  at: fc.constantFrom(...TIMES),
  trace: fc.constantFrom(null, `${TRACE}-00f067aa0ba902b7-01`, `${TRACE.replace("4", "5")}-${TRACE.slice(0, 16)}-00`),
  task: fc.constantFrom(null, TASK, `${TASK}.1`, `${TASK}.1.2`, TASK.replace("Z-", "Y-")),
  chain: fc.constantFrom([], ["a"], ["a", "b"]),
  user: fc.constantFrom(null, "https://idp|1", "https://idp|2"),
  tool: fc.constantFrom(null, "one", "two"),
  code: fc.constantFrom("ok", "policy_denied"),
  decision: fc.constantFrom("allow" as const, "deny" as const),
  kind: fc.constantFrom("call" as const, "exchange" as const, "management" as const),
  differs: fc.boolean(),
})
/** Of one or two conditions: of more, next to no record would be found. */
const query: fc.Arbitrary<RecordFilter> = fc
  .subarray<RecordFilter>(
    [
      { task: TASK },
      { task: `${TASK}.1` },
      { tree: TASK },
      { tree: `${TASK}.1` },
      { agent: "a" },
      { agent: "b" },
      { user: "https://idp|1" },
      { tool: "one" },
      { code: "ok" },
      { decision: "deny" },
      { kind: "call" },
      { kind: "management" },
      { differs: "true" },
      { trace: TRACE },
      { since: String(TIMES[1]) },
      { until: String(TIMES[1]) },
      { since: String(TIMES[0]), until: String(TIMES[2]) },
    ],
    { maxLength: 2 },
  )
  .map((parts) => Object.assign({}, ...parts))

test("a filter finds in a file what the Worker's query finds in its log", () => {
  fc.assert(
    fc.property(fc.array(some, { maxLength: 30 }), query, (made, filter) => {
      const records = made.map(({ differs, at, ...members }, index): ShownRecord => {
        const bundle = { seq: 1, digest: "0" }
        const other = {
          decision: "deny" as const,
          code: "policy_denied",
          denial: null,
          principal: null,
          rules: [],
          scope: null,
        }
        const candidate = differs ? { bundle, differs: other } : null
        return shown(
          recordOf({
            ...members,
            candidate,
            id: `${firstIdAt("dec", at).slice(0, -3)}${String(index).padStart(3, "0")}`,
            at,
          }),
        )
      })
      const found = records.filter((record) => matches(filter, record)).map(({ id }) => id)
      expect(found.toSorted()).toEqual(inDatabase(records, filter))
    }),
    { numRuns: 300 },
  )
})

const shown = (record: object): ShownRecord => decisionRecord.parse(JSON.parse(JSON.stringify(record)))

/** The Worker's table and its conditions (src/audit/). */
function inDatabase(
  records: readonly ShownRecord[],
  { differs, since, until, ...filter }: RecordFilter,
): readonly unknown[] {
  const database = new DatabaseSync(":memory:")
  database.exec("CREATE TABLE records (id, task, agent, user, code, decision, tool, kind, differs, body)")
  const insert = database.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
  for (const record of records) {
    const { id, task, chain, user, code, decision, tool, kind, candidate } = record
    const body = JSON.stringify(record)
    insert.run(id, task, chain.at(-1) ?? null, user, code, decision, tool, kind, candidate?.differs ? 1 : 0, body)
  }
  const times = {
    since: since === undefined ? since : Number(since),
    until: until === undefined ? until : Number(until),
  }
  const { where, values } = conditionsOf({ ...filter, ...times, differs: differs === "true", limit: 100 })
  return database
    .prepare(`SELECT id FROM records ${where} ORDER BY id`)
    .all(...values)
    .map(({ id }) => id)
}

test("records are found by arguments, as people write their values, and by a path and those below it", () => {
  const record = shown(
    recordOf({
      id: "dec_1",
      at: 1,
      kind: "call",
      code: "ok",
      path: "/crm/customers/c7/notes",
      arguments: { customer: "c7", amount: 20, tags: ["a"], "": "x" },
    }),
  )
  const has = (wanted: Readonly<Record<string, unknown>>): boolean => matchesCall({ arguments: wanted }, record)
  expect(has({})).toBe(true)
  expect(has({ customer: "c7", amount: 20 })).toBe(true)
  expect(has({ tags: ["a"] })).toBe(true)
  const others: readonly Readonly<Record<string, unknown>>[] = [
    { customer: "c8" },
    { customer: "c" },
    { constructor: "x" },
    { amount: "20" },
    { tags: ["a", "b"] },
  ]
  expect(others.map(has)).toEqual(others.map(() => false))
  const under = (path: string): boolean => matchesCall({ arguments: {}, path }, record)
  expect(["/crm/customers/c7", "/crm/customers/", "/crm/customers/c7/notes", "/"].map(under)).toEqual(
    Array(4).fill(true),
  )
  expect(["/crm/customers/c", "/crm/customers/c7/notes/1", "crm"].map(under)).toEqual(Array(3).fill(false))
})

test("records come in the order in which they were made, however few fit into memory", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(40), { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), async (times, run) => {
      const records = times.map((at, index) =>
        shown(recordOf({ id: `dec_${index}`, at, kind: "call", code: "ok", life: 1, number: index + 1 })),
      )
      const sorted = await Array.fromAsync(inOrder(each(records), run))
      const expected = records.toSorted((a, b) => a.at - b.at || (a.number ?? 0) - (b.number ?? 0))
      expect(sorted).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})

test("a line separator in an argument ends no line", async () => {
  const record = shown(
    recordOf({ id: "dec_1", at: 1, kind: "call", code: "ok", arguments: { note: "\u2028\u2029\u0085" } }),
  )
  expect(await Array.fromAsync(inOrder(each([record, record]), 1))).toEqual([record, record])
  const file = join(directory, "records.ndjson.gz")
  const line = JSON.stringify(record)
  await writeFile(file, gzipSync(`${line}\n${line}\n`))
  expect((await Array.fromAsync(linesIn(file))).flat()).toEqual([line, line, ""])
})

test("a line without end is not read into memory", async () => {
  const file = join(directory, "records.ndjson.gz")
  await writeFile(file, gzipSync("x".repeat(20_000_000)))
  await expect(Array.fromAsync(linesIn(file))).rejects.toThrow(/line that is too long/u)
})

async function* each<Value>(values: readonly Value[]): AsyncGenerator<Value> {
  yield* values
}
