/** Access to a receiver's object, for those that hand over notices and those that read its state. */

/** The version of what crosses to the object: an object with other code takes nothing. */
export const OUTBOUND_VERSION = 2

/** @param receiver its id */
export function outboundOf(env: Env, receiver: string) {
  return env.OUTBOUND.getByName(receiver)
}
