/** `narrowgate serve` as operators run it: what it refuses, how it ends, what its log says. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { deploy, type Deployment } from "./served.ts"

let there: Deployment
beforeAll(async () => {
  there = await deploy()
  await there.start()
  await there.publish()
}, 60_000)
afterAll(async () => there.remove())

test("a bundle is published, a task opened, a call allowed", async () => {
  const { narrowgate } = there
  await expect.poll(async () => (await fetch(there.url("/readyz"))).status, { timeout: 10_000 }).toBe(200)
  const task = await narrowgate.openTask("alice", "crm.tickets.*:read")
  expect(await narrowgate.admitted(task)).toBe(0)
})
