/** Returns a ticket, and which agent calls: only calls that Narrowgate has allowed arrive. */
import { Hono } from "hono"
import { callerOf, honoMiddleware } from "narrowgate/server"

const { NARROWGATE = "", AUDIENCE = "" } = process.env
const tools = { "crm.tickets.get": "GET /crm/tickets/{ticket}" }
const app = new Hono()
app.use(honoMiddleware({ issuer: NARROWGATE, audience: AUDIENCE, tools }))
app.get("/crm/tickets/:ticket", (c) => c.json({ ticket: c.req.param("ticket"), agent: callerOf(c).agent }))
export default app
