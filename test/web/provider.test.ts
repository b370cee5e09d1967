/** What a provider's metadata may make of our pages: places to send people to, and nothing else. */
import { env } from "cloudflare:workers"
import { afterEach, describe, expect, test, vi } from "vitest"
import { signOutUrl, type SignInIssuer } from "../../src/web/provider.ts"
import { requestContext } from "../../src/request-context.ts"

afterEach(() => {
  vi.restoreAllMocks()
})

const providerAt = (issuer: string): SignInIssuer => ({
  id: "odd",
  issuer,
  keys: { kind: "inline", jwks: { keys: [] } },
  algorithms: ["ES256"],
  sign_in: { client: "pages", scope: "openid", token: "id_token", resource: "resource" },
})

async function signOutOf(name: string, end: string): Promise<string | null> {
  const issuer = `https://${name}.test`
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ issuer, end_session_endpoint: end }))
  return signOutUrl(
    providerAt(issuer),
    requestContext(env, () => undefined),
  )
}

describe("where somebody may sign out too", () => {
  test("is a place on the web", async () => {
    expect(await signOutOf("plain", "https://plain.test/out?a=b")).toMatch(
      /^https:\/\/plain\.test\/out\?a=b&client_id=/,
    )
  })

  test.for(["javascript:alert(1)", "data:text/html,x", "http://plain.test/out", "https://10.0.0.1/out"])(
    "is not %s",
    async (end, { task }) => {
      expect(await signOutOf(`odd-${task.id.replaceAll(/[^a-z0-9]/g, "")}`, end)).toBeNull()
    },
  )
})
