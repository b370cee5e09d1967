/** The console: its pages and their forms as `PAGES` lists them, and the files that they load. */
import { Hono } from "hono"
import { ICON, plainPage, seeOther } from "../web/page.tsx"
import { STYLE } from "../web/style.ts"
import { LIVE_SCRIPT } from "./decisions/script.ts"
import { actOf, viewOf, type CallApi } from "./layout/serve-page.tsx"
import { SECTIONS } from "./layout/sections.ts"
import { CONSOLE_STYLE } from "./layout/style.ts"
import type { PageDefinition } from "./layout/page-definition.ts"
import { PAGES } from "./pages.ts"

/** These files change with a deployment only. */
const CACHED = { "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff" } as const

/** @param api the Worker's own */
export function consolePages(api: CallApi): Hono<{ Bindings: Env }> {
  const router = new Hono<{ Bindings: Env }>()
  const serve = (path: string, type: string, text: string): unknown =>
    router.get(path, (c) => c.body(text, 200, { ...CACHED, "Content-Type": type }))
  serve("/style.css", "text/css; charset=utf-8", STYLE + CONSOLE_STYLE)
  serve("/icon.svg", "image/svg+xml", ICON)
  serve("/live.js", "text/javascript; charset=utf-8", LIVE_SCRIPT)
  // Everybody may open Approvals.
  router.get("/", () => seeOther(SECTIONS.approvals.href))
  // A path without parameters comes before one whose parameter would match it.
  const pages: readonly PageDefinition[] = PAGES.toSorted((a, b) => countParameters(a.path) - countParameters(b.path))
  const setup = { api, pages }
  for (const page of pages) {
    router.get(page.path, viewOf(setup, page))
    for (const form of page.forms ?? []) router.post(form.path ?? page.path, actOf(setup, page, form))
  }
  router.all("*", () => plainPage("Not found", <a href="/console">To the console</a>, { status: 404 }))
  return router
}

const countParameters = (path: string): number => path.split(":").length
