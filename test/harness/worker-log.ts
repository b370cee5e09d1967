/**
 * The Worker's log while tests run. Tests provoke its events on purpose, so they are captured instead of printed. A test
 * that promises an event reads it here. Defects are provoked by name: a file of tests fails if the Worker logs another.
 */
import { expect } from "vitest"

export interface LoggedEvent {
  readonly event: string
  readonly [field: string]: unknown
}

/** Events that mean a defect or an unhandled failure: no input and no outage alone may lead to them unnoticed. */
const DEFECTS: ReadonlySet<unknown> = new Set([
  "failed",
  "call_failed",
  "listing_failed",
  "rehearsal_failed",
  "record_not_made",
  "candidate_failed",
])

const events: LoggedEvent[] = []
const provoked = new Set<string>()
/** What prints what is not an event; files of tests share their isolate, so it is replaced once. */
let capturing: typeof console.error | undefined

/** Begins an empty log. */
export function captureLog(): void {
  events.length = 0
  provoked.clear()
  if (capturing && console.error === capturing) return
  const print = console.error.bind(console)
  capturing = (...args: readonly unknown[]) => {
    const [line] = args
    if (typeof line === "string" && line.startsWith('{"event":')) events.push(JSON.parse(line))
    else print(...args)
  }
  console.error = capturing
}

/** The events since the file of tests began, or those of one name. */
export const logged = (name?: string): readonly LoggedEvent[] =>
  name === undefined ? events : events.filter(({ event }) => event === name)

/** Says that this test makes the Worker log a defect; the file fails if the Worker does not log it. */
export function provoke(name: string): void {
  provoked.add(name)
}

export function expectNoOtherDefect(): void {
  const defects = events.filter(({ event }) => DEFECTS.has(event))
  const others = defects.filter(({ event }) => !provoked.has(event))
  expect(others, "defects in the Worker's log that no test provokes").toEqual([])
  const missing = [...provoked].filter((name) => !defects.some(({ event }) => event === name))
  expect(missing, "defects that a test provokes, and that the Worker has not logged").toEqual([])
}
