import { describe, expect, test } from "vitest"
import { oauthErrorOf, type OAuthError } from "../../src/core/denials/oauth-error.ts"
import { ID_TOKEN, JWT } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { recordOf } from "../harness/records.ts"
import { changed, TRIES } from "./token-requests-to-refuse.ts"

yardForEach()

const STATUS: Readonly<Record<string, number>> = { unavailable: 503, too_many_tasks: 429 }

describe("a refused token request", () => {
  test("the form that each case changes in one thing is answered with a token", async () => {
    expect((await changed({})()).status).toBe(200)
    expect(
      (await changed({ unknown: "1", scope: "", subject_token_type: ID_TOKEN, actor_token_type: JWT })()).status,
    ).toBe(200)
  })

  test.each(Object.entries(TRIES))("%s", async (reason, tries) => {
    // All at once: their records then arrive together.
    const answers = Object.entries(tries).map(async ([what, attempt]) => Object.assign({ what }, await attempt()))
    for (const { what, status, headers, issued, refused } of await Promise.all(answers)) {
      expect(issued, what).toBeNull()
      const record = await recordOf(refused?.decision_id ?? "")
      expect(record, what).toMatchObject({ kind: "exchange", decision: "deny", denial: { reason }, task: null })
      expect(refused?.error).toBe(record.code)
      expect(status).toBe(STATUS[reason] ?? (refused?.error === "invalid_client" ? 401 : 400))
      expect(headers.has("Retry-After")).toBe(reason in STATUS)
      expect(headers.get("Cache-Control")).toBe("no-store")
      expect(headers.has("Location")).toBe(false)
      expect(headers.get("X-Narrowgate-Code")).toBe(refused?.error)
      expect(headers.has("WWW-Authenticate")).toBe(status === 401)
      // Generic on the wire: no signature error, no stack, no other party's token.
      expect(refused?.error_description).not.toMatch(/JWS|JWT|signature|ey[A-Za-z0-9]{20}|\n/)
    }
  })
})

test("each reason has the OAuth error that its specification names", () => {
  const refusals: readonly OAuthError[] = [
    { reason: "agent_unauthenticated", because: { reason: "signature_invalid" } },
    { reason: "grant_type_unsupported" },
    { reason: "response_type_unsupported" },
    { reason: "proof_rejected", what: "" },
    { reason: "audience_unknown", audience: "", known: [] },
    { reason: "details_malformed", what: "" },
    { reason: "scope_malformed", scope: "" },
    { reason: "too_deep", agent: "", depth: 1 },
    { reason: "subject_rejected", because: { reason: "signature_invalid" } },
    { reason: "proof_replayed" },
    { reason: "assertion_rejected", because: { reason: "signature_invalid" } },
  ]
  expect(Object.fromEntries(refusals.map((refusal) => [refusal.reason, oauthErrorOf(refusal)]))).toEqual({
    agent_unauthenticated: "invalid_client",
    grant_type_unsupported: "unsupported_grant_type",
    response_type_unsupported: "unsupported_response_type",
    proof_rejected: "invalid_dpop_proof",
    audience_unknown: "invalid_target",
    details_malformed: "invalid_authorization_details",
    scope_malformed: "invalid_scope",
    too_deep: "unauthorized_client",
    subject_rejected: "invalid_request",
    proof_replayed: "invalid_dpop_proof",
    assertion_rejected: "invalid_grant",
  })
})
