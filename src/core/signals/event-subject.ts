/**
 * Whom an event is about: its subject identifier (RFC 9493, and the complex ones of SSF) → people, agents or keys that
 * we know under that name and the stream may speak of. A stream of one provider says nothing of another's people: a
 * name that leads there is refused; one that leads nowhere is nobody's. Pure.
 */
import { isObject } from "../encoding/json.ts"
import type { Lookup } from "../encoding/lookup.ts"
import type { AgentDefinition } from "../policy/definition/agents.ts"
import type { IssuerDefinition } from "../policy/definition/issuers.ts"
import { type StreamDefinition, VALUE_OF, type ValueFormat, isValueFormat } from "../policy/definition/streams.ts"

export type Target =
  /** Issuer and subject, joined by `|`. */
  | { readonly kind: "user"; readonly user: string }
  | { readonly kind: "agent"; readonly agent: string }
  /** `kid` of one of our signing keys. */
  | { readonly kind: "key"; readonly kid: string }

/** `foreign`: it names somebody of whom the stream may say nothing. */
export type Resolved =
  | { readonly targets: readonly Target[] }
  | { readonly foreign: true }
  | { readonly malformed: string }

/** What names can lead to. */
export interface KnownSubjects {
  readonly about: StreamDefinition["about"]
  readonly issuers: readonly IssuerDefinition[]
  readonly agents: Lookup<AgentDefinition>
  /** Our own URL. */
  readonly us: string
}

const NOBODY: Resolved = { targets: [] }
const FOREIGN: Resolved = { foreign: true }

/** More names for one subject than anybody has. */
const MAX_ALIASES = 16

/** @param id of `sub_id`, or of `subject` in an event, as drafts before RFC 9493 have it */
export function resolveSubject(id: unknown, subjects: KnownSubjects): Resolved {
  if (!isObject(id)) return { malformed: "the subject is no object" }
  const format = formatOf(id)
  switch (format) {
    case null:
      return { malformed: "the subject has no format" }
    case "aliases":
      return resolveAliases(id, subjects)
    case "complex":
      return resolveComplex(id, subjects)
    default:
      return isValueFormat(format) ? resolveValue(id, format, subjects) : NOBODY
  }
}

/** RFC 9493 3; before it the member was called `subject_type`, and `iss_sub` `iss-sub`; SSF's complex ones had none. */
function formatOf({ format, subject_type: before, user }: Readonly<Record<string, unknown>>): string | null {
  if (typeof format === "string") return format
  if (typeof before === "string") return before.replaceAll("-", "_")
  return format === undefined && before === undefined && isObject(user) ? "complex" : null
}

/** RFC 9493 3.2.8: names of one subject. Those that the stream may not speak of are passed over. */
function resolveAliases({ identifiers }: Readonly<Record<string, unknown>>, subjects: KnownSubjects): Resolved {
  if (!Array.isArray(identifiers) || identifiers.length === 0 || identifiers.length > MAX_ALIASES)
    return { malformed: "its aliases cannot be read" }
  const all: readonly Resolved[] = identifiers.map((each: unknown) =>
    isObject(each) && NO_ALIAS.has(formatOf(each))
      ? { malformed: "aliases within aliases" }
      : resolveSubject(each, subjects),
  )
  const odd = all.find((each) => "malformed" in each)
  if (odd) return odd
  const targets = distinct(all.flatMap((each) => ("targets" in each ? each.targets : [])))
  return targets.length === 0 && all.some((each) => "foreign" in each) ? FOREIGN : { targets }
}

/** Whatever they are called by: a name within a name within a name is nobody's. */
const NO_ALIAS: ReadonlySet<string | null> = new Set(["aliases", "complex"])

function distinct(targets: readonly Target[]): readonly Target[] {
  return [...new Map(targets.map((target) => [JSON.stringify(target), target])).values()]
}

/**
 * SSF: a person, in this session, on that device … We keep no sessions of others and know no devices: it is about the
 * person as a whole, which ends more than what was meant, and never less; without a person, about an application.
 */
function resolveComplex({ user, application }: Readonly<Record<string, unknown>>, subjects: KnownSubjects): Resolved {
  const part = user ?? application
  if (part === undefined) return NOBODY
  return isObject(part) && formatOf(part) === "complex"
    ? { malformed: "a complex subject within another" }
    : resolveSubject(part, subjects)
}

function resolveValue(id: Readonly<Record<string, unknown>>, format: ValueFormat, subjects: KnownSubjects): Resolved {
  const value = id[VALUE_OF[format]]
  if (!isName(value)) return { malformed: `the subject has no usable \`${VALUE_OF[format]}\`` }
  if (format !== "iss_sub")
    return (format === "uri" ? ofUri(value, subjects) : null) ?? ofPerson(format, value, null, subjects)
  const { iss } = id
  return isName(iss) ? ofIssuer(iss, value, subjects) : { malformed: "the subject has no usable `iss`" }
}

function isName(value: unknown): value is string {
  return typeof value === "string" && /^[^\p{Cc}\p{Cs}]{1,2048}$/u.test(value)
}

/** No session names anybody otherwise (credential/person.ts). */
const SUBJECT = /^.{1,255}$/su

function ofIssuer(iss: string, sub: string, subjects: KnownSubjects): Resolved {
  const issuer = subjects.issuers.find((each) => each.issuer === iss)
  if (!issuer) return FOREIGN
  if (!issuer.workloads) return ofPerson("iss_sub", sub, issuer.id, subjects)
  const agents = Array.from(subjects.agents.values()).filter(({ identities = [] }) =>
    identities.some((each) => each.kind === "workload" && each.issuer === issuer.id && each.subject === sub),
  )
  // The stream speaks of agents, and none is called so: as with people, it leads nowhere.
  if (agents.length === 0 && subjects.about.agents.length > 0) return NOBODY
  return ofAgents(
    agents.map(({ id }) => id),
    subjects,
  )
}

/** Of several agents that share the name all are meant, as far as the stream may speak of them. */
function ofAgents(agents: readonly string[], { about }: KnownSubjects): Resolved {
  const allowed = agents.filter((agent) => about.agents.includes("*") || about.agents.includes(agent))
  return allowed.length === 0 ? FOREIGN : { targets: allowed.map((agent) => ({ kind: "agent", agent })) }
}

/** Null: it is neither an agent's nor that of a key of ours. */
function ofUri(uri: string, subjects: KnownSubjects): Resolved | null {
  if (subjects.agents.has(uri)) return ofAgents([uri], subjects)
  const place = `${subjects.us}/.well-known/jwks.json#`
  if (!uri.startsWith(place)) return null
  const kid = uri.slice(place.length)
  if (!/^[\w.~-]{1,128}$/.test(kid)) return { malformed: "no key can have that id" }
  return subjects.about.keys ? { targets: [{ kind: "key", kid }] } : FOREIGN
}

/** @param issuer that the name says itself; null: it does not, and the stream's entry says whose it is */
function ofPerson(
  format: ValueFormat,
  value: string,
  issuer: string | null,
  { about, issuers }: KnownSubjects,
): Resolved {
  const entry = about.users.find((each) => each.by.includes(format) && (issuer === null || each.issuer === issuer))
  if (!entry) return issuer === null ? NOBODY : FOREIGN
  const url = issuers.find(({ id }) => id === entry.issuer)?.issuer
  return url === undefined || !SUBJECT.test(value) ? NOBODY : { targets: [{ kind: "user", user: `${url}|${value}` }] }
}
