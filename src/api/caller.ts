/** Finds out who makes a request to manage, and whether they may. */
import type { DecisionRecord } from "../core/record/record.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { ManagedThing } from "../core/policy/management.ts"
import { userId } from "../core/policy/principals.ts"
import { PUBLICATION_HEADER, publisherOf, readHistoryQuestion, readPublication } from "../bundles/publication.ts"
import type { RequestContext } from "../request-context.ts"
import type { Access } from "./contract/endpoint.ts"
import { PARAMETERS } from "./contract/parameters.ts"
import { authenticateOperator, permitOperator, type Authenticated } from "./operator.ts"
import { isApiError, type ApiError } from "./outcome.ts"
import { answererOf, personOf, recordedAnswerer } from "./person.ts"
import { taskCallerOf } from "./task-caller.ts"

export interface Caller {
  /** As the handler is given them; of an operator whose body has yet to say what they are about, null. */
  readonly who: object | null
  readonly authenticated?: Authenticated
  /** What the record says of them. */
  readonly record: Partial<DecisionRecord>
  /** An agent says nothing about the end of its task. */
  readonly ignoresBody?: true
}

export interface Incoming {
  readonly request: Request
  readonly parameters: Readonly<Record<string, string>>
  readonly context: RequestContext
}

type ByRole = Exclude<Access, { readonly by: "person" | "publisher" }>

/** @param bundle null if none can be loaded: then nobody but a publisher is let in */
export async function callerOf(access: Access, incoming: Incoming, bundle: Bundle | null): Promise<Caller | ApiError> {
  const { request, context, parameters } = incoming
  if (access.by === "publisher") return publisher(access.statement, request, context)
  if (!bundle) return NO_BUNDLE
  switch (access.by) {
    case "operator": {
      const authenticated = await authenticateOperator(request, access.role, bundle, context)
      if (isApiError(authenticated)) return authenticated
      const caller = { who: null, authenticated, record: {} }
      return access.thingsIn ? caller : permit(caller, thingOf(access, parameters), bundle)
    }
    case "task": {
      const who = await taskCallerOf(
        request,
        access.role,
        thingOf(access, parameters),
        parameters["task"] ?? "",
        bundle,
        context,
      )
      if (isApiError(who)) return who
      // A record names an agent by itself once the ledger has taken its token.
      return who.kind === "operator" ? { who, record: who.permitted } : { who, record: {}, ignoresBody: true }
    }
    case "approver": {
      const { role } = access
      const { target } = thingOf(access, parameters)
      const who = await answererOf(request, role, target, bundle, context)
      return isApiError(who) ? who : { who, record: recordedAnswerer(who) }
    }
    case "person": {
      const who = await personOf(request, bundle, context)
      return isApiError(who) ? who : { who, record: { operator: userId(who.user) } }
    }
    default:
      return access satisfies never
  }
}

const NO_BUNDLE: ApiError = {
  error: "unavailable",
  description: "No bundle of policies could be loaded.",
  denial: { reason: "bundle_unavailable" },
}

/** Asks policy once the body has named what the request is about. */
export function permitAfterBody(caller: Caller, access: Access, body: object, bundle: Bundle): Caller | ApiError {
  if (access.by !== "operator" || !access.thingsIn || !caller.authenticated) return caller
  const { authenticated } = caller
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema of this very entry has read it
  const answers = access.thingsIn(body as never).map(({ area = access.area, kind, target, method }) => {
    const by = method ? { ...authenticated, method } : authenticated
    return permit({ ...caller, authenticated: by }, { area, kind, target }, bundle)
  })
  // The rules that permit the first are those of the record.
  const [first = caller] = answers
  return answers.find(isApiError) ?? first
}

function permit(caller: Caller, thing: ManagedThing, bundle: Bundle): Caller | ApiError {
  if (!caller.authenticated) return caller
  const permitted = permitOperator(caller.authenticated, thing, bundle)
  return isApiError(permitted) ? permitted : { who: permitted, record: permitted }
}

function thingOf({ area, thing: { kind, parameter } }: ByRole, parameters: Incoming["parameters"]): ManagedThing {
  const name = parameter === undefined ? null : (parameters[parameter] ?? "").slice(0, PARAMETERS[parameter].length)
  return { area, kind, target: name }
}

async function publisher(
  statement: "publication" | "history",
  request: Request,
  { config, receivedAt }: RequestContext,
): Promise<Caller | ApiError> {
  const jws = request.headers.get(PUBLICATION_HEADER) ?? ""
  if (statement === "history") {
    const who = await readHistoryQuestion(jws, config, receivedAt)
    if (who) return { who, record: { operator: publisherOf(who) } }
    return unsigned(`${PUBLICATION_HEADER} must hold a question that a publisher's key has signed just now.`)
  }
  const who = await readPublication(jws, config, receivedAt)
  if (!who) {
    return unsigned(
      `${PUBLICATION_HEADER} must hold a statement that a publisher's key has signed within five minutes.`,
    )
  }
  const { seq, digest } = who
  return { who, record: { operator: publisherOf(who), bundle: { seq, digest } } }
}

function unsigned(description: string): ApiError {
  return { error: "invalid_token", description, denial: { reason: "operator_rejected", because: null } }
}
