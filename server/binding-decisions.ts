/** Asks Narrowgate over a service binding, by RPC: a gateway of dialect `worker` with `body: true`. */
import { isObject, readLoosely } from "../src/core/encoding/json.ts"
import { authorizerOf, type Authorizer, type ServiceBinding, type WorkerAnswer } from "./authorizer.ts"
import {
  allowedBy,
  callOf,
  checkSettled,
  decisionsOf,
  deniedBy,
  headerReader,
  headersOf,
  isDenial,
  listedBy,
  listingOf,
  ownDenial,
  type DecisionOptions,
  type Decisions,
  type DenialMembers,
  type ToolCall,
} from "./decisions.ts"

export interface BindingDecisionOptions extends DecisionOptions {
  /** The binding to Narrowgate's entry point `Authorizer`. */
  readonly authorizer: Authorizer | ServiceBinding
  /** The Worker's own, as a gateway of dialect `worker`. */
  readonly key: string
  /** The public URL of the MCP server's endpoint, as the catalog has it. */
  readonly endpoint: string
}

const TYPE = { "content-type": "application/json" } as const

/** @throws TypeError if an option is not what it has to be, or the binding has no methods */
export function bindingDecisions(options: BindingDecisionOptions): Decisions {
  const { key, endpoint } = options
  const authorizer = authorizerOf(options.authorizer)
  return decisionsOf(options, (timeout) => ({
    async decide(call) {
      const request = {
        key,
        method: "POST",
        url: endpoint,
        headers: { ...TYPE, ...headersOf(call) },
        body: messageOf(call),
      }
      const answer = await within(timeout, authorizer.authorize(request))
      const header = headerReader(answer.headers)
      const allowed: unknown = answer.allowed
      if (allowed === true) return allowedBy(header)
      const denial = denialIn(answer)
      return denial ? deniedBy(denial, callOf(call.tool), header) : ownDenial("unavailable", callOf(call.tool))
    },
    async list(list) {
      const request = { key, server: list.server, headers: headersOf(list), body: listingOf(list) }
      const { allowed, body, headers } = await within(timeout, authorizer.tools(request))
      return listedBy(allowed, body, headerReader(headers))
    },
    async settle({ decision, task }) {
      checkSettled((await within(timeout, authorizer.settle({ key, decision, task }))).status)
    },
  }))
}

/** A tool of the catalog is `<server>.<tool>`; the message has the server's own name of it. */
function messageOf({ tool, arguments: given }: ToolCall): string {
  const name = tool.slice(tool.indexOf(".") + 1)
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: given } })
}

/** In a result, in an error, or alone: as the gateway's `denials` says, and as the denial is. */
function denialIn({ body }: WorkerAnswer): DenialMembers | null {
  const message = member(readLoosely(body))
  const meta = member(member(message["result"])["_meta"])
  const found = [meta["narrowgate/denial"], member(message["error"])["data"], message].find(isDenial)
  return found ?? null
}

const member = (json: unknown): Readonly<Record<string, unknown>> => (isObject(json) ? json : {})

async function within<Answer>(milliseconds: number, answer: Promise<Answer>): Promise<Answer> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
