/**
 * Debian's Chromium, without a head, and whoever sits before it. Where there is none the tests say so and are skipped,
 * unless `BROWSER_REQUIRED` is set, as it is where changes are checked.
 */
import { accessSync, constants } from "node:fs"
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core"

const PATH = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

export function isInstalled(): boolean {
  try {
    accessSync(PATH, constants.X_OK)
    return true
  } catch {
    if (process.env["BROWSER_REQUIRED"] !== undefined) throw new Error(`no Chromium at ${PATH}`)
    return false
  }
}

export async function startBrowser(): Promise<Browser> {
  // Root may not sandbox; what is visited is our own.
  return chromium.launch({ executablePath: PATH, args: ["--no-sandbox"] })
}

/** Somebody signed in to the console, by the login page of the development identity provider. */
export async function signedIn(context: BrowserContext, origin: string, user: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${origin}/console`)
  await login(page, user)
  await page.waitForURL(`${origin}/console/**`)
  return page
}

/** Fills the login page of the development identity provider. */
export async function login(page: Page, user: string): Promise<void> {
  await page.getByLabel("Name").fill(user)
  await page.getByLabel("Password").fill(user)
  await page.getByRole("button", { name: "Sign in" }).click()
}
