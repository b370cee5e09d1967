/**
 * Our two cookies: `__Host-` keeps both to this very host, over TLS (RFC 6265bis 4.1.3.2), out of reach of scripts.
 * Lax: a link in a chat leads to the page that it names; what changes anything is a form, which shows more than a cookie.
 */
import { parse, serialize } from "hono/utils/cookie"

export const COOKIES = {
  /** A session's secret, 256 bits. */
  session: "__Host-narrowgate",
  /** What a sign-in under way has to come back with. */
  signIn: "__Host-narrowgate-sign-in",
} as const

export function cookieOf({ headers }: Request, cookie: keyof typeof COOKIES): string | null {
  const name = COOKIES[cookie]
  return parse(headers.get("cookie") ?? "", name)[name] ?? null
}

/** @param seconds that it lasts; 0: it is taken away */
export function setCookie(cookie: keyof typeof COOKIES, value: string, seconds: number): string {
  const options = { path: "/", secure: true, httpOnly: true, sameSite: "Lax", maxAge: seconds } as const
  return serialize(COOKIES[cookie], value, options)
}
