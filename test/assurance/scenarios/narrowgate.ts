/** Requests to Narrowgate's own endpoints: of an agent's library, of operators and approvers, and of attackers. */
import { readLoosely } from "../../../src/core/encoding/json.ts"
import { ProofKey } from "../../../testing/kit/proof.ts"
import { TaskDenied } from "../../../testing/index.ts"
import type { Narrowgate, Person, Session } from "../world.ts"

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
const AUDIENCE = "https://api.example"
/** The origin that agents call, and that their proofs name. */
const ORIGIN = "http://127.0.0.1:8080"

/** A token for what the form requests. Rejects with `TaskDenied` if there is an OAuth error instead. */
export async function requestToken(
  narrowgate: Narrowgate,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const body = new URLSearchParams({ audience: AUDIENCE, ...form })
  const answer = await narrowgate.request("/oauth/token", { method: "POST", body, headers })
  const { access_token: token, error, error_description: description } = JSON.parse(answer.body)
  // `narrowgate.request` has the id of the decision.
  if (typeof token !== "string") throw new TaskDenied(String(error), String(description), null)
  return token
}

/** Client authentication by an assertion, whether it is the agent's or not. */
export const asAgent = (assertion: string) => ({ client_assertion_type: JWT_BEARER, client_assertion: assertion })

/** An agent that has a key of its own, to which its token is bound (DPoP, RFC 9449). */
export class BoundAgent {
  readonly #narrowgate: Narrowgate
  readonly #key: ProofKey
  readonly token: string

  private constructor(narrowgate: Narrowgate, key: ProofKey, token: string) {
    this.#narrowgate = narrowgate
    this.#key = key
    this.token = token
  }

  static async begin(narrowgate: Narrowgate, agent: string, person: Person, purpose: string): Promise<BoundAgent> {
    const key = await ProofKey.generate()
    const form = {
      ...asAgent(await narrowgate.identity(agent)),
      grant_type: TOKEN_EXCHANGE,
      subject_token: await narrowgate.session(person),
      subject_token_type: ACCESS_TOKEN,
      purpose,
    }
    const now = await narrowgate.clock.now()
    const dpop = await key.sign("POST", `${narrowgate.url}/oauth/token`, now.getTime())
    return new BoundAgent(narrowgate, key, await requestToken(narrowgate, form, { dpop }))
  }

  get session(): Session {
    return { authorization: `DPoP ${this.token}`, task: null }
  }

  /** The headers of a call with this token, or with another agent's: a proof by this agent's key. */
  async proofHeaders(method: string, path: string, token = this.token): Promise<Readonly<Record<string, string>>> {
    const now = await this.#narrowgate.clock.now()
    return { dpop: await this.#key.sign(method, ORIGIN + path, now.getTime(), token) }
  }
}

export const tokenOf = ({ authorization }: Session): string => authorization.slice("Bearer ".length)

export interface ManagementResponse {
  readonly status: number
  readonly body: unknown
}

/** A request to Narrowgate's API by a person, or with a token that is not meant for it. */
export async function manage(
  narrowgate: Narrowgate,
  who: Person | string,
  method: string,
  path: string,
  body?: object,
): Promise<ManagementResponse> {
  const token = typeof who === "string" ? who : await narrowgate.person(who)
  const { status, body: text } = await narrowgate.request(path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status, body: readLoosely(text) }
}

/** The path of the approval that the denial of a call states. */
export function approvalIn(denial: string): string {
  const [, task, id] = /\/console\/approvals\/(tsk_[\w.-]*\w)\/(apr_\w+)/u.exec(denial) ?? []
  if (id === undefined) throw new Error(`no approval in ${denial}`)
  return `/v1/tasks/${task}/approvals/${id}`
}
