/**
 * The version of what an object has stored. It wakes under whichever release runs: what an earlier one has stored is
 * brought forward first, and what a later one has stored is refused, because it would be misread. A refused object answers
 * nothing, so whatever depends on it is denied until the later release runs again.
 */
import { logEvent } from "../log.ts"
import { STEPS, type ObjectClass, type StorageStep } from "./steps.ts"

/** What the object has stored is of a release that came after this one. */
export class StorageTooNew extends Error {
  override readonly name = "StorageTooNew"
}

/** A version is stored from the second on: the first release stores none. */
const KEY = "storage_version"

/**
 * Called before an object reads anything.
 * @throws StorageTooNew
 */
export function bringForward(name: ObjectClass, storage: DurableObjectStorage): void {
  const steps = stepsOf(name)
  const newest = steps.length + 1
  const stored = storage.kv.get<number>(KEY) ?? 1
  if (stored > newest) {
    logEvent("storage_too_new", { object: name, stored, reads: newest })
    throw new StorageTooNew(
      `${name} has stored version ${stored}, and this release reads ${newest}: deploy the later release again`,
    )
  }
  // An object that has stored nothing stays so: anybody may ask for one by a name that nothing has.
  if (stored === newest || isEmpty(storage)) return
  storage.transactionSync(() => {
    for (const step of steps.slice(stored - 1)) step(storage)
    keepVersion(name, storage)
  })
}

/** Called when an object first stores something: it is in the form of this release. */
export function keepVersion(name: ObjectClass, { kv }: DurableObjectStorage): void {
  const newest = stepsOf(name).length + 1
  // A read costs less than a row that each life would write.
  if (newest > 1 && kv.get<number>(KEY) !== newest) kv.put(KEY, newest)
}

const stepsOf = (name: ObjectClass): readonly StorageStep[] => STEPS[name]

function isEmpty({ sql, kv }: DurableObjectStorage): boolean {
  for (const _entry of kv.list({ limit: 1 })) return false
  const own = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' LIMIT 1"
  return sql.exec(own).toArray().length === 0
}
