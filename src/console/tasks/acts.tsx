/** What an operator can do to a task. Each action opens its own form, which says what it does. */
import type { FC } from "hono/jsx"
import { seeOther } from "../../web/page.tsx"
import { failurePage } from "../layout/frame.tsx"
import { taskPath } from "../layout/paths.ts"
import { ReasonField } from "../layout/reason-field.tsx"
import type { FormDefinition } from "../layout/page-definition.ts"
import type { SignedInUser } from "../layout/page-request.ts"
import type { Task } from "../../api/contract/tasks.ts"

const ACTS = {
  complete: {
    title: "End task…",
    text: "Tokens stop working at once. This cannot be undone.",
    button: "End task",
    tone: "stop",
    when: ["active", "pending", "quarantined"],
  },
  quarantine: {
    title: "Quarantine…",
    text: "All calls of this task and its sub-tasks are denied until an operator releases it.",
    button: "Quarantine task",
    tone: "stop",
    when: ["active"],
  },
  release: {
    title: "Release…",
    text: "Calls of this task are decided as before it was quarantined.",
    button: "Release task",
    tone: "main",
    when: ["quarantined"],
  },
  "labels/clear": {
    title: "Clear labels…",
    text: "Rules no longer see what was read so far: neither in this task tree, nor what its agents carry for this person.",
    button: "Clear labels",
    tone: "main",
    when: ["active", "quarantined"],
    isOffered: ({ labels, carried }) => labels.length + carried.length > 0,
  },
} as const satisfies Readonly<Record<string, Act>>
interface Act {
  readonly title: string
  readonly text: string
  readonly button: string
  readonly tone: "stop" | "main"
  readonly when: readonly Task["status"][]
  /** Whether there is anything to do. If absent, there is. */
  readonly isOffered?: (task: Task) => boolean
}
type ActName = keyof typeof ACTS

export const Acts: FC<{ readonly task: Task; readonly reader: SignedInUser; readonly below: number }> = ({
  task,
  reader,
  below,
}) => {
  const acts: readonly (readonly [string, Act])[] = Object.entries(ACTS)
  const offered = acts.filter(([, { when, isOffered }]) => when.includes(task.status) && (isOffered?.(task) ?? true))
  if (offered.length === 0) return <></>
  return (
    <section class="acts" aria-label="Actions">
      {offered.map(([name, { title, text, button, tone }]) => (
        <details class="card">
          <summary>{title}</summary>
          <form method="post" action={`${taskPath(task.id)}/${name}`}>
            <p>
              {text}
              {below > 0 && tone === "stop" && ` This includes ${below} ${below === 1 ? "sub-task" : "sub-tasks"}.`}
            </p>
            <input type="hidden" name="csrf" value={reader.csrf} />
            <ReasonField id={`why-${name}`} />
            <p>
              <button class={tone}>{button}</button>
            </p>
          </form>
        </details>
      ))}
    </section>
  )
}

/** What the forms of a task's page do. */
export const TASK_FORMS: readonly FormDefinition[] = [
  formOf("complete"),
  formOf("quarantine"),
  formOf("release"),
  formOf("labels/clear"),
]

function formOf(name: ActName): FormDefinition {
  return {
    path: `/tasks/:id/${name}`,
    senders: "operator",
    act: async (request, form) => {
      const id = request.c.req.param("id") ?? ""
      const reason = form.get("reason")?.trim() ?? ""
      const path = `/v1/tasks/${encodeURIComponent(id)}/${name}`
      const response = await request.callApi("POST", path, reason === "" ? undefined : { reason })
      return response.status === 200 ? seeOther(taskPath(id)) : failurePage(request, response)
    },
  }
}
