/** A task tree as a picture: the status of each task, by colour and in words, with a link to its page. */
import type { FC } from "hono/jsx"
import { shortened } from "../../web/visible.ts"
import { taskPath } from "../layout/paths.ts"
import { BOX, layoutOf } from "./tree-layout.ts"
import type { Task } from "../../api/contract/tasks.ts"
import { STATES } from "./words.ts"

/** The most tasks of a picture. */
const MOST = 40
/** The characters of a name that fit into a box. */
const MOST_SHOWN = 38

export const TreePicture: FC<{ readonly tasks: readonly Task[]; readonly current: string }> = ({ tasks, current }) => {
  const { rows, width, height, hidden } = layoutOf(tasks, MOST, current)
  return (
    <>
      <svg
        class="picture"
        role="group"
        aria-label="Task tree"
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
      >
        {rows.map(({ task, x, y, parent }) => {
          const above = parent === null ? undefined : rows[parent]
          const isCurrent = task.id === current
          return (
            <>
              {above && <path class="link" d={`M${above.x + 10} ${above.y + BOX.height}V${y + BOX.height / 2}H${x}`} />}
              <a href={taskPath(task.id)} {...(isCurrent && { "aria-current": "page" as const })}>
                <rect
                  class={`box ${STATES[task.status].tone}${isCurrent ? " current" : ""}`}
                  x={x}
                  y={y}
                  width={BOX.width}
                  height={BOX.height}
                  rx="8"
                />
                <text x={x + 12} y={y + 20}>
                  {shortened(task.agent, MOST_SHOWN, "end")}
                </text>
                <text class="quiet" x={x + 12} y={y + 38}>
                  {`${nameOf(task.id)} · ${task.status} · ${callsText(task)}`}
                </text>
              </a>
            </>
          )
        })}
      </svg>
      {hidden > 0 && (
        <p class="quiet">{`${hidden} more sub-${hidden === 1 ? "task" : "tasks"}. Open a task to see its own.`}</p>
      )}
    </>
  )
}

/** `root`, or the numbers of a sub-task. */
function nameOf(id: string): string {
  return id.includes(".") ? shortened(id.slice(id.indexOf(".")), 12, "end") : "root"
}

function callsText({ calls: { used, limit } }: Task): string {
  return limit === null ? `${used} calls` : `${used}/${limit} calls`
}
