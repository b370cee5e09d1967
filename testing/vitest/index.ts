/**
 * `narrowgate/testing/vitest`: matchers for decisions. Import it once, in a setup file or in the tests themselves:
 * `expect(await ng.call(task, "mail.send", { to })).toBeDenied("policy_denied")`.
 */
import { expect } from "vitest"
import { notAllowed, notDenied } from "../verdicts.ts"

declare module "vitest" {
  interface Matchers<R extends void | Promise<void>, T> {
    /** The call was allowed. */
    toBeAllowed: () => R
    /** The call, or the task, was denied: with this code, such as `policy_denied`, or with any. */
    toBeDenied: (code?: string) => R
  }
}

interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

const result = (difference: string | null, opposite: string): MatcherResult => ({
  pass: difference === null,
  message: () => difference ?? opposite,
})

export const matchers = {
  toBeAllowed: (received: unknown): MatcherResult =>
    result(notAllowed(received), "expected the call not to be allowed, but it was"),
  toBeDenied: (received: unknown, code?: string): MatcherResult =>
    result(
      notDenied(received, code),
      `expected the call not to be denied${code === undefined ? "" : ` with ${code}`}, but it was`,
    ),
}

expect.extend(matchers)
