/** The second step of stopping something: what it does is told before it is done. Without a script. */
import * as z from "zod"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { hitsText, stopTarget } from "../../api/contract/revocations.ts"
import { hasIssuer } from "../../api/contract/names.ts"
import { agentPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { CHOICES, CONSEQUENCES, isKind, type Kind } from "./words.ts"
import { MAX_NAME } from "./stop.tsx"

export const confirmStopPage = {
  path: "/stop/confirm",
  section: "stop",
  readers: "operator",
  view: confirmStop,
  forms: [{ path: "/stop", senders: "operator", returnTo: "/stop", act: suspend }],
} as const satisfies PageDefinition

interface Wanted {
  readonly kind: Kind
  readonly name: string
  readonly reason: string
  /** As the browser writes it, `2026-11-26T08:00`; empty: whenever. */
  readonly before: string
  /** `agents`: it was asked for on the agent's own page, and leads back to it. */
  readonly from: string
}

function wantedOf(value: (name: string) => string | null | undefined): Wanted | null {
  const text = (name: string): string => value(name)?.trim() ?? ""
  const [kind, name] = [text("kind"), text("name")]
  if (!isKind(kind) || (kind !== "everything" && (name === "" || name.length > MAX_NAME))) return null
  return { kind, name, reason: text("reason"), before: text("before"), from: text("from") }
}

async function confirmStop(request: PageRequest): Promise<Response> {
  const wanted = wantedOf((name) => request.c.req.query(name))
  if (!wanted || secondsOf(wanted) === undefined) return unclear(request)
  const { kind, name, reason, before, from } = wanted
  const at = secondsOf(wanted)
  const response =
    kind === "task" ? null : await request.callApi("POST", "/v1/revocations", { ...bodyOf(wanted), preview: true })
  if (response && response.status !== 200) return failurePage(request, response)
  // An operator may stop what they may not look at: only what is certain is told.
  const looked = kind === "task" ? await request.callApi("GET", `/v1/tasks/${encodeURIComponent(name)}`) : null
  if (looked?.status === 404) return failurePage(request, looked)
  const target = response && stopTarget.parse(response.body)
  const isUnknown = target?.known === false
  const canStop = kind !== "user" || hasIssuer(name)
  return respondPage(
    <ConsolePage title="Stop: sure?" request={request} narrow>
      <div class="card red">
        <h1 class="wrap">{kind === "everything" ? "Stop everything?" : <>Stop {CHOICES[kind].toLowerCase()}?</>}</h1>
        {kind !== "everything" && (
          <p>
            <code>
              <Text of={name} />
            </code>
          </p>
        )}
        {isUnknown && (
          <p class="notice warn" role="alert">
            <strong>Nothing by this name is known here.</strong> It would stop nothing that runs now. Check the
            spelling.{!canStop && " A person is named by issuer and subject, joined by |."}
          </p>
        )}
        {target && target.nearest.length > 0 && (
          <p>
            Did you mean{" "}
            {target.nearest.map((near, index) => (
              <>
                {index > 0 && ", "}
                <a href={confirmPath({ ...wanted, name: near })}>
                  <Text of={near} />
                </a>
              </>
            ))}
            ?
          </p>
        )}
        <p>{CONSEQUENCES[kind]}</p>
        {target && !isUnknown && <p>It stops {hitsText(target.hits)}.</p>}
        {kind !== "task" && <p class="quiet">It holds until somebody lifts it.</p>}
        {typeof at === "number" && (
          <p>
            Only authority that was given before <Moment at={at * 1000} now={request.context.receivedAt} />.
          </p>
        )}
        {reason !== "" && (
          <p>
            Why: <Text of={reason} />
          </p>
        )}
        {canStop && (
          <form method="post" action={SECTIONS.stop.href}>
            <input type="hidden" name="csrf" value={request.reader.csrf} />
            <input type="hidden" name="kind" value={kind} />
            <input type="hidden" name="name" value={name} />
            <input type="hidden" name="reason" value={reason} />
            <input type="hidden" name="before" value={before} />
            <input type="hidden" name="from" value={from} />
            {isUnknown && (
              <label class="choice">
                <input type="checkbox" name="confirm" value="yes" required /> Stop it although nothing by this name is
                known
              </label>
            )}
            <p>
              <button class="red">{kind === "everything" ? "Stop everything now" : "Stop it now"}</button>
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
            No, back
          </a>
        </p>
      </div>
    </ConsolePage>,
  )
}

function confirmPath(wanted: Wanted): string {
  return `${SECTIONS.stop.href}/confirm?${new URLSearchParams({ ...wanted }).toString()}`
}

/** As the API takes it. */
function bodyOf({ kind, name, reason }: Wanted): Readonly<Record<string, unknown>> {
  return { [kind]: kind === "everything" ? true : name, ...(reason !== "" && { reason }) }
}

/** Null: whenever; undefined: it is no moment. */
function secondsOf({ before }: Wanted): number | null | undefined {
  if (before === "") return null
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(before) ? Date.parse(`${before}Z`) : Number.NaN
  return Number.isFinite(at) && at > 0 ? Math.floor(at / 1000) : undefined
}

const unclear = (request: PageRequest): Promise<Response> =>
  failurePage(request, {
    status: 400,
    body: {
      error_description:
        "Say what is to be stopped: its kind and, of all but everything, its name; and, if you like, a moment.",
    },
  })

const answered = z.looseObject({ id: z.string().exactOptional(), task: z.string().exactOptional() })

/** The API answers when it holds. */
async function suspend(request: PageRequest, form: Form): Promise<Response> {
  const wanted = wantedOf((name) => form.get(name))
  const before = wanted && secondsOf(wanted)
  if (!wanted || before === undefined) return unclear(request)
  const { kind, name, from } = wanted
  const isConfirmed = form.get("confirm") === "yes" && kind !== "task"
  const response = await request.callApi("POST", "/v1/revocations", {
    ...bodyOf(wanted),
    ...(before !== null && { before }),
    ...(isConfirmed && { confirm: true }),
  })
  // Nothing was stopped, as nothing by this name is known: the page asks once more.
  if (response.status === 404 && kind !== "task") return seeOther(confirmPath(wanted))
  if (response.status !== 200) return failurePage(request, response)
  if (from === "agents" && kind === "agent") return seeOther(agentPath(name))
  const { id, task } = answered.parse(response.body)
  const what = new URLSearchParams(id === undefined ? { ended: task ?? "" } : { set: id })
  return seeOther(`${SECTIONS.stop.href}?${what.toString()}`)
}
