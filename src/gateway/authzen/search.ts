/**
 * The three searches: which subjects, resources or actions are permitted. Each stored candidate is evaluated as a
 * single evaluation would be, until the page is full, or so many were evaluated that the client must send another
 * request. Entities that are not stored are not found, such as users, whom only their tokens describe.
 */
import type { Bundle } from "../../core/policy/assemble.ts"
import type { QueryClient } from "../../core/policy/definition/gateways.ts"
import { entity, type EntityRef } from "../../core/policy/cedar/values/value.ts"
import { OutOfWork, type Work } from "../../core/encoding/work.ts"
import type { EvaluationAnswer } from "./answer.ts"
import type { Span } from "./page.ts"
import type { Search, SearchedEntity } from "./question.ts"
import { isPermitted, readSituation, type Asserted } from "./situation.ts"
import { actionOf, nameOf, typeOf } from "./vocabulary.ts"

/** Candidates that one request evaluates. */
const MAX_CANDIDATES = 1_000
/**
 * If the request asserts properties of its subject or resource, each candidate is combined with them, which costs five
 * times as much.
 */
const MAX_ASSERTED = 200

export interface SearchPage {
  readonly results: readonly unknown[]
  /** Where the next page begins; null if there is none. */
  readonly rest: Span | null
  /** Why nothing can be found, if the request cannot be decided. */
  readonly context?: Readonly<Record<string, unknown>>
}

const NOTHING: SearchPage = { results: [], rest: null }

export function search(
  sought: SearchedEntity,
  { subject, action, resource, context }: Search,
  { after, limit }: Span,
  client: QueryClient,
  bundle: Bundle,
  work: Work,
): SearchPage {
  const subjectType = typeOf(client, subject.type)
  const resourceType = typeOf(client, resource.type)
  if (subjectType === null || resourceType === null) return NOTHING
  const properties = { subject: subject.properties, action: action?.properties ?? {}, resource: resource.properties }
  const read = (of: EntityRef): Asserted | EvaluationAnswer =>
    readSituation({ ...properties, context }, { principal: subjectType, action: of, resource: resourceType }, bundle)
  // What an action's context holds depends on the action: each that is looked for is asked with its own.
  const shared = action && read(actionOf(client, action.name))
  if (shared && "decision" in shared) return shared.context ? { ...NOTHING, context: shared.context } : NOTHING

  const type = { subject: subjectType, resource: resourceType, action: client.action_type }[sought]
  const isAsserted = Object.keys(subject.properties).length > 0 || Object.keys(resource.properties).length > 0
  const most = isAsserted ? MAX_ASSERTED : MAX_CANDIDATES
  const results: unknown[] = []
  let last = after
  let looked = 0
  let fault: EvaluationAnswer["context"]
  for (const candidate of bundle.storedOf(type, after)) {
    if (results.length >= limit || looked >= most) return { results, rest: { after: last, limit } }
    looked += 1
    last = candidate.id
    const parties = {
      principal: subject.id === null ? candidate : entity(subjectType, subject.id),
      action: action === null ? candidate : actionOf(client, action.name),
      resource: resource.id === null ? candidate : entity(resourceType, resource.id),
    }
    const situation = shared ?? read(parties.action)
    if ("decision" in situation) {
      fault ??= situation.context
      continue
    }
    try {
      if (!isPermitted(bundle, parties, situation, work)) continue
    } catch (error) {
      if (!(error instanceof OutOfWork)) throw error
      // Not found, and the next request begins behind it.
      return { results, rest: { after: last, limit } }
    }
    const { id } = candidate
    const name = sought === "action" ? nameOf(client, id) : null
    if (sought !== "action") results.push({ type: (sought === "subject" ? subject : resource).type, id })
    else if (name !== null) results.push({ name })
  }
  return results.length === 0 && fault ? { ...NOTHING, context: fault } : { results, rest: null }
}
