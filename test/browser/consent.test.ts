/** Consent in a real browser: what a program asks for is shown, answered, and taken back to the program. */
import { createHash } from "node:crypto"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parseDocument } from "yaml"
import { z } from "zod"
import { twoFreePorts } from "../../dev/loopback.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { isInstalled, login, startBrowser } from "./browser.ts"
import { lookAt } from "./look.ts"

const VERIFIER = "verifier-verifier-verifier-verifier-verifier"
const AGENT = "https://desk.example.org/agent"
const REGISTERED = 'redirect_uris: ["http://127.0.0.1/callback"]'

/** Clients may register themselves. */
const REGISTRATION = {
  class: "mcp",
  owner: "support",
  ceiling: { tools: ["crm.tickets.*:read"], max_sensitivity: "internal" },
  purposes: ["triage-ticket"],
}

/** A program on this machine that waits for its answer. */
async function program(host: "127.0.0.1" | "::1"): Promise<{ readonly redirect: string; readonly server: Server }> {
  const server = createServer((_request, response) => {
    const tells = "<script>window.opener?.postMessage(location.search, '*')</script>"
    response.writeHead(200, { "content-type": "text/html" }).end(`<title>Program</title>You can close this.${tells}`)
  })
  await new Promise<void>((done) => server.listen(0, host, done))
  const address = server.address()
  if (typeof address !== "object" || !address) throw new Error("the program has no port")
  const name = host === "::1" ? "[::1]" : host
  return { server, redirect: `http://${name}:${address.port}/callback` }
}

describe.skipIf(!isInstalled())("consent", () => {
  let stack: Stack
  let browser: Browser
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "narrowgate-browser-"))
    const policies = join(directory, "policies")
    await cp(resolve("policies"), policies, { recursive: true })
    const agents = join(policies, "agents.yaml")
    const written = await readFile(agents, "utf8")
    expect(written).toContain(REGISTERED)
    const both = REGISTERED.replace("]", ', "http://[::1]/callback"]')
    const parsed = parseDocument(written.replace(REGISTERED, both))
    parsed.set("registration", REGISTRATION)
    await writeFile(agents, parsed.toString())
    stack = await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state") })
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await stack.close()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  })

  /** @returns its id */
  async function registered(name: string, redirect: string): Promise<string> {
    const body = JSON.stringify({ client_name: name, redirect_uris: [redirect], token_endpoint_auth_method: "none" })
    const headers = { "content-type": "application/json" }
    const response = await fetch(`${stack.origin}/oauth/register`, { method: "POST", headers, body })
    expect(response.status).toBe(201)
    return z.object({ client_id: z.string() }).parse(await response.json()).client_id
  }

  function asking(redirect: string, more: Readonly<Record<string, string>> = {}): string {
    const url = new URL("/oauth/authorize", stack.origin)
    url.search = new URLSearchParams({
      response_type: "code",
      client_id: AGENT,
      redirect_uri: redirect,
      state: "s",
      code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
      code_challenge_method: "S256",
      ...more,
    }).toString()
    return url.href
  }

  async function sentBack(page: Page, redirect: string, button: "Allow" | "Don't allow"): Promise<URLSearchParams> {
    await page.getByRole("button", { name: button, exact: true }).click()
    await page.waitForURL(`${redirect}?**`)
    expect(await page.title()).toBe("Program")
    return new URL(page.url()).searchParams
  }

  test.each(["127.0.0.1", "::1"] as const)("is given to a program on %s, for what was left of it", async (host) => {
    const { redirect, server } = await program(host)
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(asking(redirect))
    await login(page, "alice")
    await page.getByRole("heading", { name: /^Allow .* to act for you\?$/ }).waitFor()
    await lookAt(page, "consent")
    for (const box of await page.getByRole("checkbox").all()) await box.uncheck()
    await page.getByRole("checkbox", { name: "crm.tickets.list" }).check()
    await page.getByLabel("Calls").selectOption("1")
    const answer = await sentBack(page, redirect, "Allow")
    expect([answer.get("state"), answer.get("iss")]).toEqual(["s", stack.origin])
    const body = {
      grant_type: "authorization_code",
      client_id: AGENT,
      code: answer.get("code") ?? "",
      code_verifier: VERIFIER,
    }
    const response = await fetch(`${stack.origin}/oauth/token`, { method: "POST", body: new URLSearchParams(body) })
    const { scope } = z.object({ scope: z.string() }).parse(await response.json())
    expect(scope).toBe("crm.tickets.list:read")
    await context.close()
    server.close()
  })

  test("by two clicks of the button is given once, and the way back leads to a page that can be answered", async () => {
    const { redirect, server } = await program("127.0.0.1")
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(asking(redirect))
    await login(page, "alice")
    await page.getByText("https://api.example only.").waitFor()
    const codes = new Set<string | null>()
    page.on("response", (response) => {
      const to = response.headers()["location"] ?? ""
      if (to.startsWith(redirect)) codes.add(new URL(to).searchParams.get("code"))
    })
    await page.getByRole("button", { name: "Allow", exact: true }).dblclick()
    await page.waitForURL(`${redirect}?**`)
    expect([...codes]).toEqual([new URL(page.url()).searchParams.get("code")])
    await page.goBack()
    const again = await sentBack(page, redirect, "Allow")
    expect(again.get("code")).toMatch(/^tsk_/)
    await context.close()
    server.close()
  })

  test("is told to the page that has opened a window for it", async () => {
    const { redirect, server } = await program("127.0.0.1")
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(redirect)
    const opened = page.waitForEvent("popup")
    const told = page.evaluate(async (url): Promise<unknown> => {
      window.open(url, "_blank", "popup")
      return new Promise((resolve) => {
        window.addEventListener("message", ({ data }) => resolve(data))
      })
    }, asking(redirect))
    const popup = await opened
    await login(popup, "alice")
    await popup.getByRole("button", { name: "Allow", exact: true }).click()
    expect(new URLSearchParams(String(await told)).get("iss")).toBe(stack.origin)
    await context.close()
    server.close()
  })

  test("is refused, and the program is told so", async () => {
    const { redirect, server } = await program("127.0.0.1")
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(asking(redirect))
    await login(page, "alice")
    expect((await sentBack(page, redirect, "Don't allow")).get("error")).toBe("access_denied")
    await context.close()
    server.close()
  })

  test("is not asked of who may not give it, nor for a place that nobody registered", async () => {
    const { redirect, server } = await program("127.0.0.1")
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(asking(redirect))
    await login(page, "bob")
    await page.getByText("Your account cannot grant this access.").waitFor()
    await lookAt(page, "consent-not-yours")
    await page.getByRole("link", { name: "Return to the program" }).click()
    await page.waitForURL(`${redirect}?**`)
    expect(new URL(page.url()).searchParams.get("error")).toBe("access_denied")
    const answer = await page.goto(asking("https://evil.example/callback"))
    expect([answer?.status(), new URL(page.url()).origin]).toEqual([400, stack.origin])
    await lookAt(page, "consent-nowhere")
    await context.close()
    server.close()
  })

  test("is given to a client that registered itself, whatever name it claims, and to no other", async () => {
    const { redirect, server } = await program("127.0.0.1")
    const name = "Narrowgate</h1><script>document.title='taken'</script> \u202egnihton fo krow eht"
    const [client, other] = [await registered(name, redirect), await registered("Other", redirect)]
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(asking(redirect, { client_id: client }))
    await login(page, "alice")
    await page.getByText("not verified").waitFor()
    expect(await page.title()).not.toBe("taken")
    expect(await page.locator("h1").textContent()).not.toMatch(/script|\u202e/)
    expect(await page.content()).not.toMatch(/<script>document|\u202e/)
    await lookAt(page, "consent-registered")
    const stolen = await sentBack(page, redirect, "Allow")
    const exchange = async (clientId: string, answer: URLSearchParams) => {
      const body = {
        grant_type: "authorization_code",
        client_id: clientId,
        code: answer.get("code") ?? "",
        code_verifier: VERIFIER,
      }
      return fetch(`${stack.origin}/oauth/token`, { method: "POST", body: new URLSearchParams(body) })
    }
    // A code that another client has brought is spent.
    expect([(await exchange(other, stolen)).status, (await exchange(client, stolen)).status]).toEqual([400, 400])
    await page.goto(asking(redirect, { client_id: client }))
    const granted = await exchange(client, await sentBack(page, redirect, "Allow"))
    expect(z.object({ scope: z.string() }).parse(await granted.json()).scope).toMatch(/^crm\.tickets\./)
    // Only the place that it has registered is led to.
    const elsewhere = await page.goto(asking("http://127.0.0.1:1/elsewhere", { client_id: client }))
    expect([elsewhere?.status(), new URL(page.url()).origin]).toEqual([400, stack.origin])
    await context.close()
    server.close()
  })
})
