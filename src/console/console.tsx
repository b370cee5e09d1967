/** Every page of the console, each with what its forms do. */
import { Hono } from "hono"
import { ICON, plainPage, seeOther } from "../page/page.tsx"
import { STYLE } from "../page/style.ts"
import { answerCall, showCall } from "./approvals/call.tsx"
import { listApprovals } from "./approvals/inbox.tsx"
import { answerTask, showTask as showAskedTask } from "./approvals/task.tsx"
import { sectionsFor } from "./frame.tsx"
import { listTasks } from "./tasks/list.tsx"
import { actOnTask, showTask } from "./tasks/task.tsx"
import { act, view, type AskApi, type Pages } from "./visit.tsx"

/** They change with a deployment only. */
const KEEP = { "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff" } as const

/** The page that a form is on. */
const here = ({ req }: Pages): string => new URL(req.url).pathname
const taskOf = ({ req }: Pages): string => `/console/tasks/${encodeURIComponent(req.param("id") ?? "")}`

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
  pages.get("/approvals/:task", view(api, showAskedTask))
  pages.post("/approvals/:task", act(api, here, answerTask))
  pages.get("/approvals/:task/:approval", view(api, showCall))
  pages.post("/approvals/:task/:approval", act(api, here, answerCall))

  pages.get("/tasks", view(api, listTasks))
  pages.get("/tasks/:id", view(api, showTask))
  for (const name of ["complete", "quarantine", "release"] as const) {
    pages.post(`/tasks/:id/${name}`, act(api, taskOf, actOnTask(name)))
  }

  pages.all("*", () => plainPage("There is nothing here", <a href="/console">To the console</a>, { status: 404 }))
  return pages
}
