/** The second step to suspend or end something: the confirmation, which says what will happen. It needs no script. */
import * as z from "zod"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { hitsText, stopTarget } from "../../api/contract/revocations.ts"
import { locksOut } from "../../core/signals/switch.ts"
import { hasIssuer } from "../../api/contract/names.ts"
import { agentPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { ACTIONS, CONSEQUENCES, isKind, type Kind } from "./words.ts"
import { MAX_NAME } from "./stop.tsx"

export const confirmStopPage = {
  path: "/stop/confirm",
  section: "stop",
  readers: "operator",
  view: confirmStop,
  forms: [{ path: "/stop", senders: "operator", returnTo: "/stop", act: suspend }],
} as const satisfies PageDefinition

interface SuspensionForm {
  readonly kind: Kind
  readonly name: string
  readonly reason: string
  /** As the browser writes it, `2026-11-26T08:00`; empty if there is no time. */
  readonly before: string
  /** `agents` if the form is on the agent's own page, to which the answer then leads. */
  readonly from: string
}

function formOf(value: (name: string) => string | null | undefined): SuspensionForm | null {
  const text = (name: string): string => value(name)?.trim() ?? ""
  const [kind, name] = [text("kind"), text("name")]
  if (!isKind(kind) || (kind !== "everything" && (name === "" || name.length > MAX_NAME))) return null
  return { kind, name, reason: text("reason"), before: text("before"), from: text("from") }
}

async function confirmStop(request: PageRequest): Promise<Response> {
  const suspension = formOf((name) => request.c.req.query(name))
  if (!suspension || secondsOf(suspension) === undefined) return unclear(request)
  const { kind, name, reason, before, from } = suspension
  const at = secondsOf(suspension)
  const response =
    kind === "task" ? null : await request.callApi("POST", "/v1/revocations", { ...bodyOf(suspension), preview: true })
  if (response && response.status !== 200) return failurePage(request, response)
  // Policies may let an operator end a task that they may not read: only a 404 is certain.
  const task = kind === "task" ? await request.callApi("GET", `/v1/tasks/${encodeURIComponent(name)}`) : null
  if (task?.status === 404) return failurePage(request, task)
  const target = response && stopTarget().parse(response.body)
  const isUnknown = target?.known === false
  const stopsFrom = typeof at === "number" ? at * 1000 : null
  const isOwn =
    (kind === "user" || kind === "issuer") &&
    locksOut(
      kind === "user" ? { kind, user: name } : { kind, issuer: name },
      stopsFrom,
      request.reader.user,
      request.context.receivedAt,
    )
  const canSuspend = kind !== "user" || hasIssuer(name)
  return respondPage(
    <ConsolePage title={`${ACTIONS[kind]}?`} request={request} narrow>
      <div class="card red">
        <h1 class="wrap">{`${ACTIONS[kind]}?`}</h1>
        {kind !== "everything" && (
          <p>
            <code>
              <Text of={name} />
            </code>
          </p>
        )}
        {isUnknown && (
          <p class="notice warn" role="alert">
            <strong>Nothing has this name.</strong> The suspension would affect nothing that runs now. Check the
            spelling.
            {!canSuspend && " Write a person as issuer|subject."}
          </p>
        )}
        {isOwn && (
          <p class="notice warn" role="alert">
            <strong>{kind === "user" ? "This is you." : "You log in at this provider yourself."}</strong> You will be
            suspended too, and only {kind === "user" ? "another operator" : "an operator who logs in elsewhere"} can
            resume.
          </p>
        )}
        {target && target.nearest.length > 0 && (
          <p>
            Did you mean{" "}
            {target.nearest.map((near, index) => (
              <>
                {index > 0 && ", "}
                <a href={confirmPath({ ...suspension, name: near })}>
                  <Text of={near} />
                </a>
              </>
            ))}
            ?
          </p>
        )}
        <p>{CONSEQUENCES[kind]}</p>
        {target && !isUnknown && <p>It affects {hitsText(target.hits)}.</p>}
        {kind !== "task" && <p class="quiet">The suspension lasts until an operator resumes.</p>}
        {typeof at === "number" && (
          <p>
            Only tokens issued before <Moment at={at * 1000} now={request.context.receivedAt} />.
          </p>
        )}
        {reason !== "" && (
          <p>
            Reason: <Text of={reason} />
          </p>
        )}
        {canSuspend && (
          <form method="post" action={SECTIONS.stop.href}>
            <input type="hidden" name="csrf" value={request.reader.csrf} />
            <input type="hidden" name="kind" value={kind} />
            <input type="hidden" name="name" value={name} />
            <input type="hidden" name="reason" value={reason} />
            <input type="hidden" name="before" value={before} />
            <input type="hidden" name="from" value={from} />
            {(isUnknown || isOwn) && (
              <label class="choice">
                <input type="checkbox" name="confirm" value="yes" required />{" "}
                {isOwn ? "Suspend although it suspends me" : "Suspend although nothing has this name"}
              </label>
            )}
            <p>
              <button class="red">{ACTIONS[kind]}</button>
            </p>
          </form>
        )}
        <p>
          <a
            href={
              from === "agents"
                ? agentPath(name)
                : `${SECTIONS.stop.href}?${new URLSearchParams({ kind, name, reason, before }).toString()}`
            }
          >
            Cancel
          </a>
        </p>
      </div>
    </ConsolePage>,
  )
}

function confirmPath(suspension: SuspensionForm): string {
  return `${SECTIONS.stop.href}/confirm?${new URLSearchParams({ ...suspension }).toString()}`
}

/** The body of the request to the API. */
function bodyOf({ kind, name, reason }: SuspensionForm): Readonly<Record<string, unknown>> {
  return { [kind]: kind === "everything" ? true : name, ...(reason !== "" && { reason }) }
}

/** Seconds since the epoch; null if there is no time, undefined if the field holds none. */
function secondsOf({ before }: SuspensionForm): number | null | undefined {
  if (before === "") return null
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(before) ? Date.parse(`${before}Z`) : Number.NaN
  return Number.isFinite(at) && at > 0 ? Math.floor(at / 1000) : undefined
}

const unclear = (request: PageRequest): Promise<Response> =>
  failurePage(request, {
    status: 400,
    body: {
      error_description: "Choose what to suspend or end, and name it, unless it is everything. The time is optional.",
    },
  })

const stopResult = z.looseObject({ id: z.string().exactOptional(), task: z.string().exactOptional() })

/** Sends the form to the API, which answers once the suspension is in force. */
async function suspend(request: PageRequest, form: Form): Promise<Response> {
  const suspension = formOf((name) => form.get(name))
  const before = suspension && secondsOf(suspension)
  if (!suspension || before === undefined) return unclear(request)
  const { kind, name, from } = suspension
  const isConfirmed = form.get("confirm") === "yes" && kind !== "task"
  const response = await request.callApi("POST", "/v1/revocations", {
    ...bodyOf(suspension),
    ...(before !== null && { before }),
    ...(isConfirmed && { confirm: true }),
  })
  // Nothing was suspended, as nothing has this name: the confirmation says so, and asks once more.
  if (response.status === 404 && kind !== "task") return seeOther(confirmPath(suspension))
  if (response.status !== 200) return failurePage(request, response)
  if (from === "agents" && kind === "agent") return seeOther(agentPath(name))
  const { id, task } = stopResult.parse(response.body)
  const what = new URLSearchParams(id === undefined ? { ended: task ?? "" } : { set: id })
  return seeOther(`${SECTIONS.stop.href}?${what.toString()}`)
}
