/** What agents do in drills, and how the answers that they get read. */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { SignJWT } from "jose"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { callHttp, getToken, type Key, type Seen, type Wanted } from "../demo/agent.ts"
import { NotAsExpected, type Act, type Place } from "./drill.ts"
import { editPolicies, namesIn } from "./policies.ts"
import type { StackPlace } from "./stack-place.ts"

export const SUPPORT = "spiffe://example.org/agent/support"
export const NIGHTLY = "spiffe://example.org/agent/nightly"
/** Is not in the example: a drill adds it. It proves its identity by a key of its own. */
export const MAILER = "https://agents.example/mailer"

/** An isolate that has read a suspension denies by it until its lease has expired. */
export const UNTIL_LEASES_EXPIRE: Act<Place> = {
  title: "What was resumed may be denied for two seconds more, until each isolate's lease has expired.",
  async run() {
    await sleep(LEASE_MS)
    return "waited for them"
  },
}

const LEASE_MS = 2_200

/** Status and code, as a reader of a drill sees them. */
export const answerOf = ({ status, code }: Pick<Seen, "status" | "code">): string => `${status} ${code ?? "allowed"}`

export async function session({ stack }: StackPlace, user: string): Promise<string> {
  return (await login({ origin: stack.provider, user })).access_token
}

/** A token and its task, or the OAuth error and two empty texts. */
export interface TaskResponse {
  readonly answer: string
  readonly token: string
  readonly task: string
}

export async function requestTask({ stack }: StackPlace, wanted: Wanted): Promise<TaskResponse> {
  const where = { narrowgate: stack.origin, provider: stack.provider }
  const { token, seen } = await getToken(where, wanted)
  return { answer: answerOf(seen), token: token?.access_token ?? "", task: token?.task ?? "" }
}

/** Rejects if it gets none: the drill cannot go on. */
export async function openTask(place: StackPlace, wanted: Wanted): Promise<TaskResponse> {
  const response = await requestTask(place, wanted)
  if (response.token === "") throw new NotAsExpected(`${wanted.agent} got no task: ${response.answer}`)
  return response
}

const bodySchema = z.object({
  access_token: z.string().default(""),
  task: z.string().default(""),
  error: z.string().default("allowed"),
})

/** The origin at which agents reach Narrowgate, and the `aud` that it requires of assertions. */
export interface Endpoint {
  readonly origin: string
  readonly issuer: string
}

export const endpointOf = ({ stack: { origin } }: StackPlace): Endpoint => ({ origin, issuer: origin })

/** `keys` in agents.yaml or issuers.yaml. */
export const publicKeys = ({ publicJwk, thumbprint }: Key) => ({
  jwks: { keys: [{ ...publicJwk, kid: thumbprint, alg: "ES256" }] },
})

export async function addMailer(policies: string, key: Key): Promise<void> {
  await editPolicies(policies, "agents.yaml", (document) => {
    document.setIn(["agents", namesIn(document, "agents", "id").length], {
      id: MAILER,
      owner: "support-team",
      groups: ["support"],
      ceiling: { tools: ["crm.tickets.*:read"], max_sensitivity: "internal" },
      purposes: ["triage-ticket"],
      identities: [{ keys: publicKeys(key), algorithms: ["ES256"] }],
    })
  })
}

/**
 * Requests a task as `MAILER` (`private_key_jwt`).
 *
 * @param ahead seconds by which the agent's clock is wrong
 */
export async function requestAsMailer(
  { origin, issuer }: Endpoint,
  key: Key,
  subject: string,
  ahead = 0,
): Promise<TaskResponse> {
  const now = Math.floor(Date.now() / 1000) + ahead
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: "ES256", kid: key.thumbprint })
    .setIssuer(MAILER)
    .setSubject(MAILER)
    .setAudience(issuer)
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(key.privateKey)
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: subject,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    client_assertion: assertion,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  })
  const response = await fetch(`${origin}/oauth/token`, { method: "POST", body })
  const { access_token, task, error } = bodySchema.parse(await response.json())
  return { answer: `${response.status} ${error}`, token: access_token, task }
}

export async function readTicket({ edge }: StackPlace, token: string): Promise<string> {
  return answerOf(await callHttp("GET", `${edge}/crm/tickets/42`, token))
}

/** @param key the one that the token is bound to */
export async function listTickets({ edge }: StackPlace, token: string, key?: Key): Promise<string> {
  return answerOf(await callHttp("GET", `${edge}/crm/tickets`, token, key && { key }))
}

export async function sendMail({ edge }: StackPlace, token: string, to: string): Promise<string> {
  return answerOf(await callHttp("POST", `${edge}/mail/messages`, token, { json: { to, subject: "Ticket 42" } }))
}

export interface Issuer {
  readonly origin: string
  readonly key: Key
}

/** An access token (RFC 9068) as the issuer would sign it. */
export async function accessToken(
  { origin, key }: Issuer,
  subject: string,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  return new SignJWT({ ...claims, jti: randomUUID() })
    .setProtectedHeader({ alg: "ES256", kid: key.thumbprint, typ: "at+jwt" })
    .setIssuer(origin)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(key.privateKey)
}
