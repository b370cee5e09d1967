/**
 * A backup: one file, itself a database of SQLite, with every file of the objects in compressed parts. It holds private
 * keys and what people did: only its owner may read it.
 */
import { createHash } from "node:crypto"
import { chmod, mkdir, open, readdir, rename, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { deflateRawSync, inflateRawSync } from "node:zlib"
import { EXIT, Failure } from "../cli/terminal/failure.ts"
import { VERSION } from "../cli/package.ts"
import { isFull, syncDirectory } from "./directory.ts"

const PART_BYTES = 4 * 1_048_576
/** Of all objects together: a small file could unpack to any size. */
const MAX_UNPACKED_BYTES = 64 * 2 ** 30
/** A clock may have been wrong, but not by more: at a start, what was given before the backup is revoked. */
const MAX_AHEAD_MS = 86_400_000

const SCHEMA = `
CREATE TABLE backup (version TEXT NOT NULL, taken_at INTEGER NOT NULL);
CREATE TABLE files (path TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts (path TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (path, part));
`

export interface BackupFacts {
  /** Of the Narrowgate that wrote it. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly takenAt: number
}

/**
 * @param unfinished beside it, where nothing is yet: the caller removes it after a failure
 * @param objects copies of files that nobody writes; afterwards each database is one file
 */
export async function writeArchive(
  file: string,
  unfinished: string,
  objects: string,
  takenAt: number,
  most = MAX_UNPACKED_BYTES,
): Promise<number> {
  // Before the first byte is in it.
  await makeEmpty(unfinished)
  let files = 0
  let left = most
  {
    using database = new DatabaseSync(unfinished)
    database.exec(`PRAGMA journal_mode = OFF; ${SCHEMA} BEGIN`)
    database.prepare("INSERT INTO backup VALUES (?, ?)").run(VERSION, takenAt)
    for (const className of await readdir(objects)) {
      for (const name of await readdir(join(objects, className))) {
        if (!name.endsWith(".sqlite")) continue
        const path = join(objects, className, name)
        settle(path, `${className}/${name}`)
        left -= (await stat(path)).size
        if (left < 0) throw tooLong("what the deployment stores", most)
        await addFile(database, path, `${className}/${name}`)
        files += 1
      }
    }
    database.exec("COMMIT")
  }
  await syncDirectory(unfinished)
  // `rename` alone would replace a file that has appeared meanwhile. Not every file system has `link`.
  await makeEmpty(file)
  await rename(unfinished, file)
  await syncDirectory(dirname(file))
  return files
}

async function makeEmpty(file: string): Promise<void> {
  try {
    await (await open(file, "wx", 0o600)).close()
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "EEXIST" ? isThereAlready(file) : error
  }
}

export const isThereAlready = (file: string): Failure =>
  new Failure(`${file} is there already`, "Name a file that is not.", EXIT.usage)

/**
 * Applies the write-ahead log to the database, as a process does that opens it after another was killed.
 *
 * @param name of the object, for people
 */
function settle(path: string, name: string): void {
  let problem: unknown
  try {
    using database = new DatabaseSync(path)
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    problem = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"]
  } catch (error) {
    if (!isUnreadable(error) || isFull(error)) throw error
    problem = error.message
  }
  if (problem === "ok") return
  throw new Failure(
    `the object ${name} is damaged: ${String(problem)}`,
    "No backup was written. Restore an earlier one into another directory.",
  )
}

/** Whether SQLite or the decompression cannot read what was written. */
function isUnreadable(error: unknown): error is Error {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return /^(?:ERR_SQLITE_ERROR|ERR_BUFFER_TOO_LARGE|Z_\w+)$/.test(code)
}

async function addFile(database: DatabaseSync, from: string, path: string): Promise<void> {
  const handle = await open(from)
  const digest = createHash("sha256")
  const insert = database.prepare("INSERT INTO parts VALUES (?, ?, ?)")
  try {
    const buffer = Buffer.alloc(PART_BYTES)
    for (let part = 0; ; part++) {
      const { bytesRead } = await handle.read(buffer, 0, PART_BYTES)
      if (bytesRead === 0) break
      const bytes = buffer.subarray(0, bytesRead)
      digest.update(bytes)
      insert.run(path, part, deflateRawSync(bytes, { level: 3 }))
    }
  } finally {
    await handle.close()
  }
  database.prepare("INSERT INTO files VALUES (?, ?)").run(path, digest.digest("hex"))
}

/** @throws Failure if it is no backup */
export async function readArchive(file: string): Promise<BackupFacts> {
  await stat(file)
  try {
    using database = new DatabaseSync(file, { readOnly: true })
    const { version, taken_at } = database.prepare("SELECT version, taken_at FROM backup").get() ?? {}
    if (isPlain(file) && isTime(taken_at)) return { version: String(version), takenAt: taken_at }
  } catch {
    // It is no database, or another one.
  }
  throw new Failure(`${file} is no backup of Narrowgate`, "`narrowgate serve backup` writes one.")
}

function isTime(given: unknown): given is number {
  return typeof given === "number" && Number.isInteger(given) && given > 0 && given <= Date.now() + MAX_AHEAD_MS
}

/** Whether a database has tables and indexes alone: triggers and views would act whenever an object reads or writes. */
function isPlain(path: string): boolean {
  // Without the files of a log beside it.
  using database = new DatabaseSync(new URL("?immutable=1", pathToFileURL(path)), { readOnly: true })
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index')").get() === undefined
}

const tooLong = (what: string, most: number): Failure =>
  new Failure(`${what} is longer than ${most} bytes`, "docs/guides/serve.md says what a backup holds at most.")

const PATH = /^[A-Za-z]+\/[0-9a-z.-]+\.sqlite$/

/** @throws Failure if a byte of it is not as it was written, or a database has more than tables */
export async function unpackArchive(
  file: string,
  to: string,
  isWanted: (className: string) => boolean,
  most = MAX_UNPACKED_BYTES,
): Promise<void> {
  try {
    await unpackFiles(file, to, isWanted, most)
  } catch (error) {
    throw isUnreadable(error) ? damaged(file, error.message) : error
  }
  for (const className of await readdir(to)) await syncDirectory(join(to, className))
  await syncDirectory(to)
}

async function unpackFiles(
  file: string,
  to: string,
  isWanted: (className: string) => boolean,
  most: number,
): Promise<void> {
  using database = new DatabaseSync(file, { readOnly: true })
  let left = most
  for (const row of database.prepare("SELECT path, digest FROM files").all()) {
    const path = String(row["path"])
    if (!PATH.test(path)) throw damaged(file, `${path} is not as it was written`)
    const [className = ""] = path.split("/")
    if (!isWanted(className)) continue
    await mkdir(join(to, className), { recursive: true, mode: 0o700 })
    const written = await writeParts(database, path, join(to, path), left)
    left -= written.bytes
    if (left < 0) throw tooLong(file, most)
    if (written.digest !== row["digest"]) throw damaged(file, `${path} is not as it was written`)
    if (!isPlain(join(to, path))) throw new Failure(`${file} has a trigger or a view in ${path}`, NOT_RESTORED)
  }
}

const NOT_RESTORED = "Nothing was restored. Use another backup."
const damaged = (file: string, problem: string): Failure => new Failure(`${file} is damaged: ${problem}`, NOT_RESTORED)

/** Stops beyond `most` bytes. */
async function writeParts(
  database: DatabaseSync,
  path: string,
  to: string,
  most: number,
): Promise<{ readonly digest: string; readonly bytes: number }> {
  let written = 0
  const digest = createHash("sha256")
  const handle = await open(to, "wx", 0o600)
  try {
    for (const { bytes } of database.prepare("SELECT bytes FROM parts WHERE path = ? ORDER BY part").iterate(path)) {
      if (!(bytes instanceof Uint8Array)) continue
      const inflated = inflateRawSync(bytes, { maxOutputLength: PART_BYTES })
      written += inflated.byteLength
      if (written > most) break
      digest.update(inflated)
      await handle.writeFile(inflated)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chmod(to, 0o600)
  return { digest: digest.digest("hex"), bytes: written }
}
