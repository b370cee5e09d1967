// oidc-provider as it is configured for what Narrowgate does with client_credentials: a client that signs its assertion,
// an access token that is a JWT by ES256. Its adapter is its own memory, the fastest there is.
import { createServer } from "node:http"
import { exportJWK, generateKeyPair } from "jose"
import Provider from "oidc-provider"

const clients = Object.entries(JSON.parse(process.env.CLIENTS ?? "{}"))
const resource = process.env.RESOURCE ?? ""
const { privateKey } = await generateKeyPair("ES256", { extractable: true })
const server = createServer()
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const { port } = server.address()

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: clients.map(([client_id, key]) => ({
    client_id,
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: "private_key_jwt",
    token_endpoint_auth_signing_alg: "ES256",
    id_token_signed_response_alg: "ES256",
    jwks: { keys: [key] },
  })),
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: "bench" }] },
  clientAuthMethods: ["private_key_jwt"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({
        scope: "read",
        audience: resource,
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
})
server.on("request", provider.callback())
// eslint-disable-next-line no-console -- how the bench learns where it listens
console.log(`listening on ${port}`)
