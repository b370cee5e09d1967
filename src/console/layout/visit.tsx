/**
 * A visit to the console: who it is, as their session's token says, and the API that they reach with it. A page shows what
 * the API answers to its reader and does what the API lets them do: it has no authority of its own.
 */
import type { Context } from "hono"
import { recordAtEdge } from "../../audit/edge-recorder.ts"
import { recordOf } from "../../core/record/record.ts"
import { operatorBy } from "../../credentials/operator-token.ts"
import { verifyPersonToken } from "../../credentials/person-token.ts"
import { isRejected } from "../../core/denials/terms/credential-rejection.ts"
import { isObject } from "../../core/encoding/json.ts"
import { readForm, type Form } from "../../web/form.ts"
import { plainPage, seeOther, type Reader } from "../../web/page.tsx"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId } from "../../core/policy/principals.ts"
import type { Role } from "../../core/policy/definition/operators.ts"
import { newId } from "../../platform/new-id.ts"
import { signInLocation } from "../../web/sign-in.tsx"
import { sessionOf, type SignedIn } from "../../web/session.ts"
import { bundleFor, requestContext, type RequestContext } from "../../request-context.ts"

export type Pages = Context<{ Bindings: Env }>
/** Asks the Worker's own API. */
export type AskApi = (request: Request, c: Pages) => Promise<Response>

export interface SignedInUser extends Reader {
  /** Issuer and subject, joined by `|`. */
  readonly user: string
  /** In operators.yaml; nobody's who is only asked for approvals. */
  readonly roles: readonly Role[]
}

/** What the API answered. */
export interface ApiResponse {
  readonly status: number
  /** JSON. */
  readonly body: unknown
}

/** They may look at what operators do, whatever else. */
export const isOperator = ({ roles }: SignedInUser): boolean => roles.length > 0
/** As the API will judge, too: a page only spares them the way. */
export const mayStop = ({ roles }: SignedInUser): boolean => roles.includes("operator")

/** Of an answer that says nothing of why. */
export const UNSAID = "the API did not say why."

/** What an answer of the API says of why it is not the one that was asked for; null: nothing. */
export function descriptionOf({ body }: ApiResponse): string | null {
  const said = isObject(body) ? body["error_description"] : null
  return typeof said === "string" ? said : null
}

export interface PageRequest {
  readonly c: Pages
  readonly visitor: SignedInUser
  readonly context: RequestContext
  /** @param path with its query, such as `/v1/tasks/…` */
  readonly ask: (method: "GET" | "POST" | "DELETE", path: string, body?: unknown) => Promise<ApiResponse>
}

/** A page, for whoever is signed in; whoever is not signs in and comes back to it. */
export function view(api: AskApi, show: (visit: PageRequest) => Promise<Response>) {
  return async (c: Pages): Promise<Response> => {
    const here = new URL(c.req.url)
    const visit = await visitOf(c, api, here.pathname + here.search)
    return visit instanceof Response ? visit : show(visit)
  }
}

/** What a form of a page does. @param page where whoever is not signed in any more comes back to */
export function act(
  api: AskApi,
  page: (c: Pages) => string,
  work: (visit: PageRequest, form: Form) => Promise<Response>,
) {
  return async (c: Pages): Promise<Response> => {
    const visit = await visitOf(c, api, page(c))
    if (visit instanceof Response) return visit
    const { context, visitor, session } = visit
    const form = await readForm(c.req.raw, session, context.config.issuer)
    if (!("refused" in form)) return work(visit, form)
    recordRefused(form.refused, visitor, c, context)
    return plainPage(
      "Nothing was done",
      <p>What was sent did not come from a page of your session. Open the page again.</p>,
      {
        status: form.refused === "body" ? 400 : 403,
        reader: visitor,
      },
    )
  }
}

async function visitOf(
  c: Pages,
  api: AskApi,
  returnTo: string,
): Promise<(PageRequest & { readonly session: SignedIn }) | Response> {
  const context = requestContext(c.env, (work) => c.executionCtx.waitUntil(work))
  const bundle = await bundleFor(context)
  if (!bundle) {
    return plainPage("Not now", <p>No bundle of policies could be loaded.</p>, { status: 503 })
  }
  const session = await sessionOf(c.req.raw, context)
  const visitor = session && (await signedInUserOf(session, bundle, context))
  if (!session || !visitor) return seeOther(signInLocation(returnTo))
  const ask: PageRequest["ask"] = async (method, path, body) => {
    const headers = { authorization: `Bearer ${session.token}`, "content-type": "application/json" }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const answer = await api(new Request(`${context.config.issuer}${path}`, init), c)
    const said: unknown = await answer.json()
    return { status: answer.status, body: said }
  }
  return { c, visitor, session, context, ask }
}

/** Null: the token is taken no more, as the rules are now. */
async function signedInUserOf(
  { token, csrf }: SignedIn,
  { issuers, operators }: Bundle,
  { config, fetchContext }: RequestContext,
): Promise<SignedInUser | null> {
  const person = await verifyPersonToken(token, issuers, config.issuer, fetchContext)
  if (isRejected(person)) return null
  const { issuer, subject } = person
  const user = userId({ issuer: issuer.issuer, subject })
  return { name: subject, csrf, user, roles: operatorBy(person, operators)?.roles ?? [] }
}

function recordRefused(
  what: string,
  { user }: SignedInUser,
  c: Pages,
  { env, receivedAt, background }: RequestContext,
): void {
  const denial = { reason: "form_refused", what } as const
  const known = {
    decision: "deny",
    code: "policy_denied",
    denial,
    operator: user,
    method: "POST",
    path: c.req.path,
  } as const
  recordAtEdge(
    env,
    recordOf({ ...known, id: newId("dec", receivedAt), at: receivedAt, kind: "management" }),
    background,
  )
}
