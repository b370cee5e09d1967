/** Signing in at the console, as people do it. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { twoFreePorts } from "../../dev/loopback.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { isInstalled, login, signedIn, startBrowser } from "./browser.ts"
import { isWhollySeen, lookAt } from "./look.ts"

describe.skipIf(!isInstalled())("signing in", () => {
  let stack: Stack
  let browser: Browser
  let state: string
  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), "narrowgate-browser-"))
    stack = await startStack({ policies: resolve("policies"), port: await twoFreePorts(), state })
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await stack.close()
    await rm(state, { recursive: true, force: true, maxRetries: 3 })
  })

  test("leads back to the page that was wanted", async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${stack.origin}/console/approvals?from=chat`)
    await login(page, "olivia")
    await page.waitForURL(`${stack.origin}/console/approvals?from=chat`)
    await lookAt(page, "approvals-empty")
    await context.close()
  })

  test("shows an operator all sections, and somebody else the approvals alone", async () => {
    for (const [user, sections] of [
      ["olivia", ["Approvals", "Live", "Tasks", "Agents", "Policies", "Stop"]],
      ["bob", ["Approvals"]],
    ] as const) {
      const context = await browser.newContext()
      const page = await signedIn(context, stack.origin, user)
      expect(await page.getByRole("navigation").getByRole("link").allTextContents()).toEqual(sections)
      await context.close()
    }
  })

  test("leads to Stop from a page of any width, which cuts nothing off", async () => {
    const context = await browser.newContext()
    const page = await signedIn(context, stack.origin, "olivia")
    const stop = page.getByRole("link", { name: "Stop", exact: true })
    await stop.click()
    for (const width of [320, 360, 390, 412, 480, 540, 600, 704, 720, 768, 1024, 1280, 1920]) {
      await page.setViewportSize({ width, height: 640 })
      expect(await isWhollySeen(stop), `at ${width} px`).toBe(true)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `at ${width} px`).toBe(width)
      const review = page.getByRole("button", { name: "Review" })
      await review.scrollIntoViewIfNeeded()
      expect(await isWhollySeen(review), `at ${width} px`).toBe(true)
      await page.evaluate(() => globalThis.scrollTo(0, 0))
    }
    await context.close()
  })

  test("out: the session is over, also for whoever kept its cookie", async () => {
    const context = await browser.newContext()
    const page = await signedIn(context, stack.origin, "olivia")
    const kept = await context.cookies(stack.origin)
    await page.getByRole("button", { name: "Sign out" }).click()
    await page.getByRole("heading", { name: "Signed out" }).waitFor()
    await lookAt(page, "signed-out")
    await context.addCookies(kept)
    const cookie = kept.map(({ name, value }) => `${name}=${value}`).join("; ")
    const answer = await fetch(`${stack.origin}/console/approvals`, { headers: { cookie }, redirect: "manual" })
    expect(answer.headers.get("location")).toBe("/sign-in?return=%2Fconsole%2Fapprovals")
    await context.close()
  })
})
