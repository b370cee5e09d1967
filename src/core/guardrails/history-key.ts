/**
 * By whom a ledger remembers what an agent has done. Each agent of agents.yaml has a history of its own. Clients that
 * registered themselves (RFC 7591) have that of their class together: one that registers again, as often as it likes, is
 * another agent with the same history. What names an agent (records, consents, tokens) has its id instead.
 */

/**
 * An agent's id, or `ISSUER/clients/CLASS` for all clients of the class, which is no agent's id. Whatever is kept or
 * looked up by agent to limit it has a key of this type, so that the compiler finds a place that takes the id instead.
 */
export type HistoryKey = string & { readonly [brand]: true }
declare const brand: unique symbol

/** Of 128 random bits in base64url, the last letter has two. */
const UNIQUE_LENGTH = 22
const CLIENT_ID =
  /^https?:\/\/[A-Za-z0-9.:[\]_~/-]{1,512}\/clients\/([a-z0-9][a-z0-9-]{0,62})\/[A-Za-z0-9_-]{21}[AQgw]$/
const SLASH = 47

/** The class of which this is the id of a client, registered or not. Null if it is no such id. */
export function classOfClient(id: string): string | null {
  // Nearly all ids are another agent's, and this comparison is all that they cost.
  if (id.charCodeAt(id.length - UNIQUE_LENGTH - 1) !== SLASH) return null
  return CLIENT_ID.exec(id)?.[1] ?? null
}

export function historyKeyOf(agent: string): HistoryKey {
  const key = classOfClient(agent) === null ? agent : agent.slice(0, -UNIQUE_LENGTH - 1)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place that makes a key of an id
  return key as HistoryKey
}

/** The names by which switches and reported risks reach an agent: its id, and for a client the key of its class. */
export function namesOf(agent: string): readonly string[] {
  const key = historyKeyOf(agent)
  return key === agent ? [agent] : [agent, key]
}
