/**
 * Has Narrowgate decide on each call of an MCP server's tool in the server itself, where no gateway stands before it. For
 * the servers of the official SDKs, 1.x and 2.x.
 */
import { APPROVAL_KEY } from "../src/core/catalog/mcp-response.ts"
import { approvalRequest } from "../src/core/denials/denial-text.ts"
import { isObject } from "../src/core/encoding/json.ts"
import type { Caller } from "./caller.ts"
import { rememberCaller } from "./callers.ts"
import {
  callOf,
  ownDenial,
  type Decisions,
  type DeniedDecision,
  type ToolCall,
  type ToolDecision,
} from "./decisions.ts"
import { canShowPage, credentialOf } from "./sdk-context.ts"

/**
 * What a client gets in place of the tool's result: that of a gateway with `denials: mcp`. If a person has to approve of
 * the call, and the client can show its user a page with it (MCP 2026-07-28), it is asked to do so and to repeat the call.
 */
export type DeniedResult =
  | {
      readonly content: readonly { readonly type: "text"; readonly text: string }[]
      readonly isError: true
      readonly _meta: Readonly<Record<string, unknown>>
    }
  | {
      readonly resultType: "input_required"
      readonly inputRequests: Readonly<Record<string, unknown>>
      readonly _meta: Readonly<Record<string, unknown>>
    }

/**
 * Returns the tool's handler behind a decision: it runs only if Narrowgate has allowed exactly this call, with the arguments
 * that it gets. `callerOf` of its last argument says whose call it is. Narrowgate out of reach, or too late: denied.
 *
 * The token is that of the request's `Authorization`; where the SDK passes on none, that of `authInfo`.
 * @param tool its name in the catalog, `server.tool`
 */
export function guardTool<Handler extends (...args: never[]) => unknown>(
  decisions: Decisions,
  tool: string,
  handler: Handler,
): Handler {
  const guarded = async (...args: unknown[]): Promise<unknown> => {
    // (arguments, context), or of a tool without a schema the context alone: in both versions of the SDK.
    const context = args.at(-1)
    const decision = await decided(decisions, tool, args.length > 1 ? args[0] : {}, context)
    if (!decision.allowed) return resultOf(decision, tool, context)
    const { caller } = decision
    if (caller && typeof context === "object" && context !== null) rememberCaller(context, caller)
    try {
      return await Reflect.apply(handler, undefined, args)
    } finally {
      // Before the client has the result, so that its next call finds room.
      if (caller) await settle(decisions, caller)
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it takes what the handler takes, and a handler may return a promise
  return guarded as unknown as Handler
}

async function decided(decisions: Decisions, tool: string, given: unknown, context: unknown): Promise<ToolDecision> {
  // A value that JSON does not have would reach the handler otherwise than Narrowgate.
  if (!isObject(given) || !isPlain(given)) return ownDenial("malformed_call", callOf(tool))
  const call: ToolCall = { tool, arguments: given, ...credentialOf(context) }
  try {
    const decision = await decisions.decide(call)
    const { allowed }: { readonly allowed: unknown } = decision
    if (typeof allowed !== "boolean") throw new Error("the decision is neither an allow nor a denial")
    // Over a binding the endpoint decides which server's tool it is: another's of the same name may be allowed.
    const subject = decision.allowed ? decision.caller?.tool : undefined
    if (subject !== undefined && subject !== tool) throw new Error(`allowed is ${subject}, called is ${tool}`)
    return decision
  } catch (cause) {
    decisions.onFailure?.(cause)
    return ownDenial("unavailable", callOf(tool))
  }
}

/** Whatever comes of it, the tool's result stays: a call that is not settled counts for its `duration`. */
async function settle(decisions: Decisions, caller: Caller): Promise<void> {
  try {
    await decisions.settle?.(caller)
  } catch (cause) {
    decisions.onFailure?.(cause)
  }
}

function resultOf({ denial, text }: DeniedDecision, tool: string, context: unknown): DeniedResult {
  const _meta = { "narrowgate/denial": denial }
  const { status, url, expires_at: until } = isObject(denial["approval"]) ? denial["approval"] : {}
  if (status !== "pending" || typeof url !== "string" || !canShowPage(context, APPROVAL_KEY))
    return { content: [{ type: "text", text }], isError: true, _meta }
  const message = approvalRequest(callOf(tool), { expires_at: typeof until === "number" ? until : null })
  // The call that the client repeats is decided anew: what it sends back means nothing.
  const request = { method: "elicitation/create", params: { mode: "url", message, url } }
  return { resultType: "input_required", inputRequests: { [APPROVAL_KEY]: request }, _meta }
}

/** Deeper than Narrowgate reads. */
const MAX_DEPTH = 64

function isPlain(value: unknown, depth = 0): boolean {
  if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return true
  if (typeof value === "number") return Number.isFinite(value)
  if (typeof value !== "object" || depth > MAX_DEPTH || "toJSON" in value) return false
  if (Array.isArray(value)) return value.every((each) => each !== undefined && isPlain(each, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  const isRecord = prototype === Object.prototype || prototype === null
  return isRecord && Object.values(value).every((each) => isPlain(each, depth + 1))
}
