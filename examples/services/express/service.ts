/** Returns a ticket, and which agent calls: only calls that Narrowgate has allowed arrive. */
import express from "express"
import { callerOf, expressMiddleware } from "narrowgate/server"

const { NARROWGATE = "", AUDIENCE = "" } = process.env
const tools = { "crm.tickets.get": "GET /crm/tickets/{ticket}" }
const app = express()
app.use(expressMiddleware({ issuer: NARROWGATE, audience: AUDIENCE, tools }))
app.get("/crm/tickets/:ticket", (req, res) => res.json({ ticket: req.params.ticket, agent: callerOf(req).agent }))
app.listen(Number(process.env["PORT"] ?? 8080))
