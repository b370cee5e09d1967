/**
 * A stand-in for what many have today: a gateway that verifies the session of a person, or the token of a service
 * account, and checks whether a role of it covers the path. An agent calls with the session of its person, which
 * lives for a working day.
 */
import { createServer, request as send, type IncomingMessage } from "node:http"
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT, type JWK } from "jose"
import { listen } from "../../dev/loopback.ts"
import type { Services } from "./services.ts"
import type { Call, HttpResponse, Session, WorkRequest, World } from "./world.ts"

const ISSUER = "https://login.example"
const AUDIENCE = "https://api.example"
const ALGORITHM = "ES256"
/** Seconds; one working day. */
const SESSION_LIFE = 8 * 3_600

/** What each role may call: the method (`*`: all), and how the path begins. */
const ROLES: Readonly<Record<string, readonly (readonly [method: string, path: string])[]>> = {
  support: [
    ["*", "/crm/"],
    ["*", "/mail/"],
    ["*", "/knowledge/"],
    ["*", "/billing/"],
    ["*", "/files/"],
    ["*", "/memory/"],
    ["*", "/notes/"],
    ["*", "/models/"],
    ["*", "/kb/"],
  ],
  engineering: [["*", "/"]],
  service: [["*", "/"]],
}

export interface PlainWorld extends World, AsyncDisposable {
  readonly narrowgate: null
}

export async function startPlain(services: Services): Promise<PlainWorld> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM)
  const jwk = await exportJWK(publicKey)
  let clockOffset = 0
  const now = (): Date => new Date(Date.now() + clockOffset)
  const gateway = createServer((request, response) => {
    void statusFor(request, jwk, now()).then((status) => {
      if (status !== 200) return response.writeHead(status).end()
      const { method, headers } = request
      const onward = send(services.url + (request.url ?? ""), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502)
        answer.pipe(response)
      })
      return request.pipe(onward)
    })
  })
  const { origin, close } = await listen(gateway, 0)
  const sessionOf = async (subject: string, roles: readonly string[]): Promise<Session> => {
    const issuedAt = Math.floor(now().getTime() / 1_000)
    const token = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: subject, groups: roles })
      .setProtectedHeader({ alg: ALGORITHM })
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + SESSION_LIFE)
      .sign(privateKey)
    return { authorization: `Bearer ${token}`, task: null }
  }
  return {
    narrowgate: null,
    servedRequests: services.servedRequests,
    describe: services.describe,
    async begin({ agent, person, parent }: WorkRequest) {
      if (parent) return parent
      return person
        ? sessionOf(person.subject, person.groups ?? [])
        : sessionOf(`service-account-${agent}`, ["service"])
    },
    call: async (session, call) => sendCall(origin, session, call),
    async complete() {},
    async pass(span) {
      clockOffset += millisecondsOf(span)
    },
    [Symbol.asyncDispose]: close,
  }
}

/** @returns 200, or the status of the denial */
async function statusFor({ method = "", url = "", headers }: IncomingMessage, jwk: JWK, now: Date): Promise<number> {
  const [, token = ""] = /^Bearer (.+)$/u.exec(headers.authorization ?? "") ?? []
  try {
    const expected = { issuer: ISSUER, audience: AUDIENCE, algorithms: [ALGORITHM], currentDate: now }
    const { payload } = await jwtVerify(token, await importJWK(jwk, ALGORITHM), expected)
    const roles = Array.isArray(payload["groups"]) ? payload["groups"].map(String) : []
    const allowed = roles.flatMap((role) => ROLES[role] ?? [])
    return allowed.some(([verb, path]) => (verb === "*" || verb === method) && url.startsWith(path)) ? 200 : 403
  } catch {
    return 401
  }
}

/** @param origin of a gateway */
export async function sendCall(origin: string, session: Session, call: Call): Promise<HttpResponse> {
  const { method, path, body, headers = {} } = call
  const answer = await fetch(origin + path, {
    method,
    headers: {
      authorization: session.authorization,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: await answer.text() }
}

const UNITS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000 }

function millisecondsOf(span: string): number {
  const [, count = "", unit = ""] = /^(\d+) (second|minute|hour)s?$/u.exec(span) ?? []
  const milliseconds = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (Number.isNaN(milliseconds)) throw new Error(`no span of time: ${span}`)
  return milliseconds
}
