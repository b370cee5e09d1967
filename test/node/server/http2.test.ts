/** The middleware of Express over HTTP/2, where no header has to announce a body. */
import { createServer, connect } from "node:http2"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { expect, test } from "vitest"
import { expressMiddleware } from "../../../server/express.ts"

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

/** Sends a call without `Content-Length`: the status of the middleware, or of the handler behind it. */
async function call(body: string | null): Promise<number | undefined> {
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
  const stream = client.request(
    {
      ":method": "POST",
      ":path": "/sync",
      "txn-token": token,
      ...(body !== null && { "content-type": "application/json" }),
    },
    { endStream: body === null },
  )
  if (body !== null) stream.end(body)
  const [headers] = await once(stream, "response")
  await text(stream)
  client.close()
  server.close()
  return headers[":status"]
}

test("arguments in a body that no header announces are unseen", async () => {
  expect(await call('{"all":true}')).toBe(403)
})

test("a request that ends with its headers has no body", async () => {
  expect(await call(null)).toBe(200)
})
