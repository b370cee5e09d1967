/** Every page of the console, each with what its forms do. */
import { Hono } from "hono"
import { ICON, plainPage, seeOther } from "../page/page.tsx"
import { STYLE } from "../page/style.ts"
import { listApprovals } from "./approvals.tsx"
import { sectionsFor } from "./frame.tsx"
import { view, type AskApi } from "./visit.tsx"

/** They change with a deployment only. */
const KEEP = { "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff" } as const

/** @param api the Worker's own */
export function consolePages(api: AskApi): Hono<{ Bindings: Env }> {
  const pages = new Hono<{ Bindings: Env }>()
  pages.get("/style.css", (c) => c.body(STYLE, 200, { ...KEEP, "Content-Type": "text/css; charset=utf-8" }))
  pages.get("/icon.svg", (c) => c.body(ICON, 200, { ...KEEP, "Content-Type": "image/svg+xml" }))

  pages.get(
    "/",
    view(api, async ({ visitor }) => seeOther(sectionsFor(visitor)[0]?.href ?? "/console/approvals")),
  )
  pages.get("/approvals", view(api, listApprovals))

  pages.all("*", () => plainPage("There is nothing here", <a href="/console">To the console</a>, { status: 404 }))
  return pages
}
