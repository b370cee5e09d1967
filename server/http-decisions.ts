/** Asks Narrowgate over HTTP, by the Authorization API of AuthZEN: a gateway of dialect `authzen` with `body: true`. */
import { isObject } from "../src/core/encoding/json.ts"
import { isLoopback } from "../src/core/encoding/url.ts"
import { boundedBytes, MAX_BODY_BYTES } from "./body.ts"
import {
  allowedBy,
  callOf,
  checkSettled,
  decisionsOf,
  deniedBy,
  headerReader,
  headersOf,
  listedBy,
  listingOf,
  ownDenial,
  type DecisionOptions,
  type Decisions,
  type ToolCall,
} from "./decisions.ts"

export interface HttpDecisionOptions extends DecisionOptions {
  /** Narrowgate's URL: https, or on this machine http. */
  readonly url: string
  /** Allows plain HTTP, with `key` and tokens, to other machines too, where the network itself encrypts. */
  readonly allowHttp?: boolean
  /** The server's own, as a gateway of dialect `authzen`. */
  readonly key: string
  /** Default: the global `fetch`. */
  readonly fetch?: (url: string, init: DecisionRequest) => Promise<Response>
}

export interface DecisionRequest {
  readonly method: "POST"
  readonly redirect: "manual"
  readonly headers: Record<string, string>
  readonly body: string
  readonly signal: AbortSignal
}

const MAX_ANSWER_BYTES = 65_536
const EVALUATION = "/access/v1/evaluation"
const LISTS = "/v1/tools/filter"

export function httpDecisions(options: HttpDecisionOptions): Decisions {
  const { url, key, fetch: send = async (to, init) => fetch(to, init) } = options
  const origin = originOf(url, options.allowHttp ?? false)
  return decisionsOf(options, (timeout) => {
    const post = async (path: string, headers: Record<string, string>, body: string, most = MAX_ANSWER_BYTES) => {
      const answer = await send(`${origin}${path}`, {
        method: "POST",
        redirect: "manual",
        headers: { ...headers, "Content-Type": "application/json" },
        body,
        signal: AbortSignal.timeout(timeout),
      })
      const bytes = await boundedBytes(answer.body, most)
      const { status } = answer
      if (bytes === null) throw new Error(`${origin}${path} answers too much, with ${status}`)
      return { status, body: new TextDecoder().decode(bytes), header: (name: string) => answer.headers.get(name) }
    }
    return {
      async decide(call) {
        const evaluation = JSON.stringify(evaluationOf(call))
        const { status, body } = await post(EVALUATION, { Authorization: `Bearer ${key}` }, evaluation)
        if (status !== 200) throw new Error(`${origin}${EVALUATION} answers ${status}`)
        const { decision, context } = objectOf(JSON.parse(body))
        const { headers, code, access_request, ...members } = objectOf(context)
        const header = headerReader(objectOf(headers ?? {}))
        if (decision === true) return allowedBy(header)
        if (decision !== false || typeof code !== "string") return ownDenial("unavailable", callOf(call.tool))
        const { error_description, decision_id, scope } = members
        const denial = {
          error: code,
          error_description,
          decision_id,
          ...(scope !== undefined && { scope }),
          ...(access_request !== undefined && { approval: access_request }),
        }
        return deniedBy(denial, callOf(call.tool), header)
      },
      async list(list) {
        const own = { "X-Narrowgate-Filter-Key": key, "X-Narrowgate-Server": list.server }
        const { status, body, header } = await post(
          LISTS,
          { ...headersOf(list), ...own },
          listingOf(list),
          MAX_BODY_BYTES,
        )
        return listedBy(status === 200, body, header)
      },
      async settle({ decision, task }) {
        const path = `/v1/calls/${encodeURIComponent(decision)}/settle`
        checkSettled((await post(path, { "X-Narrowgate-Settle-Key": key }, JSON.stringify({ task }))).status)
      },
    }
  })
}

function originOf(url: string, allowHttp: boolean): string {
  const parsed = new URL(url)
  const { protocol, origin } = parsed
  if (protocol === "https:" || (protocol === "http:" && (allowHttp || isLoopback(parsed)))) return origin
  throw new TypeError(`the key would be sent without TLS to ${origin}: \`url\` has to be https`)
}

function evaluationOf({ tool, arguments: given, ...credential }: ToolCall): unknown {
  return {
    subject: { type: "agent", id: agentOf(credential.authorization) },
    action: { name: "tools/call" },
    resource: { type: "tool", id: tool, properties: { arguments: given } },
    context: headersOf(credential),
  }
}

/** The agent that the token names, which Narrowgate verifies. */
function agentOf(authorization: string | null): string {
  try {
    const [, claims = ""] = (authorization ?? "").split(".")
    const bytes = Uint8Array.from(atob(claims.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.charCodeAt(0))
    const { client_id } = objectOf(JSON.parse(new TextDecoder().decode(bytes)))
    return typeof client_id === "string" && client_id !== "" ? client_id : UNKNOWN
  } catch {
    return UNKNOWN
  }
}
/** Without a token that can be read, the denial is the same whichever agent is named. */
const UNKNOWN = "unknown"

function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(json)) throw new Error("Narrowgate's answer is no object")
  return json
}
