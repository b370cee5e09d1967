import { expect, test } from "vitest"
import { parseRemedy, together } from "../../../../src/core/policy/cedar/remedy.ts"

test.each([
  ["step-up:mfa", { kind: "step-up", acr: "mfa", maxAge: null }],
  ["step-up:urn:example:loa:2", { kind: "step-up", acr: "urn:example:loa:2", maxAge: null }],
  ["step-up:mfa;max_age=300", { kind: "step-up", acr: "mfa", maxAge: 300 }],
  ["step-up:max_age=0", { kind: "step-up", acr: null, maxAge: 0 }],
  ["bound-key", { kind: "bound-key" }],
  ["approval:finance", { kind: "approval", name: "finance" }],
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
  "bound-key:x",
  "Bound-Key",
  "prayer",
])("%j is no remedy", (text) => {
  expect(parseRemedy(text)).toBeNull()
})

test("several are lifted together by one login, one key and approvals, or not at all", () => {
  const all = (...texts: readonly string[]) => together(texts.map(parseRemedy))
  const login = { acr: "mfa", maxAge: 60 }
  const nobody = { approvals: [] }
  expect(all("step-up:mfa", "step-up:max_age=300", "step-up:mfa;max_age=60")).toEqual({
    stepUp: login,
    boundKey: false,
    ...nobody,
  })
  expect(all("bound-key", "step-up:mfa;max_age=60", "bound-key")).toEqual({ stepUp: login, boundKey: true, ...nobody })
  expect(all("step-up:max_age=0", "step-up:mfa")).toEqual({
    stepUp: { acr: "mfa", maxAge: 0 },
    boundKey: false,
    ...nobody,
  })
  expect(all("bound-key")).toEqual({ stepUp: null, boundKey: true, ...nobody })
  expect(all("approval:b", "approval:a", "bound-key", "approval:b")).toEqual({
    stepUp: null,
    boundKey: true,
    approvals: ["b", "a"],
  })
  for (const other of ["step-up:pwd", ""]) {
    expect(all("bound-key", "step-up:mfa", other)).toBeNull()
    expect(all("step-up:mfa", other, "bound-key")).toBeNull()
  }
  expect(all()).toBeNull()
})
