/**
 * Every Durable Object dies at a chosen step of a scenario: each call of a method of an object, or of what keeps an
 * object's rows, is a step when it begins and another one when it has ended.
 */
import { RecordLog } from "../../src/audit/record-log.ts"
import { Inbox } from "../../src/ledger/inbox.ts"
import { Journal } from "../../src/ledger/journal.ts"
import { KeyRing } from "../../src/signing/key-ring.ts"
import { OnceLog } from "../../src/authorization-server/token/replay-log.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { Outbox } from "../../src/ledger/record-outbox.ts"
import { SharedLimit } from "../../src/ledger/shared-limit.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import { killObjects } from "./isolate.ts"

const CLASSES = {
  Journal,
  Ledger,
  LedgerStorage,
  Outbox,
  SharedLimit,
  OnceLog,
  KeyRing,
  RecordLog,
  Switchboard,
  Inbox,
}

/** Null: nothing dies, steps are only listed. */
let deadly: number | null = null
let steps: string[] = []
/** From the deadly step on nothing runs any more, until the objects are taken down. */
let isDead = false

type Method = (this: unknown, ...given: unknown[]) => unknown

/** Wraps every method of these classes; the returned function restores them. */
export function watchSteps(classes: Readonly<Record<string, { readonly prototype: object }>> = CLASSES): () => void {
  const restore = Object.entries(classes).map(([name, { prototype }]) => {
    const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([method, { value }]) =>
      method !== "constructor" && isMethod(value) ? [[method, value] as const] : [],
    )
    for (const [method, original] of methods) define(prototype, method, watched(`${name}.${method}`, original))
    return () => {
      for (const [method, original] of methods) define(prototype, method, original)
    }
  })
  return () => {
    for (const each of restore) each()
  }
}

const isMethod = (value: unknown): value is Method => typeof value === "function"

function define(prototype: object, method: string, value: Method): void {
  Object.defineProperty(prototype, method, { value, writable: true, configurable: true, enumerable: false })
}

function watched(name: string, original: Method): Method {
  return function (this: unknown, ...given) {
    step(`${name} begins`)
    const result = original.apply(this, given)
    if (!(result instanceof Promise)) {
      step(`${name} has ended`)
      return result
    }
    return result.then((value: unknown) => {
      step(`${name} has ended`)
      return value
    })
  }
}

function step(name: string): void {
  if (isDead) throw new Error("taken down by a test before")
  isDead = steps.push(name) - 1 === deadly
  if (isDead) throw new Error(`taken down by a test at the step: ${name}`)
}

/** Takes the objects down if the deadly step has come: an object cannot do so to itself. */
export async function bury(): Promise<void> {
  if (!isDead) return
  await killObjects()
  isDead = false
}

/**
 * Runs a scenario in which every object dies at the given step.
 *
 * @param at index of the step; null: none
 * @param scenario calls `bury` after each request
 * @returns the names of all steps, in order
 */
export async function dyingAt(at: number | null, scenario: () => Promise<void>): Promise<readonly string[]> {
  deadly = at
  steps = []
  await scenario()
  await bury()
  deadly = null
  return steps
}
