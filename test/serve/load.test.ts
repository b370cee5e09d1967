/**
 * A deployment of one machine under load: its processes killed in the midst of it, backed up meanwhile, and restored
 * once. The agents remember each call and its answer, and are the reference. Prints figures.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Load } from "../../bench/load/load.ts"
import type { Task } from "../../bench/servers/narrowgate.ts"
import { ORIGIN } from "../../bench/servers/identities.ts"
import { APPROVED, PER_TREE, SCOPE, SHARED } from "../long/stack.ts"
import { randomOf } from "../harness/random.ts"
import { readRecords } from "../long/records.ts"
import { IN_MEMORY_MS, Traffic, type Call } from "../long/traffic.ts"
import { deploy, untilReady, type Deployment } from "./served.ts"

const KILLS = 5
const BETWEEN_MS = 3_000
const SERVES_WITHIN_MS = 10_000
/** How long a record may be on its way. */
const SETTLED_MS = 5_000
const SEED = Number(process.env["SERVE_SEED"] ?? Date.now() % 2 ** 31)

let there: Deployment
let traffic: Traffic
const restarts: string[] = []
/** Milliseconds since the epoch. */
const kills: number[] = []
/** Ids of records of allowed calls, by the path that was called. */
let recorded: ReadonlyMap<string, readonly string[]>
let backup = ""
/** Opened before the backup, and between it and the end: both live when everything ends. */
const before: Task[] = []
/** Milliseconds. */
let restoredAt = 0

/** By turns workerd alone, which is started again; and the whole, as by a power cut. */
async function kill(number: number): Promise<void> {
  const { serving } = there
  const began = Date.now()
  kills.push(began)
  if (number % 2 === 0) {
    process.kill(serving.pid, "SIGKILL")
    await serving.said("serving", serving.lines.filter(({ event }) => event === "serving").length + 1)
  } else {
    serving.child.kill("SIGKILL")
    await there.start()
  }
  restarts.push(`${number % 2 === 0 ? "workerd" : "all"} ${await untilReady(there.url("/readyz"), began)}`)
}

beforeAll(async () => {
  console.log(`SERVE_SEED=${SEED}`)
  there = await deploy()
  await there.start()
  await there.publish()
  const random = randomOf(SEED)
  traffic = new Traffic(
    { narrowgate: there.narrowgate, operator: there.staff.operator, [Symbol.asyncDispose]: async () => undefined },
    random,
  )
  before.push(await there.narrowgate.openTask("early", SCOPE))
  traffic.start()
  for (let number = 0; number < KILLS; number++) {
    await sleep(BETWEEN_MS * (0.5 + random()))
    await kill(number)
    await traffic.tryEnded()
    if (number !== 2) continue
    const { code, stdout, stderr } = await there.run("backup", join(there.place, "backup"))
    expect(stderr).toBe("")
    expect(code).toBe(0)
    backup = stdout
  }
  before.push(await there.narrowgate.openTask("late", SCOPE))
  await sleep(BETWEEN_MS)
  await traffic.stop()
  await traffic.tryEnded()
  await sleep(SETTLED_MS)
  const records = await readRecords(there.url(""), there.staff.operator, { kind: "call", decision: "allow" })
  const byPath = Map.groupBy(records, ({ path }) => path)
  recorded = new Map(Array.from(byPath, ([path, of]) => [path, of.map(({ id }) => id)]))
}, 120_000)
afterAll(async () => there.remove())

const writesThat = (answer: Call["answer"], tool?: string): readonly Call[] =>
  [...traffic.log.writes.values()].filter(
    (call) => call.answer === answer && (tool === undefined || call.tool === tool),
  )

/** The most that were admitted within any span of the limit: those whose question and answer both lie in it. */
function mostInAnySpan(): number {
  const calls = writesThat("allowed", SHARED.tool).toSorted((a, b) => a.sent - b.sent)
  return Math.max(
    ...calls.map(({ sent }) => {
      const end = sent + SHARED.seconds * 1_000
      return calls.filter((call) => call.sent >= sent && call.received < end).length
    }),
  )
}

/** Requests a second that one call of a large window costs, and the delays at half that pace. */
async function figures(): Promise<void> {
  const { narrowgate } = there
  const task = await narrowgate.openTask("measured", SCOPE)
  const requests = Array.from({ length: 400 }, (_, ticket) =>
    narrowgate.question(task, "GET", `/crm/tickets/T-${ticket}`, { status: 200, contains: null }),
  )
  const target = { port: there.serving.port, requests, connections: 16, milliseconds: 4_000 }
  await using load = new Load()
  const closed = await load.run({ ...target, answers: Number.POSITIVE_INFINITY })
  const perSecond = closed.rate / 2
  const open = await load.runOpen({ ...target, perSecond })
  expect([...closed.failures, ...open.failures]).toEqual([])
  console.log(
    `allowed calls: ${Math.round(closed.rate)} a second at most; at ${Math.round(perSecond)} a second p50 ${open.p50} ms, p99 ${open.p99} ms`,
  )
}

describe("killed five times", () => {
  test("it serves again within seconds each time", () => {
    expect(restarts).toHaveLength(KILLS)
    for (const restart of restarts) expect(Number(restart.split(" ")[1])).toBeLessThan(SERVES_WITHIN_MS)
    const { opened, ended, renewed, paid } = traffic.log
    console.log(`killed, milliseconds until it decides again: ${restarts.join(", ")}`)
    console.log(`trees: ${opened} opened, ${ended} ended; ${renewed} tokens renewed; ${paid} approved calls made`)
    console.log(`answers: ${[...traffic.log.codes].map(([code, count]) => `${code} ${count}`).join(", ")}`)
    console.log(backup.trim())
  })

  test("each write that was answered with an allow has exactly one record, by the decision that was answered", () => {
    const wrong = writesThat("allowed").filter(({ path, decision }) => recorded.get(path)?.join() !== decision)
    expect(wrong).toEqual([])
  })

  test("each read that was answered with an allow has its record, except for those of the last second before a kill", () => {
    const lost = traffic.lostReads(new Set([...recorded.values()].flat()), kills)
    const answered = traffic.log.reads.filter(({ answer }) => answer === "allowed").length
    console.log(
      `allowed reads: ${answered} answered, ${answered - lost.length} recorded; before a kill by ${lost.join(" ")} ms`,
    )
    expect(lost.filter((before) => before > IN_MEMORY_MS)).toEqual([])
  })

  test("no over-admission: over all trees, in any span, and in each tree", () => {
    const most = mostInAnySpan()
    expect(most).toBeLessThanOrEqual(SHARED.limit)
    expect(most).toBeGreaterThan(SHARED.limit / 2)
    const trees = Map.groupBy(writesThat("allowed", PER_TREE.tool), ({ tree }) => tree)
    const counts = Array.from(trees.values(), (calls) => calls.length)
    expect(Math.max(...counts)).toBeLessThanOrEqual(PER_TREE.limit)
  })

  test("ended is ended, what was acknowledged is kept, and an approval lets one call pass", () => {
    const { outlived, lost, usedTwice, ended, paid } = traffic.log
    expect({ outlived, lost, usedTwice }).toEqual({ outlived: [], lost: [], usedTwice: [] })
    expect(ended).toBeGreaterThan(0)
    expect(paid).toBeGreaterThan(0)
    expect(writesThat("allowed", APPROVED).length).toBeGreaterThan(0)
  })

  test("what an allowed call costs", figures)
})

async function codeOf(task: Task): Promise<string> {
  const headers = {
    authorization: `Bearer ${task.token}`,
    "x-narrowgate-key": there.narrowgate.gatewayKey,
    "x-forwarded-method": "GET",
    "x-forwarded-uri": "/crm/tickets/T-1",
    "x-forwarded-host": new URL(ORIGIN).host,
  }
  const response = await fetch(there.url("/authz/forward"), { headers })
  return response.status === 200 ? "ok" : (response.headers.get("x-narrowgate-code") ?? String(response.status))
}

describe("restored from its backup", () => {
  let session = ""

  beforeAll(async () => {
    session = await there.narrowgate.identities.idToken("early")
    for (const task of before) expect(await codeOf(task)).toBe("ok")
    expect((await there.serving.end()).code).toBe(0)
    // An identity token says in whole seconds when it was issued.
    await sleep(1_000)
    const { code, stderr, stdout } = await there.runIn("restored", "restore", join(there.place, "backup"))
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    restoredAt = Number(/swi_hold-(\d+)/.exec(stdout)?.[1])
    there.moveTo("restored")
    const began = Date.now()
    await there.start()
    console.log(
      `restored: milliseconds from the start until it decides: ${await untilReady(there.url("/readyz"), began)}`,
    )
  }, 60_000)

  test("nothing is allowed until an operator lifts the stop of everything", async () => {
    for (const task of before) expect(await codeOf(task)).not.toBe("ok")
    await expect(there.narrowgate.openTask("new", SCOPE)).rejects.toThrow(/^\/oauth\/token answered 4/)
  })

  test("no token, no task and no session of before opens anything, ever", async () => {
    const headers = { authorization: await there.staff.operator() }
    const lifted = await fetch(there.url(`/v1/revocations/swi_hold-${restoredAt}`), { method: "DELETE", headers })
    expect(lifted.status).toBe(200)
    await sleep(2_500)
    for (const task of before) expect(await codeOf(task)).toBe("invalid_token")
    const parameters = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      scope: SCOPE,
    }
    await expect(there.narrowgate.token({ ...parameters, subject_token: session })).rejects.toThrow(/answered 4/)
    expect(await codeOf(await there.narrowgate.openTask("early", SCOPE))).toBe("ok")
  })

  test("no over-admission across the restore, once the span has passed since", async () => {
    await sleep(Math.max(0, restoredAt + SHARED.seconds * 1_000 - Date.now()))
    traffic.start()
    await sleep(4_000)
    await traffic.stop()
    expect(mostInAnySpan()).toBeLessThanOrEqual(SHARED.limit)
    expect(writesThat("allowed").some(({ sent }) => sent > restoredAt)).toBe(true)
    const trees = Map.groupBy(writesThat("allowed", PER_TREE.tool), ({ tree }) => tree)
    expect(Math.max(...Array.from(trees.values(), (calls) => calls.length))).toBeLessThanOrEqual(PER_TREE.limit)
    expect(traffic.log.usedTwice).toEqual([])
  })
})
