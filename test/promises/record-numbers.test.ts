/**
 * Promise 6: a record that is lost leaves a gap in its life's numbers, nothing else does, and no two records of a tree
 * have the same place. Trees live through everything that makes a record; their objects are evicted, all objects die, or
 * the isolate dies with the records of reads that it has not sent.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import fc from "fast-check"
import { expect, test, vi } from "vitest"
import { z } from "zod"
import { findRecords } from "../../src/audit/record-logs.ts"
import { RecordLog } from "../../src/audit/record-log.ts"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { forgetReads } from "../../src/ledger/record-outbox.ts"
import { openChild, openTask, openTaskFor, type OpenTask } from "../harness/agents.ts"
import { say } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { freshIsolate, killObjects } from "../harness/isolate.ts"
import { evict, ledgerOf } from "../harness/ledgers.ts"
import { filter, withServers } from "../harness/listings.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { placesOf } from "../harness/places-of-records.ts"
import { recordOf } from "../harness/records.ts"
import { longerBy, runsOf } from "../harness/runs.ts"

const TREES = 2
/** From the third write on a person is asked. */
const TWICE = window(
  { id: "twice", tools: ["files.write"], per: "tree", limit: 2, seconds: 3600 },
  { consequence: "approve" },
)

freshIsolateForEach()

const ACTS = ["read", "denied read", "list", "write", "denied write", "approve", "child", "rate"] as const
const DEATHS = ["evict", "crash", "kill", "pause", "pause"] as const

const step = fc.record({
  tree: fc.nat({ max: TREES - 1 }),
  does: fc.oneof(
    { weight: 4, arbitrary: fc.constant("read" as const) },
    { weight: 4, arbitrary: fc.constantFrom(...ACTS) },
    { weight: 4, arbitrary: fc.constantFrom(...DEATHS) },
  ),
})

/** A record that must be there, or, of reads and lists, may be lost with the isolate. */
interface Expected {
  readonly life: number
  readonly number: number
  readonly mayBeLost: boolean
  readonly isOf: (record: DecisionRecord) => boolean
}

class Life {
  readonly task: OpenTask
  readonly expected: Expected[] = []
  #life = 1
  #number = 0
  #question: string | null = null

  constructor(task: OpenTask) {
    this.task = task
    this.#add(false, ({ kind, task: of }) => kind === "exchange" && of === task.task)
  }

  /** An object that does not run cannot be evicted. */
  async evict(): Promise<void> {
    if (this.#number > 0) await evict(this.task.task)
    this.ends()
  }

  /** Without a record there is no life. */
  ends(): void {
    if (this.#number > 0) this.#life += 1
    this.#number = 0
  }

  #add(mayBeLost: boolean, isOf: Expected["isOf"]): void {
    this.expected.push({ life: this.#life, number: ++this.#number, mayBeLost, isOf })
  }

  async act(does: (typeof ACTS)[number]): Promise<void> {
    const { token, task } = this.task
    const by = (decision: string): Expected["isOf"] => {
      expect(decision, does).toMatch(/^dec_/)
      return ({ id }) => id === decision
    }
    if (does === "read") this.#add(true, by((await callWith(token, "/files")).decision))
    if (does === "denied read") this.#add(true, by((await callWith(token, "/safe")).decision))
    if (does === "list") this.#add(true, by((await filter(token, "desk", ["search", "pay"])).decision))
    if (does === "write") this.#wrote(await callWith(token, "/files/a", WRITE), by)
    if (does === "denied write") this.#add(false, by((await callWith(token, "/mail", MAIL)).decision))
    if (does === "child") {
      const child = await openChild(token, "second")
      this.#add(false, (record) => record.kind === "exchange" && record.task === child.task)
    }
    if (does === "rate") {
      const { headers, status } = await manage("POST", "/v1/risks", await bearerOf("operator"), {}, { task, level: 10 })
      expect(status).toBe(200)
      this.#add(false, by(headers.get("X-Narrowgate-Decision") ?? ""))
    }
    if (does !== "approve" || this.#question === null) return
    const answer = await say({ task, id: this.#question }, await bearerOf("operator"))
    this.#question = null
    expect(answer.status).toBe(200)
    this.#add(false, by(answer.headers.get("X-Narrowgate-Decision") ?? ""))
  }

  #wrote({ code, decision, body }: GatewayAnswer, by: (decision: string) => Expected["isOf"]): void {
    expect(["ok", "approval_required"]).toContain(code)
    this.#add(false, by(decision))
    if (code !== "ok") this.#question = asked.parse(JSON.parse(body)).approval.id
  }
}

const WRITE = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
const MAIL = { ...WRITE, method: "POST", body: JSON.stringify({ to: "a@evil.example" }) }
const asked = z.object({ approval: z.object({ id: z.string() }) })

/** With its objects an isolate loses what it has not sent. */
async function kill(): Promise<void> {
  await killObjects()
  forgetReads()
}

/**
 * Once all have arrived that still can: the last write takes along what earlier lives stored. Reads in the isolate's
 * memory come a second later at most, because the last read may be stored with its step.
 */
async function settledRecords({ task, expected }: Life, mayLoseReads: boolean): Promise<readonly DecisionRecord[]> {
  if (mayLoseReads) await new Promise((resolve) => setTimeout(resolve, 1_000))
  return vi.waitFor(
    async () => {
      const kinds = ["call", "exchange", "approval", "management"]
      const found = await Promise.all(
        kinds.map(async (kind) => findRecords(env, { kind, tree: task.task, limit: 1000 })),
      )
      const records = found.flat().filter(({ number }) => number !== null)
      const [read, write] = [expected.at(-2), expected.at(-1)]
      expect(records.some((record) => read?.isOf(record)) && records.some((record) => write?.isOf(record))).toBe(true)
      if (!mayLoseReads) expect(expected.filter(({ isOf }) => !records.some(isOf))).toEqual([])
      return records
    },
    { timeout: 65_000, interval: 50 },
  )
}

test(
  "no two records of a tree have the same place; each that is lost is a gap, and there is no other gap",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 30 }), async (steps) => {
        await freshIsolate()
        const body = await yard()
        await publish({ ...body, guardrails: [...body.guardrails, TWICE] })
        const lives: Life[] = []
        for (let index = 0; index < TREES; index++) lives.push(new Life(await openTaskFor(`user-${index}`)))
        for (const { tree, does } of steps) {
          const life = lives[tree]
          if (does === "pause") await new Promise((resolve) => setTimeout(resolve, 120))
          else if (does === "evict") await life?.evict()
          else if (does === "crash") await killObjects()
          else if (does === "kill") await kill()
          else await life?.act(does)
          if (does === "crash" || does === "kill") for (const each of lives) each.ends()
        }
        const isKilled = steps.some(({ does }) => does === "kill")
        for (const life of lives) {
          await life.act("read")
          await life.act("write")
          const records = await settledRecords(life, isKilled)
          const places = records.map(({ life: of, number }) => `${of}/${number}`)
          expect(new Set(places).size).toBe(places.length)
          const lost = life.expected.filter(({ isOf }) => !records.some(isOf))
          // What is durable before its answer is never lost, and what waits in an isolate only with it.
          expect(lost.filter(({ mayBeLost }) => !(isKilled && mayBeLost))).toEqual([])
          const { gaps, tails } = placesOf(records)
          const lostPlaces = lost.map(({ life: of, number }) => `${of}/${number}`)
          const isTail = (place: string): boolean => {
            const [of, number] = place.split("/").map(Number)
            return (number ?? 0) > (tails.get(of ?? 0) ?? 0)
          }
          expect(gaps).toEqual(lostPlaces.filter((place) => !isTail(place)))
        }
      }),
      { numRuns: runsOf(5) },
    )
  },
  longerBy(120_000),
)

/** From the start of its next life on, nothing that the ledger wrote is confirmed as durable, as by a disk that is slow. */
async function slowDisk(task: string): Promise<void> {
  await killObjects()
  await runInDurableObject(ledgerOf(task), (_ledger, { storage }) => {
    vi.spyOn(storage, "sync").mockReturnValue(new Promise(() => undefined))
  })
}

const placesIn = (records: readonly DecisionRecord[]): readonly string[] =>
  records.map(({ life, number }) => `${life}/${number}`).toSorted()

test("the first reads and lists of a life are recorded, even if the object dies before its life is confirmed as durable", async () => {
  await publish(withServers(await yard()))
  const { token, task } = await openTask()
  await slowDisk(task)
  const early: string[] = []
  for (const act of [
    async () => callWith(token, "/files"),
    async () => callWith(token, "/safe"),
    async () => filter(token, "files", ["files.read"]),
  ])
    early.push((await act()).decision)
  await killObjects()
  const { decision } = await callWith(token, "/files")
  for (const id of [...early, decision]) await recordOf(id)
  const records = [undefined, "management"].map(async (kind) => findRecords(env, { task, kind, limit: 100 }))
  expect(placesIn((await Promise.all(records)).flat())).toEqual(["1/1", "2/1", "2/2", "2/3", "3/1"])
})

test("a read whose life was never durable leaves no record: the next life has the same number", async () => {
  await publish(await yard())
  const [first, other] = [await openTask(), await openTaskFor("bob")]
  await slowDisk(first.task)
  const early = await callWith(first.token, "/files")
  expect(early.code).toBe("ok")
  // The object dies before it sends anything, and what it wrote in this life was never there.
  await runInDurableObject(ledgerOf(first.task), (_ledger, { storage }) => {
    storage.sql.exec("DELETE FROM journal WHERE number = (SELECT MAX(number) FROM journal)")
  })
  await killObjects()
  // Another tree's ledger sends what waits in the isolate.
  for (let index = 0; index < 3; index++) {
    await recordOf((await callWith(other.token, "/files")).decision)
  }
  const { decision } = await callWith(first.token, "/files")
  await recordOf(decision)
  const records = await findRecords(env, { task: first.task, limit: 100 })
  expect(placesIn(records)).toEqual(["1/1", "2/1"])
  expect(records.map(({ id }) => id)).not.toContain(early.decision)
})

test("a step that fails takes no place: neither a gap nor a second record is left", async () => {
  await publish(await yard())
  const { token, task } = await openTask()
  await callWith(token, "/files/a", WRITE)
  const { LedgerStorage } = await import("../../src/ledger/storage.ts")
  vi.spyOn(LedgerStorage.prototype, "saveChange").mockImplementation(() => {
    throw new Error("taken down by a test")
  })
  expect((await callWith(token, "/files/a", WRITE)).code).toBe("unavailable")
  vi.restoreAllMocks()
  for (const path of ["/files", "/files"]) await recordOf((await callWith(token, path)).decision)
  const last = await callWith(token, "/files/a", WRITE)
  await recordOf(last.decision)
  const records = await findRecords(env, { task, limit: 100 })
  const numbered = records.filter(({ number }) => number !== null)
  expect(placesOf(numbered).gaps).toEqual([])
  expect(new Set(numbered.map(({ life, number }) => `${life}/${number}`)).size).toBe(5)
})

test("reads that no log takes in time are dropped, and each is a gap", async () => {
  await publish(await yard())
  const { token, task } = await openTask()
  const down = vi.spyOn(RecordLog.prototype, "append").mockImplementation(() => {
    throw new Error("taken down by a test")
  })
  for (let index = 0; index < 3; index++) await callWith(token, "/files")
  forgetReads()
  down.mockRestore()
  await recordOf((await callWith(token, "/files/a", WRITE)).decision)
  const records = await findRecords(env, { task, limit: 100 })
  expect(placesOf(records).gaps).toEqual(["1/2", "1/3", "1/4"])
})
