/** The attacks on credentials as tests: each is tried at the door, and held against what it should be refused for. */
import { beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { MAX_TOKEN_LENGTH } from "../../src/credentials/jws/compact.ts"
import { sha256Hex } from "../../src/core/encoding/hash.ts"
import { FAMILIES } from "../credentials/attacks/families.ts"
import { HONEST } from "../credentials/attacks/honest.ts"
import type { Attack, Attacks } from "./attacks.ts"
import { knock } from "./door.ts"

const refusal = z.strictObject({
  error: z.string(),
  reason: z.string().optional(),
  error_description: z.string(),
  decision_id: z.string(),
})

/** The record of a decision, as soon as it rests. */
type RecordOf = (decision: string) => Promise<DecisionRecord>

/** What of a request may be a credential, each as it would be hashed. */
async function credentialsIn(request: Request): Promise<readonly string[]> {
  const { headers } = request
  const form = new URLSearchParams(new TextDecoder().decode(await request.clone().bytes()))
  const shown = (headers.get("authorization") ?? "").replace(/^\S+ +/, "")
  return [shown, headers.get("dpop") ?? "", ...form.values()]
}

const hashed = z.looseObject({ hash: z.string().optional() })
const evidence = hashed.extend({ because: hashed.nullish(), claimed_client: z.string().optional() })

/** The hash of the credential that is refused, and what else the record has as evidence: not whom it claims to be of. */
function splitHash(denial: unknown): { readonly hash: string | null; readonly rest: unknown } {
  const { because, hash, claimed_client: _claim, ...rest } = evidence.parse(denial)
  if (because === undefined) return { hash: hash ?? null, rest }
  if (because === null) return { hash: null, rest: { because, ...rest } }
  const { hash: inner, ...reason } = because
  return { hash: inner ?? null, rest: { because: reason, ...rest } }
}

/** Of a call's refusals those in which one credential is refused, not what it is shown for or how often. */
const OF_CALLS = new Set(["token_malformed", "token_rejected", "token_expired", "audience_mismatch", "proof_rejected"])
/**
 * Of a request's all but those in which none is refused: there is none, it was used before, it is shown in the wrong
 * way.
 */
const NONE = new Set(["credential_missing", "used_before", "binding_required", "binding_absent", "proof_replayed"])

const reasons = z.looseObject({ reason: z.string(), typ: z.string().nullish() })
const refusedFor = reasons.extend({ because: reasons.nullish() })
function isHashed(denial: unknown): boolean {
  const { reason, because } = refusedFor.parse(denial)
  if (!because) return OF_CALLS.has(reason)
  // What the form says about a good one.
  const isOfForm = because.typ === "client_assertion_type" || because.reason === "client_mismatch"
  return !NONE.has(because.reason) && !(reason === "agent_unauthenticated" && isOfForm)
}

/** Everything of a request in which a token may stand. */
async function presentedIn(request: Request): Promise<string> {
  const { headers, url } = request
  return [
    new URL(url).search,
    headers.get("authorization"),
    headers.get("dpop"),
    new TextDecoder().decode(await request.clone().bytes()),
  ].join(" ")
}

/** Parts of the tokens presented that come back. */
function leaked(presented: string, shown: string): readonly string[] {
  // A task's name is no secret.
  const runs = shown.replaceAll(/tsk_\w+/g, "").match(/[A-Za-z0-9_-]{20,}/g) ?? []
  const pieces = runs.flatMap((run) => Array.from({ length: run.length - 19 }, (_, at) => run.slice(at, at + 20)))
  return pieces.filter((piece) => presented.includes(piece))
}

interface Outcome {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly presented: string
  readonly credentials: readonly string[]
  /** Null where none can be meant: what was let through, or no answer of ours. */
  readonly record: DecisionRecord | null
}

async function tried({ send }: Attack, recordOf: RecordOf): Promise<Outcome> {
  const request = await send()
  const presented = await presentedIn(request)
  const credentials = await credentialsIn(request)
  const { status, headers, ...response } = await answerTo(request)
  const decision = headers.get("X-Narrowgate-Decision")
  const record = status === 200 || decision === null ? null : await recordOf(decision)
  return { status, headers, ...response, presented, credentials, record }
}

export async function answerTo(request: Request): Promise<Pick<Outcome, "status" | "headers" | "text">> {
  const response = await knock(request)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** So many at once: their records arrive together, and none is dropped. */
const AT_ONCE = 40

/** @param elsewhere families' attacks, by name, that do not get as far as the Worker: their status there */
export function besiege(recordOf: RecordOf, elsewhere: Readonly<Record<string, number>> = {}): void {
  describe("what the attacks start from", () => {
    test.each(Object.entries(HONEST))("%s", async (_what, send) => {
      const { status, text } = await answerTo(await send())
      expect(status, text).toBe(200)
    })
  })

  describe.each(Object.entries(FAMILIES))("%s", (_family, attacks: Attacks) => {
    const outcomes = new Map<string, PromiseSettledResult<Outcome>>()

    beforeAll(async () => {
      const all = Object.entries(attacks)
      for (let at = 0; at < all.length; at += AT_ONCE) {
        const some = all.slice(at, at + AT_ONCE)
        const settled = await Promise.allSettled(some.map(async ([, each]) => tried(each, recordOf)))
        for (const [index, [what]] of some.entries()) {
          const outcome = settled[index]
          if (outcome) outcomes.set(what, outcome)
        }
      }
    }, 60_000)

    test.each(Object.entries(attacks))("%s", (what, { refused }) => {
      const outcome = outcomes.get(what)
      if (outcome?.status !== "fulfilled") throw new Error(`not tried: ${what}`, { cause: outcome?.reason })
      const { status, headers, text, presented, credentials, record } = outcome.value
      const { code } = refused
      const stopped = elsewhere[what]
      if (stopped !== undefined) return expect(status).toBe(stopped)
      expect({ status, code: headers.get("X-Narrowgate-Code") }, status === 200 ? "let through" : text).toEqual({
        status: refused.status,
        code,
      })
      const answer = refusal.parse(JSON.parse(text))
      expect(answer.error).toBe(code)
      expect(headers.get("Cache-Control")).toBe("no-store")
      expect(headers.get("WWW-Authenticate")).toEqual(status === 401 ? expect.stringMatching(/^(?:Bearer|DPoP)/) : null)
      expect(record).toMatchObject({ id: answer.decision_id, decision: "deny", code })
      // What is refused as an agent's proof is recorded in no agent's name.
      if (refused.denial.reason === "agent_unauthenticated") expect(record?.chain).toEqual([])
      const { hash, rest } = splitHash(record?.denial)
      expect(rest).toEqual(refused.denial)
      const short = credentials.filter(({ length }) => length <= MAX_TOKEN_LENGTH)
      const hashes = short.map((credential) => sha256Hex(signedPartOf(credential)).slice(0, 16))
      if (isHashed(refused.denial) && short.length === credentials.length) expect(hashes).toContain(hash)
      else expect(hash).toBeNull()
      // Generic on the wire: neither why a signature failed nor where; in answer and record no part of a token.
      expect(text.replace(answer.decision_id, "")).not.toMatch(/JWS|JWT|signature|stack|\.ts\b|Error|\bat \S+:\d+/)
      expect(JSON.stringify(record)).not.toMatch(/\.ts:\d+|\bat \S+:\d+/)
      expect(leaked(presented, text + JSON.stringify(record))).toEqual([])
    })
  })
}

/** Of a JWS: it may have two signatures, and is one. */
const signedPartOf = (credential: string): string =>
  credential.split(".").length === 3 ? credential.replace(/\.[^.]*$/, "") : credential
