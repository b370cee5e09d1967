/** The same small service, written with each framework. Each answers with what it has read. */
import { createServer, type RequestListener } from "node:http"
import { getRequestListener } from "@hono/node-server"
import express5 from "express"
import express4 from "express4"
import { Hono } from "hono"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { callerOf, expressMiddleware, honoMiddleware, type ServiceOptions } from "../../../server/index.ts"

const NOTES = "/crm/tickets/:ticket/notes"
const FILES = "/crm/tickets/:ticket/files"

/** @param before whether the framework's own parser of bodies stands before the middleware, or after it */
function withExpress(express: typeof express5, options: ServiceOptions, before: boolean): RequestListener {
  const app = express()
  app.get("/healthz", (_request, response) => void response.send("up"))
  if (before) app.use(express.json())
  app.use(expressMiddleware(options))
  if (!before) app.use(express.json())
  app.get("/crm/tickets/:ticket", (request, response) => void response.json({ caller: callerOf(request) }))
  app.post(NOTES, (request, response) => void response.json({ caller: callerOf(request), body: request.body }))
  app.put(FILES, express.raw({ type: "*/*", limit: "2mb" }), (request, response) => void response.send(request.body))
  return app
}

function withHono(options: ServiceOptions, before: boolean): RequestListener {
  const app = new Hono()
  app.get("/healthz", (c) => c.text("up"))
  if (before)
    app.use(async (c, next) => {
      await c.req.text()
      await next()
    })
  app.use(honoMiddleware(options))
  app.get("/crm/tickets/:ticket", (c) => c.json({ caller: callerOf(c) }))
  app.post(NOTES, async (c) => c.json({ caller: callerOf(c), body: await c.req.json() }))
  app.put(FILES, async (c) => c.body(await c.req.arrayBuffer()))
  return getRequestListener(app.fetch)
}

export const SERVICES: Readonly<Record<string, (options: ServiceOptions) => RequestListener>> = {
  Hono: (options) => withHono(options, false),
  "Hono, with the body read before": (options) => withHono(options, true),
  "Express 5": (options) => withExpress(express5, options, false),
  "Express 5, with express.json() before": (options) => withExpress(express5, options, true),
  "Express 4": (options) => withExpress(express4, options, false),
  "Express 4, with express.json() before": (options) => withExpress(express4, options, true),
}

export const TOOLS = {
  "crm.tickets.get": "GET /crm/tickets/{ticket}",
  "crm.tickets.note": { methods: ["POST"], path: "/crm/tickets/{ticket}/notes", integers: ["ticket"] },
  "crm.tickets.attach": { methods: ["PUT"], path: "/crm/tickets/{ticket}/files", unhashed: true },
} as const

export async function startService(handler: RequestListener): Promise<Listening> {
  return listen(createServer(handler), 0)
}
