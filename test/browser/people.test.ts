/**
 * The whole of it, on real parts: a client of MCP without any token sends its user to consent, is refused a refund that
 * somebody has to approve of, gets that one through and no other, and is stopped.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { startParts, type Parts } from "../../dev/demo/parts.ts"
import { isInstalled, login, startBrowser } from "./browser.ts"
import { DESKTOP, desktopEntry, startDesktop, type Desktop } from "./desktop.ts"
import { lookAt } from "./look.ts"

const agentsFile = z.looseObject({ agents: z.array(z.looseObject({})) })
const gatewaysFile = z.looseObject({ gateways: z.array(z.looseObject({ origins: z.tuple([z.string()]) })) })

/** A client of MCP gets a denial as the result of its call, with what programs read beside the words for its model. */
const approvalRequired = z.object({
  result: z.object({
    isError: z.literal(true),
    content: z.tuple([z.object({ text: z.string() })]),
    _meta: z.object({
      "narrowgate/denial": z.object({
        error: z.literal("approval_required"),
        approval: z.object({ url: z.url() }),
      }),
    }),
  }),
})

describe.skipIf(!isInstalled())("people in the loop", () => {
  let policies: string
  let parts: Parts
  let browser: Browser
  let desktop: Desktop | undefined
  beforeAll(async () => {
    policies = await mkdtemp(join(tmpdir(), "narrowgate-people-"))
    await cp(resolve("policies"), policies, { recursive: true })
    await edit("agents.yaml", (file) => {
      const { agents, ...rest } = agentsFile.parse(file)
      return { ...rest, agents: [...agents, desktopEntry] }
    })
    // A client of MCP asks for a token for the very server that it calls.
    await edit("gateways.yaml", (file) => {
      const { gateways } = gatewaysFile.parse(file)
      return { gateways: gateways.map((each) => ({ ...each, audience: each.origins[0] })) }
    })
    parts = await startParts(policies)
    browser = await startBrowser()
  }, 120_000)
  afterAll(async () => {
    await desktop?.close()
    await browser.close()
    await parts.close()
    await rm(policies, { recursive: true, force: true })
  })

  async function edit(name: string, change: (file: unknown) => unknown): Promise<void> {
    const path = join(policies, name)
    await writeFile(path, stringify(change(parse(await readFile(path, "utf8")))))
  }

  const refund = async (amount: number) =>
    desktop?.call("refund", { order: "1001", amount, reason: "arrived broken" }) ?? Promise.reject(new Error("none"))

  let approver: Page
  let link: string

  test("a client without a token sends its user to consent, and gets a task", async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    desktop = await startDesktop(new URL("/billing/mcp", parts.edge.origin), async (url) => {
      await page.goto(url.href)
      await login(page, "alice")
      await page.waitForURL(`${parts.stack.origin}/oauth/authorize?**`)
      expect(await page.getByRole("main").textContent()).toContain("refund")
      await lookAt(page, "consent")
      await page.getByRole("button", { name: "Allow", exact: true }).click()
      await page.waitForURL("http://127.0.0.1:*/callback?**")
    })
    expect(desktop.tokens()?.access_token).toBeDefined()
    expect((await desktop.call("read-order", { order: "1001" })).status).toBe(200)
    expect(await refund(5_000)).toMatchObject({ status: 200, code: null })
    await context.close()
  })

  test("a refund above the limit is refused, with a link to where it is approved", async () => {
    const { status, body } = await refund(24_900)
    expect(status).toBe(200)
    const { content, _meta: meta } = approvalRequired.parse(body).result
    link = meta["narrowgate/denial"].approval.url
    expect(content[0].text).toContain(link)
    expect(link).toMatch(`${parts.stack.origin}/console/approvals/`)
  })

  test("a person signs in, reads what is asked word for word, and approves", async () => {
    approver = await (await browser.newContext()).newPage()
    await approver.goto(link)
    await login(approver, "olivia")
    await approver.waitForURL(link)
    const text = await approver.getByRole("main").textContent()
    for (const word of ["billing.refund", "24900", "arrived broken", "refund-order", DESKTOP, "alice"]) {
      expect(text).toContain(word)
    }
    await lookAt(approver, "approval")
    await approver.getByRole("button", { name: /^Approve/ }).click()
    await approver
      .getByText(/approved/i)
      .first()
      .waitFor()
  })

  test("the same call passes once, a changed amount does not", async () => {
    expect((await refund(24_901)).code).toBe("approval_required")
    expect(await refund(24_900)).toMatchObject({ status: 200, code: null })
    expect((await refund(24_900)).code).toBe("approval_required")
  })

  test("the kill switch stops the agent's next call", async () => {
    expect(await refund(100)).toMatchObject({ status: 200, code: null })
    await approver.goto(`${parts.stack.origin}/console/stop`)
    await approver.getByLabel("Agent", { exact: true }).check()
    await approver.getByLabel("Name or id").fill(DESKTOP)
    await approver.getByLabel("Reason").fill("it asks for too much")
    await approver.getByRole("button", { name: "Review" }).click()
    await approver.getByRole("button", { name: "Suspend agent" }).click()
    await approver.getByText("Suspended at").waitFor()
    expect((await refund(100)).status).toBe(401)
  })
})
