/** Several at once, in one process and in several; and none is left when a test run ends, however it ends. */
import { execFile, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { afterEach, expect, test } from "vitest"
import { startNarrowgate, type RunningNarrowgate } from "../../testing/index.ts"

const PROGRAMS = join(import.meta.dirname, "programs")
const users = { alice: { groups: ["support"] } }

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

/** @returns the URL of its Narrowgate */
async function startRun(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [join(PROGRAMS, "started.ts")], { stdio: ["ignore", "pipe", "inherit"] })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) return { child, url: line }
  throw new Error("it has ended without saying where it is")
}

/** Ids of the processes that this one has started, by themselves or by their own. */
async function descendantsOf(pid: number): Promise<readonly number[]> {
  const parents = await Promise.all(
    (await readdir("/proc")).flatMap((name) => (/^\d+$/u.test(name) ? [parentOf(Number(name))] : [])),
  )
  const childrenOf = (parent: number): number[] =>
    parents.flatMap(([child, of]) => (of === parent ? [child, ...childrenOf(child)] : []))
  return childrenOf(pid)
}

async function parentOf(pid: number): Promise<readonly [child: number, parent: number]> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "")
  return [pid, Number(/^PPid:\s(\d+)$/mu.exec(status)?.[1] ?? 0)]
}

const isRunning = async (pid: number): Promise<boolean> =>
  /^State:\s[^ZX]/mu.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))

const isUp = async (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )

test("several of one process have nothing in common", async () => {
  const running = await Promise.all([1, 2, 3].map(async () => startNarrowgate({ policies: "policies", users })))
  try {
    expect(new Set(running.map(({ url }) => url)).size).toBe(3)
    const [one, two] = running
    const task = await one?.task({ user: "alice", agent: "support" })
    if (!one || !two || !task) throw new Error("not started")
    expect(await one.call(task, "crm.tickets.list")).toBeAllowed()
    expect(await two.call(task, "crm.tickets.list")).toBeDenied("invalid_token")
    await one.clock.advance("1 hour")
    expect((await two.clock.now()).getTime() - Date.now()).toBeLessThan(60_000)
  } finally {
    await Promise.all(running.map(async (each) => each.stop()))
  }
  expect(await Promise.all(running.map(async ({ url }) => isUp(url)))).toEqual([false, false, false])
})

test("it ends with the block that uses it, and stopping it again does nothing", async () => {
  let kept: RunningNarrowgate
  {
    await using ng = await startNarrowgate({ policies: "policies", users })
    expect(await isUp(ng.url)).toBe(true)
    kept = ng
  }
  expect(await isUp(kept.url)).toBe(false)
  await kept.stop()
  await expect(kept.task({ user: "alice", agent: "support" })).rejects.toMatchObject({ code: "stopped" })
})

test("a test run that is ended by a signal leaves nothing behind, and none disturbs another", async () => {
  const signals = ["SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const
  const runs = await Promise.all(signals.map(startRun))
  expect(new Set(runs.map(({ url }) => url)).size).toBe(signals.length)
  const all = await Promise.all(runs.map(async ({ child }) => descendantsOf(child.pid ?? 0)))
  // The runtime, and what ends it.
  for (const each of all) expect(each.length).toBeGreaterThanOrEqual(2)
  for (const [index, { child }] of runs.entries()) {
    const ended = once(child, "exit")
    child.kill(signals[index])
    await ended
    const left = all[index] ?? []
    await expect.poll(async () => Promise.all(left.map(isRunning)), { timeout: 10_000 }).toEqual(left.map(() => false))
    const others = runs.slice(index + 1)
    expect(await Promise.all(others.map(async ({ url }) => isUp(url)))).toEqual(others.map(() => true))
  }
})

test("it runs in node:test too, whose process ends by itself", async () => {
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", join(PROGRAMS, "node-test.ts")], {
    timeout: 60_000,
  })
  expect(stdout).toMatch(/# pass 1\n# fail 0/)
  const failed = run(process.execPath, ["--test", "--test-reporter=tap", join(PROGRAMS, "node-test.ts")], {
    env: { ...process.env, SHOW_FAILURE: "yes" },
  })
  await expect(failed).rejects.toMatchObject({
    stdout: expect.stringMatching(
      /expected the call to be allowed, but it was denied: policy_denied[\s\S]*# pass 1\n# fail 1/,
    ),
  })
})
