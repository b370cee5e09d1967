/** Serves the pages of the console: who signed in, whether they may open the page, and what its view or form answers. */
import { recordAtEdge } from "../../audit/edge-recorder.ts"
import type { ManagementDenial } from "../../core/denials/management-denial.ts"
import { isRejected } from "../../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId } from "../../core/policy/principals.ts"
import { recordOf } from "../../core/record/record.ts"
import { operatorBy } from "../../credentials/operator-token.ts"
import { verifyPersonToken } from "../../credentials/person-token.ts"
import { newId } from "../../platform/new-id.ts"
import { bundleFor, requestContext, type RequestContext } from "../../request-context.ts"
import { readForm } from "../../web/form.ts"
import { plainPage, seeOther, type Section } from "../../web/page.tsx"
import { sessionOf, type SignedIn } from "../../web/session.ts"
import { signInLocation } from "../../web/sign-in.tsx"
import { notPermitted } from "./frame.tsx"
import type { FormDefinition, PageDefinition } from "./page-definition.ts"
import { mayOpen, type PageContext, type PageRequest, type Readers, type SignedInUser } from "./page-request.ts"
import { SECTIONS } from "./sections.ts"

/** Sends a request to the Worker's own API. */
export type CallApi = (request: Request, c: PageContext) => Promise<Response>

/** What the pages of one console share. */
interface ConsoleSetup {
  readonly api: CallApi
  readonly pages: readonly PageDefinition[]
}

/** Answers a request for the page itself. */
export function viewOf(setup: ConsoleSetup, page: PageDefinition): (c: PageContext) => Promise<Response> {
  return async (c) => {
    const { pathname, search } = new URL(c.req.url)
    const request = await pageRequestOf(c, setup, page, pathname + search)
    if (request instanceof Response) return request
    return mayOpen(request.reader, page.readers) ? page.view(request) : deny(page.readers, request)
  }
}

/** Answers a form of the page. */
export function actOf(
  setup: ConsoleSetup,
  page: PageDefinition,
  { senders, returnTo, act }: FormDefinition,
): (c: PageContext) => Promise<Response> {
  return async (c) => {
    const request = await pageRequestOf(c, setup, page, `/console${returnTo ?? filled(page.path, c)}`)
    if (request instanceof Response) return request
    const { context, reader, session } = request
    const form = await readForm(c.req.raw, session, context.config.issuer)
    if ("refused" in form) {
      record({ reason: "form_refused", what: form.refused }, request)
      return plainPage("Nothing was changed", <p>This form is out of date. Reload the page and try again.</p>, {
        status: form.refused === "body" ? 400 : 403,
        reader,
      })
    }
    return mayOpen(reader, senders) ? act(request, form) : deny(senders, request)
  }
}

/** The path with the parameters of this request. */
function filled(path: string, { req }: PageContext): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(req.param(name) ?? ""))
}

function deny(required: Readers, request: PageRequest): Promise<Response> {
  record({ reason: "role_missing", what: required }, request)
  return notPermitted(request, required)
}

async function pageRequestOf(
  c: PageContext,
  { api, pages }: ConsoleSetup,
  { section, signedOut }: PageDefinition,
  returnTo: string,
): Promise<(PageRequest & { readonly session: SignedIn }) | Response> {
  const context = requestContext(c.env, (work) => c.executionCtx.waitUntil(work))
  const bundle = await bundleFor(context)
  if (!bundle) {
    const text = <p>No policy bundle could be loaded. Try again in a minute.</p>
    return plainPage("Temporarily unavailable", text, { status: 503 })
  }
  const session = await sessionOf(c.req.raw, context)
  const reader = session && (await signedInUserOf(session, bundle, context))
  if (!session || !reader) return signedOut?.() ?? seeOther(signInLocation(returnTo))
  const callApi: PageRequest["callApi"] = async (method, path, body) => {
    const headers = { authorization: `Bearer ${session.token}`, "content-type": "application/json" }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await api(new Request(`${context.config.issuer}${path}`, init), c)
    return { status: response.status, body: await response.json() }
  }
  return { c, section, sections: sectionsFor(reader, pages), reader, session, context, callApi }
}

/** The sections whose first page the reader may open. */
function sectionsFor(reader: SignedInUser, pages: readonly PageDefinition[]): readonly Section[] {
  return Object.values(SECTIONS).filter(({ href }) =>
    pages.some(({ path, readers }) => `/console${path}` === href && mayOpen(reader, readers)),
  )
}

/** Null if the token of the session is no longer accepted by the bundle of now. */
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

/** Records what the console denies before the API is called, which records all else. */
function record(denial: ManagementDenial, { c, reader, context }: PageRequest): void {
  const { env, receivedAt, background } = context
  const denied = { decision: "deny", code: "policy_denied", denial, operator: reader.user } as const
  const { method, path } = c.req
  const start = { id: newId("dec", receivedAt), at: receivedAt, kind: "management" } as const
  recordAtEdge(env, recordOf({ ...denied, method, path, ...start }), background)
}
