/** Authenticates the caller of a management request, and authorizes the request. */
import type { DecisionRecord } from "../core/record/record.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { ManagedThing } from "../core/policy/management.ts"
import { userId } from "../core/policy/principals.ts"
import { PUBLICATION_HEADER, publisherOf, readHistoryRequest, readPublication } from "../bundles/publication.ts"
import type { RequestContext } from "../request-context.ts"
import { managedThing, type Access, type Endpoint } from "./contract/endpoint.ts"
import { authenticateOperator, permitOperator, type AuthenticatedOperator } from "./operator.ts"
import { isApiError, type ApiError } from "./outcome.ts"
import { approvingCallerOf, personOf, recordedApprover } from "./person.ts"
import { agentCallerOf, noSuchTask, taskCallerOf } from "./task-caller.ts"

export interface Caller {
  /**
   * The caller as the handler expects it; null for an operator until the body names what the request is about and
   * policy permits it.
   */
  readonly who: object | null
  readonly authenticated?: AuthenticatedOperator
  /** What the decision record says of the caller. */
  readonly record: Partial<DecisionRecord>
  /** Set for agents: an agent sends no body when it ends its task. */
  readonly ignoresBody?: true
}

export interface Incoming {
  readonly request: Request
  readonly parameters: Readonly<Record<string, string>>
  readonly context: RequestContext
}

/** @param bundle null if no bundle can be loaded; then only a publisher is authenticated */
export async function callerOf(
  { access, path }: Pick<Endpoint, "access" | "path">,
  incoming: Incoming,
  bundle: Bundle | null,
): Promise<Caller | ApiError> {
  const { request, context, parameters } = incoming
  if (access.by === "publisher") return publisher(access.statement, request, context)
  if (!bundle) return NO_BUNDLE
  switch (access.by) {
    case "operator": {
      const authenticated = await authenticateOperator(request, access.role, bundle, context)
      if (isApiError(authenticated)) return authenticated
      const caller = { who: null, authenticated, record: {} }
      return access.thingsIn ? caller : permit(caller, managedThing(path, access.area, parameters), bundle)
    }
    case "task": {
      const who = await taskCallerOf(
        request,
        access.role,
        managedThing(path, access.area, parameters),
        parameters["task"] ?? "",
        bundle,
        context,
      )
      if (isApiError(who)) return who
      // The ledger verifies an agent's token, and only then may a record name the agent.
      return who.kind === "operator" ? { who, record: who.permitted } : { who, record: {}, ignoresBody: true }
    }
    case "agent": {
      const who = await agentCallerOf(request, parameters["task"] ?? "", bundle, context)
      // The agent of an ancestor learns of it from the task's own agent.
      if (!isApiError(who) && who.verified.claims.task !== parameters["task"])
        return noSuchTask(parameters["task"] ?? "")
      return isApiError(who) ? who : { who, record: {}, ignoresBody: true }
    }
    case "approver": {
      const { role } = access
      const { target } = managedThing(path, access.area, parameters)
      const who = await approvingCallerOf(request, role, target, bundle, context)
      return isApiError(who) ? who : { who, record: recordedApprover(who) }
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

/** Evaluates policy once the body has named what the request is about. */
export function permitAfterBody(caller: Caller, access: Access, body: object, bundle: Bundle): Caller | ApiError {
  if (access.by !== "operator" || !access.thingsIn || !caller.authenticated) return caller
  const { authenticated } = caller
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema of this very entry has read it
  const answers = access.thingsIn(body as never).map(({ area = access.area, kind, target, method }) => {
    const by = method ? { ...authenticated, method } : authenticated
    return permit({ ...caller, authenticated: by }, { area, kind, target }, bundle)
  })
  // The record names the rules that permit the first thing.
  const [first = caller] = answers
  return answers.find(isApiError) ?? first
}

function permit(caller: Caller, thing: ManagedThing, bundle: Bundle): Caller | ApiError {
  if (!caller.authenticated) return caller
  const permitted = permitOperator(caller.authenticated, thing, bundle)
  return isApiError(permitted) ? permitted : { who: permitted, record: permitted }
}

async function publisher(
  statement: "publication" | "history",
  request: Request,
  { config, receivedAt }: RequestContext,
): Promise<Caller | ApiError> {
  const jws = request.headers.get(PUBLICATION_HEADER) ?? ""
  if (statement === "history") {
    const who = await readHistoryRequest(jws, config, receivedAt)
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
