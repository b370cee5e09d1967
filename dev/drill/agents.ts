/** What agents do in drills, and how their answers read. */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { SignJWT } from "jose"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { callHttp, getToken, type Key, type Seen, type Wanted } from "../demo/agent.ts"
import { NotAsExpected, type Act } from "./drill.ts"
import { editPolicies, namesIn } from "./policies.ts"
import type { StackPlace } from "./stack-place.ts"

export const SUPPORT = "spiffe://example.org/agent/support"
export const NIGHTLY = "spiffe://example.org/agent/nightly"

/** An isolate that has learnt of a switch denies by it until its lease has expired. */
export const UNTIL_LEASES_EXPIRE: Act<StackPlace> = {
  title: "What was resumed may be denied for two seconds more, until the leases of its switch have expired.",
  async run() {
    await sleep(LEASE_MS)
    return "waited for them"
  },
}

const LEASE_MS = 2_200

/** Status and code, as a reader of a drill sees them. */
export const answerOf = ({ status, code }: Seen): string => `${status} ${code ?? "allowed"}`

export async function session({ stack }: StackPlace, user: string): Promise<string> {
  return (await login({ origin: stack.provider, user })).access_token
}

/** What an agent got for its request: a token and its task, or the OAuth error. */
export interface Requested {
  readonly answer: string
  readonly token: string
  readonly task: string
}

export async function requestTask({ stack }: StackPlace, wanted: Wanted): Promise<Requested> {
  const where = { narrowgate: stack.origin, provider: stack.provider }
  const { token, seen } = await getToken(where, wanted)
  return { answer: answerOf(seen), token: token?.access_token ?? "", task: token?.task ?? "" }
}

/** Rejects if it gets none: the drill cannot go on. */
export async function openTask(place: StackPlace, wanted: Wanted): Promise<Requested> {
  const requested = await requestTask(place, wanted)
  if (requested.token === "") throw new NotAsExpected(`${wanted.agent} got no task: ${requested.answer}`)
  return requested
}

const bodySchema = z.object({
  access_token: z.string().default(""),
  task: z.string().default(""),
  error: z.string().default("allowed"),
})

/** Where Narrowgate is reached, and what it calls itself. */
export interface Endpoint {
  readonly origin: string
  readonly issuer: string
}

export const endpointOf = ({ stack: { origin } }: StackPlace): Endpoint => ({ origin, issuer: origin })

/** `keys` of an agent in agents.yaml. */
export const publicKeys = ({ publicJwk, thumbprint }: Key): object => ({
  jwks: { keys: [{ ...publicJwk, kid: thumbprint, alg: "ES256" }] },
})

/** Adds an agent that proves itself by a key of its own, and reads tickets for users. */
export async function addAgentWithKey(policies: string, id: string, key: Key): Promise<void> {
  await editPolicies(policies, "agents.yaml", (document) => {
    document.setIn(["agents", namesIn(document, "agents", "id").length], {
      id,
      owner: "support-team",
      groups: ["support"],
      ceiling: { tools: ["crm.tickets.*:read"], max_sensitivity: "internal" },
      purposes: ["triage-ticket"],
      identities: [{ keys: publicKeys(key), algorithms: ["ES256"] }],
    })
  })
}

/**
 * Requests a task as such an agent (`private_key_jwt`).
 *
 * @param ahead seconds by which its clock is wrong
 */
export async function requestByKey(
  { origin, issuer }: Endpoint,
  agent: string,
  key: Key,
  subject: string,
  ahead = 0,
): Promise<Requested> {
  const now = Math.floor(Date.now() / 1000) + ahead
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: "ES256", kid: key.thumbprint })
    .setIssuer(agent)
    .setSubject(agent)
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

export async function listTickets({ edge }: StackPlace, token: string): Promise<string> {
  return answerOf(await callHttp("GET", `${edge}/crm/tickets`, token))
}

export async function sendMail({ edge }: StackPlace, token: string, to: string): Promise<string> {
  return answerOf(await callHttp("POST", `${edge}/mail/messages`, token, { json: { to, subject: "Ticket 42" } }))
}
