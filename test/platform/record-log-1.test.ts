/** The record logs of release 0.1: what was in rows, and in batches before them, is a log in its order, each record once. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { batchOf } from "../../src/core/record/record.ts"
import { recordsBecomeBatches } from "../../src/platform/storage/record-log-1.ts"
import { freshIsolate, killObjects } from "../harness/isolate.ts"
import { log, records, texts } from "../harness/record-log.ts"

beforeEach(freshIsolate)

/** As release 0.1 made them. */
const TABLES = `
CREATE TABLE batches (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE records (id TEXT PRIMARY KEY, task TEXT, agent TEXT, user TEXT, code TEXT NOT NULL,
  decision TEXT NOT NULL, tool TEXT, kind TEXT NOT NULL, differs INTEGER NOT NULL, body TEXT NOT NULL,
  arrival INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX arrivals ON records (arrival);
CREATE INDEX differing ON records (id) WHERE differs = 1`

type Stored = ReturnType<typeof records>

/** @param rows in the order in which they arrived @param batches with the ids from 1 on */
function store({ sql }: DurableObjectStorage, rows: Stored, batches: readonly Stored[]): void {
  sql.exec(TABLES)
  for (const [arrival, { id, body }] of rows.entries()) {
    sql.exec("INSERT INTO records VALUES (?, '', '', '', 'ok', 'allow', '', 'call', 0, ?, ?)", id, body, arrival + 1)
  }
  for (const batch of batches) sql.exec("INSERT INTO batches (count, body) VALUES (?, ?)", batch.length, batchOf(batch))
}

const inStorage = async <Value>(work: (storage: DurableObjectStorage) => Value): Promise<Value> =>
  runInDurableObject(env.SESSION.getByName(crypto.randomUUID()), (_, { storage }) => work(storage))

/** What stands in the batches, in their order. */
const batchesIn = ({ sql }: DurableObjectStorage): readonly object[] =>
  sql
    .exec<{ id: number; count: number; body: string; type: string }>(
      "SELECT id, count, body, typeof(id) || ' ' || typeof(count) AS type FROM batches ORDER BY id",
    )
    .toArray()
    .map(({ body, ...row }) => ({ ...row, ids: JSON.parse(body).map(({ id }: { readonly id: string }) => id) }))

const idsOf = (list: Stored): readonly string[] => list.map(({ id }) => id)
const type = "integer integer"

// A record of a decision that came late has an earlier id than those before it.
const rows = [...records(110, 10_000), ...records(10)]

test("rows become batches of fifty, in the order in which they arrived, before the batches that are there", async () => {
  const waiting = [records(3, 20_000), records(2, 30_000), records(1, 40_000), records(4, 50_000)]
  const batches = await inStorage((storage) => {
    store(storage, rows, waiting)
    recordsBecomeBatches(storage)
    expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('records', 'arrivals')").toArray()).toEqual(
      [],
    )
    return batchesIn(storage)
  })
  expect(batches).toEqual([
    { id: 1, count: 50, type, ids: idsOf(rows.slice(0, 50)) },
    { id: 2, count: 50, type, ids: idsOf(rows.slice(50, 100)) },
    { id: 3, count: 20, type, ids: idsOf(rows.slice(100)) },
    ...waiting.map((batch, at) => ({ id: 4 + at, count: batch.length, type, ids: idsOf(batch) })),
  ])
})

test.each([
  ["no query has ever asked", [], [records(3), records(2, 10_000)]],
  ["nothing has come since a query", rows.slice(0, 50), []],
  ["nothing is stored", [], []],
] as const)("and so they do where %s", async (_, rows, waiting) => {
  const batches = await inStorage((storage) => {
    store(storage, rows, waiting)
    recordsBecomeBatches(storage)
    return batchesIn(storage)
  })
  const all = [...(rows.length > 0 ? [rows] : []), ...waiting]
  expect(batches).toEqual(all.map((batch, at) => ({ id: 1 + at, count: batch.length, type, ids: idsOf(batch) })))
})

test("the log of an earlier release gives each of its records a position, as it was", async () => {
  const waiting = [records(3, 20_000), records(2, 30_000)]
  await runInDurableObject(log(), async (_, { storage }) => {
    await storage.deleteAll()
    store(storage, rows, waiting)
  })
  await killObjects()
  await log().seal()
  const { records: read } = await log().read(0, 1_000_000)
  expect(texts(read)).toEqual(texts([...rows, ...waiting.flat()]))
  expect(read.map(({ index }) => index)).toEqual(read.map((_, index) => index))
  for (const { id } of [...rows.slice(0, 2), ...waiting.flat()]) expect(await log().get(id)).toMatchObject({ id })
})
