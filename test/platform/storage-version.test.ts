/** What an object of an earlier release has stored is brought forward, once; what a later one has stored is refused. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, expect, test } from "vitest"
import { STEPS, type ObjectClass, type StorageStep } from "../../src/platform/storage/steps.ts"
import { bringForward, keepVersion, StorageTooNew } from "../../src/platform/storage/version.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { logged } from "../harness/worker-log.ts"

beforeEach(freshIsolate)
/** As if these were the steps of inboxes. */
const withSteps = (...steps: readonly StorageStep[]): void => void Object.assign(STEPS, { Inbox: steps })
afterEach(() => withSteps())

const inStorage = async <Value>(work: (storage: DurableObjectStorage) => Value): Promise<Value> =>
  runInDurableObject(env.SESSION.getByName(crypto.randomUUID()), (_, { storage }) => work(storage))

const second: StorageStep = ({ sql }) => void sql.exec("ALTER TABLE notes ADD COLUMN by TEXT")
const third: StorageStep = ({ sql }) => void sql.exec("UPDATE notes SET by = 'somebody' || id")

test("each step is made once, in order, from the version that is stored", async () => {
  const rows = await inStorage((storage) => {
    storage.sql.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1)")
    bringForward("Inbox", storage)
    withSteps(second)
    bringForward("Inbox", storage)
    bringForward("Inbox", storage)
    withSteps(second, third)
    bringForward("Inbox", storage)
    storage.sql.exec("INSERT INTO notes VALUES (2, 'me')")
    bringForward("Inbox", storage)
    return storage.sql.exec("SELECT * FROM notes").toArray()
  })
  expect(rows).toEqual([
    { id: 1, by: "somebody1" },
    { id: 2, by: "me" },
  ])
})

test("a step that fails leaves everything as it was, and is made again", async () => {
  const rows = await inStorage((storage) => {
    storage.sql.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1)")
    withSteps(second, () => {
      throw new Error("no room, by a test")
    })
    expect(() => bringForward("Inbox", storage)).toThrow("no room")
    withSteps(second, third)
    bringForward("Inbox", storage)
    return storage.sql.exec("SELECT * FROM notes").toArray()
  })
  expect(rows).toEqual([{ id: 1, by: "somebody1" }])
})

test("an object that has stored nothing has nothing to bring forward, and stores nothing for being asked", async () => {
  await inStorage((storage) => {
    withSteps(second)
    bringForward("Inbox", storage)
    expect([...storage.kv.list()]).toEqual([])
    storage.sql.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, by TEXT)")
    keepVersion("Inbox", storage)
    bringForward("Inbox", storage)
    expect(storage.sql.exec("SELECT * FROM notes").toArray()).toEqual([])
  })
})

test("what a later release has stored is refused in one sentence, by every class", async () => {
  const isClass = (name: string): name is ObjectClass => name in STEPS
  for (const name of Object.keys(STEPS).filter(isClass)) {
    const reads = STEPS[name].length + 1
    const stored = reads + 1
    await inStorage((storage) => {
      storage.kv.put("storage_version", stored)
      const error = new StorageTooNew(
        `${name} has stored version ${stored}, and this release reads ${reads}: deploy the later release again`,
      )
      expect(() => bringForward(name, storage)).toThrow(error)
      expect(logged("storage_too_new").at(-1)).toMatchObject({ object: name, stored, reads })
    })
  }
})
