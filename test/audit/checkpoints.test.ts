/** What a log signs of itself, and that each record is in it. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { keyRing } from "../../src/signing/key-ring.ts"
import { Segments } from "../../src/audit/log-segments.ts"
import { LogSinks } from "../../src/audit/log-sinks.ts"
import { proveRecord } from "../../src/audit/record-logs.ts"
import type { RecordLog } from "../../src/audit/record-log.ts"
import { base64ToBytes, bytesToBase64 } from "../../src/core/encoding/base64.ts"
import { bytesOfBase64url } from "../../src/core/encoding/base64url.ts"
import { noteKeyId, readCheckpoint } from "../../src/core/proof/checkpoint.ts"
import { EMPTY_TREE, grown } from "../../src/core/proof/growing-tree.ts"
import { headOf, leafOf, leafOfRecord } from "../../src/core/proof/leaf.ts"
import { isSame, rootByInclusion } from "../../src/core/proof/merkle.ts"
import { configOf } from "../../src/platform/config.ts"
import { newId } from "../../src/platform/new-id.ts"
import { batchOf, recordOf, storedForm, type StoredRecord } from "../../src/core/record/record.ts"
import { freshIsolate, killObjects } from "../harness/isolate.ts"

beforeEach(freshIsolate)

const log = (): DurableObjectStub<RecordLog> => env.RECORD_LOG.getByName("records-2")

async function append(count: number): Promise<readonly StoredRecord[]> {
  const records = Array.from({ length: count }, () =>
    storedForm(recordOf({ id: newId("dec", Date.now()), at: 0, kind: "call", user: "https://id.example|alice" })),
  )
  for (let at = 0; at < count; at += 500) {
    const batch = records.slice(at, at + 500)
    await log().append(batch.length, batchOf(batch))
  }
  return records
}

test("an alarm signs a checkpoint by the ring's key, which covers each record, also in the next life of the log", async () => {
  const records = await append(777)
  await killObjects()
  await log().state()
  expect(await runDurableObjectAlarm(log())).toBe(true)
  const [checkpoint, ...others] = await log().checkpoints(0)
  expect(others).toEqual([])
  const signed = readCheckpoint(checkpoint?.note ?? "")
  const origin = `${configOf(env).issuer.replace("https://", "")}/logs/records-2`
  expect(signed?.checkpoint).toMatchObject({ origin, size: 777 })
  const jwk = (await keyRing(env).publicKeys()).find(({ alg }) => alg === "EdDSA")
  const raw = bytesOfBase64url(jwk?.x ?? "")
  const [signature] = signed?.signatures ?? []
  expect(signature).toMatchObject({ name: origin, keyId: noteKeyId(origin, raw) })
  const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"])
  const text = new TextEncoder().encode(signed?.text)
  expect(await crypto.subtle.verify("Ed25519", key, signature?.signature ?? new Uint8Array(), text)).toBe(true)

  await killObjects()
  for (const at of [0, 1, 255, 256, 500, 776]) {
    const proven = await log().prove(records[at]?.id ?? "")
    if (proven === null || proven === "pending") throw new Error("it is not proven")
    const { body, salt, path, index, note } = proven
    const leaf = leafOf(headOf(JSON.parse(body), salt))
    const hashes = path.map((hash) => base64ToBytes(hash) ?? new Uint8Array())
    const root = rootByInclusion(index, 777, leaf, hashes)
    expect(isSame(root ?? new Uint8Array(), signed?.checkpoint.root ?? new Uint8Array(1))).toBe(true)
    expect({ index, note }).toEqual({ index: at, note: checkpoint?.note })
  }
})

test("a record after the last checkpoint is not proven yet, and an alarm is set", async () => {
  await append(2)
  await runDurableObjectAlarm(log())
  const [later] = await append(1)
  await log().seal()
  expect(await log().prove(later?.id ?? "")).toBe("pending")
  expect(await log().prove("dec_unknown")).toBeNull()
  const due = await runInDurableObject(log(), async (_, { storage }) => storage.getAlarm())
  expect(due).toBeLessThanOrEqual(Date.now() + 60_000)
  expect((await log().checkpoints(2)).length).toBe(0)
})

test("a log whose stored tree is another than the one that was signed signs nothing more", async () => {
  await append(300)
  await runDurableObjectAlarm(log())
  await runInDurableObject(log(), (_, { storage }) => {
    const { leaves } = storage.sql.exec<{ leaves: ArrayBuffer }>("SELECT leaves FROM segments").one()
    const changed = new Uint8Array(leaves)
    changed[299 * 32] = 1 ^ (changed[299 * 32] ?? 0)
    storage.sql.exec("UPDATE segments SET leaves = ?", changed)
    storage.sql.exec("UPDATE checkpoints SET at = 0")
  })
  await killObjects()
  await append(1)
  await runDurableObjectAlarm(log())
  expect(await log().checkpoints(0)).toHaveLength(1)
})

test("a log that has dropped a part of 256 records still exports and proves those behind it", async () => {
  await append(100)
  await log().seal()
  await append(100)
  await log().seal()
  const [first] = await append(100)
  await runInDurableObject(log(), (_, { storage }) => void storage.sql.exec("UPDATE checkpoints SET at = 0"))
  await killObjects()
  await log().state()
  await runDurableObjectAlarm(log())
  const leaves = (await log().read(0, 1_000_000)).records.map(({ leaf }) => base64ToBytes(leaf) ?? new Uint8Array())
  await runInDurableObject(log(), (_, { storage }) => {
    const segments = new Segments(storage)
    new LogSinks(storage, segments).trim(0, 256)
    expect(segments.oldest).toBe(200)
  })
  await killObjects()

  const { lines } = await log().lines(0, { since: null, until: null })
  const [header] = (await new Response(lines).text()).split("\n")
  const frontier = grown(EMPTY_TREE, leaves.slice(0, 200)).frontier.map(bytesToBase64)
  expect(JSON.parse(header ?? "")).toMatchObject({ header: { from: 200, frontier } })

  const proven = await log().prove(first?.id ?? "")
  if (proven === null || proven === "pending") throw new Error("it is not proven")
  const path = proven.path.map((hash) => base64ToBytes(hash) ?? new Uint8Array())
  const root = rootByInclusion(200, 300, leaves[200] ?? new Uint8Array(), path)
  expect(root).toEqual(readCheckpoint(proven.note)?.checkpoint.root)
})

test("a record that the log has dropped is not proven, though queries still see it", async () => {
  const [dropped] = await append(300)
  await log().list({ limit: 1 })
  await append(300)
  await runDurableObjectAlarm(log())
  await runInDurableObject(log(), (_, { storage }) => new Segments(storage).dropOldest())
  await killObjects()
  expect(await log().get(dropped?.id ?? "")).not.toBeNull()
  expect(await log().prove(dropped?.id ?? "")).toBeNull()
})

test("erasing a person takes their fields and salts out of segments and rows; every proof holds, and no other person's are touched", async () => {
  const alice = await append(3)
  const others = ["https://id.example|bob", "https://id.example|alice2"].map((user) =>
    storedForm(recordOf({ id: newId("dec", Date.now()), at: 0, kind: "call", user })),
  )
  const byOperator = { user: "https://id.example|alice", operator: "https://id.example|olga" }
  const acted = storedForm(recordOf({ id: newId("dec", Date.now()), at: 0, kind: "end", ...byOperator }))
  const more = [...others, acted, ...alice.slice(0, 1)]
  await log().append(more.length, batchOf(more))
  await runDurableObjectAlarm(log())
  const before = await log().read(0, 1_000_000)
  expect(await log().erase("https://id.example|alice")).toEqual({ erased: 3, kept: 1 })
  expect(await log().erase("https://id.example|alice")).toEqual({ erased: 0, kept: 1 })
  await killObjects()
  const after = await log().read(0, 1_000_000)
  expect(after.records.map(({ leaf }) => leaf)).toEqual(before.records.map(({ leaf }) => leaf))
  expect(after.records.slice(3)).toEqual(before.records.slice(3))
  for (const { body, salt, leaf } of after.records.slice(0, 3)) {
    expect(salt).toBeNull()
    expect(bytesToBase64(leafOfRecord(JSON.parse(body), null))).toBe(leaf)
  }
  const stored = await runInDurableObject(log(), (_, { storage }) => [
    storage.sql.exec("SELECT body FROM batches").toArray(),
    storage.sql.exec("SELECT user, body FROM records WHERE kind = 'call'").toArray(),
  ])
  const text = JSON.stringify(stored)
  expect(text.match(/alice(?!2)/g)).toHaveLength(1)
  expect((await log().list({ user: "https://id.example|alice", limit: 10 })).rows.map(({ id }) => id)).toEqual([
    acted.id,
  ])
})

test("a person's records are found in each of many segments", async () => {
  for (let segment = 0; segment < 120; segment++) {
    await append(1)
    await log().seal()
  }
  expect(await log().erase("https://id.example|alice")).toEqual({ erased: 120, kept: 0 })
  expect((await log().read(0, 1_000_000)).records.filter(({ salt }) => salt !== null)).toEqual([])
})

test("of a decision's two records, the one that its ledger made is proven, even if the other could be sooner", async () => {
  const of = { id: newId("dec", Date.now()), at: 0, kind: "call" } as const
  const [edge, ledger] = [recordOf({ ...of, code: "unavailable" }), recordOf({ ...of, number: 1 })].map(storedForm)
  if (!edge || !ledger) throw new Error("two were made")
  const other = env.RECORD_LOG.getByName("records-3")
  await other.append(1, batchOf([edge]))
  await runDurableObjectAlarm(other)
  expect(await proveRecord(env, of.id)).toMatchObject({ log: "records-3", index: 0 })
  await append(1)
  await runDurableObjectAlarm(log())
  await log().append(1, batchOf([ledger]))
  expect(await proveRecord(env, of.id)).toBe("pending")
})
