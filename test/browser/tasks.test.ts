/** An operator looks at tasks, and ends, freezes and releases them, at their pages. */
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Token } from "../../dev/demo/agent.ts"
import { RESEARCHER, startWork, SUPPORT, type AtWork } from "./at-work.ts"
import { isInstalled, signedIn, startBrowser } from "./browser.ts"
import { lookAt } from "./look.ts"

const SOON = { timeout: 10_000 }

describe.skipIf(!isInstalled())("tasks", () => {
  let work: AtWork
  let browser: Browser
  let page: Page
  let root: Token
  let child: Token
  beforeAll(async () => {
    work = await startWork()
    browser = await startBrowser()
    page = await signedIn(await browser.newContext(), work.stack.origin, "olivia")
    root = await work.take({ agent: SUPPORT, subject: work.session, purpose: "answer-customer" })
    child = await work.take({ agent: RESEARCHER, subject: root.access_token, scope: "crm.tickets.*:read" })
    await work.take({ agent: RESEARCHER, subject: root.access_token, scope: "crm.tickets.*:read" })
    await work.get("/crm/tickets/42", child)
    await work.get("/crm/customers/7", child)
    for (const to of ["ann@example.org", "ben@example.org"]) await work.post("/mail/messages", root, { to })
    await work.get("/crm/customers/7", root)
    for (let calls = 0; calls < 3; calls++) await work.post("/crm/tickets/42/replies", root, { text: `${calls}` })
    for (let calls = 0; calls < 20; calls++) await work.get("/crm/tickets/42", root)
  })
  afterAll(async () => {
    await browser.close()
    await work.close()
  })
  const open = async (task: string): Promise<string> => {
    await page.goto(`${work.stack.origin}/console/tasks/${task}`)
    return page.locator("main").innerText()
  }

  test("are listed with the latest first, by agent and by person, and found by their id", async () => {
    const isListed = async (task: string): Promise<boolean> => {
      await page.goto(`${work.stack.origin}/console/tasks`)
      return page.getByRole("link", { name: task, exact: true }).isVisible()
    }
    // Their records arrive within a second, and perhaps not before whoever looks.
    for (const task of [root.task, `${root.task}.2`]) await expect.poll(async () => isListed(task), SOON).toBe(true)
    await lookAt(page, "tasks")
    await page.getByLabel("Agent").fill(RESEARCHER)
    await page.getByRole("button", { name: "Filter" }).click()
    const links = await page.getByRole("table").getByRole("link").allTextContents()
    expect(links).toEqual([`${root.task}.2`, `${root.task}.1`])
    await page.getByLabel("Task id").fill("tsk_1")
    await page.getByRole("button", { name: "Open" }).click()
    await page.getByRole("alert").getByText("is not a task id").waitFor()
    await page.getByLabel("Task id").fill(child.task)
    await page.getByRole("button", { name: "Open" }).click()
    await page.waitForURL(`${work.stack.origin}/console/tasks/${child.task}`)
    await lookAt(page, "task-child")
  })

  test("show their tree, what is left, what counts, what was decided and asked", async () => {
    const shown = await open(root.task)
    await lookAt(page, "task")
    expect(shown).toContain("26 of 50 used")
    expect(shown).toContain("2 of 2 calls in 60 min")
    expect(shown).toContain("2 of 5 different values for the whole tree")
    expect(shown).toContain("reads:confidential")
    expect(shown).toContain("Shared by all users\nagent-an-hour")
    const tree = page.getByRole("group", { name: "Task tree" })
    expect(await tree.getByRole("link").count()).toBe(3)
    await page.getByRole("link", { name: "Only denied" }).click()
    const records = page.locator("#records")
    const isToldOfDenied = async (): Promise<boolean> => {
      await page.reload()
      return (await records.innerText()).includes("approval_required")
    }
    await expect.poll(isToldOfDenied, SOON).toBe(true)
    expect(await records.innerText()).not.toContain("allowed")
    await page.locator("#records").getByRole("link", { name: "crm.tickets.reply (write)" }).click()
    await page.waitForURL(`${work.stack.origin}/console/decisions/dec_*`)
    await open(root.task)
    await page.getByRole("link", { name: "Older" }).click()
    expect(await page.locator("#records").innerText()).toContain("Token requested")
    await page.getByRole("table").getByRole("link", { name: "crm.tickets.reply" }).click()
    await page.getByRole("heading", { name: "Approve" }).waitFor()
    await lookAt(page, "approval-of-operators")
  })

  test("are reached from their tree by keyboard alone", async () => {
    await open(root.task)
    const link = page.getByRole("group", { name: "Task tree" }).getByRole("link", { name: ".1 ·" })
    await link.focus()
    await page.keyboard.press("Enter")
    await page.waitForURL(`${work.stack.origin}/console/tasks/${child.task}`)
  })

  test("are frozen, let go on, and ended, each in two steps", async () => {
    await open(child.task)
    await page.getByText("Quarantine…").click()
    await page.getByRole("button", { name: "Quarantine task" }).waitFor()
    await lookAt(page, "task-freeze")
    await page.locator("#why-quarantine").fill("odd reads")
    await page.getByRole("button", { name: "Quarantine task" }).click()
    await page.getByText("quarantined, by an operator").waitFor()
    expect((await work.get("/crm/tickets/42", child)).code).toBe("invalid_token")
    await lookAt(page, "task-frozen")
    await page.getByText("Release…").click()
    await page.getByRole("button", { name: "Release task" }).click()
    await page.getByText("researcher: active").waitFor()
    expect((await work.get("/crm/tickets/42", child)).code).toBeNull()
    await open(root.task)
    await page.getByText("End task…").click()
    await page.getByRole("button", { name: "End task" }).click()
    await page.getByText("ended, by an operator").waitFor()
    // Its record arrives within a second.
    await expect.poll(async () => open(root.task), SOON).toContain("Task ended")
    await lookAt(page, "task-ended")
    const records = await open(child.task)
    expect(records).toContain("Task quarantined")
    expect(records).toContain("“odd reads”")
    expect((await work.get("/crm/tickets/42", child)).code).toBe("invalid_token")
  })
})
