import { expect, it } from "vitest"
import { requestFor } from "../../../cli/remote/call-route.ts"

const ORIGIN = "http://127.0.0.1:8080"
const route = (method: "GET" | "POST", path: string) => ({ origin: ORIGIN, methods: [method], path, integers: [] })

it("puts arguments into the path that names them, and the others into the query", () => {
  const { url, method, body } = requestFor(route("GET", "/crm/tickets/{ticket}"), {
    ticket: "a/b",
    limit: 5,
    tag: "x&y",
  })
  expect({ method, body }).toEqual({ method: "GET", body: null })
  expect(url.href).toBe(`${ORIGIN}/crm/tickets/a%2Fb?limit=5&tag=x%26y`)
})

it("puts them into the body of what changes something", () => {
  const { url, body } = requestFor(route("POST", "/crm/tickets/{ticket}/replies"), { ticket: 42, text: "hi" })
  expect(url.pathname).toBe("/crm/tickets/42/replies")
  expect(body).toBe('{"text":"hi"}')
})

it("calls nothing without an argument that the path names", () => {
  expect(() => requestFor(route("GET", "/crm/tickets/{ticket}"), { tiket: "7" })).toThrow(
    "the path /crm/tickets/{ticket} needs the argument `ticket`",
  )
})
