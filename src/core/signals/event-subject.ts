/**
 * The subject of an event: resolves its subject identifier (RFC 9493, and the complex ones of SSF) to people, agents or
 * keys that we know by that name and about which the stream may report. A stream of one provider may not report about
 * another's people: an identifier that resolves to them is rejected, and one that resolves to nothing has no effect.
 * Pure.
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

/** `foreign`: it names a subject about which the stream may not report. */
export type Resolved =
  | { readonly targets: readonly Target[] }
  | { readonly foreign: true }
  | { readonly malformed: string }

/** What identifiers can resolve to. */
export interface KnownSubjects {
  readonly about: StreamDefinition["about"]
  readonly issuers: readonly IssuerDefinition[]
  readonly agents: Lookup<AgentDefinition>
  /** Our own URL. */
  readonly us: string
}

const NO_TARGETS: Resolved = { targets: [] }
const FOREIGN: Resolved = { foreign: true }

/** More identifiers than any one subject has. */
const MAX_ALIASES = 16

/** @param id of `sub_id`, or of `subject` in an event, as in drafts before RFC 9493 */
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
      return isValueFormat(format) ? resolveValue(id, format, subjects) : NO_TARGETS
  }
}

/**
 * RFC 9493, section 3. In its drafts the member was called `subject_type`, and `iss_sub` `iss-sub`; SSF's complex
 * subjects had no format.
 */
function formatOf({ format, subject_type: before, user }: Readonly<Record<string, unknown>>): string | null {
  if (typeof format === "string") return format
  if (typeof before === "string") return before.replaceAll("-", "_")
  return format === undefined && before === undefined && isObject(user) ? "complex" : null
}

/**
 * RFC 9493, section 3.2.8: several identifiers of one subject. Those about which the stream may not report are skipped.
 */
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

/** Neither may be within aliases: deeper nesting resolves to nothing. */
const NO_ALIAS: ReadonlySet<string | null> = new Set(["aliases", "complex"])

function distinct(targets: readonly Target[]): readonly Target[] {
  return [...new Map(targets.map((target) => [JSON.stringify(target), target])).values()]
}

/**
 * SSF: a person, in this session, on that device … We store no sessions of others and know no devices. So the event is
 * about the person as a whole, which revokes more than was meant, and never less; without a person, it is about an
 * application.
 */
function resolveComplex({ user, application }: Readonly<Record<string, unknown>>, subjects: KnownSubjects): Resolved {
  const part = user ?? application
  if (part === undefined) return NO_TARGETS
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

/** No session names a user otherwise (credentials/person.ts). */
const SUBJECT = /^.{1,255}$/su

function ofIssuer(iss: string, sub: string, subjects: KnownSubjects): Resolved {
  const issuer = subjects.issuers.find((each) => each.issuer === iss)
  if (!issuer) return FOREIGN
  if (!issuer.workloads) return ofPerson("iss_sub", sub, issuer.id, subjects)
  const agents = Array.from(subjects.agents.values()).filter(({ identities = [] }) =>
    identities.some((each) => each.kind === "workload" && each.issuer === issuer.id && each.subject === sub),
  )
  // The stream reports about agents, and none has this name: as with people, it resolves to nothing.
  if (agents.length === 0 && subjects.about.agents.length > 0) return NO_TARGETS
  return ofAgents(
    agents.map(({ id }) => id),
    subjects,
  )
}

/** If several agents share the name, all of them are meant about which the stream may report. */
function ofAgents(agents: readonly string[], { about }: KnownSubjects): Resolved {
  const allowed = agents.filter((agent) => about.agents.includes("*") || about.agents.includes(agent))
  return allowed.length === 0 ? FOREIGN : { targets: allowed.map((agent) => ({ kind: "agent", agent })) }
}

/** Null if it names neither an agent nor one of our keys. */
function ofUri(uri: string, subjects: KnownSubjects): Resolved | null {
  if (subjects.agents.has(uri)) return ofAgents([uri], subjects)
  const place = `${subjects.us}/.well-known/jwks.json#`
  if (!uri.startsWith(place)) return null
  const kid = uri.slice(place.length)
  if (!/^[\w.~-]{1,128}$/.test(kid)) return { malformed: "no key can have that id" }
  return subjects.about.keys ? { targets: [{ kind: "key", kid }] } : FOREIGN
}

/** @param issuer that the identifier names; null: it names none, and the stream's entry determines it */
function ofPerson(
  format: ValueFormat,
  value: string,
  issuer: string | null,
  { about, issuers }: KnownSubjects,
): Resolved {
  const entry = about.users.find((each) => each.by.includes(format) && (issuer === null || each.issuer === issuer))
  if (!entry) return issuer === null ? NO_TARGETS : FOREIGN
  const url = issuers.find(({ id }) => id === entry.issuer)?.issuer
  return url === undefined || !SUBJECT.test(value)
    ? NO_TARGETS
    : { targets: [{ kind: "user", user: `${url}|${value}` }] }
}
