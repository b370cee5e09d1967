/** The caller of each request, stored beside the framework's own objects, so that their types stay as they are. */
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
  if (!caller) throw new TypeError("The caller is not verified: no middleware of Narrowgate stands before this route.")
  return caller
}
