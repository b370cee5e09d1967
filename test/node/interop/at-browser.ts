/** Somebody at their browser, walked by hand: follows redirects, signs in at the provider, answers what they are asked. */
import { z } from "zod"

/** Signing in takes seven hops. */
const MAX_HOPS = 12

export interface Asked {
  readonly html: string
  /** Fields of the form as the page has them. */
  readonly form: URLSearchParams
}

/**
 * @param start where a program sends them
 * @param answers what they do with the form that they are asked by
 * @returns where the browser is sent with their answer
 */
export async function walkTo(start: URL, user: string, answers: (asked: Asked) => void): Promise<URL> {
  const jar: CookieJar = new Map()
  let url = start
  let init: RequestInit = {}
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const headers = { cookie: cookieOf(jar), origin: start.origin }
    const response = await fetch(url, { ...init, redirect: "manual", headers })
    remember(jar, response)
    const location = response.headers.get("location")
    if (location !== null) {
      const next = new URL(location, url)
      if (url.pathname === start.pathname && next.origin !== start.origin) return next
      url = next
      init = {}
      continue
    }
    const html = await response.text()
    if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}: ${html}`)
    if (url.pathname === start.pathname) {
      const form = fieldsOf(html)
      answers({ html, form })
      init = { method: "POST", body: form }
    } else init = { method: "POST", body: new URLSearchParams({ login: user, password: user, code: "" }) }
  }
  throw new Error("no end of redirects")
}

/** To allow all that they are asked for. */
export const allowsAll = ({ form }: Asked): void => form.set("decision", "allow")

/** Of what we have written ourselves. */
export function fieldsOf(html: string): URLSearchParams {
  const form = new URLSearchParams()
  const [, asked = ""] = /<form method="post">(.*?)<\/form>/s.exec(html) ?? []
  for (const [, attributes = ""] of asked.matchAll(/<input ([^>]*?)\/?>/g)) {
    const { name, value } = z
      .object({ name: z.string(), value: z.string() })
      .parse(Object.fromEntries([...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value])))
    form.append(name, value)
  }
  return form
}

/** Cookies of one origin, by name. */
type CookieJar = Map<string, string>

export const cookieOf = (jar: CookieJar): string => [...jar].map(([name, value]) => `${name}=${value}`).join("; ")

/** Paths and hosts are left aside. An empty value is how a cookie is deleted. */
export function remember(jar: CookieJar, response: Response): void {
  for (const line of response.headers.getSetCookie()) {
    const [pair = ""] = line.split(";", 1)
    const equals = pair.indexOf("=")
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
    if (value === "") jar.delete(name)
    else jar.set(name, value)
  }
}
