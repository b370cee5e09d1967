/** People answer what they are asked, at their pages. */
import type { Browser, Locator, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { RESEARCHER, startWork, SUPPORT, type AtWork } from "./at-work.ts"
import { isInstalled, signedIn, startBrowser } from "./browser.ts"
import { isWhollySeen, lookAt, PHONES } from "./look.ts"

const REFUND = {
  to: "refunds@example.org",
  subject: "Order 42\u202E.gpj",
  amount: 249.9,
  text: "s3cret",
  rows: [[1, 2], {}],
}

describe.skipIf(!isInstalled())("approvals", () => {
  let work: AtWork
  let browser: Browser
  beforeAll(async () => {
    work = await startWork()
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await work.close()
  })

  const as = async (user: string, visit: (page: Page) => Promise<void>): Promise<void> => {
    const context = await browser.newContext()
    await visit(await signedIn(context, work.stack.origin, user))
    await context.close()
  }

  /** A call that two people of finance are asked about, after some others. */
  async function askFinance() {
    const token = await work.take({ agent: SUPPORT, subject: work.session, purpose: "answer-customer" })
    const child = await work.take({ agent: RESEARCHER, subject: token.access_token, scope: "crm.tickets.*:read" })
    await work.get("/crm/tickets/42", child)
    await work.get("/crm/customers/7", child)
    await work.post("/crm/tickets/42/replies", token, { text: "We are looking into it." })
    for (const to of ["ann@example.org", "eve@evil.example"]) await work.post("/mail/messages", token, { to })
    expect((await work.post("/mail/messages", token, REFUND)).code).toBe("approval_required")
    return token
  }

  test("a call is shown with all that it takes, and passes once enough have agreed, not before", async () => {
    const token = await askFinance()
    await as("olivia", async (page) => {
      await page.getByRole("link", { name: "mail.send" }).waitFor()
      await lookAt(page, "approvals")
      await page.getByRole("link", { name: "mail.send" }).click()
      await page.getByRole("heading", { name: "Approve" }).waitFor()
      await lookAt(page, "approval-call")
      const shown = await page.locator("main").innerText()
      expect(shown).toContain('"subject": "Order 42\\u{202E}.gpj"')
      expect(shown).toContain("redacted: neither stored nor shown")
      expect(shown).not.toContain("s3cret")
      expect(shown).toContain("0 of 2")
      await page.getByText("Rule in Cedar").click()
      expect(await page.locator("main").innerText()).toContain('resource == Tool::"mail.send"')
      expect(
        await page.getByRole("img", { name: /^person .*alice, then agent .*support, then tool mail\.send$/ }).count(),
      ).toBe(1)
      await page.getByLabel("Calls to allow").fill("2")
      await page.getByLabel(/^Note/).first().fill("Agreed with Ann <b>")
      await page.getByRole("button", { name: "Approve this call" }).click()
      await page.getByText("You have answered. It waits for the other approvers.").waitFor()
      await lookAt(page, "approval-voted")
    })
    expect((await work.post("/mail/messages", token, REFUND)).code).toBe("approval_required")
    await as("bob", async (page) => {
      await page.getByRole("link", { name: "mail.send" }).click()
      await page.getByText("“Agreed with Ann <b>”").waitFor()
      await lookAt(page, "approval-second")
      await page.getByRole("button", { name: "Approve this call" }).click()
      await page.getByText("This approval has been answered.").waitFor()
      await lookAt(page, "approval-approved")
    })
    expect((await work.post("/mail/messages", token, REFUND)).status).toBe(201)
    expect((await work.post("/mail/messages", token, REFUND)).code).toBe("approval_required")
  })

  test("one who is late is told that somebody has answered; whose task it is, that it is theirs", async () => {
    const token = await askFinance()
    await as("bob", async (late) => {
      await late.locator(`a[href*="${token.task}"]`).click()
      const address = late.url()
      await as("olivia", async (page) => {
        await page.goto(address)
        await page.getByLabel(/^Note/).last().fill("No money without a ticket")
        await page.getByRole("button", { name: "Reject this call" }).click()
        await page.getByText("This approval has been answered.").waitFor()
        await lookAt(page, "approval-rejected")
      })
      await late.getByRole("button", { name: "Approve this call" }).click()
      await late.getByRole("alert").getByText("Another approver has answered").waitFor()
      await lookAt(late, "approval-too-late")
      await as("alice", async (page) => {
        await page.goto(address)
        await page.getByText("You cannot approve a call made on your behalf").waitFor()
        await lookAt(page, "approval-own")
      })
    })
    expect((await work.post("/mail/messages", token, REFUND)).code).toBe("approval_required")
  })

  test("a task begins, or does not, by the word of the person in whose name it would be", async () => {
    const wanted = { purpose: "answer-customer", scope: "crm.tickets.*:read mail.send:write" }
    const details = [
      {
        type: "narrowgate_call",
        tools: ["crm.tickets.reply"],
        actions: ["write"],
        arguments: { ticket: { eq: "42" } },
      },
    ]
    const agreed = await work.ask("alice", { ...wanted, binding_message: "Answer Ann: W4SCT" })
    const refused = await work.ask("alice", {
      purpose: "triage-ticket",
      authorization_details: JSON.stringify(details),
    })
    await as("alice", async (page) => {
      await lookAt(page, "approvals-tasks")
      await page.goto(`${work.stack.origin}/console/approvals/${agreed}`)
      await lookAt(page, "approval-task")
      expect(await page.locator("main").innerText()).toContain("Change\nmail.send")
      await page.getByRole("button", { name: "Approve this task" }).click()
      await page.getByText("Approved. The agent can start the task.").waitFor()
      await page.goto(`${work.stack.origin}/console/approvals/${refused}`)
      expect(await page.locator("main").innerText()).toContain('ticket is "42"')
      await page.getByRole("button", { name: "Reject this task" }).click()
      await page.getByText("Rejected. The task does not start.").waitFor()
      await lookAt(page, "approval-task-rejected")
    })
    const states = await Promise.all([agreed, refused].map(async (task) => statusOf(task)))
    expect(states).toEqual(["pending", "revoked"])
    await as("bob", async (page) => {
      const answer = await page.goto(`${work.stack.origin}/console/approvals/${agreed}`)
      expect(answer?.status()).toBe(404)
    })
  })

  test.each(PHONES)(
    "on a phone of $width × $height the first screen has the facts and both answers, however long the rest is",
    async (viewport) => {
      const token = await work.take({ agent: SUPPORT, subject: work.session, purpose: "answer-customer" })
      const claim = {
        about: "An order. ".repeat(100),
        a: 24990,
        text: "s3cret",
        to: "claims@example.org",
        ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`n${index}`, index])),
      }
      expect((await work.post("/mail/messages", token, claim)).code).toBe("approval_required")
      const consent = await work.ask("olivia", {
        purpose: "answer-customer",
        scope: "crm.tickets.*:read mail.send:write",
        binding_message: "Answer Ann: W4SCT. ".repeat(5).trim(),
      })
      await as("olivia", async (page) => {
        await page.setViewportSize(viewport)
        await page.goto(`${work.stack.origin}/console/approvals`)
        await page.locator(`a[href*="${token.task}"]`).click()
        const main = page.locator("main")
        const ofCall = ["mail.send", "agent/support", "alice", "24990", "claims@example.org"]
        await expectFirstScreen(page, [
          page.getByRole("button", { name: "Approve this call" }),
          page.getByRole("button", { name: "Reject this call" }),
          ...ofCall.map((text) => main.getByText(text).first()),
        ])
        await lookAt(page, "approval-long")
        await page.setViewportSize(viewport)
        await page.goto(`${work.stack.origin}/console/approvals/${consent}`)
        const ofTask = ["answer-customer", "agent/support", "mail.send", "W4SCT"]
        await expectFirstScreen(page, [
          page.getByRole("button", { name: "Approve this task" }),
          page.getByRole("button", { name: "Reject this task" }),
          ...ofTask.map((text) => main.getByText(text).first()),
        ])
        await page.getByRole("button", { name: "Reject this task" }).click()
        await page.getByText("Rejected. The task does not start.").waitFor()
      })
    },
  )

  async function expectFirstScreen(page: Page, parts: readonly Locator[]): Promise<void> {
    await parts[0]?.waitFor()
    await page.evaluate(() => globalThis.scrollTo(0, 0))
    for (const part of parts) expect(await isWhollySeen(part), `${page.url()} ${String(part)}`).toBe(true)
  }

  async function statusOf(task: string): Promise<string | undefined> {
    const headers = { authorization: `Bearer ${work.operator}` }
    const answer: unknown = await (await fetch(`${work.stack.origin}/v1/tasks/${task}`, { headers })).json()
    return z.object({ tasks: z.array(z.looseObject({ status: z.string() })) }).parse(answer).tasks[0]?.status
  }
})
