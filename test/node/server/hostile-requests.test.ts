/** Requests that a service would read otherwise than its middleware. */
import { createServer, connect } from "node:http2"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { expect, test } from "vitest"
import { expressMiddleware } from "../../../server/express.ts"
import { gatekeeper } from "../../../server/gatekeeper.ts"

const { privateKey, publicKey } = await generateKeyPair("ES256")
const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] }
const options = {
  issuer: "https://authz.example",
  audience: "crm",
  tools: { "crm.sync": "POST /sync" },
  fetch: async () => Response.json(keys),
} as const
/** As of a gateway that shows Narrowgate no bodies: without a hash of arguments. */
const token = await new SignJWT({
  req_wl: "a",
  scope: "crm.sync:write",
  txn: "t",
  tctx: { tool: "crm.sync", task: "t", purpose: "p", decision: "d" },
  rctx: { gateway: "g", environment: "e" },
})
  .setProtectedHeader({ alg: "ES256", kid: "k", typ: "txntoken+jwt" })
  .setIssuer(options.issuer)
  .setAudience(options.audience)
  .setSubject("a")
  .setIssuedAt()
  .setExpirationTime("5m")
  .sign(privateKey)

test("a body of HTTP/2, which needs no Content-Length, counts as unseen arguments", async () => {
  const check = expressMiddleware(options)
  const server = createServer((request, response) => {
    const adapted = Object.assign(request, { originalUrl: request.url })
    void check(
      adapted,
      { status: (status) => (response.statusCode = status), set: () => undefined, json: () => response.end() },
      () => response.end("handled"),
    )
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const client = connect(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`)
  const stream = client.request({
    ":method": "POST",
    ":path": "/sync",
    "txn-token": token,
    "content-type": "application/json",
  })
  stream.end('{"all":true}')
  const [headers] = await once(stream, "response")
  await text(stream)
  client.close()
  server.close()
  expect(headers[":status"]).toBe(403)
})

test("a header by which frameworks take another method is refused, as Narrowgate refuses it", async () => {
  const headers = new Headers({ "txn-token": token, "x-http-method-override": "DELETE" })
  const request = { method: "POST", target: "/sync", header: (name: string) => headers.get(name) }
  await expect(gatekeeper(options)({ ...request, body: async () => ({ kind: "whole", text: "" }) })).rejects.toThrow()
})
