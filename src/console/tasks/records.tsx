/** The decisions about a task and its sub-tasks, page by page. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { toolText } from "../decisions/decision-text.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import { timelineEventOf, Timeline } from "../decisions/timeline.tsx"
import { Paging } from "../layout/paging.tsx"
import { descriptionOf, NO_REASON_GIVEN, type ApiResponse } from "../layout/page-request.ts"

/** The records of one page. */
export const MOST_RECORDS = 20

interface RecordsProps {
  readonly response: ApiResponse
  readonly now: number
  readonly at: string
  readonly isDenied: boolean
  readonly isFirst: boolean
}

export const Records: FC<RecordsProps> = ({ response, now, at, isDenied, isFirst }) => {
  const events =
    response.status === 200
      ? CONTRACT.listDecisions
          .answer()
          .parse(response.body)
          .decisions.map((record) => timelineEventOf(record, whatOf(record)))
      : null
  const filter = isDenied ? "decision=deny" : ""
  const last = events?.at(-1)
  return (
    <section class="card" id="records">
      <div class="row">
        <h2>Timeline</h2>
        <span class="end">
          {isDenied ? <a href={`${at}#records`}>All</a> : <a href={`${at}?decision=deny#records`}>Only denied</a>}
        </span>
      </div>
      {events === null && (
        <p class="notice warn">{`The timeline cannot be shown: ${descriptionOf(response) ?? NO_REASON_GIVEN}`}</p>
      )}
      {events?.length === 0 && <p class="quiet">{isDenied ? "No denials." : "No decisions are recorded."}</p>}
      {events && <Timeline events={events} now={now} linked />}
      <Paging
        first={!isFirst && { href: `${at}?${filter}#records`, text: "Newest" }}
        next={
          events?.length === MOST_RECORDS &&
          last && {
            href: `${at}?${[filter, `before=${last.id}`].filter((each) => each !== "").join("&")}#records`,
            text: "Older",
          }
        }
      />
    </section>
  )
}

const KINDS: Readonly<Record<string, string>> = {
  exchange: "Token requested",
  approval: "Approval requested or answered",
  end: "Task ended or quarantined",
}
/** What happened to the task, by the last segment of the path. */
const ENDS: Readonly<Record<string, string>> = {
  complete: "Task ended",
  abort: "Task aborted",
  quarantine: "Task quarantined",
  release: "Task released",
}

/** What was decided, as the page of the task calls it. */
function whatOf({ kind, tool, action, path }: Decision): string {
  if (tool !== null) return toolText(tool, action)
  const act = path?.split("/").at(-1) ?? ""
  return (kind === "end" ? ENDS[act] : undefined) ?? KINDS[kind] ?? kind
}
