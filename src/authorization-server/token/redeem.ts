/**
 * Grants of a task that is in its ledger already: key → switches → the task's authority → signer → single use → one step
 * of the ledger → token. They differ in what is presented to the ledger.
 */
import type { Pointer } from "../../core/policy/bundle.ts"
import { askByNewest } from "../../ledger/ask.ts"
import type { NoBundle } from "../../ledger/protocol.ts"
import type { Ledger } from "../../ledger/ledger.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { pulledKeys, stoppedBy } from "../../core/signals/switch.ts"
import { audienceOf } from "./resource-indicator.ts"
import { issueToken, type SignedToken } from "../../signing/sign-delegation-token.ts"
import { singleUseOfProof, provenKey } from "./dpop.ts"
import { refuseReplay } from "./replay-log.ts"
import type { GrantRequest } from "./open-task.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { OpenedTask } from "../../core/task/opened-task.ts"
import { stopOfAuthority } from "./stop-of-authority.ts"
import { signerOf } from "../../signing/signing-key.ts"

/** The client that redeems, with the proven key and the `jti` that the token is to have. */
export interface RedeemingClient {
  readonly agent: string
  /**
   * The audience that the request names (RFC 8707, section 2.2). Null if it names none, and so takes the one that was
   * consented to.
   */
  readonly audience: string | null
  readonly jkt: string | null
  readonly token: string
}

type Step = (
  ledger: DurableObjectStub<Ledger>,
  client: RedeemingClient,
  pointer: Pointer,
) => Promise<OpenedTask | OAuthFailure | NoBundle>

export async function redeemAt(root: string, request: GrantRequest, step: Step): Promise<SignedToken | OAuthFailure> {
  const { http, agent, since, bundle, context } = request
  const audience = namedAudience(request)
  if (audience !== null && typeof audience !== "string") return audience
  const proof = await provenKey(http, context)
  if (proof && isOAuthFailure(proof)) return proof
  const switches = await currentSwitches(context)
  if (!switches) return oauthError({ reason: "unavailable" })
  const stopped = stoppedBy(switches, { agents: [agent], user: null, kid: null, tool: null, since })
  if (stopped) return oauthError({ reason: "stopped", switch: stopped.id })
  // A consent is good for one token, a refresh token for one use: neither must be used up if no token is issued.
  const stoppedForUser = await stopOfAuthority(root, agent, switches, context.env)
  if (stoppedForUser) return stoppedForUser
  const { env, config, receivedAt } = context
  const signer = await signerOf(env, config.signingAlgorithm, pulledKeys(switches), receivedAt)
  if (!signer) return oauthError({ reason: "unavailable" })
  const reused = await refuseReplay([...request.once, ...(proof ? [singleUseOfProof(proof)] : [])], context)
  if (reused) return reused
  const client = { agent, audience, jkt: proof?.jkt ?? null, token: crypto.randomUUID() }
  const opened = await askByNewest<OpenedTask | OAuthFailure>(env, root, bundle.pointer, async (ledger, pointer) =>
    step(ledger, client, pointer),
  )
  if (!opened || "bundle" in opened) return oauthError({ reason: "unavailable" })
  if (isOAuthFailure(opened)) return opened
  // As of the step itself, which may have come after another one.
  const person = { agents: [agent], user: opened.user, kid: null, tool: null, since: opened.since }
  const stoppedToo = stoppedBy(switches, person)
  if (stoppedToo) return oauthError({ reason: "stopped", switch: stoppedToo.id })
  return issueToken(opened, client, signer, context.config.issuer)
}

function namedAudience({ parameters, agent, bundle }: GrantRequest): string | OAuthFailure | null {
  return parameters.has("resource") || parameters.has("audience") ? audienceOf(parameters, agent, bundle) : null
}
