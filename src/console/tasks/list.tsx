/** The tasks for which a token was issued last, and a form that opens a task by its id. */
import { CONTRACT, type Answer } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { isTaskId } from "../../core/task/state.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Person, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { Paging } from "../layout/paging.tsx"
import { taskPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"

export const tasksPage = {
  path: "/tasks",
  section: "tasks",
  readers: "viewer",
  view: listTasks,
} as const satisfies PageDefinition

const FILTERS = ["agent", "user"] as const

async function listTasks(request: PageRequest): Promise<Response> {
  const { c } = request
  const id = c.req.query("id")?.trim()
  if (id !== undefined && isTaskId(id)) return seeOther(taskPath(id))
  const filters = new URLSearchParams()
  for (const name of FILTERS) {
    const value = c.req.query(name)?.trim() ?? ""
    if (value !== "") filters.set(name, value)
  }
  const query = new URLSearchParams(filters)
  const before = c.req.query("before")
  if (before !== undefined) query.set("before", before)
  const response = await request.callApi("GET", `/v1/tasks?${query.toString()}`)
  if (response.status !== 200) return failurePage(request, response)
  const { tasks, next } = CONTRACT.listTasks.answer().parse(response.body)
  const now = request.context.receivedAt
  return respondPage(
    <ConsolePage title="Tasks" request={request}>
      <h1>Tasks</h1>
      <p class="lead">Each task is one piece of work by an agent and its sub-agents.</p>
      <div class="finders">
        <form method="get" action={SECTIONS.tasks.href} class="filters">
          <div>
            <label for="id">Task id</label>
            <input id="id" name="id" class="mono" size={40} placeholder="tsk_…" value={id ?? ""} required />
          </div>
          <button class="main">Open</button>
        </form>
        <form method="get" action={SECTIONS.tasks.href} class="filters">
          <div>
            <label for="agent">Agent</label>
            <input id="agent" name="agent" size={30} placeholder="spiffe://…" value={filters.get("agent") ?? ""} />
          </div>
          <div>
            <label for="user">Person</label>
            <input id="user" name="user" size={30} placeholder="issuer|subject" value={filters.get("user") ?? ""} />
          </div>
          <button>Filter</button>
          {filters.size > 0 && <a href={SECTIONS.tasks.href}>All</a>}
        </form>
      </div>
      {id !== undefined && (
        <p class="notice bad" role="alert">
          <Text of={`“${id}” is not a task id. Task ids start with tsk_.`} most={240} />
        </p>
      )}
      {tasks.length === 0 ? (
        <p class="empty card">
          {filters.size > 0 || before !== undefined
            ? "No tasks match."
            : "No tasks yet. A task appears when an agent gets its first token."}
        </p>
      ) : (
        <Table caption="Recent tasks" columns={["Task", "Agent", "Purpose", "Person", "Last token"]}>
          {tasks.map((task) => (
            <Row task={task} now={now} />
          ))}
        </Table>
      )}
      <Paging
        first={before !== undefined && { href: `${SECTIONS.tasks.href}?${filters.toString()}`, text: "Newest" }}
        next={
          next !== null && {
            href: `${SECTIONS.tasks.href}?${new URLSearchParams([...filters, ["before", next]]).toString()}`,
            text: "Older",
          }
        }
      />
    </ConsolePage>,
  )
}

type ListedTask = Answer<"listTasks">["tasks"][number]

const Row: FC<{ readonly task: ListedTask; readonly now: number }> = ({ task, now }) => (
  <tr>
    <td data-label="Task">
      <a class="mono" href={taskPath(task.id)}>
        {task.id}
      </a>
    </td>
    <td data-label="Agent">
      {shortened(task.agent ?? "", 60, "end")}
      {task.chain.length > 1 && <div class="quiet">{`for ${shortened(task.chain.at(-2) ?? "", 50, "end")}`}</div>}
    </td>
    <td data-label="Purpose">
      <Text of={task.purpose ?? "–"} most={60} />
    </td>
    <td data-label="Person">{task.user === null ? "none" : <Person of={task.user} />}</td>
    <td data-label="Last token">
      <Moment at={task.token_at} now={now} />
    </td>
  </tr>
)
