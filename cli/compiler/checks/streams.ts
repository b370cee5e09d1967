/**
 * A token is of one stream, a stream names users or agents that can exist, and each name can mean only one; what
 * follows from an event is one of what may.
 */
import { EVENTS } from "../../../src/core/policy/definition/security-events.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path } from "../source/source.ts"
import { unknownName, untrustedIssuer } from "./references.ts"

export function checkStreams(policies: Policies): Problem[] {
  return [
    ...ambiguousStreams(policies),
    ...people(policies),
    ...agentsOf(policies),
    ...effects(policies),
    ...keysOf(policies),
  ]
}

/** Which stream a token is of is said by `iss` and `aud` together. */
function ambiguousStreams({ streams }: Policies): Problem[] {
  const seen = new Map<string, string>()
  return streams.value.streams.flatMap(({ id, issuer, audiences }, index) =>
    audiences.flatMap((audience, place) => {
      const key = JSON.stringify([issuer, audience])
      const other = seen.get(key)
      seen.set(key, id)
      if (other === undefined || other === id) return []
      const message = `stream \`${other}\` has the same issuer and this audience`
      const fix = "Register an audience of its own with the transmitter: no token may be of two streams."
      return [streams.error(["streams", index, "audiences", place], message, fix)]
    }),
  )
}

function people(policies: Policies): Problem[] {
  const { streams } = policies
  return streams.value.streams.flatMap(({ id, about: { users, agents, keys } }, index) => {
    const at: Path = ["streams", index, "about"]
    const problems: Problem[] = []
    if (users.length === 0 && agents.length === 0 && !keys) {
      const fix = "Add `users: [{issuer: …}]`, `agents: […]` or `keys: true`, or remove the stream."
      problems.push(streams.error(at, `stream \`${id}\` may speak of nobody`, fix))
    }
    const meant = new Set<string>()
    for (const [place, { issuer, by }] of users.entries()) {
      problems.push(...untrustedIssuer(policies, streams, [...at, "users", place, "issuer"], issuer, "people"))
      for (const [nth, format] of by.entries()) {
        // It says itself whose it is; only the same issuer twice would be one too many.
        const name = format === "iss_sub" ? `${format} ${issuer}` : format
        if (meant.has(name)) {
          const message = `\`${format}\` names people of several entries, so that nobody could say whose it is`
          problems.push(streams.error([...at, "users", place, "by", nth], message, "Keep it in one of them."))
        }
        meant.add(name)
      }
    }
    return problems
  })
}

function agentsOf({ streams, agents }: Policies): Problem[] {
  const agentIds = agents.value.agents.map(({ id }) => id)
  return streams.value.streams.flatMap(({ about }, index) =>
    about.agents.flatMap((agent, place) => {
      if (agent === "*" || agentIds.includes(agent)) return []
      const otherwise = "Name an `id` of agents.yaml, or `*` for all of them."
      const at = ["streams", index, "about", "agents", place]
      return [unknownName(streams, at, "agent", agent, agentIds, otherwise)]
    }),
  )
}

function effects({ streams }: Policies): Problem[] {
  return streams.value.streams.flatMap(({ id, events, effects }, index) =>
    Object.entries(effects).flatMap(([name, effect]) => {
      const at: Path = ["streams", index, "effects", name]
      const event = events.find((each) => each === name)
      if (!event) {
        return [
          streams.keyError(at, `stream \`${id}\` may not report \`${name}\``, "Add it to `events`, or remove it."),
        ]
      }
      const may = EVENTS[event].effects
      if (may.some((each) => each === effect)) return []
      const fix = `Write one of: ${may.join(", ")}.`
      return [streams.error(at, `\`${effect}\` does not follow from \`${name}\``, fix)]
    }),
  )
}

/** What a transmitter presents must open nothing else. */
function keysOf({ streams, gateways }: Policies): Problem[] {
  const { gateways: entries, queries } = gateways.value
  const taken = new Set([...entries, ...queries].flatMap(({ key_sha256 }) => key_sha256))
  return streams.value.streams.flatMap(({ key_sha256 }, index) =>
    key_sha256.flatMap((hash, place) => {
      if (!taken.has(hash)) return []
      const fix = "Give the transmitter a key of its own."
      return [streams.error(["streams", index, "key_sha256", place], "this is the key of a gateway too", fix)]
    }),
  )
}
