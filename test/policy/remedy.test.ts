import { expect, test } from "vitest"
import { parseRemedy, together } from "../../src/policy/remedy.ts"

test.each([
  ["step-up:mfa", { kind: "step-up", acr: "mfa", maxAge: null }],
  ["step-up:urn:example:loa:2", { kind: "step-up", acr: "urn:example:loa:2", maxAge: null }],
  ["step-up:mfa;max_age=300", { kind: "step-up", acr: "mfa", maxAge: 300 }],
  ["step-up:max_age=0", { kind: "step-up", acr: null, maxAge: 0 }],
  ["approval:finance", { kind: "approval", by: "finance" }],
])("%s", (text, remedy) => {
  expect(parseRemedy(text)).toEqual(remedy)
})

test.each([
  "",
  "step-up:",
  "step-up:;max_age=1",
  "step-up:mfa;max_age=",
  "step-up:mfa;max_age=-1",
  "step-up:mfa;max_age=1;max_age=2",
  'step-up:m"fa',
  "step-up:mfa pwd",
  "step-up:mfa\n",
  "approval:",
  "approval:a b",
  "prayer",
])("%j is no remedy", (text) => {
  expect(parseRemedy(text)).toBeNull()
})

test("several are lifted together by one login, or not at all", () => {
  const all = (...texts: readonly string[]) => together(texts.map(parseRemedy))
  expect(all("step-up:mfa", "step-up:max_age=300", "step-up:mfa;max_age=60")).toMatchObject({ acr: "mfa", maxAge: 60 })
  expect(all("step-up:mfa", "step-up:pwd")).toBeNull()
  expect(all("step-up:mfa", "approval:finance")).toBeNull()
  expect(all("step-up:mfa", "")).toBeNull()
  expect(all()).toBeNull()
})
