/** Every URL of the Worker, on one screen. */
import { Hono } from "hono"
import { configOf } from "./config.ts"
import { token } from "./exchange/handle.ts"
import { keyRing } from "./exchange/key-ring.ts"
import { authorizationServer, protectedResource } from "./exchange/metadata.ts"
import { authorization, refusal } from "./gateway/handle.ts"
import { KEY_HEADER } from "./gateway/registry.ts"
import { listDecisions, showDecision } from "./manage/decisions.ts"
import { manage } from "./manage/handle.ts"
import { completeTask, describeTask } from "./manage/tasks.ts"
import { bundleFor, rawTarget, surroundingsOf } from "./surroundings.ts"
import { logEvent } from "./log.ts"

export const app = new Hono<{ Bindings: Env }>()

// A gateway's key opens the authorization paths and nothing else, whatever its path turns out to be: a zone that
// normalises `..` would otherwise turn `/authz/envoy/../../healthz` into a 200, and so into an allow.
app.use(async (c, next) => {
  if (!c.req.raw.headers.has(KEY_HEADER) || rawTarget(c.req.raw).startsWith("/authz/")) return next()
  return refusal(
    { reason: "gateway_unknown" },
    surroundingsOf(c.env, (work) => c.executionCtx.waitUntil(work)),
  )
})

app.all("/authz/envoy/*", (c) => authorization(c, "/authz/envoy", c.req.header(KEY_HEADER) ?? null))
app.all("/authz/forward", (c) => authorization(c, "/authz/forward", c.req.header(KEY_HEADER) ?? null))
app.all("/authz/forward/:key", (c) => authorization(c, "/authz/forward", c.req.param("key")))

app.post("/oauth/token", token)

app.get("/v1/tasks/:id", (c) =>
  manage(c, "management", (request, bundle, around) => describeTask(request, c.req.param("id"), bundle, around)),
)
app.post("/v1/tasks/:id/complete", (c) =>
  manage(c, "end", (request, bundle, around) => completeTask(request, c.req.param("id"), bundle, around)),
)
app.get("/v1/decisions", (c) => manage(c, "management", listDecisions))
app.get("/v1/decisions/:id", (c) =>
  manage(c, "management", (request, bundle, around) => showDecision(request, c.req.param("id"), bundle, around)),
)

app.get("/.well-known/oauth-authorization-server", (c) => c.json(authorizationServer(configOf(c.env).issuer)))
app.get("/.well-known/jwks.json", async (c) => c.json({ keys: await keyRing(c.env).publicKeys() }))
app.get("/.well-known/oauth-protected-resource/:gateway", async (c) => {
  const bundle = await bundleFor(surroundingsOf(c.env, (work) => c.executionCtx.waitUntil(work)))
  const found = bundle && protectedResource(c.req.param("gateway"), bundle, configOf(c.env).issuer)
  return found ? c.json(found) : c.notFound()
})

app.get("/healthz", (c) => c.json({ status: "alive" }))
app.get("/readyz", async (c) => {
  const bundle = await bundleFor(surroundingsOf(c.env, (work) => c.executionCtx.waitUntil(work)))
  const keys = await keyRing(c.env).publicKeys()
  const ready = bundle !== null && keys.length > 0
  return ready ? c.json({ status: "ready", bundle: bundle.pointer }) : c.json({ status: "not ready" }, 503)
})

app.notFound((c) => c.json({ error: "not_found", error_description: "There is nothing here." }, 404))

// Whatever is thrown is a defect or an outage; nobody is let through, and nobody is shown a stack.
app.onError((error, c) => {
  logEvent("failed", { method: c.req.method, error: String(error) })
  return c.json({ error: "unavailable", error_description: "No decision could be made." }, 503, { "Retry-After": "5" })
})
