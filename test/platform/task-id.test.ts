/** Task ids: short, sorted by time, checked in every character, and without a name that anybody could guess. */
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { timeOf } from "../../src/core/encoding/ids.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"
import { isTaskId, readLocator } from "../../src/core/task/state.ts"
import { isOwnTaskId, ledgerOf, ledgerOfTask, movedTaskId, newTaskId } from "../../src/platform/task-id.ts"

const ALICE = { issuer: "https://idp.test", subject: "alice" }
const BOB = { ...ALICE, subject: "bob" }
const AGENT = { agent: historyKeyOf("https://fleet.test/agent") }
const OWNERS = [
  ALICE,
  BOB,
  AGENT,
  { ...AGENT, partition: 1 },
  { issuer: "https://idp.test", subject: "x".repeat(4096) },
]
const NOW = 1_800_000_000_000
const LAST_MOMENT = 2 ** 48 - 1
const OTHERS = Array.from("0123456789ABCDEFGHJKMNPQRSTVWXYZa-._ \n")
/** Another class's namespace has another key, as that of another deployment has. */
const OTHER = {
  LEDGER: Object.create(env.LEDGER, { idFromName: { value: (name: string) => env.INBOX.idFromName(name) } }),
} satisfies Pick<Env, "LEDGER">

test.each(OWNERS)("has 40 characters, digits and capitals after tsk_, for every owner", (owner) => {
  for (const now of [1, NOW, LAST_MOMENT]) {
    const id = newTaskId(env, owner, now)
    expect(id).toMatch(/^tsk_[0-9A-Z]{36}$/)
    expect([isTaskId(id), isOwnTaskId(env, id), timeOf(id)]).toEqual([true, true, now])
  }
})

test("sorts by time, for all owners", () => {
  const times = Array.from({ length: 200 }, (_, index) => NOW + index ** 4)
  const ids = times.map((now, index) => newTaskId(env, OWNERS[index % OWNERS.length] ?? ALICE, now))
  expect(ids.toSorted()).toEqual(ids)
})

test("100,000 ids of one ledger are distinct", () => {
  const ids = new Set<string>()
  for (let index = 0; index < 100_000; index++) ids.add(newTaskId(env, ALICE, NOW + index))
  expect(ids.size).toBe(100_000)
})

test("in one millisecond, two of one ledger are the same as rarely as 25 random bits are", () => {
  const ids = new Set<string>()
  for (let index = 0; index < 20_000; index++) ids.add(newTaskId(env, ALICE, NOW))
  // Six pairs are expected. Of 24 bits it would be twelve, of 20 bits 190.
  expect(ids.size).toBeGreaterThan(20_000 - 25)
})

describe("the locator", () => {
  test("is the same for all tasks of an owner, and the name of its object", () => {
    for (const owner of OWNERS) {
      const [one, other] = [newTaskId(env, owner, NOW), newTaskId(env, owner, 0)]
      expect(readLocator(one)).toBe(readLocator(other))
      const [byTask, byOwner] = [ledgerOfTask(env, one), ledgerOf(env, owner)]
      expect([byTask?.name, byTask?.id.toString()]).toEqual([readLocator(one), byOwner.id.toString()])
    }
  })

  test("differs between 20,000 owners", () => {
    const locators = new Set<string>()
    for (let index = 0; index < 20_000; index++)
      locators.add(readLocator(newTaskId(env, { issuer: ALICE.issuer, subject: `user-${index}` }, NOW)))
    expect(locators.size).toBe(20_000)
  })

  test("cannot be computed from a name without the namespace's key", () => {
    for (const owner of OWNERS) {
      const id = newTaskId(env, owner, NOW)
      expect(readLocator(newTaskId(OTHER, owner, NOW))).not.toBe(readLocator(id))
      expect(isOwnTaskId(OTHER, id)).toBe(false)
    }
  })

  test("changes with the ledger to which a task moves, and nothing before it does; a task below stays below", () => {
    const [here, there] = [newTaskId(env, AGENT, NOW), readLocator(newTaskId(env, ALICE, NOW))]
    const moved = movedTaskId(env, here, ALICE)
    expect([moved.slice(0, 19), readLocator(moved), isOwnTaskId(env, moved)]).toEqual([here.slice(0, 19), there, true])
    expect(movedTaskId(env, `${here}.1.2`, ALICE)).toBe(`${moved}.1.2`)
  })
})

describe("no object is found by", () => {
  const own = newTaskId(env, ALICE, NOW)
  const isRejected = (id: string): boolean => !isOwnTaskId(env, id) && ledgerOfTask(env, id) === null

  test("an id with another character, at any place", () => {
    const accepted: string[] = []
    for (const [at, was] of Array.from(own).entries())
      for (const other of OTHERS) {
        const id = `${own.slice(0, at)}${other}${own.slice(at + 1)}`
        if (other !== was && !isRejected(id)) accepted.push(id)
      }
    expect(accepted).toEqual([])
  })

  test("an id with one character more or less, or with two exchanged", () => {
    const accepted: string[] = []
    for (const [at, character] of Array.from(own).entries()) {
      const [before, after] = [own.slice(0, at), own.slice(at + 1)]
      for (const id of [
        `${before}${after}`,
        `${before}0${own.slice(at)}`,
        `${before}${after[0] ?? ""}${character}${after.slice(1)}`,
      ])
        if (id !== own && !isRejected(id)) accepted.push(id)
    }
    expect(accepted).toEqual([])
  })

  test("an id made of the parts of others", () => {
    const other = newTaskId(env, BOB, NOW + 1)
    for (const cut of [4, 14, 19, 35]) {
      expect([cut, isRejected(`${own.slice(0, cut)}${other.slice(cut)}`)]).toEqual([cut, cut > 4])
    }
    expect(isRejected(`${own.slice(0, 19)}${readLocator(other)}${own.slice(35)}`)).toBe(true)
    expect(isRejected(`${own.slice(0, 35)}${newTaskId(env, ALICE, NOW).slice(35)}`)).toBe(true)
  })

  test("the id of a task below one that was not given out", () => {
    const forged = `${own.slice(0, -1)}${own.endsWith("0") ? "1" : "0"}`
    expect([isRejected(`${own}.1`), isRejected(`${forged}.1`), isRejected(`${own}.0`)]).toEqual([false, true, true])
  })
})
