/** Which request is whose: kept beside the framework's own objects, so that no type of theirs has to know. */
import type { Caller } from "./caller.ts"

const callers = new WeakMap<object, Caller>()

export function rememberCaller(request: object, caller: Caller): void {
  callers.set(request, caller)
}

/**
 * Returns who made the call: of Hono's context, of Express' request, or of the last argument of a tool that `guardTool`
 * guards.
 * @throws TypeError if nothing has checked it: no middleware stands before this handler
 */
export function callerOf(request: object): Caller {
  const caller = callers.get(request)
  if (!caller) throw new TypeError("Nobody has checked who makes this call: its route has no middleware of Narrowgate.")
  return caller
}
