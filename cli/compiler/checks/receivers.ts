/** A receiver has what its format takes and can be reached, and the events that it subscribes to exist. */
import { isLoopback, mayBeFetched } from "../../../src/core/encoding/url.ts"
import { SIGNAL_EVENTS, type FormatName } from "../../../src/core/policy/definition/receivers.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { ReceiversFile } from "../schema/receivers.ts"
import type { Path } from "../source/source.ts"
import { unknownName } from "./references.ts"

type Receiver = ReceiversFile["receivers"][number]
type Key = Exclude<keyof Receiver, "id" | "format" | "events">

/** One row each: what it needs, and what it may have. */
const TAKES: Readonly<Record<FormatName, { readonly needs: readonly Key[]; readonly may: readonly Key[] }>> = {
  standard: { needs: ["url"], may: ["approvals", "arguments"] },
  slack: { needs: [], may: ["approvals", "arguments"] },
  set: { needs: ["url", "audience"], may: ["bearer"] },
}
const KEYS: readonly Key[] = ["url", "approvals", "arguments", "audience", "bearer"]

export function checkReceivers(policies: Policies): Problem[] {
  return policies.receivers.value.receivers.flatMap((receiver, index) => {
    const at: Path = ["receivers", index]
    return [
      ...keysOf(policies, receiver, at),
      ...hostOf(policies, receiver, at),
      ...eventsOf(policies, receiver, at),
      ...approvalsOf(policies, receiver, at),
      ...audienceOf(policies, receiver, at),
    ]
  })
}

function keysOf({ receivers }: Policies, receiver: Receiver, at: Path): Problem[] {
  const { id, format } = receiver
  const { needs, may } = TAKES[format]
  return KEYS.flatMap((key) => {
    const isThere = receiver[key] !== undefined
    if (needs.includes(key) && !isThere)
      return [receivers.error(at, `receiver \`${id}\` has no \`${key}\``, `The format \`${format}\` needs it: add it.`)]
    if (!isThere || needs.includes(key) || may.includes(key)) return []
    const isSecret = format === "slack" && key === "url"
    const message = isSecret ? "the address of a chat's webhook is a secret" : `\`${format}\` takes no \`${key}\``
    const fix = isSecret ? "Put it into the Worker's secret `WEBHOOK_SECRETS`, and remove it here." : "Remove it."
    return [receivers.keyError([...at, key], message, fix)]
  })
}

/** Loopback passes: the local stack may reach it, and a deployed Worker refuses it. */
function hostOf({ receivers }: Policies, { url: written }: Receiver, at: Path): Problem[] {
  if (written === undefined) return []
  const url = new URL(written)
  if (mayBeFetched(url, false) || isLoopback(url)) return []
  const fix = "Write a public `https://` host: a Worker sends nothing to private networks."
  return [receivers.error([...at, "url"], `\`${url.host}\` is a private host`, fix)]
}

function eventsOf({ receivers }: Policies, { format, events }: Receiver, at: Path): Problem[] {
  if (format !== "set") return []
  return events.flatMap((event, place) => {
    if (SIGNAL_EVENTS.includes(event)) return []
    const fix = `Remove it; these can be: ${SIGNAL_EVENTS.join(", ")}.`
    return [receivers.error([...at, "events", place], `\`${event}\` has no Security Event Token`, fix)]
  })
}

function approvalsOf({ receivers, approvers }: Policies, { approvals = [] }: Receiver, at: Path): Problem[] {
  const names = approvers.value.approvals.map(({ name }) => name)
  return approvals.flatMap((name, place) => {
    if (names.includes(name)) return []
    return [unknownName(receivers, [...at, "approvals", place], "approval", name, names, "Add it to approvers.yaml.")]
  })
}

/** A receiver to which tokens are pushed must not accept our delegation tokens. */
function audienceOf({ receivers, gateways }: Policies, { audience }: Receiver, at: Path): Problem[] {
  const gateway = gateways.value.gateways.find((each) => audience !== undefined && each.audience === audience)
  if (!gateway) return []
  const message = `this is the audience of the delegation tokens of gateway \`${gateway.id}\``
  return [receivers.error([...at, "audience"], message, "Write what the receiver calls itself in event tokens.")]
}
