/**
 * The directory of one deployment: its objects, and which version of Narrowgate has written them. One process has it at a
 * time. The lock is one of SQLite's on a file, so the system releases it whatever ends the process; a file system in a
 * network may not.
 */
import { execFile } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { chmod, mkdir, open, readdir, readFile, rename } from "node:fs/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { z } from "zod"
import { Failure } from "../cli/terminal/failure.ts"
import { VERSION } from "../cli/package.ts"

const stateSchema = z.object({
  /** Of Narrowgate: the one that wrote last. */
  version: z.string(),
  /** A restore that no process has applied yet. Milliseconds since the epoch. */
  restored: z.object({ at: z.number(), takenAt: z.number() }).nullable(),
})

export type DirectoryState = z.infer<typeof stateSchema>

export interface Directory extends Disposable {
  readonly path: string
  /** Where workerd has its objects. */
  readonly objects: string
  /** Where sinks of the kind `file` write. */
  readonly files: string
  readonly state: DirectoryState
  save(state: DirectoryState): Promise<void>
  /** Notes which process of workerd writes in it, at once: by it, the next process knows whether that one is gone. */
  noteRuntime(runtime: RuntimeProcess): void
}

const runtimeSchema = z.object({
  pid: z.number(),
  /** An argument of its command, which no other process has. */
  argument: z.string(),
})
export type RuntimeProcess = z.infer<typeof runtimeSchema>

const STATE_FILE = "narrowgate.json"
const LOCK_FILE = "lock"
const RUNTIME_FILE = "runtime"
/** A process that was killed takes workerd with it within milliseconds (runtime.ts). */
const GONE_WITHIN_MS = 5_000
/** Names of what a directory contains, beside its objects. */
export const OBJECTS = "objects"
/** Of exported records: no part of a backup. */
const FILES = "records"
/** By which `narrowgate serve backup` reaches the process that runs. */
export const SOCKET = "socket"
/** Systems bound the path of a socket. */
const MOST_PATH_BYTES = 90
/** Objects of a restore that has not ended. */
export const UNFINISHED = "objects.unfinished"

/** @throws if another process has it, or a newer version has written it */
export async function openDirectory(path: string): Promise<Directory> {
  const objects = join(path, OBJECTS)
  if (Buffer.byteLength(path) > MOST_PATH_BYTES)
    throw new Failure(
      `the path ${path} is too long for a socket in it`,
      `Name one of at most ${MOST_PATH_BYTES} bytes.`,
    )
  const files = join(path, FILES)
  for (const each of [objects, files]) await mkdir(each, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  const release = lock(path)
  try {
    await untilRuntimeIsGone(path)
    if (existsSync(join(path, UNFINISHED)))
      throw new Failure(`a restore into ${path} was not finished`, "Delete the directory, and restore again.")
    let state = await readState(path, objects)
    refuseNewer(path, state.version)
    const save = async (next: DirectoryState): Promise<void> => {
      await writeDurably(path, STATE_FILE, JSON.stringify(next))
      state = next
    }
    if (state.version !== VERSION) await save({ ...state, version: VERSION })
    return {
      path,
      objects,
      files,
      save,
      noteRuntime: (runtime) => writeFileSync(join(path, RUNTIME_FILE), JSON.stringify(runtime), { mode: 0o600 }),
      get state() {
        return state
      },
      [Symbol.dispose]: release,
    }
  } catch (error) {
    release()
    throw error
  }
}

/**
 * @returns what releases it; the end of the process does so too
 * @throws if another process has it
 */
export function lock(path: string): () => void {
  const database = new DatabaseSync(join(path, LOCK_FILE))
  try {
    database.exec("BEGIN EXCLUSIVE")
  } catch (error) {
    database.close()
    if (!(error instanceof Error && /locked/.test(error.message))) throw error
    throw new Failure(`another process uses ${path}`, "Stop it, or name another directory. Two would corrupt it.")
  }
  return () => database.close()
}

/** Returns the same error, or, if the disk is full, one that says so. */
export function withoutRoom(error: unknown, place: string, fix: string): unknown {
  return isFull(error) ? new Failure(`there is no room on the disk of ${place}`, fix) : error
}

/** SQLITE_FULL, as `node:sqlite` has it. */
const SQLITE_FULL = 13

export function isFull(error: unknown): boolean {
  return (
    error instanceof Error &&
    (("code" in error && error.code === "ENOSPC") || ("errcode" in error && error.errcode === SQLITE_FULL))
  )
}

async function untilRuntimeIsGone(path: string): Promise<void> {
  const noted = await readFile(join(path, RUNTIME_FILE), "utf8").catch(() => null)
  const { data } = runtimeSchema.safeParse(noted === null ? null : jsonIn(noted))
  if (!data) return
  for (const until = Date.now() + GONE_WITHIN_MS; await isRunning(data); await sleep(20)) {
    if (Date.now() < until) continue
    throw new Failure(
      `workerd (process ${data.pid}) of an earlier narrowgate serve still uses ${path}`,
      `End it: kill -KILL ${data.pid}`,
    )
  }
}

/** Another process may have got its id since. */
async function isRunning({ pid, argument }: RuntimeProcess): Promise<boolean> {
  try {
    process.kill(pid, 0)
    const command =
      process.platform === "linux"
        ? await readFile(`/proc/${pid}/cmdline`, "utf8")
        : (await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)])).stdout
    return command.includes(argument)
  } catch {
    return false
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // It was being written when its process ended, before workerd had opened anything.
    return null
  }
}

async function readState(path: string, objects: string): Promise<DirectoryState> {
  const file = join(path, STATE_FILE)
  try {
    return stateSchema.parse(JSON.parse(await readFile(file, "utf8")))
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT"
    // It is written before the first object. Without it, nobody would know that objects were restored.
    if (isMissing && (await readdir(objects)).length === 0) return { version: "0.0.0", restored: null }
    throw new Failure(
      `${file} is ${isMissing ? "missing" : "damaged"}`,
      "Restore a backup into a new directory, and move this one away.",
    )
  }
}

/** @param where the directory, or the backup */
export function refuseNewer(where: string, version: string): void {
  if (compareVersions(version, VERSION) <= 0) return
  throw new Failure(
    `${where} was written by narrowgate ${version}, which is newer than this one, ${VERSION}`,
    `Run narrowgate ${version} or newer. To go back, restore a backup that the older version made.`,
  )
}

/** By the numbers, then a release after its previews (Semantic Versioning 2.0.0, section 11). */
export function compareVersions(one: string, other: string): number {
  const parts = (version: string): readonly [numbers: readonly number[], preview: string] => {
    const [numbers = "", preview = ""] = version.split(/-(.*)/s)
    return [numbers.split(".").map(Number), preview]
  }
  const [[a, previewOfOne], [b, previewOfOther]] = [parts(one), parts(other)]
  for (const index of [0, 1, 2]) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  if (previewOfOne === previewOfOther) return 0
  if (previewOfOne === "" || previewOfOther === "") return previewOfOne === "" ? 1 : -1
  return previewOfOne.localeCompare(previewOfOther, "en", { numeric: true })
}

/** The file is the old one or the new one, whatever happens meanwhile. */
async function writeDurably(path: string, name: string, content: string): Promise<void> {
  const file = join(path, name)
  const handle = await open(`${file}.new`, "w", 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.new`, file)
  await syncDirectory(path)
}

/** So that names in it are durable, too. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
