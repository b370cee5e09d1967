/**
 * The token endpoint's way, in order: form → agent → audience → subject → key → one step of the tree's ledger → token.
 * Each grant type is one row of a table that says where its subject comes from.
 */
import { ulid } from "ulid"
import type { Asking } from "../audit/exchange-record.ts"
import type { Config } from "../config.ts"
import { verifyProof } from "../credential/dpop.ts"
import type { KeyFinder } from "../credential/own-keys.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION, type NoBundle, type OpenedTask } from "../ledger/ledger.ts"
import { rootOf } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { printable } from "../printable.ts"
import { authenticateAgent } from "./agent.ts"
import { signDelegationToken } from "./issue.ts"
import { readAsked, readParameters, valueOf, type Parameters } from "./parameters.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"
import { ACCESS_TOKEN_TYPE, NO_SUBJECT, verifySubject, type Subject } from "./subject.ts"

type SubjectOf = (
  parameters: Parameters,
  audience: string,
  bundle: Bundle,
  keys: KeyFinder,
  config: Config,
  now: number,
) => Promise<Subject | Refused>

export const GRANTS: ReadonlyMap<string, SubjectOf> = new Map<string, SubjectOf>([
  ["urn:ietf:params:oauth:grant-type:token-exchange", verifySubject],
  // A task without a user (RFC 6749 4.4): the agent acts on its own behalf.
  ["client_credentials", async () => NO_SUBJECT],
])

export interface Issued {
  readonly token: string
  readonly opened: OpenedTask
  readonly tokenType: "Bearer" | "DPoP"
  /** Seconds. */
  readonly expiresIn: number
  readonly scopeDiffers: boolean
  /** RFC 8693 2.2.1; absent for other grants. */
  readonly issuedTokenType: string | null
}

/** What became of a request, with as much of it as its record can show. */
export interface ExchangeOutcome {
  readonly agent: string | null
  readonly result: Issued | Refused
}

export async function exchange(
  request: Request,
  env: Env,
  bundle: Bundle,
  keys: KeyFinder,
  config: Config,
  asking: Asking,
): Promise<ExchangeOutcome> {
  const now = asking.receivedAt
  const parameters = await readParameters(request)
  if (isRefused(parameters)) return { agent: null, result: parameters }
  const grantType = valueOf(parameters, "grant_type")
  if (grantType === null)
    return { agent: null, result: refuse({ reason: "parameter_missing", parameter: "grant_type" }) }
  const subjectOf = GRANTS.get(grantType)
  if (!subjectOf) return { agent: null, result: refuse({ reason: "grant_type_unsupported" }) }
  const agent = await authenticateAgent(parameters, bundle, config, now)
  if (isRefused(agent)) return { agent: null, result: agent }
  const result = await issueFor(request, parameters, agent.agent, subjectOf, env, bundle, keys, config, asking)
  return { agent: agent.agent, result }
}

async function issueFor(
  request: Request,
  parameters: Parameters,
  agent: string,
  subjectOf: SubjectOf,
  env: Env,
  bundle: Bundle,
  keys: KeyFinder,
  config: Config,
  asking: Asking,
): Promise<Issued | Refused> {
  const now = asking.receivedAt
  const requestedType = valueOf(parameters, "requested_token_type")
  if (requestedType !== null && requestedType !== ACCESS_TOKEN_TYPE) {
    return refuse({ reason: "token_type_unsupported", parameter: "requested_token_type" })
  }
  const audience = audienceOf(parameters, bundle)
  if (typeof audience !== "string") return audience
  const asked = readAsked(parameters)
  if (isRefused(asked)) return asked
  const key = await provenKey(request, config, now)
  if (isRefused(key)) return key
  const subject = await subjectOf(parameters, audience, bundle, keys, config, now)
  if (isRefused(subject)) return subject

  const root = subject.parent ? rootOf(subject.parent.task) : `tsk_${ulid(now)}`
  const jti = crypto.randomUUID()
  const purpose = valueOf(parameters, "purpose")
  const { jkt } = key
  const wanted = { agent, ...subject, purpose, asked, jkt, token: jti }
  const opened = await askLedger(env, root, async (ledger): Promise<OpenedTask | Refused | NoBundle> =>
    ledger.open(LEDGER_VERSION, bundle.pointer, root, wanted, { ...asking, audience }),
  )
  if (!opened || "bundle" in opened) return refuse({ reason: "unavailable" })
  if (isRefused(opened)) return opened
  const { issuer } = config
  const token = await signDelegationToken(env, opened, { issuer, audience, jti, jkt }, now)
  return {
    token,
    opened,
    tokenType: jkt === null ? "Bearer" : "DPoP",
    expiresIn: Math.max(0, Math.floor((opened.expiresAt - now) / 1000)),
    scopeDiffers: valueOf(parameters, "scope") !== opened.scope,
    issuedTokenType: subjectOf === verifySubject ? ACCESS_TOKEN_TYPE : null,
  }
}

/** RFC 8707, RFC 8693 2.1: the gateways' audience that the token is for; where there is only one it need not be named. */
function audienceOf(parameters: Parameters, bundle: Bundle): string | Refused {
  const named = new Set([...(parameters.get("resource") ?? []), ...(parameters.get("audience") ?? [])])
  const [audience, ...others] = named.size === 0 ? bundle.audiences : named
  // A token for several audiences would open one with what another has seen.
  if (audience === undefined || others.length > 0 || !bundle.audiences.has(audience)) {
    return refuse({ reason: "audience_unknown", audience: printable([...named].join(" ")) })
  }
  return audience
}

async function provenKey(
  request: Request,
  config: Config,
  now: number,
): Promise<{ readonly jkt: string | null } | Refused> {
  const proof = request.headers.get("dpop")
  if (proof === null) return { jkt: null }
  const verified = await verifyProof(proof, { method: "POST", uri: `${config.issuer}/oauth/token`, token: null }, now)
  return "rejected" in verified ? refuse({ reason: "proof_rejected", what: verified.rejected }) : { jkt: verified.jkt }
}
