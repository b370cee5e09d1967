/** What was decided in a task and below it, page by page. */
import type { FC } from "hono/jsx"
import { toolText } from "../decisions/line.ts"
import { decisions, type Decision } from "../../api/contract/decisions-console.ts"
import { eventOf, Timeline } from "../decisions/timeline.tsx"
import { Paging } from "../layout/paging.tsx"
import { descriptionOf, NO_REASON_GIVEN, type ApiResponse } from "../layout/page-request.ts"

/** Of a page. */
export const MOST_RECORDS = 20

interface Paged {
  readonly response: ApiResponse
  readonly now: number
  readonly at: string
  readonly isDenied: boolean
  readonly isFirst: boolean
}

export const Records: FC<Paged> = ({ response, now, at, isDenied, isFirst }) => {
  const events =
    response.status === 200
      ? decisions.parse(response.body).decisions.map((record) => eventOf(record, whatOf(record)))
      : null
  const filter = isDenied ? "decision=deny" : ""
  const last = events?.at(-1)
  return (
    <section class="card" id="records">
      <div class="row">
        <h2>What was decided</h2>
        <span class="end">
          {isDenied ? (
            <a href={`${at}#records`}>All</a>
          ) : (
            <a href={`${at}?decision=deny#records`}>Only what was denied</a>
          )}
        </span>
      </div>
      {events === null && (
        <p class="notice warn">{`It cannot be shown: ${descriptionOf(response) ?? NO_REASON_GIVEN}`}</p>
      )}
      {events?.length === 0 && (
        <p class="quiet">{isDenied ? "Nothing was denied." : "Nothing so far, or nothing that is kept still."}</p>
      )}
      {events && <Timeline events={events} now={now} linked />}
      <Paging
        first={!isFirst && { href: `${at}?${filter}#records`, text: "The latest" }}
        next={
          events?.length === MOST_RECORDS &&
          last && {
            href: `${at}?${[filter, `before=${last.id}`].filter((each) => each !== "").join("&")}#records`,
            text: "Earlier",
          }
        }
      />
    </section>
  )
}

const KINDS: Readonly<Record<string, string>> = {
  exchange: "a token was asked for",
  approval: "people were asked, or answered",
  end: "it was ended, or frozen",
}
/** By where it was asked for. */
const ENDS: Readonly<Record<string, string>> = {
  complete: "it was ended",
  abort: "it was given up",
  quarantine: "it was frozen",
  release: "it was let go on",
}

/** As it is said of the task that the page is about. */
function whatOf({ kind, tool, action, path }: Decision): string {
  if (tool !== null) return toolText(tool, action)
  const act = path?.split("/").at(-1) ?? ""
  return (kind === "end" ? ENDS[act] : undefined) ?? KINDS[kind] ?? kind
}
