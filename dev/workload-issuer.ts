/**
 * DEVELOPMENT ONLY: issues a workload identity to any client on loopback. It stands where SPIRE's Workload API stands
 * in production, which attests the process first. Never imported by the Worker.
 */
import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { type JWK, SignJWT, calculateJwkThumbprint, importJWK } from "jose"

const SVID_LIFE_SECONDS = 300

/**
 * SPIFFE-ID, section 2.3: `.` and `..` are no segments, nothing is encoded; only the trust domain of the examples is
 * served.
 */
const SPIFFE_ID = /^spiffe:\/\/example\.org(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/

export type WorkloadIssuer = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Serves `GET /workload/keys` and `GET /workload/svid?id=…&aud=…`, signing with the private ES256 key `key`. */
export async function workloadIssuer(key: JWK): Promise<WorkloadIssuer> {
  const kid = await calculateJwkThumbprint(key)
  const privateKey = await importJWK(key, "ES256")
  const { d: _private, ...publicKey } = key

  // SPIFFE Trust Domain and Bundle, section 4: a JWK set with `use: jwt-svid`; consumers ignore every other use.
  const bundle = JSON.stringify({
    keys: [{ ...publicKey, kid, use: "jwt-svid" }],
    spiffe_sequence: 1,
    spiffe_refresh_hint: 60,
  })

  return async (request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1")
    if (request.method !== "GET") return answer(response, 405, "text/plain", "only GET\n")
    if (url.pathname === "/workload/keys") return answer(response, 200, "application/json", bundle)
    if (url.pathname !== "/workload/svid") return answer(response, 404, "text/plain", "no such page\n")

    const id = url.searchParams.get("id") ?? ""
    const audience = url.searchParams.get("aud") ?? ""
    if (!SPIFFE_ID.test(id)) return answer(response, 403, "text/plain", "id: not a SPIFFE id of example.org\n")
    if (audience === "") return answer(response, 400, "text/plain", "aud: missing\n")
    const svid = await new SignJWT()
      .setProtectedHeader({ alg: "ES256", typ: "JWT", kid })
      .setSubject(id)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${SVID_LIFE_SECONDS}s`)
      .setJti(randomUUID())
      .sign(privateKey)
    answer(response, 200, "text/plain", svid)
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body)
}
