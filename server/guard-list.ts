/** Has Narrowgate cut down the list of an MCP server's tools to what its caller may call, where no gateway does so. */
import { isObject } from "../src/core/encoding/json.ts"
import { LISTING, ownDenial, type Decisions, type DenialMembers, type ListDecision } from "./decisions.ts"
import { credentialOf } from "./sdk-context.ts"

/** `McpServer` of the official SDKs, 1.x and 2.x. */
export interface ListingServer {
  readonly server: { assertCanSetRequestHandler(method: string): void }
}

const LIST = "tools/list"
/** As of a gateway with `denials: mcp`. */
const DENIED = -32_001

/** The answer to a request for a list that is not decided on, as an error of JSON-RPC. */
export class ListDeniedError extends Error {
  override readonly name = "ListDeniedError"
  readonly code = DENIED
  /** What other answers have as their body: the denial's code in `error`. */
  readonly data: DenialMembers

  constructor(text: string, denial: DenialMembers) {
    super(text)
    this.data = denial
  }
}

/**
 * Has the server's `tools/list` name only what its caller may call, each tool by the name that it has in the catalog
 * behind `name.`. Of a list that cannot be decided on, or has no token, nothing is shown. The list is advice, as a
 * gateway's: `guardTool` decides on each call.
 *
 * @param name the server's, in the catalog
 * @param mcp has no tools yet
 * @returns `mcp`
 * @throws Error if it has tools already
 */
export function guardList<Server extends ListingServer>(decisions: Decisions, name: string, mcp: Server): Server {
  const { server } = mcp
  server.assertCanSetRequestHandler(LIST)
  const set: unknown = Reflect.get(server, "setRequestHandler")
  if (typeof set !== "function") throw new TypeError("this is no server of the official SDKs")
  // `McpServer` registers its handler by this, with the first tool.
  Object.defineProperty(server, "setRequestHandler", {
    configurable: true,
    writable: true,
    value(...args: unknown[]): unknown {
      return Reflect.apply(
        set,
        server,
        args.map((each) => (typeof each === "function" ? guarded(each, args[0]) : each)),
      )
    },
  })
  // oxlint-disable-next-line typescript/ban-types -- a handler of either SDK
  function guarded(handler: Function, method: unknown): unknown {
    // 1.x names a method by its schema, and the request has it; 2.x names it, and not each handler gets the request.
    if (typeof method === "string" && method !== LIST) return handler
    return async (...given: unknown[]): Promise<unknown> => {
      const result: unknown = await Reflect.apply(handler, undefined, given)
      const [request] = given
      if (typeof method !== "string" && isObject(request) && request["method"] !== LIST) return result
      const decision = await decided(decisions, name, result, given.at(-1))
      if (!decision.allowed) throw new ListDeniedError(decision.text, decision.denial)
      // As a gateway's list: a cache may give what is public to any other caller, and the server's own hint may say so.
      return { ...decision.result, cacheScope: "private" }
    }
  }
  return mcp
}

async function decided(decisions: Decisions, server: string, result: unknown, context: unknown): Promise<ListDecision> {
  try {
    if (!isObject(result)) throw new Error("the server's list is none")
    const decision = await decisions.list({ server, result, ...credentialOf(context) })
    const { allowed }: { readonly allowed: unknown } = decision
    if (typeof allowed !== "boolean") throw new Error("the decision is neither an allow nor a denial")
    return decision
  } catch (cause) {
    decisions.onFailure?.(cause)
    return ownDenial("unavailable", LISTING)
  }
}
