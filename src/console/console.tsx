/** Every page of the console, each with what its forms do. */
import { Hono } from "hono"
import { ICON, plainPage, seeOther } from "../web/page.tsx"
import { STYLE } from "../web/style.ts"
import { showAgent } from "./agents/agent.tsx"
import { listAgents } from "./agents/list.tsx"
import { answerCall, showCall } from "./approvals/call.tsx"
import { listApprovals } from "./approvals/inbox.tsx"
import { answerTask, showTask as showAskedTask } from "./approvals/task.tsx"
import { showDecision } from "./decisions/record.tsx"
import { sectionsFor } from "./layout/frame.tsx"
import { followDecisions, followed } from "./decisions/live-events.ts"
import { showLive } from "./decisions/live.tsx"
import { LIVE_SCRIPT } from "./decisions/script.ts"
import { taskPath } from "./layout/paths.ts"
import { showBundle } from "./policies/bundle.tsx"
import { askExplanation, explainCall } from "./policies/explain.tsx"
import { listPolicies } from "./policies/list.tsx"
import { showShadow } from "./policies/shadow.tsx"
import { confirmStop, stopIt } from "./stop/confirm.tsx"
import { confirmLift, liftIt } from "./stop/lift.tsx"
import { showStop } from "./stop/stop.tsx"
import { CONSOLE_STYLE } from "./layout/style.ts"
import { actOnTask } from "./tasks/acts.tsx"
import { listTasks } from "./tasks/list.tsx"
import { showTask } from "./tasks/task.tsx"
import { act, view, type AskApi, type Pages } from "./layout/visit.tsx"

/** They change with a deployment only. */
const KEEP = { "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff" } as const

/** The page that a form is on. */
const here = ({ req }: Pages): string => new URL(req.url).pathname
const taskOf = ({ req }: Pages): string => taskPath(req.param("id") ?? "")

/** @param api the Worker's own */
export function consolePages(api: AskApi): Hono<{ Bindings: Env }> {
  const pages = new Hono<{ Bindings: Env }>()
  pages.get("/style.css", (c) =>
    c.body(STYLE + CONSOLE_STYLE, 200, { ...KEEP, "Content-Type": "text/css; charset=utf-8" }),
  )
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

  pages.get("/live.js", (c) => c.body(LIVE_SCRIPT, 200, { ...KEEP, "Content-Type": "text/javascript; charset=utf-8" }))
  pages.get("/live", view(api, showLive))
  pages.get("/live/events", followed(view(api, followDecisions)))
  pages.get("/decisions/:id", view(api, showDecision))

  pages.get("/agents", view(api, listAgents))
  pages.get("/agents/agent", view(api, showAgent))

  pages.get("/policies", view(api, listPolicies))
  pages.get("/policies/explain", view(api, askExplanation))
  pages.post("/policies/explain", act(api, here, explainCall))
  pages.get("/policies/shadow", view(api, showShadow))
  pages.get("/policies/:digest", view(api, showBundle))

  pages.get("/stop", view(api, showStop))
  pages.post("/stop", act(api, here, stopIt))
  pages.get("/stop/confirm", view(api, confirmStop))
  pages.get("/stop/lift", view(api, confirmLift))
  pages.post(
    "/stop/lift",
    act(api, () => "/console/stop", liftIt),
  )

  pages.all("*", () => plainPage("There is nothing here", <a href="/console">To the console</a>, { status: 404 }))
  return pages
}
