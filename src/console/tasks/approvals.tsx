/** The approvals that were requested for the calls of a task. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { callApprovalPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import { descriptionOf, NO_REASON_GIVEN, type ApiResponse } from "../layout/page-request.ts"
import type { CallApproval } from "../../api/contract/approvals.ts"
import type { Task } from "../../api/contract/tasks.ts"
import { isOpen } from "./words.ts"

const MAX_LISTED = 30

export const TaskApprovals: FC<{
  readonly response: ApiResponse
  readonly tasks: readonly Task[]
  readonly now: number
}> = ({ response, tasks, now }) => {
  if (response.status !== 200)
    return <p class="notice warn">{`The approvals cannot be shown: ${descriptionOf(response) ?? NO_REASON_GIVEN}`}</p>
  const { approvals: all } = CONTRACT.listCallApprovals.answer().parse(response.body)
  if (all.length === 0) return <></>
  const latest = all.toReversed().slice(0, MAX_LISTED)
  return (
    <Table caption="Approvals" columns={["Call", "Answer", "Expires"]}>
      {latest.map((each) => (
        <ApprovalRow
          approval={each}
          isClosed={tasks.some((task) => task.id === each.task && !isOpen(task))}
          now={now}
        />
      ))}
    </Table>
  )
}

const ANSWER_TONES: Readonly<Record<string, string>> = { pending: "warn", approved: "good", rejected: "bad" }

const ApprovalRow: FC<{ readonly approval: CallApproval; readonly isClosed: boolean; readonly now: number }> = ({
  approval: { id, task, tool, status, expires_at },
  isClosed,
  now,
}) => (
  <tr>
    <td data-label="Call">
      <a href={callApprovalPath(task, id)}>
        <Text of={tool} most={100} />
      </a>
    </td>
    <td data-label="Answer">
      {status === "pending" && isClosed ? (
        <span class="badge">expired</span>
      ) : (
        <span class={`badge ${ANSWER_TONES[status] ?? ""}`}>
          {status === "pending" ? "pending" : shortened(status, 20)}
        </span>
      )}
    </td>
    <td data-label="Expires">
      <Moment at={expires_at} now={now} />
    </td>
  </tr>
)
