/** `narrowgate serve backup` and `narrowgate serve restore`. */
import { mkdtempSync, rmSync } from "node:fs"
import { access, lstat, mkdir, readdir, rename, rm, rmdir } from "node:fs/promises"
import { constants } from "node:os"
import { dirname, join, resolve } from "node:path"
import { EXIT, Failure } from "../cli/terminal/failure.ts"
import { isThereAlready, readArchive, unpackArchive, writeArchive } from "./archive.ts"
import { requestBackup, copyObjects } from "./backup-socket.ts"
import { readConfiguration } from "./configuration.ts"
import { lock, OBJECTS, openDirectory, refuseNewer, UNFINISHED, withoutRoom, type DirectoryState } from "./directory.ts"

export async function runBackup(given: string, config: string | null): Promise<void> {
  const file = resolve(given)
  if (await isThere(file)) throw isThereAlready(file)
  const { directory } = await readConfiguration(config, process.env)
  if (!(await isThere(join(directory, OBJECTS)))) {
    throw new Failure(`${directory} is no directory of Narrowgate`, "Name its configuration with --config.", EXIT.usage)
  }
  await mkdir(dirname(file), { recursive: true })
  await removeLeftovers(dirname(file))
  // Beside the backup, so that the disk of the deployment needs no room for it.
  const place = makePlace(dirname(file))
  let release: (() => void) | null = null
  try {
    release = lock(place)
    const copy = join(place, "copy")
    await mkdir(copy)
    const { takenAt, stoodMs } = (await copyRunning(directory, copy)) ?? (await copyAtRest(directory, copy))
    const files = await writeArchive(file, join(place, "backup"), join(copy, OBJECTS), takenAt)
    console.log(`${file}: ${files} objects as of ${new Date(takenAt).toISOString()}; calls waited ${stoodMs} ms`)
  } catch (error) {
    throw withoutRoom(error, dirname(file), "Make room, or name a file on another disk: nothing was written.")
  } finally {
    release?.()
    await rm(place, REMOVE)
  }
}

/** How the name begins of what a backup has beside its file while it is written. It has private keys. */
const PLACE = ".narrowgate-backup-"

/** Removed at a signal, too. */
function makePlace(beside: string): string {
  let place: string | undefined
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => {
      // The process that runs may still write into it.
      if (place !== undefined) rmSync(place, REMOVE)
      process.exit(128 + constants.signals[signal])
    })
  return (place = mkdtempSync(join(beside, PLACE)))
}

const REMOVE = { recursive: true, force: true, maxRetries: 5 } as const

/** Of commands that were killed. One that still runs has its lock. What others have put there is left alone. */
export async function removeLeftovers(beside: string): Promise<void> {
  for (const name of (await readdir(beside)).filter((each) => each.startsWith(PLACE))) {
    const place = join(beside, name)
    if (!(await isOurs(place))) continue
    try {
      lock(place)()
    } catch {
      continue
    }
    await rm(place, REMOVE)
  }
}

/** As `mkdtemp` makes it: a directory in which nobody else can have put a link to somewhere. */
async function isOurs(place: string): Promise<boolean> {
  // Another backup may have removed it meanwhile.
  const found = await lstat(place).catch(() => null)
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}

interface CopyResult {
  readonly takenAt: number
  readonly stoodMs: number
}

async function copyRunning(directory: string, copy: string): Promise<CopyResult | null> {
  const answer = await requestBackup(directory, copy)
  if (answer && "problem" in answer) throw new Failure(answer.problem, "No backup was written.")
  return answer
}

async function copyAtRest(path: string, copy: string): Promise<CopyResult> {
  using directory = await openDirectory(path)
  const takenAt = Date.now()
  await copyObjects(directory.objects, copy)
  return { takenAt, stoodMs: 0 }
}

/** Sessions of people at our pages: they sign in again. Nobody knows which of them were ended since. */
const LEFT_OUT: ReadonlySet<string> = new Set(["Session"])

export async function runRestore(given: string, config: string | null): Promise<void> {
  const file = resolve(given)
  const { version, takenAt } = await readArchive(file)
  refuseNewer(file, version)
  const { directory: path } = await readConfiguration(config, process.env)
  if ((await isThere(path)) && (await readdir(path)).length > 0) {
    throw new Failure(`${path} is not empty`, "Move it away, or name another directory: a restore replaces nothing.")
  }
  const at = Math.max(Date.now(), takenAt)
  try {
    await fillDirectory(path, file, { at, takenAt })
  } catch (error) {
    throw withoutRoom(error, path, `Make room, delete ${path}, and restore again.`)
  }
  console.log(
    [
      `${path}: as of ${new Date(takenAt).toISOString()}.`,
      "At its start everything that was given before now is revoked, and every call is stopped until an operator lifts that:",
      `  narrowgate revoke lift swi_hold-${at}`,
      "docs/guides/serve.md says what to do before.",
    ].join("\n"),
  )
}

async function fillDirectory(
  path: string,
  file: string,
  restored: NonNullable<DirectoryState["restored"]>,
): Promise<void> {
  using directory = await openDirectory(path)
  const unfinished = join(path, UNFINISHED)
  await mkdir(unfinished, { mode: 0o700 })
  // First of all: no process runs on what was restored without knowing it.
  await directory.save({ ...directory.state, restored })
  await unpackArchive(file, unfinished, (className) => !LEFT_OUT.has(className))
  await rmdir(directory.objects)
  await rename(unfinished, directory.objects)
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
