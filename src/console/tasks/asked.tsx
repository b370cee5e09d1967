/** What people were asked about a task, and what they have said. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { askedCallPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import { descriptionOf, NO_REASON_GIVEN, type ApiResponse } from "../layout/page-request.ts"
import { approvals, type AskedCall, type Task } from "../../api/contract/tasks.ts"
import { mayGoOn } from "./words.ts"

const MOST_ASKED = 30

export const Asked: FC<{ readonly response: ApiResponse; readonly tasks: readonly Task[]; readonly now: number }> = ({
  response,
  tasks,
  now,
}) => {
  if (response.status !== 200)
    return (
      <p class="notice warn">{`What people were asked about it cannot be shown: ${descriptionOf(response) ?? NO_REASON_GIVEN}`}</p>
    )
  const { approvals: all } = approvals.parse(response.body)
  if (all.length === 0) return <></>
  const latest = all.toReversed().slice(0, MOST_ASKED)
  return (
    <Table caption="What people were asked about it" columns={["Call", "Answer", "Until"]}>
      {latest.map((each) => (
        <AskedRow approval={each} isOver={tasks.some((task) => task.id === each.task && !mayGoOn(task))} now={now} />
      ))}
    </Table>
  )
}

const ANSWER_TONES: Readonly<Record<string, string>> = { pending: "warn", approved: "good", rejected: "bad" }

const AskedRow: FC<{ readonly approval: AskedCall; readonly isOver: boolean; readonly now: number }> = ({
  approval: { id, task, tool, status, expires_at },
  isOver,
  now,
}) => (
  <tr>
    <td data-label="Call">
      <a href={askedCallPath(task, id)}>
        <Text of={tool} most={100} />
      </a>
    </td>
    <td data-label="Answer">
      {status === "pending" && isOver ? (
        <span class="badge">over</span>
      ) : (
        <span class={`badge ${ANSWER_TONES[status] ?? ""}`}>
          {status === "pending" ? "waits" : shortened(status, 20)}
        </span>
      )}
    </td>
    <td data-label="Until">
      <Moment at={expires_at} now={now} />
    </td>
  </tr>
)
