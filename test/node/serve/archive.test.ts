/** What a file has to be, and what it may hold, to be a backup. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { deflateRawSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Failure } from "../../../cli/terminal/failure.ts"
import { readArchive, unpackArchive, writeArchive } from "../../../serve/archive.ts"

const place = mkdtempSync(join(tmpdir(), "narrowgate-archive-"))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const DAY_MS = 86_400_000
const TABLE = "CREATE TABLE t (a); INSERT INTO t VALUES (1)"

/** A backup of one object that is made so, and how long the object is. */
async function archiveOf(name: string, sql: string, most?: number): Promise<{ file: string; size: number }> {
  const objects = mkdtempSync(join(place, "of-"))
  mkdirSync(join(objects, "Ledger"))
  const object = join(objects, "Ledger/a.sqlite")
  change(object, sql)
  const file = join(place, name)
  await writeArchive(file, `${objects}.unfinished`, objects, Date.now(), most)
  return { file, size: statSync(object).size }
}

function change(file: string, sql: string): void {
  using database = new DatabaseSync(file)
  database.exec(sql)
}

const AS_WRITTEN = /is not as it was written/

async function unpack(file: string, most?: number): Promise<string> {
  const to = mkdtempSync(join(place, "to-"))
  await unpackArchive(file, to, () => true, most)
  return join(to, "Ledger/a.sqlite")
}

describe("a backup", () => {
  let whole: Awaited<ReturnType<typeof archiveOf>>
  beforeAll(async () => {
    // Longer than two parts of the file.
    const long = "CREATE TABLE long AS SELECT randomblob(9000000) AS a"
    whole = await archiveOf("whole", `PRAGMA journal_mode = WAL; ${TABLE}; CREATE INDEX i ON t (a); ${long}`)
  })

  test("is what was written, and its objects are as they were", async () => {
    const { takenAt } = await readArchive(whole.file)
    expect(Math.abs(Date.now() - takenAt)).toBeLessThan(60_000)
    using database = new DatabaseSync(await unpack(whole.file), { readOnly: true })
    expect(database.prepare("SELECT a FROM t").all()).toEqual([{ a: 1 }])
  })

  test("is unpacked without the classes that are not wanted", async () => {
    const to = mkdtempSync(join(place, "to-"))
    await unpackArchive(whole.file, to, (className) => className !== "Ledger")
    expect(readdirSync(to)).toEqual([])
  })

  test.each([
    "UPDATE backup SET taken_at = 'x'",
    "UPDATE backup SET taken_at = 9007199254740991",
    `UPDATE backup SET taken_at = ${Date.now() + 2 * DAY_MS}`,
    "UPDATE backup SET taken_at = 1.5",
    "UPDATE backup SET taken_at = -1",
    "UPDATE backup SET taken_at = 0",
    "DELETE FROM backup",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON parts BEGIN DELETE FROM files; END",
  ])("is none after %s", async (sql) => {
    const { file } = await archiveOf("changed", TABLE)
    change(file, sql)
    await expect(readArchive(file)).rejects.toThrow("changed is no backup of Narrowgate")
    rmSync(file)
  })

  test.each(["CREATE TRIGGER s AFTER INSERT ON t BEGIN DELETE FROM t; END", "CREATE VIEW v AS SELECT a FROM t"])(
    "of an object with more than tables is refused: %s",
    async (sql) => {
      const { file } = await archiveOf("acting", `${TABLE}; ${sql}`)
      await expect(unpack(file)).rejects.toThrow("acting has a trigger or a view in Ledger/a.sqlite")
      rmSync(file)
    },
  )

  test.each([
    ["bytes that are not compressed", /invalid/, "UPDATE parts SET bytes = zeroblob(64)"],
    ["bytes of another object", AS_WRITTEN, "UPDATE parts SET bytes = X'0300'"],
    [
      "a part that unpacks to more than was packed",
      /larger than 4194304 bytes/,
      `UPDATE parts SET bytes = X'${deflateRawSync(Buffer.alloc(5 * 2 ** 20)).toString("hex")}'`,
    ],
    ["a part that is missing", AS_WRITTEN, "DELETE FROM parts"],
    ["a digest that is missing", AS_WRITTEN, "UPDATE files SET digest = ''"],
    [
      "a path beyond its directory",
      AS_WRITTEN,
      "UPDATE files SET path = 'Ledger/../../a.sqlite'; UPDATE parts SET path = 'Ledger/../../a.sqlite'",
    ],
    ["no table of parts", /no such table/, "DROP TABLE parts"],
  ])("with %s is refused as damaged", async (_what, problem, sql) => {
    const { file } = await archiveOf("changed", TABLE)
    change(file, sql)
    const unpacked = unpack(file)
    await expect(unpacked).rejects.toThrow(problem)
    await expect(unpacked).rejects.toThrow(/changed is damaged: /)
    rmSync(file)
  })

  test("with any byte changed is refused, or is what was written", async () => {
    const { file } = await archiveOf("flipped", `${TABLE}; CREATE TABLE u AS SELECT hex(randomblob(20000)) AS a`)
    const bytes = readFileSync(file)
    for (let at = 0; at < bytes.length; at += 97) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
      writeFileSync(file, flipped)
      const outcome = await readArchive(file)
        .then(async () => unpack(file))
        .catch((error: unknown) => error)
      if (typeof outcome !== "string") expect(outcome, `byte ${at}`).toBeInstanceOf(Failure)
    }
  })

  test.each([
    ["is no database any more", 0, 100],
    ["has a page that cannot be read", 4_096, 200],
  ])("of an object that %s is not written", async (_what, from, length) => {
    const objects = mkdtempSync(join(place, "of-"))
    mkdirSync(join(objects, "Ledger"))
    const object = join(objects, "Ledger/a.sqlite")
    change(object, TABLE)
    const bytes = readFileSync(object)
    writeFileSync(object, bytes.fill(0xa5, from, from + length))
    const written = writeArchive(join(place, "none"), `${objects}.unfinished`, objects, Date.now())
    await expect(written).rejects.toThrow(/^the object Ledger\/a\.sqlite is damaged: /)
    expect(existsSync(join(place, "none"))).toBe(false)
  })

  test("replaces no file that has appeared while it was written", async () => {
    const file = join(place, "appeared")
    writeFileSync(file, "of somebody else")
    await expect(archiveOf("appeared", TABLE)).rejects.toThrow("appeared is there already")
    expect(readFileSync(file, "utf8")).toBe("of somebody else")
  })

  test("is bounded, unpacked: where it is written and where it is restored", async () => {
    const { file, size } = whole
    expect(existsSync(await unpack(file, size))).toBe(true)
    const to = mkdtempSync(join(place, "to-"))
    const unpacked = unpackArchive(file, to, () => true, size - 1)
    await expect(unpacked).rejects.toThrow(`whole is longer than ${size - 1} bytes`)
    expect(statSync(join(to, "Ledger/a.sqlite")).size).toBeLessThan(size)
    await expect(archiveOf("long", TABLE, 4_096)).rejects.toThrow("longer than 4096 bytes")
  })
})
