import { expect, test } from "vitest"
import { isBelow, isTaskId, rootOf, whyEnded, type Task } from "../../src/ledger/state.ts"

const ROOT = "tsk_01JZZZZZZZZZZZZZZZZZZZZZZZ"

test.each([
  [`${ROOT}.1`, ROOT, true],
  [`${ROOT}.1.2`, ROOT, true],
  [`${ROOT}.1.2`, `${ROOT}.1`, true],
  [ROOT, ROOT, false],
  [ROOT, `${ROOT}.1`, false],
  [`${ROOT}.2`, `${ROOT}.1`, false],
  // The tenth is no child of the first.
  [`${ROOT}.10`, `${ROOT}.1`, false],
  [`${ROOT}.10.1`, `${ROOT}.1`, false],
])("%s is below %s: %s", (id, ancestor, below) => {
  expect(isBelow(id, ancestor)).toBe(below)
})

test.each([
  [ROOT, true],
  [`${ROOT}.1.999999`, true],
  [`${ROOT}${".1".repeat(16)}`, true],
  [`${ROOT}${".1".repeat(17)}`, false],
  [`${ROOT}.0`, false],
  [`${ROOT}.01`, false],
  [`${ROOT}.1000000`, false],
  [`${ROOT}.`, false],
  [`${ROOT}\n`, false],
  [ROOT.toLowerCase(), false],
  [ROOT.slice(0, -1), false],
  [` ${ROOT}`, false],
])("%j is a task's id: %s", (text, is) => {
  expect(isTaskId(text)).toBe(is)
  if (is) expect(rootOf(text)).toBe(ROOT)
})

test.each([
  [999, 499, null],
  [999, 500, "idle"],
  [1000, 999, "expired"],
])("at %i of a life of 1000, %i since the last call: %j", (now, since, why) => {
  const known = { id: ROOT, parent: null, agent: "", purpose: "", scope: "", details: null, plan: null, jkt: null }
  const counted = { openedAt: 0, calls: 0, children: 0, progress: [], endedBy: null }
  const grant = { tools: {}, calls: null, environments: null }
  const task: Task = {
    ...known,
    ...counted,
    grant,
    idle: 500,
    expiresAt: 1000,
    status: "active",
    lastCall: now - since,
  }
  expect(whyEnded(task, now)).toBe(why)
  expect(whyEnded({ ...task, status: "revoked" }, now)).toBe("revoked")
})
