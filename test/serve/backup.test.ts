/** Backups and restores: what they refuse, what is in them, and what is not. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { constants } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { exportedLines } from "../../cli/records/export.ts"
import { linesIn } from "../../cli/records/lines.ts"
import { verifyEd25519 } from "../../cli/records/signatures.ts"
import { writeRecordFile } from "../../cli/records/write-file.ts"
import { LOG_NAMES } from "../../src/api/contract/decisions.ts"
import { checkExports } from "../../src/core/proof/check-export.ts"
import type { StatedLogs } from "../../src/core/proof/export-lines.ts"
import { knownKeys } from "../../src/core/proof/key-chain.ts"
import { SCOPE } from "../long/stack.ts"
import { deploy, type Deployment } from "./served.ts"

let there: Deployment
let backup: string
/** An export of before the backup. */
let earlier: string
beforeAll(async () => {
  there = await deploy()
  backup = join(there.place, "running")
  await there.start()
  // As of people who have signed in at the console.
  await mkdir(join(there.place, "data/objects/Session"), { recursive: true })
  new DatabaseSync(join(there.place, "data/objects/Session/a.sqlite")).close()
  await there.publish()
  await there.narrowgate.openTask("alice", SCOPE)
  await revoke({ tool: "crm.customers.*" })
  earlier = await exported("before.ndjson")
})
afterAll(async () => there.remove())

async function revoke(what: object): Promise<void> {
  const headers = { authorization: await there.staff.operator(), "content-type": "application/json" }
  const response = await fetch(there.url("/v1/revocations"), {
    method: "POST",
    headers,
    body: JSON.stringify({ ...what, confirm: true }),
  })
  expect(response.status, await response.text()).toBe(200)
}

const listed = z.object({
  revocations: z.array(z.looseObject({ id: z.string(), tool: z.string().optional(), reason: z.string().optional() })),
})

async function revocations(): Promise<z.infer<typeof listed>["revocations"]> {
  const headers = { authorization: await there.staff.operator() }
  return listed.parse(await (await fetch(there.url("/v1/revocations"), { headers })).json()).revocations
}

const refused = (message: RegExp, code = 1) => ({ code, stderr: expect.stringMatching(message) })

describe("a backup", () => {
  test("is written while calls are decided, for its owner alone, and leaves nothing else", async () => {
    const { code, stdout, stderr } = await there.run("backup", backup)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/running: \d+ objects as of 2\S+Z; calls waited \d+ ms\n?$/)
    expect((await stat(backup)).mode & 0o777).toBe(0o600)
    expect((await readdir(there.place)).filter((name) => /running|backup/.test(name))).toEqual(["running"])
    expect((await fetch(there.url("/readyz"))).status).toBe(200)
  })

  test("replaces no file", async () => {
    expect(await there.run("backup", backup)).toMatchObject(refused(/running is there already/, 2))
  })

  test("whose command is killed leaves workerd running", async () => {
    const file = join(there.place, "killed")
    for (const after of [350, 450, 550]) {
      const command = there.begin("backup", file)
      await sleep(after)
      await command.end("SIGKILL")
      const response = await fetch(there.url("/healthz"), { signal: AbortSignal.timeout(8_000) })
      expect(response.status).toBe(200)
    }
  })

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves nothing behind after %s", async (signal) => {
    const beside = await mkdtemp(join(there.place, "signalled-"))
    const command = there.begin("backup", join(beside, "file"))
    await expect.poll(async () => readdir(beside), { interval: 1, timeout: 20_000 }).not.toEqual([])
    const { code } = await command.end(signal)
    expect([code, await readdir(beside)]).toEqual([128 + constants.signals[signal], []])
    expect((await fetch(there.url("/healthz"))).status).toBe(200)
  })

  test("removes what a killed one has left beside it, and nothing of one that runs", async () => {
    const [left, held] = [".narrowgate-backup-left", ".narrowgate-backup-held"]
    for (const name of [left, held]) await mkdir(join(there.place, name), { mode: 0o700 })
    using lock = new DatabaseSync(join(there.place, held, "lock"))
    lock.exec("BEGIN EXCLUSIVE")
    expect(await there.run("backup", join(there.place, "after"))).toMatchObject({ code: 0 })
    expect((await readdir(there.place)).filter((name) => name.includes("backup"))).toEqual([held])
  })

  test("of what is no deployment is refused", async () => {
    expect(await there.runIn("nowhere", "backup", join(there.place, "none"))).toMatchObject(
      refused(/nowhere is no directory of Narrowgate/, 2),
    )
  })

  test("may be taken while nothing runs, too", async () => {
    await there.serving.end()
    const { code, stdout } = await there.run("backup", join(there.place, "at-rest"))
    expect([code, stdout]).toEqual([0, expect.stringMatching(/calls waited 0 ms/)])
    await there.start()
  })
})

/** A copy of the backup in which this has been done. */
async function changed(name: string, sql: string): Promise<string> {
  const file = join(there.place, name)
  await copyFile(backup, file)
  using database = new DatabaseSync(file)
  database.exec(sql)
  return file
}

describe("a restore", () => {
  test("into a directory that has anything is refused", async () => {
    await mkdir(join(there.place, "used"))
    await writeFile(join(there.place, "used/notes"), "")
    expect(await there.runIn("used", "restore", backup)).toMatchObject(refused(/used is not empty/))
    expect(await readdir(join(there.place, "used"))).toEqual(["notes"])
  })

  test("of a file that is no backup is refused", async () => {
    const file = join(there.place, "narrowgate.yaml")
    expect(await there.runIn("other", "restore", file)).toMatchObject(
      refused(/narrowgate\.yaml is no backup of Narrowgate/),
    )
  })

  test("of a backup of a newer version is refused", async () => {
    const file = await changed("newer", "UPDATE backup SET version = '99.0.0'")
    expect(await there.runIn("of-newer", "restore", file)).toMatchObject(
      refused(/written by narrowgate 99\.0\.0, which is newer/),
    )
  })

  test.each([
    ["part", "DELETE FROM parts WHERE path LIKE 'Ledger/%' AND part = 0"],
    ["path", "INSERT INTO files VALUES ('../evil.sqlite', '')"],
  ])("of a backup with a damaged %s is refused, and nothing starts on what it wrote", async (what, sql) => {
    const file = await changed(`damaged-${what}`, sql)
    expect(await there.runIn(`of-${what}`, "restore", file)).toMatchObject(
      refused(/is damaged: \S+ is not as it was written/),
    )
    expect(await there.runIn(`of-${what}`)).toMatchObject(refused(/a restore into \S+ was not finished/))
  })

  test.each([
    ["missing", rm],
    ["damaged", async (file: string) => writeFile(file, "{")],
  ])("does not start if the file that says so is %s", async (what, change) => {
    const path = `without-${what}`
    expect(await there.runIn(path, "restore", backup)).toMatchObject({ code: 0 })
    await change(join(there.place, path, "narrowgate.json"))
    expect(await there.runIn(path)).toMatchObject(refused(new RegExp(`narrowgate\\.json is ${what}\n {2}fix: `)))
  })

  test("does not start on objects that do not keep its revocations", async () => {
    await there.serving.end()
    expect(await there.runIn("acting", "restore", backup)).toMatchObject({ code: 0 })
    for (const name of await readdir(join(there.place, "acting/objects/Switchboard"))) {
      if (!/^[0-9a-f]{64}\.sqlite$/.test(name)) continue
      using database = new DatabaseSync(join(there.place, "acting/objects/Switchboard", name))
      database.exec(
        "CREATE TRIGGER t AFTER INSERT ON switches BEGIN DELETE FROM switches WHERE id LIKE 'swi_hold%'; END",
      )
    }
    expect(await there.runIn("acting")).toMatchObject(refused(/the Worker did not begin: 500/))
  })

  test("has all revocations of before, the stop of everything, and no session of people", async () => {
    const { code, stdout } = await there.runIn("restored", "restore", backup)
    expect([code, stdout]).toEqual([0, expect.stringMatching(/narrowgate revoke lift swi_hold-\d+/)])
    there.moveTo("restored")
    expect(await readdir(join(there.place, "data/objects"))).toContain("Session")
    expect(await readdir(join(there.place, "restored/objects"))).not.toContain("Session")
    // Killed in the midst of its first start, it does the same in the next.
    const first = there.begin()
    await sleep(900)
    await first.end("SIGKILL")
    await there.start()
    const found = await revocations()
    expect(found.filter(({ tool }) => tool === "crm.customers.*")).toHaveLength(1)
    const ofRestore = found.filter(({ id }) => /^swi_(?:hold|restored)-/.test(id))
    expect(ofRestore.map(({ reason }) => reason)).toEqual(
      Array(2).fill(expect.stringMatching(/^restored from a backup of 2/)),
    )
    const state: unknown = JSON.parse(await readFile(join(there.place, "restored/narrowgate.json"), "utf8"))
    expect(state).toMatchObject({ restored: null })
  })

  test("leaves exports verifiable, without a Worker and by the key of before it, beside one of before it", async () => {
    const both = [earlier, await exported("after.ndjson")]
    const key = await keyOf(earlier)
    for (const files of [both, [earlier], both.slice(1)]) {
      const sources = files.map((name) => ({ name, lines: () => linesIn(name) }))
      const trust = { issuer: null, pinned: [key], verify: verifyEd25519, only: null }
      const { findings, records, proven } = await checkExports(sources, trust)
      expect({ findings, proven }).toEqual({ findings: [], proven: records })
      expect(records).toBeGreaterThan(0)
    }
  })
})

/** The file of an export of all logs. */
async function exported(name: string): Promise<string> {
  const bearer = async (): Promise<string> => (await there.staff.operator()).replace(/^Bearer /, "")
  const headers = { authorization: await there.staff.operator() }
  const stated: StatedLogs = JSON.parse(await (await fetch(there.url("/v1/records/logs"), { headers })).text())
  const file = join(there.place, name)
  const range = { stated, logs: LOG_NAMES, from: 0, times: {} }
  await writeRecordFile(file, exportedLines({ url: there.url("") }, bearer, range))
  return file
}

/** The key that has signed what the file states, as an auditor has noted it. */
async function keyOf(file: string): Promise<string> {
  const [line = ""] = (await readFile(file, "utf8")).split("\n")
  const { logs }: { logs: StatedLogs } = JSON.parse(line)
  const { linked } = await knownKeys(logs.keys, [], verifyEd25519)
  const [key = ""] = linked
  return key
}
