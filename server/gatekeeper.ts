/** The checks of one request, in order: whose statement it is, about which call, and about this very one. */
import { argumentsHash } from "./arguments-hash.ts"
import { callerOfHeaders, type Caller, type Claims } from "./caller.ts"
import { CallRejectedError } from "./errors.ts"
import type { ReceivedRequest, ServiceOptions } from "./service-options.ts"
import { locator, type LocatedCall } from "./tools.ts"
import { transactionTokens } from "./transaction-tokens.ts"

/** @throws CallRejectedError */
export type Gatekeeper = (request: ReceivedRequest) => Promise<Caller>

export function gatekeeper(options: ServiceOptions): Gatekeeper {
  const check = checkBy(options)
  const { onRejected } = options
  if (!onRejected) return check
  return async (request) => {
    try {
      return await check(request)
    } catch (error) {
      if (error instanceof CallRejectedError) onRejected(error)
      throw error
    }
  }
}

function checkBy(options: ServiceOptions): Gatekeeper {
  const locate = locator(options)
  if (options.trust === "network") {
    return async (request) => {
      const caller = callerOfHeaders(request.header)
      checkTool(caller, await locate(request))
      return caller
    }
  }
  const tokens = transactionTokens(options)
  return async (request) => {
    const token = request.header("Txn-Token")
    if (token === null || token === "") throw new CallRejectedError("missing_token")
    // Before a body is read: a stranger's is not worth it.
    const claims = await tokens.verify(token)
    const call = await locate(request)
    checkTool(claims.caller, call)
    await checkArguments(claims, call)
    await tokens.use(claims)
    return claims.caller
  }
}

function checkTool({ tool }: Caller, call: LocatedCall): void {
  if (tool !== call.tool) throw new CallRejectedError("tool_mismatch", `allowed is ${tool}, called is ${call.tool}`)
}

async function checkArguments(
  { argumentsHash: allowed, redacted }: Claims,
  { arguments: { complete, values }, unhashed }: LocatedCall,
): Promise<void> {
  const open = Object.fromEntries(Object.entries(values).filter(([name]) => !redacted.includes(name)))
  const called = complete ? await argumentsHash(open) : null
  if (allowed === null && unhashed) return
  if (allowed === null && (!complete || called !== null)) throw new CallRejectedError("arguments_unseen")
  if (allowed !== called) throw new CallRejectedError("arguments_mismatch")
}
