/** What holds of every page: nothing serious for axe, under 100 KB, nothing that the browser complains of. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type axe from "axe-core"
import type { Locator, Page } from "playwright-core"
import { expect } from "vitest"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
const MAX_BYTES = 100_000

/** Findings that keep somebody from using the page. */
export async function barriersOf(page: Page): Promise<readonly string[]> {
  // By the debugger, as the page lets no script in.
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(async (): Promise<axe.AxeResults> => {
    const { axe }: { axe: { run: () => Promise<axe.AxeResults> } } = Object(globalThis)
    return axe.run()
  })
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`)
}

export async function expectGood(page: Page): Promise<void> {
  expect(await barriersOf(page), page.url()).toEqual([])
  const { html, width } = await page.evaluate(() => ({
    html: new TextEncoder().encode(document.documentElement.outerHTML).byteLength,
    width: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }))
  expect(html, page.url()).toBeLessThan(MAX_BYTES)
  // Nothing has to be scrolled sideways, on a phone either.
  expect(width, page.url()).toBeLessThanOrEqual(0)
}

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const
const SCHEMES = ["light", "dark"] as const

/** Looks at it as each reader would; with `SCREENSHOTS=DIR` pictures are kept there. */
export async function lookAt(page: Page, name: string): Promise<void> {
  const directory = process.env["SCREENSHOTS"]
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport)
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme })
      await expectGood(page)
      if (directory === undefined) continue
      await page.screenshot({ path: `${directory}/${name}-${size}-${colorScheme}.png`, fullPage: true })
    }
  }
  await page.setViewportSize(SIZES.desktop)
  await page.emulateMedia({ colorScheme: "light" })
}

/** Widths and heights of phones, the smallest first. */
export const PHONES = [
  { width: 320, height: 640 },
  { width: 360, height: 640 },
  { width: 390, height: 844 },
] as const

/** Whether a reader sees all of it without scrolling: nothing cuts it off, and nothing lies on it. */
export async function isWhollySeen(part: Locator): Promise<boolean> {
  return part.evaluate((element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect()
    const middle = [(left + right) / 2, (top + bottom) / 2] as const
    const points = [
      middle,
      [left + 2, middle[1]],
      [right - 2, middle[1]],
      [middle[0], top + 2],
      [middle[0], bottom - 2],
    ]
    return points.every(([x = 0, y = 0]) => element.contains(document.elementFromPoint(x, y)))
  })
}
