/** Agents at the token endpoint: asking for tokens, opening tasks and children. */
import { z } from "zod"
import { knock } from "./door.ts"
import { idToken, svid, US } from "./issuers.ts"

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
export const JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
export const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
export const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
export const JWT = "urn:ietf:params:oauth:token-type:jwt"
export const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
export const AUDIENCE = "https://api.test/"

export type Form = Readonly<Record<string, string | readonly string[] | undefined>>

const issued = z.object({
  access_token: z.string(),
  token_type: z.enum(["Bearer", "DPoP"]),
  expires_in: z.number(),
  limited_by: z.string(),
  task_expires_in: z.number(),
  task_limited_by: z.string(),
  scope: z.string(),
  task: z.string(),
  purpose: z.string(),
  issued_token_type: z.string().optional(),
  refresh_token: z.string().optional(),
  authorization_details: z.unknown().optional(),
})
const refused = z.object({
  error: z.string(),
  error_description: z.string(),
  decision_id: z.string(),
  scope: z.string().optional(),
})

export interface TokenAnswer {
  readonly status: number
  readonly headers: Headers
  readonly issued: z.infer<typeof issued> | null
  readonly refused: z.infer<typeof refused> | null
}

export async function postForm(form: Form, headers: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> {
  const body = new URLSearchParams()
  for (const [name, values] of Object.entries(form)) {
    for (const value of typeof values === "string" ? [values] : (values ?? [])) body.append(name, value)
  }
  return postToken(body.toString(), { "Content-Type": "application/x-www-form-urlencoded", ...headers })
}

export async function postToken(body: string, headers: Readonly<Record<string, string>>): Promise<TokenAnswer> {
  return answerOf(await knock(new Request(`${US}/oauth/token`, { method: "POST", headers, body })))
}

async function answerOf(response: Response): Promise<TokenAnswer> {
  const json: unknown = await response.json()
  const isIssued = response.status === 200
  return {
    status: response.status,
    headers: response.headers,
    issued: isIssued ? issued.parse(json) : null,
    refused: isIssued ? null : refused.parse(json),
  }
}

/** The form of an exchange that would be answered with a token; a test changes what it is about. */
export async function exchangeForm(agent: string, user = "alice"): Promise<Form> {
  return {
    grant_type: TOKEN_EXCHANGE,
    subject_token: await idToken(user),
    subject_token_type: ID_TOKEN,
    actor_token: await svid(agent),
    actor_token_type: JWT,
    audience: AUDIENCE,
  }
}

export interface OpenTask {
  readonly token: string
  readonly task: string
  readonly scope: string
}

function opened({ status, issued, refused }: TokenAnswer): OpenTask {
  if (!issued) throw new Error(`no token: ${status} ${JSON.stringify(refused)}`)
  return { token: issued.access_token, task: issued.task, scope: issued.scope }
}

/** A task of `agent` for a user. */
export async function openTask(agent = "first", more: Form = {}, proof?: string): Promise<OpenTask> {
  const headers = proof === undefined ? {} : { DPoP: proof }
  return opened(await postForm({ ...(await exchangeForm(agent)), ...more }, headers))
}

/** A task for another person, whose ledger is another one. */
export async function openTaskFor(user: string, agent = "first", more: Form = {}): Promise<OpenTask> {
  return openTask(agent, { subject_token: await idToken(user), ...more })
}

/** What `agent` sends to get part of the task that `parent` stands for. */
export async function childForm(parent: string, agent: string): Promise<Form> {
  const subject = { subject_token: parent, subject_token_type: ACCESS_TOKEN }
  return { ...(await exchangeForm(agent)), ...subject }
}

export async function openChild(parent: string, agent: string, more: Form = {}, proof?: string): Promise<OpenTask> {
  const headers = proof === undefined ? {} : { DPoP: proof }
  return opened(await postForm({ ...(await childForm(parent, agent)), ...more }, headers))
}
