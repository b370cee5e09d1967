/** The way to a receiver's object, for those who hand over and those who look. */

/** Of what crosses to the object: one that runs other code than who asks takes nothing. */
export const OUTBOUND_VERSION = 2

/** @param receiver its id */
export function outboundOf(env: Env, receiver: string) {
  return env.OUTBOUND.getByName(receiver)
}
