/**
 * `POST /v1/claim`: the first operator makes the deployment theirs. It is served before it is known whose the deployment
 * is, so it uses no request context until then.
 */
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf } from "../core/record/record.ts"
import { claimSchema, readClaim, type Claim } from "../bundles/claim.ts"
import type { ClaimOutcome } from "../bundles/claim-storage.ts"
import { SECRET_NEEDED } from "../bundles/ownership.ts"
import { publications } from "../bundles/publications.ts"
import { publisherOf } from "../bundles/publication.ts"
import { withTimeout } from "../bundles/store.ts"
import { keepOwnership, settingsOf } from "../platform/config.ts"
import { inJurisdiction } from "../platform/jurisdiction.ts"
import { isBodyError, readBody } from "../platform/json-body.ts"
import { logEvent } from "../platform/log.ts"
import { newId } from "../platform/new-id.ts"
import { CLAIM_ERRORS, type ClaimError } from "./contract/claim.ts"

const MAX_BYTES = 8_192

/** @param background takes work that the answer does not wait for */
export async function claimDeployment(
  request: Request,
  given: Env,
  background: (work: Promise<unknown>) => void,
): Promise<Response> {
  const env = inJurisdiction(given)
  const settings = settingsOf(env)
  if (settings.stated.issuer !== null && settings.stated.publisherKeys) return failure("configured")
  const body = await readBody(request, claimSchema, MAX_BYTES)
  if (isBodyError(body)) return failure("invalid_request", body.wrong)
  const now = Date.now()
  const origin = URL.parse(request.url)?.origin
  if (origin === undefined) return failure("invalid_request", "The header `Host` names no host.")
  const claim = await readClaim(body, origin, settings, now)
  if ("wrong" in claim) return failure("invalid_request", claim.wrong)
  const outcome = await withTimeout(publications(env).claim(claim))
  if (outcome !== "claimed") {
    logEvent("claim_refused", { outcome })
    return failure(CODE_OF[outcome])
  }
  return claimed(claim, env, now, background)
}

const CODE_OF = {
  refused: "claim_refused",
  "too many": "rate_limited",
  "no secret": "secret_needed",
  "weak secret": "secret_needed",
} as const satisfies Readonly<Record<Exclude<ClaimOutcome, "claimed">, ClaimError>>

function claimed(
  { ownership, kid }: Claim,
  env: Env,
  at: number,
  background: (work: Promise<unknown>) => void,
): Response {
  keepOwnership(ownership)
  const { issuer } = ownership
  logEvent("deployment_claimed", { issuer, kid })
  const id = newId("dec", at)
  const what = { method: "POST", path: "/v1/claim", operator: publisherOf({ kid }), arguments: { issuer, kid } }
  const record = recordOf({ id, at, kind: "management", decision: "allow", code: "ok", ...what })
  recordAtEdge(env, record, background)
  return Response.json({ issuer, kid }, { headers: { "Cache-Control": "no-store", "X-Narrowgate-Decision": id } })
}

function failure(code: ClaimError, description?: string): Response {
  const { status, when } = CLAIM_ERRORS[code]
  const headers = new Headers({ "Cache-Control": "no-store", "X-Narrowgate-Code": code })
  if (status === 429 || status === 503) headers.set("Retry-After", status === 429 ? "60" : "5")
  const words = description ?? (code === "secret_needed" ? `${when} ${SECRET_NEEDED}` : when)
  return Response.json({ error: code, error_description: words }, { status, headers })
}
