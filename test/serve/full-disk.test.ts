/**
 * A disk that takes no more: the directory lies on a small file system of its own, which is filled to its last block.
 */
import { readdirSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ORIGIN } from "../../bench/servers/identities.ts"
import type { Task } from "../../bench/servers/narrowgate.ts"
import { PER_TREE, SCOPE } from "../long/stack.ts"
import { smallDisk } from "../node/small-disk.ts"
import { deploy, type Deployment } from "./served.ts"

const MOST_CALLS = 400

const disk = smallDisk()

let there: Deployment
afterAll(async () => {
  await there?.remove()
  disk.remove()
})

let replies = 0
async function reply(task: Task): Promise<string> {
  const headers = {
    authorization: `Bearer ${task.token}`,
    "x-narrowgate-key": there.narrowgate.gatewayKey,
    "x-forwarded-method": "POST",
    "x-forwarded-uri": `/crm/tickets/T-${++replies}/replies`,
    "x-forwarded-host": new URL(ORIGIN).host,
  }
  const response = await fetch(there.url("/authz/forward"), { headers })
  return response.status === 200 ? "ok" : (response.headers.get("x-narrowgate-code") ?? String(response.status))
}

/** How many replies are allowed until one is not, and why that one is not. */
async function replyUntilDenied(task: Task): Promise<readonly [allowed: number, code: string]> {
  for (let allowed = 0; allowed < MOST_CALLS; allowed++) {
    const code = await reply(task)
    if (code !== "ok") return [allowed, code]
  }
  throw new Error("no call was denied")
}

describe.skipIf(!disk.isMounted)("while the disk takes no more", () => {
  const tasks: Task[] = []
  const used = new Map<Task, number>()

  beforeAll(async () => {
    there = await deploy({ directory: join(disk.path, "data") })
    await there.start()
    await there.publish()
    for (const user of ["alice", "bob", "carol"]) tasks.push(await there.narrowgate.openTask(user, SCOPE))
  })

  test("what has to be written is unavailable, and the process lives", async () => {
    disk.fill()
    const codes = new Set<string>()
    for (const task of tasks) {
      const [allowed, code] = await replyUntilDenied(task)
      used.set(task, allowed)
      codes.add(code)
    }
    // A ledger whose log has room left may come to the limit itself.
    expect([...codes].every((code) => ["unavailable", "rate_limited"].includes(code))).toBe(true)
    await expect.poll(async () => there.narrowgate.openTask("dora", SCOPE).then(() => "opened", String)).toMatch(/503/)
    expect((await fetch(there.url("/healthz"))).status).toBe(200)
  })

  test("a backup to that disk is refused with a sentence, and leaves nothing", async () => {
    const { code, stderr } = await there.run("backup", join(disk.path, "backup"))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: there is no room on the disk of \S+\n {2}fix: Make room,/)
    expect(readdirSync(disk.path).toSorted()).toEqual(["data", "filler"])
  })

  test("a restore to that disk is refused with a sentence, and nothing starts on what it wrote", async () => {
    const backup = join(there.place, "backup")
    expect(await there.run("backup", backup)).toMatchObject({ code: 0 })
    const place = join(disk.path, "restored")
    const { code, stderr } = await there.runIn(place, "restore", backup)
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: there is no room on the disk of \S+restored\n {2}fix: Make room, delete \S+, and/),
    ])
    await rm(place, { recursive: true, force: true })
  })

  test("a new process starts on it or says why not, and nothing is lost once there is room", async () => {
    await there.serving.end("SIGKILL")
    const outcome = await there.start().then(async (serving) => (await serving.end()).code, String)
    if (outcome !== 0) expect(outcome).toMatch(/error: .+\n {2}fix: /)
    disk.makeRoom()
    await there.start()
    for (const task of tasks) {
      const [allowed, denied] = await replyUntilDenied(task)
      expect(denied).toBe("rate_limited")
      expect((used.get(task) ?? 0) + allowed).toBeLessThanOrEqual(PER_TREE.limit)
      expect((used.get(task) ?? 0) + allowed).toBeGreaterThan(0)
    }
  })
})
