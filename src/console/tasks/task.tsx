/** One task: its status and tree, its limits, its approvals and decisions, and what an operator can do to it. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { rootOf } from "../../core/task/state.ts"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { markInvisible, shortened } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { taskPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import { mayStop, type PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Acts, TASK_FORMS } from "./acts.tsx"
import { TaskApprovals } from "./approvals.tsx"
import { Facts } from "./facts.tsx"
import { Gauges, Usage } from "./gauges.tsx"
import { MOST_RECORDS, Records } from "./records.tsx"
import type { Task } from "../../api/contract/tasks.ts"
import { TreePicture } from "./tree.tsx"
import { isOpen, STATES } from "./words.ts"

export const taskPage = {
  path: "/tasks/:id",
  section: "tasks",
  readers: "viewer",
  view: showTask,
  forms: TASK_FORMS,
} as const satisfies PageDefinition

async function showTask(request: PageRequest): Promise<Response> {
  const { c } = request
  const id = c.req.param("id") ?? ""
  const root = rootOf(id)
  const query = new URLSearchParams({ tree: id, limit: String(MOST_RECORDS) })
  const before = c.req.query("before")
  const isDenied = c.req.query("decision") === "deny"
  if (before !== undefined) query.set("before", before)
  if (isDenied) query.set("decision", "deny")
  const path = `/v1/tasks/${encodeURIComponent(id)}`
  const [ownTree, rootTree] = await Promise.all([
    request.callApi("GET", path),
    root === id ? null : request.callApi("GET", `/v1/tasks/${encodeURIComponent(root)}`),
  ])
  if (ownTree.status !== 200) return failurePage(request, ownTree)
  const { tasks, limits } = CONTRACT.showTask.answer().parse(ownTree.body)
  const task = tasks.find((each) => each.id === id)
  if (!task) return failurePage(request, { status: 404, body: null })
  const tree = rootTree?.status === 200 ? CONTRACT.showTask.answer().parse(rootTree.body).tasks : tasks
  const [records, approvals] = await Promise.all([
    request.callApi("GET", `/v1/decisions?${query.toString()}`),
    request.callApi("GET", `${path}/approvals`),
  ])
  const now = request.context.receivedAt
  return respondPage(
    <ConsolePage title={markInvisible(task.purpose)} request={request}>
      <p>
        <a href={SECTIONS.tasks.href}>Tasks</a>
        {root !== id && (
          <>
            {" / "}
            <a class="mono" href={taskPath(root)}>
              {root}
            </a>
          </>
        )}
      </p>
      <h1>
        <Text of={task.purpose} most={100} />
      </h1>
      <Status task={task} now={now} />
      {mayStop(request.reader) && <Acts task={task} reader={request.reader} below={tasks.length - 1} />}
      <div class="columns">
        <div>
          <section class="card">
            <h2>Usage</h2>
            <Usage task={task} now={now} />
          </section>
          <section class="card">
            <h2>Windows and budgets</h2>
            <Gauges of={limits} isClosed={!isOpen(task)} />
          </section>
        </div>
        <aside>
          <section class="card">
            <h2>{`Task tree: ${tree.length} ${tree.length === 1 ? "task" : "tasks"}`}</h2>
            <TreePicture tasks={tree} current={id} />
          </section>
          <Facts task={task} now={now} />
        </aside>
      </div>
      <TaskApprovals response={approvals} tasks={tree} now={now} />
      <Records response={records} now={now} at={taskPath(id)} isDenied={isDenied} isFirst={before === undefined} />
    </ConsolePage>,
  )
}

const Status: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { tone, text } = STATES[task.status]
  const by = task.ended_by ?? task.frozen_by
  return (
    <p class="row lead">
      <span class={`badge ${tone}`}>{task.status}</span>
      <span>{`${shortened(task.agent, 80, "end")}: ${text}${by === null ? "" : `, by ${ACTORS[by] ?? by}`}.`}</span>
      <span>
        {task.status === "quarantined" && "Its calls are denied until an operator releases it. "}
        Started <Moment at={task.opened_at} now={now} />
      </span>
      <code>{task.id}</code>
    </p>
  )
}

const ACTORS: Readonly<Record<string, string>> = {
  completion: "its agent",
  abort: "its agent, which aborted it",
  operator: "an operator",
  rejection: "the user, who rejected it",
  plan: "its plan, which is completed",
  deviation: "a guardrail or its plan, because it deviated",
}
