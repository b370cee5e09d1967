/** The second step of stopping something: what it does is told before it is done. Without a script. */
import * as z from "zod"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { apology, ConsolePage } from "../layout/frame.tsx"
import { hitsText, stopTarget } from "../../api/contract/revocations.ts"
import { hasIssuer } from "../../api/contract/names.ts"
import { agentPath } from "../layout/paths.ts"
import type { PageRequest } from "../layout/visit.tsx"
import { CHOICES, CONSEQUENCES, isKind, type Kind } from "./words.ts"
import { MAX_NAME, SECTION } from "./stop.tsx"

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

export async function confirmStop(visit: PageRequest): Promise<Response> {
  const wanted = wantedOf((name) => visit.c.req.query(name))
  if (!wanted || secondsOf(wanted) === undefined) return unclear(visit)
  const { kind, name, reason, before, from } = wanted
  const at = secondsOf(wanted)
  const said = kind === "task" ? null : await visit.ask("POST", "/v1/revocations", { ...bodyOf(wanted), preview: true })
  if (said && said.status !== 200) return apology(visit, SECTION, said)
  // An operator may stop what they may not look at: only what is certain is told.
  const looked = kind === "task" ? await visit.ask("GET", `/v1/tasks/${encodeURIComponent(name)}`) : null
  if (looked?.status === 404) return apology(visit, SECTION, looked)
  const target = said && stopTarget().parse(said.body)
  const isUnknown = target?.known === false
  const canStop = kind !== "user" || hasIssuer(name)
  return respondPage(
    <ConsolePage title="Stop: sure?" visit={visit} section={SECTION} narrow>
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
            Only authority that was given before <Moment at={at * 1000} now={visit.context.receivedAt} />.
          </p>
        )}
        {reason !== "" && (
          <p>
            Why: <Text of={reason} />
          </p>
        )}
        {canStop && (
          <form method="post" action={SECTION}>
            <input type="hidden" name="csrf" value={visit.visitor.csrf} />
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
                : `${SECTION}?${new URLSearchParams({ kind, name, reason, before }).toString()}`
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
  return `${SECTION}/confirm?${new URLSearchParams({ ...wanted }).toString()}`
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

const unclear = (visit: PageRequest): Promise<Response> =>
  apology(visit, SECTION, {
    status: 400,
    body: {
      error_description:
        "Say what is to be stopped: its kind and, of all but everything, its name; and, if you like, a moment.",
    },
  })

const answered = z.looseObject({ id: z.string().exactOptional(), task: z.string().exactOptional() })

/** The API answers when it holds. */
export async function stopIt(visit: PageRequest, form: Form): Promise<Response> {
  const wanted = wantedOf((name) => form.get(name))
  const before = wanted && secondsOf(wanted)
  if (!wanted || before === undefined) return unclear(visit)
  const { kind, name, from } = wanted
  const isConfirmed = form.get("confirm") === "yes" && kind !== "task"
  const said = await visit.ask("POST", "/v1/revocations", {
    ...bodyOf(wanted),
    ...(before !== null && { before }),
    ...(isConfirmed && { confirm: true }),
  })
  // Nothing was stopped, as nothing by this name is known: the page asks once more.
  if (said.status === 404 && kind !== "task") return seeOther(confirmPath(wanted))
  if (said.status !== 200) return apology(visit, SECTION, said)
  if (from === "agents" && kind === "agent") return seeOther(agentPath(name))
  const { id, task } = answered.parse(said.body)
  const what = new URLSearchParams(id === undefined ? { ended: task ?? "" } : { set: id })
  return seeOther(`${SECTION}?${what.toString()}`)
}
