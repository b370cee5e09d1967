/** What operators look at and do: decisions as they happen, agents, policies, and the stop. On what the demo's agents did. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { callHttp, getToken } from "../../dev/demo/agent.ts"
import { startParts, type Parts } from "../../dev/demo/parts.ts"
import { tell } from "../../dev/demo/story.ts"
import { login } from "../../cli/remote/local-stack-login.ts"
import { isInstalled, signedIn, startBrowser } from "./browser.ts"
import { lookAt } from "./look.ts"

const SUPPORT = "spiffe://example.org/agent/support"
const NO_CUSTOMERS = `
@id("customers-are-nobodys")
forbid (principal, action == Action::"read", resource == Tool::"crm.customers.get");
`

describe.skipIf(!isInstalled())("operating", () => {
  let parts: Parts
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let candidate: string
  const complaints: string[] = []
  beforeAll(async () => {
    candidate = await mkdtemp(join(tmpdir(), "narrowgate-candidate-"))
    await cp(resolve("policies"), candidate, { recursive: true })
    const rules = join(candidate, "limits.cedar")
    await writeFile(rules, (await readFile(rules, "utf8")) + NO_CUSTOMERS)
    parts = await startParts(resolve("policies"), candidate)
    for await (const _scene of tell(parts));
    browser = await startBrowser()
    context = await browser.newContext()
    page = await signedIn(context, parts.stack.origin, "olivia")
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(error.message))
  }, 240_000)
  afterAll(async () => {
    await browser?.close()
    await parts?.close()
    await rm(candidate, { recursive: true, force: true })
  })

  const at = (path: string): string => parts.stack.origin + path
  /** One call of its own task, on alice's behalf. */
  const call = async (path: string) => {
    const where = { narrowgate: parts.stack.origin, provider: parts.stack.provider }
    const alice = await login({ origin: parts.stack.provider, user: "alice" })
    const { token, seen } = await getToken(where, {
      agent: SUPPORT,
      subject: alice.access_token,
      purpose: "answer-customer",
    })
    // Who is stopped gets no token, and so makes no call.
    return token ? callHttp("GET", `${parts.edge.origin}${path}`, token.access_token) : seen
  }

  test("live: what happens comes in, and waits while it is paused", async () => {
    await page.goto(at("/console/live?tool=crm.tickets.get"))
    await page.locator("#state").getByText("Live").waitFor()
    const rows = page.locator("#lines tr")
    const before = await rows.count()
    await call("/crm/tickets/7001")
    await expect.poll(async () => rows.count(), { timeout: 10_000 }).toBe(before + 1)
    await page.getByRole("button", { name: "Pause" }).click()
    await call("/crm/tickets/7002")
    await page.getByText("Paused, 1 new").waitFor()
    expect(await rows.count()).toBe(before + 1)
    await page.getByRole("button", { name: "Resume" }).click()
    await expect.poll(async () => rows.count(), { timeout: 5_000 }).toBe(before + 2)
    // What the script has counted is what the page counts when it is asked for anew.
    const figures = page.locator("#figures")
    const isSameAnew = async (): Promise<boolean> => {
      const counted = await figures.textContent()
      await page.reload()
      return (await figures.textContent()) === counted
    }
    // A record may come to the log while the page is asked for.
    await expect.poll(isSameAnew, { timeout: 10_000 }).toBe(true)
    await page.goto(at("/console/live"))
    await page.locator("#state").getByText("Live").waitFor()
    await lookAt(page, "live")
  })

  test("live: nobody who has signed out goes on following, and says so", async () => {
    const other = await browser.newContext()
    const theirs = await signedIn(other, parts.stack.origin, "olivia")
    await theirs.goto(at("/console/live"))
    await theirs.locator("#state").getByText("Live").waitFor()
    const second = await other.newPage()
    await second.goto(at("/console/agents"))
    await second.getByRole("button", { name: "Sign out" }).click()
    await theirs.getByText("Session ended. Sign in again").waitFor({ timeout: 20_000 })
    await other.close()
  })

  test("live: without a script it shows the latest, and says that it does not follow", async () => {
    const still = await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() })
    const theirs = await still.newPage()
    await theirs.goto(at("/console/live?decision=deny"))
    await theirs.getByText("Live updates need JavaScript").waitFor()
    expect(await theirs.locator("#lines tr").count()).toBeGreaterThan(3)
    expect(await theirs.getByRole("button", { name: "Pause" }).count()).toBe(0)
    await still.close()
  })

  test("a decision is told in words, and by the rules", async () => {
    await page.goto(at("/console/live?code=policy_denied"))
    await page.locator("#lines a").last().click()
    await page.getByRole("heading", { level: 1 }).getByText("Denied").waitFor()
    await lookAt(page, "decision")
    await page.getByRole("link", { name: "Explain" }).click()
    await page.getByText("Is denied").waitFor()
    await lookAt(page, "explained-decision")
  })

  test("agents: what one may, has used, and has tried", async () => {
    await page.goto(at("/console/agents"))
    await lookAt(page, "agents")
    await page.getByRole("link", { name: SUPPORT }).click()
    await page.getByText("tools of its purposes used").waitFor()
    await lookAt(page, "agent")
  })

  test("agents: one is suspended, is refused, and resumed", async () => {
    await page.goto(at(`/console/agents/agent?id=${encodeURIComponent(SUPPORT)}`))
    await page.getByLabel("Reason").fill("it sends too much")
    await page.getByRole("button", { name: "Suspend" }).click()
    await page.getByRole("button", { name: "Suspend agent" }).click()
    await page.getByText("Suspended since").waitFor()
    await lookAt(page, "agent-suspended")
    expect((await call("/crm/tickets/42")).code).toBe("unauthorized_client")
    await page.getByRole("link", { name: "Resume" }).click()
    await page.getByRole("button", { name: "Resume" }).click()
    await page.getByLabel("Reason").waitFor()
    // What an isolate knows of switches it may rely on for two seconds.
    await expect
      .poll(async () => (await call("/crm/tickets/42")).status, { timeout: 10_000, interval: 1_000 })
      .toBe(200)
  })

  test("policies: what was published, what it changed, and what a candidate would have decided otherwise", async () => {
    await page.goto(at("/console/policies"))
    await lookAt(page, "policies")
    await page
      .getByRole("heading", { level: 2, name: /^Bundle/ })
      .nth(1)
      .getByRole("link")
      .click()
    await page.getByText("customers-are-nobodys").first().waitFor()
    await lookAt(page, "bundle")
    await page.goto(at("/console/policies/shadow"))
    await page.getByText("crm.customers.get").first().waitFor()
    await lookAt(page, "shadow")
    await page.getByRole("link", { name: "Explain" }).first().click()
    await page.getByText("Is denied: policy_denied").waitFor()
    await page.getByText("customers-are-nobodys").first().waitFor()
  })

  test("policies: a call that somebody imagines is explained", async () => {
    await page.goto(at("/console/policies/explain"))
    await lookAt(page, "explain-form")
    await page.getByLabel("Agent").fill(SUPPORT)
    await page.getByLabel("Tool", { exact: true }).fill("mail.send")
    await page.getByLabel("Purpose").fill("answer-customer")
    await page.getByLabel("Person", { exact: true }).fill(`${parts.stack.provider}|alice`)
    await page.getByLabel("Groups of the person").fill("support")
    await page.getByLabel("Arguments").fill('{"to": "eve@evil.example"}')
    await page.getByRole("button", { name: "Explain" }).last().click()
    await page.getByText("Would be denied: policy_denied").waitFor()
    await lookAt(page, "explained")
  })

  test("stop: everything, in two steps by keyboard alone, and lifted again", async () => {
    await page.goto(at("/console/stop"))
    await lookAt(page, "stop")
    await page.getByLabel("Everything").focus()
    await page.keyboard.press("Space")
    await page.getByLabel("Reason").focus()
    await page.keyboard.type("mails go out to strangers")
    await page.keyboard.press("Enter")
    await page.getByRole("button", { name: "Suspend everything" }).waitFor()
    await lookAt(page, "stop-confirm")
    await page.getByRole("button", { name: "Suspend everything" }).focus()
    await page.keyboard.press("Enter")
    await page.getByText("Suspended at").waitFor()
    await lookAt(page, "stopped")
    expect((await call("/crm/tickets/42")).code).toBe("unauthorized_client")
    await page.getByRole("link", { name: "Resume" }).click()
    await lookAt(page, "lift")
    await page.getByRole("button", { name: "Resume" }).click()
    await page.getByText("Nothing is suspended.").first().waitFor()
    // What an isolate knows of switches it may rely on for two seconds.
    await expect
      .poll(async () => (await call("/crm/tickets/42")).status, { timeout: 10_000, interval: 1_000 })
      .toBe(200)
  })

  test("in none of this was there anything that the browser complained of", () => {
    expect(complaints).toEqual([])
  })
})
