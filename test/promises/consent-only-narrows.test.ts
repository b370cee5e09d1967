import fc from "fast-check"
import { expect, inject, test } from "vitest"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { NOT_POLLED, openConsented, previewTask, requestForConsented } from "../../src/core/task/consent.ts"
import { readAnswer } from "../../src/core/task/consent-form.ts"
import { viewOfConsent } from "../../src/core/task/consent-view.ts"
import type { Grant } from "../../src/core/task/grant.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import type { Consent } from "../../src/core/task/pending-consent.ts"
import type { Task } from "../../src/core/task/task.ts"
import { agentId } from "../harness/issuers.ts"
import { ALICE, askedFor, assembled, newState, START } from "../harness/trees.ts"

const bundle = assembled()
const NAMES = inject("yard")
  .tools.filter((tool) => !isLifecycle(tool))
  .map(({ name }) => name)
const SEED = { seed: 20261126, numRuns: 2_000 }

const scope = fc.constantFrom("*:read", "*:write", "*:execute", "files.*:read", "files.read:read", "desk.*:read")
const requested = fc.record({
  agent: fc.constantFrom("first", "second", "bound"),
  purpose: fc.constantFrom("work", "work", "errand", "in-order"),
  scopes: fc.option(fc.uniqueArray(scope, { minLength: 1, maxLength: 3 })),
  calls: fc.option(fc.integer({ min: 1, max: 9 })),
  session: fc.integer({ min: 1, max: 1_000_000 }),
})

/** What a browser may send, in earnest or not. */
const form = fc
  .record({
    keep: fc.array(
      fc.oneof(
        fc.constantFrom(...NAMES, "files.*", "*", "*:write", "desk.*", "files", "__proto__", ""),
        fc.string({ maxLength: 8 }),
      ),
      { maxLength: 12 },
    ),
    calls: fc.oneof(fc.constantFrom("", "0", "-1", "1e9", "NaN"), fc.integer({ min: 1, max: 99 }).map(String)),
    life: fc.oneof(fc.constantFrom("", "0", "Infinity"), fc.integer({ min: 1, max: 99_999 }).map(String)),
    others: fc.dictionary(fc.constantFrom("scope", "purpose", "max_sensitivity", "tools"), fc.string()),
  })
  .map(({ keep, calls, life, others }) => {
    const fields = new URLSearchParams({ decision: "allow", calls, life, ...others })
    for (const tool of keep) fields.append("keep", tool)
    return fields
  })

type Requested = typeof requested extends fc.Arbitrary<infer Value> ? Value : never

const consentTo = ({ agent, purpose, scopes, calls, session }: Requested): Consent => ({
  secretHash: "secret",
  agent: agentId(agent),
  user: ALICE,
  purpose,
  asked: askedFor({ scopes, calls }),
  audience: "https://api.test/",
  bindingMessage: null,
  expiresAt: START + 60_000,
  life: 0,
  answer: { approved: true, person: ALICE, until: START + session, since: START },
  isRedeemed: false,
  code: { challenge: "challenge", redirectUri: "https://app.test/callback", jkt: null },
})

/** The task that comes of it, as its program would get it; null: none. */
function taskOf(consent: Consent): Task | null {
  const foreseen = previewTask(bundle, newState(), consent, START)
  if (isOAuthFailure(foreseen)) return null
  const state = newState()
  state.tasks.set(state.root, foreseen.task)
  const shown = { challenge: "challenge", redirectUri: null, refresh: { family: "", secret: "" } }
  const by = { secretHash: "secret", agent: consent.agent, audience: null, jkt: "key", token: "token", shown }
  const request = requestForConsented(bundle, state, { ...consent, life: foreseen.life }, by, NOT_POLLED, START)
  const opened = isOAuthFailure(request) ? request : openConsented(bundle, state, request, START)
  return isOAuthFailure(opened) ? null : opened.task
}

function expectWithin(grant: Grant, most: Grant): void {
  for (const [name, { action, maxSensitivity, bounds }] of Object.entries(grant.tools)) {
    const above = most.tools[name]
    expect(above, name).toMatchObject({ action, maxSensitivity })
    expect(bounds).toEqual(expect.arrayContaining([...(above?.bounds ?? [])]))
  }
  expect(grant.calls ?? Infinity).toBeLessThanOrEqual(most.calls ?? Infinity)
  expect(grant.environments).toEqual(most.environments)
}

test("nobody in the chain gains: whatever a form says, the grant is within what it would be without", () => {
  const seen = { same: 0, less: 0, none: 0 }
  fc.assert(
    fc.property(requested, form, (request, fields) => {
      const consent = consentTo(request)
      const whole = taskOf(consent)
      const foreseen = previewTask(bundle, newState(), consent, START)
      if (isOAuthFailure(foreseen)) return
      const view = viewOfConsent(foreseen.task, foreseen.life, bundle.catalog.tools)
      const answered = readAnswer(fields, view.by)
      if (!answered) return
      const task = taskOf({ ...consent, kept: answered.reduction })
      if (!task) {
        seen.none += 1
        return
      }
      expect(whole).not.toBeNull()
      if (!whole) return
      expectWithin(task.grant, whole.grant)
      expect(task.expiresAt).toBeLessThanOrEqual(whole.expiresAt)
      expect(task.purpose).toBe(whole.purpose)
      const { calls, life } = answered.reduction
      if (calls !== null) expect(task.grant.calls).toBeLessThanOrEqual(calls)
      if (life !== null) expect(task.expiresAt - START).toBeLessThanOrEqual(life)
      // Nothing that the person took out is in it.
      const kept = answered.reduction.tools ?? []
      for (const name of NAMES.filter((name) => Object.hasOwn(task.grant.tools, name))) {
        expect(kept.includes(name) || kept.includes(`${bundle.catalog.tools.get(name)?.server}.*`)).toBe(true)
      }
      const [before, after] = [whole, task].map(({ grant }) => Object.keys(grant.tools).length)
      seen[before === after ? "same" : "less"] += 1
    }),
    SEED,
  )
  // It is about something.
  expect(seen.less).toBeGreaterThan(100)
  expect(seen.none).toBeGreaterThan(100)
})
