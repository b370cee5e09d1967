/** Requests to Narrowgate's own endpoints: what an agent's library sends, and what an attacker makes of it. */
import { ProofKey } from "../../../testing/kit/proof.ts"
import { Refused, type Narrowgate, type Person, type Session } from "../world.ts"

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
const AUDIENCE = "https://api.example"
/** What agents call: proofs are for it. */
const ORIGIN = "http://127.0.0.1:8080"

/** A token for what the form asks for, or a refusal. */
export async function requestToken(
  narrowgate: Narrowgate,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const body = new URLSearchParams({ audience: AUDIENCE, ...form })
  const answer = await narrowgate.request("/oauth/token", { method: "POST", body, headers })
  const { access_token: token, error } = JSON.parse(answer.body)
  if (typeof token !== "string") throw new Refused(String(error))
  return token
}

/** Who the agent is, by whatever is presented as its proof. */
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

  /** The headers of a call, with a proof by this agent's key, whoever's token it is. */
  async proves(method: string, path: string, token = this.token): Promise<Readonly<Record<string, string>>> {
    const now = await this.#narrowgate.clock.now()
    return { dpop: await this.#key.sign(method, ORIGIN + path, now.getTime(), token) }
  }
}

/** What an operator does, or what somebody does with another credential that only operators should. */
export async function manage(
  narrowgate: Narrowgate,
  credential: string,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await narrowgate.request(path, {
    method,
    headers: { authorization: `Bearer ${credential}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  })
  return JSON.parse(answer.body)
}

/** The address of the approval that a denial waits for. */
export function approvalIn(denial: string): string {
  const [, task, id] = /\/console\/approvals\/(tsk_[\w.-]*\w)\/(apr_\w+)/u.exec(denial) ?? []
  if (id === undefined) throw new Error(`no approval in ${denial}`)
  return `/v1/tasks/${task}/approvals/${id}`
}
