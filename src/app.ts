/** Every URL of the Worker, on one screen. */
import { Hono, type Context, type ErrorHandler } from "hono"
import { cors } from "hono/cors"
import { METHOD_NAME_ALL } from "hono/router"
import { access } from "./gateway/authzen/endpoint.ts"
import { pdpMetadata } from "./gateway/authzen/metadata.ts"
import { evaluate, evaluateAll, searchFor } from "./gateway/authzen/operations.ts"
import { consolePages } from "./console/console.tsx"
import { authorizationEndpoint } from "./authorization-server/consent/authorization-endpoint.ts"
import { backchannelAuthorize } from "./authorization-server/consent/backchannel.ts"
import { introspect, revoke } from "./authorization-server/introspection.ts"
import { register } from "./authorization-server/registration/endpoint.ts"
import { token } from "./authorization-server/token/endpoint.ts"
import { authorizationServer, protectedResource } from "./authorization-server/metadata.ts"
import { filterTools } from "./gateway/filter-tools.ts"
import { authorization, denyElsewhere, forEnvoy } from "./gateway/endpoint.ts"
import { FILTER_KEY_HEADER, KEY_HEADER } from "./gateway/registry.ts"
import { settleCall, SETTLE_KEY_HEADER } from "./gateway/settle-call.ts"
import { claimDeployment } from "./api/claim.ts"
import { metrics } from "./api/metrics.ts"
import { addManagementRoutes } from "./api/router.ts"
import { CALLBACK } from "./web/provider.ts"
import { signIn, signInCallback, signOut } from "./web/sign-in.tsx"
import { takeEvents } from "./revocation/events-endpoint.ts"
import { answerUnowned } from "./bundles/ownership.ts"
import { isOwned, loopbackOf } from "./platform/config.ts"
import { bundleFor, newestBundleFor, requestContext, type RequestContext } from "./request-context.ts"
import { logEvent } from "./platform/log.ts"
import { rawTarget } from "./platform/raw-target.ts"

/** Keys and metadata change rarely, and an unknown `kid` makes a client fetch the cached keys again. */
const PUBLIC = { "Cache-Control": "public, max-age=300" }
const NO_STORE = { "Cache-Control": "no-store" }

const context = (c: Context<{ Bindings: Env }>): RequestContext =>
  requestContext(c.env, (work) => c.executionCtx.waitUntil(work))

const CLAIM_PATH = "/v1/claim"
/** What is served although it is not known whose the deployment is. */
const BEFORE_OWNED: ReadonlySet<string> = new Set([CLAIM_PATH, "/healthz"])

/** The Worker's door. Until it is known whose the deployment is, nothing is decided, issued or served but the claim. */
export function serve(request: Request, env: Env, execution: ExecutionContext): Response | Promise<Response> {
  return isOwned() ? app.fetch(request, env, execution) : serveUnowned(request, env, execution)
}

async function serveUnowned(request: Request, env: Env, execution: ExecutionContext): Promise<Response> {
  // With a strange `Host`, the URL is none.
  const [pathname = ""] = rawTarget(request).split("?", 1)
  const isOpen = BEFORE_OWNED.has(pathname) && !request.headers.has(KEY_HEADER)
  try {
    const answer = isOpen ? null : await answerUnowned(env, (work) => execution.waitUntil(work))
    if (answer) return isOfEnvoy(pathname, request) ? forEnvoy(answer) : answer
  } catch (error) {
    // A configuration that cannot be read is reported as any other failure.
    return unforeseen(error, pathname, request)
  }
  return app.fetch(request, env, execution)
}

export const app = new Hono<{ Bindings: Env }>()
/** All routes besides those by which gateways authorize calls. They are separate, so that the guard before them costs those calls nothing. */
const others = new Hono<{ Bindings: Env }>()

app.all("/authz/envoy/*", (c) => authorization(c, "/authz/envoy", c.req.header(KEY_HEADER) ?? null))
app.all("/authz/forward", (c) => authorization(c, "/authz/forward", c.req.header(KEY_HEADER) ?? null))
app.all("/authz/forward/:key", (c) => authorization(c, "/authz/forward", c.req.param("key")))

// A gateway's key opens the paths above and nothing else, whatever its path turns out to be: a zone that normalises
// `..` would otherwise turn `/authz/envoy/../../healthz` into a 200, and so into an allow.
app.notFound((c) => others.fetch(c.req.raw, c.env, c.executionCtx))
others.use(async (c, next) => {
  const key = c.req.header(KEY_HEADER)
  return key === undefined ? next() : denyElsewhere(key, context(c))
})

// Clients that run in a browser page read these from any origin (Fetch standard, "CORS protocol"). Nothing here goes by a
// cookie, so a page gets what any other program on the same machine would; a credential is in a header of its own.
const forPages = cors({
  origin: "*",
  allowMethods: ["GET", "HEAD", "POST"],
  allowHeaders: [
    "Authorization",
    "Content-Type",
    "DPoP",
    "MCP-Protocol-Version",
    "Prefer",
    "traceparent",
    "tracestate",
  ],
  exposeHeaders: [
    "Date",
    "DPoP-Nonce",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
    "X-Narrowgate-Code",
    "X-Narrowgate-Decision",
  ],
  maxAge: 86_400,
})
const OF_OAUTH = ["/.well-known/*", "/oauth/register", "/oauth/token", "/oauth/revoke"]
/** Of its own task an agent in a page ends it, and reads what has become of an approval. */
const OF_A_TASK = ["/v1/tasks/:task/complete", "/v1/tasks/:task/approvals/:approval"]
for (const path of [...OF_OAUTH, ...OF_A_TASK]) others.use(path, forPages)

// A proof states when it was made: a client whose clock is off learns the time from the answer that rejects its proof.
// An operator's command compares clocks by `/healthz`. Not every runtime adds the header (RFC 9110, section 6.6.1).
for (const path of ["/healthz", "/oauth/token", ...OF_A_TASK]) {
  others.use(path, async (c, next) => {
    await next()
    c.header("Date", new Date().toUTCString())
  })
}

others.on(["GET", "POST"], "/oauth/authorize", authorizationEndpoint)
others.post("/oauth/token", token)
others.post("/oauth/bc-authorize", backchannelAuthorize)
others.post("/oauth/introspect", introspect)
others.post("/oauth/revoke", revoke)
others.post("/oauth/register", register)

others.get("/sign-in", signIn)
others.get(CALLBACK, signInCallback)
others.post("/sign-out", signOut)
// The console sends requests to the API like any other client.
others.route(
  "/console",
  consolePages(async (request, c) => app.fetch(request, c.env, c.executionCtx)),
)

others.post("/v1/tools/filter", (c) => filterTools(c.req.raw, c.req.header(FILTER_KEY_HEADER) ?? null, context(c)))
others.post("/v1/calls/:id/settle", (c) =>
  settleCall(c.req.raw, c.req.param("id"), c.req.header(SETTLE_KEY_HEADER) ?? null, context(c)),
)

others.post("/access/v1/evaluation", (c) => access(c.req.raw, evaluate, context(c)))
others.post("/access/v1/evaluations", (c) => access(c.req.raw, evaluateAll, context(c)))
others.post("/access/v1/search/subject", (c) => access(c.req.raw, searchFor("subject"), context(c)))
others.post("/access/v1/search/resource", (c) => access(c.req.raw, searchFor("resource"), context(c)))
others.post("/access/v1/search/action", (c) => access(c.req.raw, searchFor("action"), context(c)))

others.post("/v1/events", (c) => takeEvents(c.req.raw, context(c)))
others.post(CLAIM_PATH, (c) => claimDeployment(c.req.raw, c.env, (work) => c.executionCtx.waitUntil(work)))
addManagementRoutes(others)

others.get("/.well-known/oauth-authorization-server", async (c) =>
  c.json(authorizationServer(context(c).config.issuer, await bundleFor(context(c))), 200, PUBLIC),
)
others.get("/.well-known/authzen-configuration", (c) => c.json(pdpMetadata(context(c).config.issuer), 200, PUBLIC))
others.get("/.well-known/jwks.json", async (c) => c.json({ keys: await context(c).keys.published() }, 200, PUBLIC))
for (const path of ["/:gateway", "/:gateway/*"] as const) {
  others.get(`/.well-known/oauth-protected-resource${path}`, async (c) => {
    const [below = ""] = /(?<=^\/[^/]+\/[^/]+\/[^/]+)\/.+$/.exec(c.req.path) ?? []
    const query = { gateway: c.req.param("gateway"), path: below, origin: c.req.query("origin") ?? null }
    const bundle = await bundleFor(context(c))
    const found = bundle && protectedResource(query, bundle, context(c).config.issuer)
    return found ? c.json(found, 200, PUBLIC) : c.notFound()
  })
}

// It is a text in the bundle. As an object, it would be compiled in every isolate that starts.
others.get("/openapi.json", async (c) => {
  const found: { readonly default: unknown } = await import("../docs/reference/openapi.json", {
    with: { type: "text" },
  })
  return c.body(String(found.default), 200, { ...PUBLIC, "Content-Type": "application/json" })
})

others.get("/metrics", async (c) => metrics(c.req.raw, context(c)))
others.get("/healthz", (c) => c.json({ status: "alive", loopback: loopbackOf(c.env) }, 200, NO_STORE))
others.get("/readyz", async (c) => {
  const newest = await newestBundleFor(context(c))
  if (newest && (await context(c).keys.published()).length > 0)
    return c.json({ status: "ready", bundle: newest.pointer }, 200, NO_STORE)
  const deciding = await bundleFor(context(c))
  const body = { status: "not ready", bundle: deciding && deciding.pointer }
  return c.json(body, 503, { ...NO_STORE, "Retry-After": "5" })
})

others.notFound((c) => {
  const { method, path } = c.req
  const isServed = (by: string): boolean =>
    others.router.match(by, path)[0].some(([[, route]]) => route.method !== METHOD_NAME_ALL)
  // RFC 9110, section 15.5.6. A preflight is answered where pages of other origins may call, and nowhere else.
  const allowed = method === "OPTIONS" || isServed(method) ? [] : METHODS.filter(isServed)
  if (allowed.length === 0) return c.json({ error: "not_found", error_description: NOTHING_HERE }, 404, NO_STORE)
  const Allow = allowed.flatMap((each) => (each === "GET" ? ["GET", "HEAD"] : [each])).join(", ")
  const body = { error: "method_not_allowed", error_description: `This path takes ${Allow}.` }
  return c.json(body, 405, { ...NO_STORE, Allow })
})

const METHODS = ["GET", "POST", "PUT", "DELETE"] as const
const NOTHING_HERE = "There is nothing here."

// An exception is a defect or an outage: the request is denied, and no stack trace is shown.
const failed: ErrorHandler<{ Bindings: Env }> = (error, c) => unforeseen(error, c.req.path, c.req.raw)

function unforeseen(error: unknown, path: string, request: Request): Response {
  logEvent("failed", { method: request.method, error: String(error) })
  const body = { error: "unavailable", error_description: "No decision could be made." }
  const answer = Response.json(body, { status: 503, headers: { ...NO_STORE, "Retry-After": "5" } })
  return isOfEnvoy(path, request) ? forEnvoy(answer) : answer
}

/** Wherever a client's path has led Envoy's request: a gateway's key elsewhere than at its endpoint may be Envoy's. */
function isOfEnvoy(path: string, { headers }: Request): boolean {
  return path.startsWith("/authz/envoy/") || (headers.has(KEY_HEADER) && !path.startsWith("/authz/forward"))
}

app.onError(failed)
others.onError(failed)

/** Every route, for the test that holds the description of the endpoints against them. */
export const routes = (): readonly { readonly method: string; readonly path: string }[] => [
  ...app.routes,
  ...others.routes,
]

// Hono compiles its route matchers at the first match, so the Worker matches once before the first request.
app.router.match("GET", "/authz/forward")
others.router.match("GET", "/healthz")
