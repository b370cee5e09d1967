/** What a task's agent or an operator sees of it: its state, the tree below, and what is left. */
import { openBounds } from "../catalog/redaction.ts"
import type { GrantedDetails } from "./grant.ts"
import { gaugesOf, type Gauge } from "../guardrails/gauge.ts"
import { expected, type PlanStep } from "../guardrails/plan.ts"
import { highestRisk } from "../guardrails/risk.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/principals.ts"
import { carriedOf } from "./labels.ts"
import { USER_SCOPE } from "./memories.ts"
import { isRequest } from "./openings.ts"
import { redactedOf } from "./redacted-arguments.ts"
import { risksOfTask } from "./risks.ts"
import { isBelow, ancestryOf, whyEnded, type TreeState } from "./state.ts"
import type { Task, TaskLimit, WhyEnded } from "./task.ts"

export interface TaskView {
  readonly id: string
  readonly parent: string | null
  readonly agent: string
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  readonly purpose: string
  readonly audiences: readonly string[]
  readonly scope: string
  readonly authorization_details: readonly VisibleDetails[] | null
  /** `active`, or why it opens nothing: `pending`, `completed`, `revoked`, `quarantined`, `expired`, `idle`. */
  readonly status: WhyEnded | "active"
  /** What ended it. Null if nothing has. */
  readonly ended_by: Task["endedBy"]
  /** What quarantined it. Null if it is not quarantined. */
  readonly frozen_by: Task["endedBy"]
  /** Milliseconds since the epoch. */
  readonly opened_at: number
  /** Milliseconds since the epoch. */
  readonly expires_at: number
  /** What ends it then. */
  readonly limited_by: TaskLimit
  /** Whether it goes on after its user's session. */
  readonly offline: boolean
  /** Milliseconds since the epoch, when it expires unless a call comes before. Null if it may be idle. */
  readonly idle_at: number | null
  readonly calls: { readonly used: number; readonly limit: number | null }
  /** What is left: calls (null: unlimited), milliseconds, and the tools that its plan allows next. */
  readonly left: {
    readonly calls: number | null
    readonly life: number
    readonly next: readonly string[] | null
  }
  readonly plan: readonly (PlanStep & { readonly used: number })[] | null
  /** Labels that the whole tree has picked up. */
  readonly labels: readonly string[]
  /** Further labels, which the agents of its chain carry. */
  readonly carried: readonly string[]
  /**
   * From 0 to 100: the current reported risk of the task or an ancestor. Reports about agents and users are added to
   * it.
   */
  readonly risk: number
}

/** With bounds whose values may be hidden. */
type VisibleDetails = Omit<GrantedDetails, "arguments"> & { readonly arguments?: ReturnType<typeof openBounds> }

/** A task and those below it. */
export interface Viewed {
  readonly tasks: readonly TaskView[]
  /** Null if no bundle can be loaded that says what applies. */
  readonly limits: readonly Gauge[] | null
}

/** The task and those below it. */
export function viewOf(state: TreeState, root: string, now: number): TaskView[] {
  const user = state.user && userId(state.user)
  const labels = [...state.labels]
  // What is known of an agent in its own ledger says nothing about a task that will open in a person's.
  const above = ({ id }: Task): readonly Task[] => (isRequest(state) ? [] : ancestryOf(state, id))
  return [...state.tasks.values()]
    .filter(({ id }) => id === root || isBelow(id, root))
    .map((task) =>
      Object.assign(taskView(task, now), {
        user,
        labels,
        carried: carriedOf(state, above(task), now),
        risk: highestRisk(risksOfTask(state.ledger.risks, above(task)), now),
      }),
    )
}

/**
 * The same for a viewer who does not hold a task's grant. A bound on an argument that the catalog redacts, for one of
 * the tools that the task and its ancestors cover, would disclose that argument of each allowed call.
 * @param bundle null if none can be loaded: no bound then shows a value
 * @param agent that sends the request, and sees its own grants whole; null for an operator
 */
export function openView(
  tasks: readonly TaskView[],
  state: TreeState,
  bundle: Pick<Bundle, "catalog"> | null,
  agent: string | null,
): readonly TaskView[] {
  return tasks.map((task) => {
    const { id, authorization_details: details } = task
    if (task.agent === agent || !details) return task
    const redact = bundle && redactedOf(ancestryOf(state, id), bundle.catalog.tools)
    return Object.assign({ ...task }, { authorization_details: details.map((each) => openDetails(each, redact)) })
  })
}

function openDetails(details: VisibleDetails, redact: readonly string[] | null): VisibleDetails {
  return details.arguments ? { ...details, arguments: openBounds(details.arguments, redact) } : details
}

/**
 * Windows, budgets and calls in flight of the task and those below it, as long as one of them can act.
 * @param tellsAll whether the viewer may see what others of the tree have called, and with which arguments
 */
export function limitsOf(
  { guardrails, catalog }: Pick<Bundle, "guardrails" | "catalog">,
  state: TreeState,
  root: string,
  tellsAll: boolean,
  now: number,
): readonly Gauge[] {
  const tasks = [...state.tasks.values()].filter(({ id }) => id === root || isBelow(id, root))
  if (tasks.every((task) => !MAY_GO_ON.has(whyEnded(task, now)))) return []
  const gauged = tasks.map(({ id, agent, historyKey, purpose, grant }) => {
    const tools = Object.keys(grant.tools).flatMap((name) => catalog.tools.get(name) ?? [])
    return { id, agent, historyKey, purpose, tools }
  })
  return gaugesOf(
    guardrails.definitions,
    gauged,
    catalog.tools.values(),
    state.ledger.hidden,
    tellsAll,
    (history) => state.ledger.memories.of(history === "user" ? USER_SCOPE : state.root),
    state.user === null && state.ledger.home !== null,
    now,
  )
}
const MAY_GO_ON: ReadonlySet<string | null> = new Set([null, "quarantined"])

function taskView(task: Task, now: number): Omit<TaskView, "user" | "labels" | "carried" | "risk"> {
  const {
    id,
    parent,
    agent,
    purpose,
    audiences,
    scope,
    details,
    endedBy,
    openedAt,
    expiresAt,
    limitedBy,
    idle,
    lastCall,
  } = task
  const { calls: used, grant, plan, progress } = task
  const ended = whyEnded(task, now)
  return {
    id,
    parent,
    agent,
    purpose,
    audiences,
    scope,
    authorization_details: details,
    status: ended ?? "active",
    ended_by: task.status === "quarantined" ? null : endedBy,
    frozen_by: task.status === "quarantined" ? endedBy : null,
    opened_at: openedAt,
    expires_at: expiresAt,
    limited_by: limitedBy,
    offline: task.isOffline ?? false,
    idle_at: idle === null ? null : lastCall + idle,
    calls: { used, limit: grant.calls },
    left: {
      calls: ended === null ? grant.calls && grant.calls - used : 0,
      life: ended === null ? expiresAt - now : 0,
      next: plan && expected(plan, progress),
    },
    plan: plan && plan.steps.map(({ tools, times }, index) => ({ tools, times, used: progress[index] ?? 0 })),
  }
}
