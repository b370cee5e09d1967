/**
 * What ends a deployment of one machine in the midst of calls, and which of the answered calls have no record then:
 * those of docs/guides/serve.md, class by class, and no others.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ORIGIN } from "../../bench/servers/identities.ts"
import { SCOPE } from "../long/stack.ts"
import { IN_MEMORY_MS } from "../long/traffic.ts"
import { deploy, untilReady, type Deployment } from "./served.ts"

const AGENTS = 6
const CALLS_FOR_MS = 3_000
const PAUSE_MS = 5
const SETTLED_MS = 4_000

/** What agents call: each class has its own durability. */
const CLASSES = {
  "a write": ["POST", "/crm/tickets/T-1/replies"],
  "a read": ["GET", "/crm/tickets/T-1"],
  "a denied read": ["GET", "/crm/secrets/S-1"],
  "a call that no ledger decides": ["GET", "/nowhere"],
} as const

type Class = keyof typeof CLASSES

interface Answered {
  readonly class: Class
  readonly decision: string
  /** Milliseconds since the epoch. */
  readonly received: number
}

/** One after another, until the server is gone. */
async function callUntilCut(there: Deployment, token: string, answered: Answered[], isOver: () => boolean) {
  while (!isOver()) {
    for (const [name, [method, path]] of Object.entries(CLASSES)) {
      const headers = {
        authorization: `Bearer ${token}`,
        "x-narrowgate-key": there.narrowgate.gatewayKey,
        "x-forwarded-method": method,
        "x-forwarded-uri": path,
        "x-forwarded-host": new URL(ORIGIN).host,
      }
      const response = await fetch(there.url("/authz/forward"), { headers }).catch(() => null)
      const decision = response?.headers.get("x-narrowgate-decision") ?? null
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key of CLASSES
      if (decision !== null) answered.push({ class: name as Class, decision, received: Date.now() })
      await response?.text().catch(() => "")
      await sleep(PAUSE_MS)
    }
  }
}

/** `workerd` alone is started again by its supervisor; `all` is as a power cut; `TERM` stops it in order. */
type End = "workerd" | "all" | "TERM"

/** Calls under way, an end, a new start. @returns by class how many were answered, and before the end by how much those that are lost */
async function endedBy(there: Deployment, end: End) {
  const { narrowgate, serving } = there
  const opened = Array.from({ length: AGENTS }, async (_, agent) => narrowgate.openTask(`user-${end}-${agent}`, SCOPE))
  const answered: Answered[] = []
  let ended = Number.POSITIVE_INFINITY
  const calling = (await Promise.all(opened)).map(async ({ token }) =>
    callUntilCut(there, token, answered, () => Date.now() > ended),
  )
  await sleep(CALLS_FOR_MS)
  const starts = serving.lines.filter(({ event }) => event === "serving").length
  ended = Date.now()
  if (end === "workerd") process.kill(serving.pid, "SIGKILL")
  else serving.child.kill(end === "all" ? "SIGKILL" : "SIGTERM")
  await Promise.all(calling)
  if (end === "workerd") await serving.said("serving", starts + 1)
  else {
    await serving.ended()
    await there.start()
  }
  await untilReady(there.url("/readyz"))
  // What ledgers have stored, they send once they are called again.
  for (const { token } of await Promise.all(opened)) await callUntilCut(there, token, [], onlyOnce())
  await sleep(SETTLED_MS)
  const counts = new Map<Class, number>()
  const lost = new Map<Class, number[]>()
  const headers = { authorization: await there.staff.operator() }
  for (const { class: of, decision, received } of answered) {
    counts.set(of, (counts.get(of) ?? 0) + 1)
    const { status } = await fetch(there.url(`/v1/decisions/${decision}`), { headers })
    expect([200, 404]).toContain(status)
    if (status === 404) lost.set(of, [...(lost.get(of) ?? []), ended - received])
  }
  const shown = Array.from(counts, ([of, count]) => `${of}: ${count}, ${lost.get(of)?.length ?? 0} without record`)
  console.log(`${end}: answered ${shown.join("; ")}`)
  expect([...counts.keys()].toSorted()).toEqual(Object.keys(CLASSES).toSorted())
  return lost
}

function onlyOnce(): () => boolean {
  let turns = 0
  return () => turns++ > 0
}

async function deployWith(sinks: readonly object[]): Promise<Deployment> {
  const there = await deploy({
    // JSON is YAML.
    change: async (policies) => writeFile(join(policies, "sinks.yaml"), JSON.stringify({ sinks })),
  })
  await there.start()
  await there.publish()
  return there
}

describe("of what was answered", () => {
  let there: Deployment
  beforeAll(async () => void (there = await deployWith([])))
  afterAll(async () => there.remove())

  test.each(["workerd", "all"] as const)(
    "a KILL of %s loses no record of a write, and of others those of the last second",
    { timeout: 120_000 },
    async (end) => {
      const lost = await endedBy(there, end)
      expect(lost.get("a write") ?? []).toEqual([])
      // If none were lost, the page would say too much.
      expect(lost.get("a read")?.length).toBeGreaterThan(0)
      for (const [, before] of lost) expect(Math.max(...before)).toBeLessThan(IN_MEMORY_MS)
    },
  )

  test("a TERM loses no record", { timeout: 120_000 }, async () => {
    expect(await endedBy(there, "TERM")).toEqual(new Map())
  })
})

describe("with a sink that says `full: { read: deny }`", () => {
  let there: Deployment
  beforeAll(
    async () =>
      void (there = await deployWith([{ id: "archive", kind: "file", logs: ["records"], full: { read: "deny" } }])),
  )
  afterAll(async () => there.remove())

  test.each(["workerd", "all"] as const)(
    "a KILL of %s loses no record of a call that a ledger decided",
    { timeout: 120_000 },
    async (end) => {
      const lost = await endedBy(there, end)
      lost.delete("a call that no ledger decides")
      expect(lost).toEqual(new Map())
    },
  )
})
