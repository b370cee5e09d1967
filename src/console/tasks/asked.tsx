/** What people were asked about a task, and what they have said. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { askedCallPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import { descriptionOf, UNSAID, type ApiResponse } from "../layout/visit.tsx"
import type { CallApproval } from "../../api/contract/approvals.ts"
import type { Task } from "../../api/contract/tasks.ts"
import { mayGoOn } from "./words.ts"

const MOST_ASKED = 30

export const Asked: FC<{ readonly said: ApiResponse; readonly tasks: readonly Task[]; readonly now: number }> = ({
  said,
  tasks,
  now,
}) => {
  if (said.status !== 200)
    return (
      <p class="notice warn">{`What people were asked about it cannot be shown: ${descriptionOf(said) ?? UNSAID}`}</p>
    )
  const { approvals: all } = CONTRACT.listCallApprovals.answer().parse(said.body)
  if (all.length === 0) return <></>
  const latest = all.toReversed().slice(0, MOST_ASKED)
  return (
    <Table caption="What people were asked about it" columns={["Call", "Answer", "Until"]}>
      {latest.map((each) => (
        <AskedRow asked={each} isOver={tasks.some((task) => task.id === each.task && !mayGoOn(task))} now={now} />
      ))}
    </Table>
  )
}

const ANSWER_TONES: Readonly<Record<string, string>> = { pending: "warn", approved: "good", rejected: "bad" }

const AskedRow: FC<{ readonly asked: CallApproval; readonly isOver: boolean; readonly now: number }> = ({
  asked: { id, task, tool, status, expires_at },
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
