/** Forms that did not come from a page of the session: refused, recorded, nothing changed. Attacks as data. */
import { describe, expect, test, vi } from "vitest"
import { query, signedIn, visit } from "../harness/browser.ts"
import { visitorAs, type Visitor } from "../harness/browsing.ts"
import { yardForEach } from "../harness/each-test.ts"
import { IDP } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"

yardForEach()

/** Whether they are still signed in. */
const isIn = async ({ get }: Visitor): Promise<boolean> => (await get("/console/approvals")).status === 200

interface Attack {
  readonly fields?: (of: Visitor, other: Visitor) => Readonly<Record<string, string | readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  "from another origin": { headers: { origin: "https://evil.example" } },
  "from our name on another port": { headers: { origin: "https://authz.example:8443" } },
  "from our name without TLS": { headers: { origin: "http://authz.example" } },
  "from a page that hides its origin": { headers: { origin: "null" } },
  "from a page of the same site": { headers: { "sec-fetch-site": "same-site" } },
  "from elsewhere, as the browser says, with our origin": { headers: { "sec-fetch-site": "cross-site" } },
  "without what the page was given": { fields: () => ({ csrf: [] }) },
  "with an empty one": { fields: () => ({ csrf: "" }) },
  "with that of another session": { fields: (_of, other) => ({ csrf: other.csrf }) },
  "with two, one of them right": { fields: ({ csrf }, other) => ({ csrf: [csrf, other.csrf] }) },
  "with the cookie's secret": { fields: ({ cookie }) => ({ csrf: cookie.split("=")[1] ?? "" }) },
  "as plain text, which no page of elsewhere needs to ask for": { headers: { "content-type": "text/plain" } },
  "as JSON": { headers: { "content-type": "application/json" } },
}

describe("a form", () => {
  test.for(Object.entries(ATTACKS))("%s does nothing", async ([, { fields, headers }]) => {
    const [visitor, other] = [await visitorAs("operator"), await visitorAs("viewer")]
    const answer = await visitor.post("/sign-out", fields?.(visitor, other) ?? {}, headers)
    expect(answer.status).toBe(403)
    expect(await isIn(visitor)).toBe(true)
  })

  test("that is refused is recorded, with what of it was wrong", async () => {
    const visitor = await visitorAs("operator")
    await visitor.post("/sign-out", {}, { origin: "https://evil.example" })
    await visitor.post("/sign-out", { csrf: "" })
    await visitor.post("/console/stop", { kind: "everything", name: "" }, { "sec-fetch-site": "cross-site" })
    const denied = (what: string) => ({ decision: "deny", denial: { reason: "form_refused", what } })
    const refused = (what: string) => ({ ...denied(what), path: "/sign-out" })
    const stopped = { ...denied("origin"), path: "/console/stop", operator: `${IDP}|operator` }
    await vi.waitFor(
      async () => {
        const { json } = await manage(
          "GET",
          "/v1/decisions?code=policy_denied&kind=management",
          await bearerOf("viewer"),
        )
        expect(json).toMatchObject({ decisions: [stopped, refused("csrf"), refused("origin")] })
      },
      { timeout: 4_000, interval: 50 },
    )
  })

  test("of more fields, or longer, than any of our pages sends does nothing", async () => {
    const visitor = await visitorAs("operator")
    const many = Array.from({ length: 6_000 }, () => "")
    expect((await visitor.post("/sign-out", { a: many })).status).toBe(403)
    expect((await visitor.post("/sign-out", { a: "x".repeat(262_144) })).status).toBe(403)
    expect(await isIn(visitor)).toBe(true)
    expect((await visitor.post("/sign-out", { a: many.slice(1) })).status).toBe(200)
  })

  test("of a page of the session does what it says", async () => {
    const visitor = await visitorAs("operator")
    expect((await visitor.post("/sign-out", {})).status).toBe(200)
    expect(await isIn(visitor)).toBe(false)
  })
})

/** No script or style but our own, no form to elsewhere, no other base for a link, no text that becomes a script. */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; " +
  "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
const SECURITY = {
  "content-security-policy": POLICY,
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "strict-transport-security": "max-age=31536000",
}
const securityOf = (headers: Headers): Readonly<Record<string, string | null>> =>
  Object.fromEntries(Object.keys(SECURITY).map((name) => [name, headers.get(name)]))

describe("every page", () => {
  const PAGES: readonly (readonly [path: string, status: number])[] = [
    ["/console/live", 200],
    ["/console/approvals", 200],
    // No issuer of the yard has people sign in here.
    ["/sign-in", 404],
    ["/console/nothing", 404],
    ["/sign-in?return=//evil.example", 400],
  ]
  test.for(PAGES)("%s lets no script but ours in, and nobody frame it", async ([path, expected]) => {
    const { status, headers } = await (await visitorAs("operator")).get(path)
    expect(status).toBe(expected)
    expect(securityOf(headers)).toEqual(SECURITY)
  })

  test("of a program that asks is kept as all are, but from the window that it was opened in", async () => {
    const { headers } = await visit(query(), await signedIn())
    expect(securityOf(headers)).toEqual({
      ...SECURITY,
      "content-security-policy": POLICY.replace("form-action 'self'", "form-action 'self' https://app.test"),
      "cross-origin-opener-policy": "unsafe-none",
    })
  })

  test("that only leads to another is neither framed nor kept", async () => {
    const { status, headers } = await (await visitorAs("operator")).get("/console")
    expect([status, headers.get("location")]).toEqual([303, "/console/approvals"])
    const { "content-security-policy": _policy, "cross-origin-opener-policy": _opener, ...kept } = SECURITY
    expect(securityOf(headers)).toMatchObject(kept)
  })
})

describe("a place to come back to", () => {
  const ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/console",
    "console",
    "/console\r\nSet-Cookie: a=b",
    "/console é",
    `/${"a".repeat(3_000)}`,
  ]
  test.for(ELSEWHERE)("is none of elsewhere: %j", async (place) => {
    const { get } = await visitorAs("operator")
    expect((await get(`/sign-in?${new URLSearchParams({ return: place }).toString()}`)).status).toBe(400)
  })
})
