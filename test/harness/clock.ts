/** The clock of tests: only `Date` stands still, and timers run. */
import { vi } from "vitest"

export function at(milliseconds: number): void {
  vi.useFakeTimers({ toFake: ["Date"] })
  vi.setSystemTime(milliseconds)
}
