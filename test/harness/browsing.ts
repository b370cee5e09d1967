/** Somebody at our own pages, as their browser sends it: with the cookie of a session, and forms from our origin. */
import { env, waitUntil } from "cloudflare:workers"
import { beginSession, sessionOf } from "../../src/web/session.ts"
import { COOKIES } from "../../src/web/cookie.ts"
import { requestContext } from "../../src/request-context.ts"
import { knock } from "./door.ts"
import { accessToken, US, type Minting } from "./issuers.ts"

export interface Visitor {
  readonly cookie: string
  /** What a form of their session brings. */
  readonly csrf: string
  readonly get: (path: string) => Promise<Response>
  readonly post: (path: string, fields: Fields, headers?: Readonly<Record<string, string>>) => Promise<Response>
}

type Fields = Readonly<Record<string, string | readonly string[]>>

/** @param life milliseconds of the session */
export async function visitorAs(subject: string, minting: Minting = {}, life = 3_600_000): Promise<Visitor> {
  const token = await accessToken(subject, "cli", minting)
  const context = requestContext(env, waitUntil)
  const now = context.receivedAt
  const secret = await beginSession({ token, expiresAt: now + life, issuedAt: now }, context)
  const cookie = `${COOKIES.session}=${secret}`
  const session = await sessionOf(new Request(US, { headers: { cookie } }), context)
  const csrf = session?.csrf ?? ""
  return {
    cookie,
    csrf,
    get: async (path) => knock(new Request(US + path, { headers: { cookie }, redirect: "manual" })),
    post: async (path, fields, headers = {}) => {
      const sent = { cookie, origin: US, "sec-fetch-site": "same-origin", ...headers }
      const init = { method: "POST", redirect: "manual", headers: sent } as const
      return knock(new Request(US + path, { ...init, body: formOf({ csrf, ...fields }) }))
    },
  }
}

function formOf(fields: Fields): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    for (const each of typeof value === "string" ? [value] : value) form.append(name, each)
  }
  return form
}
