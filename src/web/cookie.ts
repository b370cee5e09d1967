/**
 * Our two cookies. `__Host-` binds both to this host and to TLS (RFC 6265bis, section 4.1.3.2), and `HttpOnly` hides them
 * from scripts. They are `SameSite=Lax`, so that a link in a chat opens its page; forms need a CSRF token besides.
 */
import { parse, serialize } from "hono/utils/cookie"

export const COOKIES = {
  /** The secret of a session, 256 bits. */
  session: "__Host-narrowgate",
  /** The state that the response of the identity provider must match. */
  signIn: "__Host-narrowgate-sign-in",
} as const

export function cookieOf({ headers }: Request, cookie: keyof typeof COOKIES): string | null {
  const name = COOKIES[cookie]
  return parse(headers.get("cookie") ?? "", name)[name] ?? null
}

/** @param seconds its lifetime; 0 deletes the cookie */
export function setCookie(cookie: keyof typeof COOKIES, value: string, seconds: number): string {
  const options = { path: "/", secure: true, httpOnly: true, sameSite: "Lax", maxAge: seconds } as const
  return serialize(COOKIES[cookie], value, options)
}
