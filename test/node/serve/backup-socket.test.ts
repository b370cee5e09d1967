/** Copies of objects while another process writes them: all of one moment, or none. */
import { spawn, type ChildProcess } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { copyObjects, requestBackup, takeBackups } from "../../../serve/backup-socket.ts"

const place = mkdtempSync(join(tmpdir(), "narrowgate-copy-"))
const objects = join(place, "objects")
/** Of two objects, between which many others are copied. */
const [FIRST, LAST] = ["Ledger/count.sqlite", "RecordLog/count.sqlite"] as const
const OTHERS = 2_000
/** Counts in one file, then in the other, as long as it lives. */
const WRITER = `const fs = require("node:fs"), files = process.argv.slice(1).map((file) => fs.openSync(file, "r+"))
for (let count = 0; ; count++) for (const file of files) fs.writeSync(file, String(count).padStart(12), 0)`

let writer: ChildProcess
const countIn = (file: string): number => Number(readFileSync(file, "utf8"))

beforeAll(async () => {
  for (const folder of ["Ledger", "RecordLog"]) {
    mkdirSync(join(objects, folder), { recursive: true })
    for (let other = 0; other < OTHERS; other++) writeFileSync(join(objects, folder, `${other}.sqlite`), "other")
  }
  for (const file of [FIRST, LAST]) writeFileSync(join(objects, file), "0")
  writer = spawn(process.execPath, ["-e", WRITER, join(objects, FIRST), join(objects, LAST)], { stdio: "ignore" })
  await vi.waitUntil(() => countIn(join(objects, LAST)) > 0, { timeout: 30_000 })
})
afterAll(() => {
  writer.kill("SIGKILL")
  rmSync(place, { recursive: true })
})
// The log is on standard output.
beforeEach(() => {
  const spy = vi.spyOn(process.stdout, "write").mockReturnValue(true)
  return () => spy.mockRestore()
})

async function copy(mostMs?: number, pid = writer.pid ?? 0): Promise<{ answer: unknown; to: string }> {
  const to = mkdtempSync(join(place, "to-"))
  await using _backups = await takeBackups({ path: place, objects }, pid, mostMs)
  return { answer: await requestBackup(place, to), to }
}

async function expectWriting(): Promise<void> {
  const before = countIn(join(objects, LAST))
  await vi.waitUntil(() => countIn(join(objects, LAST)) > before, { timeout: 20_000 })
}

test("objects of a copy are of one moment, and the process goes on", async () => {
  // On a busy machine copying takes longer than a gateway would wait.
  const { answer, to } = await copy(30_000)
  expect(answer).toMatchObject({ takenAt: expect.any(Number), stoodMs: expect.any(Number) })
  const [first, last] = [FIRST, LAST].map((file) => countIn(join(to, "objects", file)))
  expect(Math.abs(Number(first) - Number(last))).toBeLessThanOrEqual(1)
  await expectWriting()
})

test("a copy that takes too long is none, and the process goes on", async () => {
  const { answer } = await copy(100)
  expect(answer).toEqual({ problem: expect.stringMatching(/^copying takes longer than a gateway waits: stop/) })
  await expectWriting()
})

test.runIf(process.platform === "linux").each([
  ["until it is late", 100, /^copying takes longer than a gateway waits/],
  ["for a second", undefined, /^workerd does not stand still$/],
])("a process that never stands is waited for %s, and the answer says so", async (_what, mostMs, problem) => {
  // Its parent, which is no shell any more, does not collect a child that has ended: no signal changes its state.
  const parent = spawn("/bin/sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] })
  const proc = (pid: number | undefined, file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8")
  try {
    const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (text) => resolve(Number(text))))
    await vi.waitUntil(() => proc(parent.pid, "comm") === "sleep\n", { timeout: 10_000 })
    process.kill(pid, "SIGKILL")
    await vi.waitUntil(() => proc(pid, "stat").includes(") Z "), { timeout: 10_000 })
    expect((await copy(mostMs, pid)).answer).toEqual({ problem: expect.stringMatching(problem) })
  } finally {
    parent.kill("SIGKILL")
  }
})

test("a copy into a directory that was removed does not make it again, for others to read", async () => {
  const gone = join(place, "gone")
  await expect(copyObjects(objects, gone)).rejects.toThrow(/ENOENT/)
  expect(existsSync(gone)).toBe(false)
})

test("a process that has ended meanwhile is reported, and nobody waits", async () => {
  const gone = spawn(process.execPath, ["-e", ""], { stdio: "ignore" })
  await vi.waitUntil(() => gone.exitCode !== null, { timeout: 5_000 })
  expect((await copy(undefined, gone.pid)).answer).toEqual({ problem: expect.stringMatching(/ESRCH/) })
})
