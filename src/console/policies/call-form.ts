/** The form of a call in the playground, and the request for an explanation that it becomes. Pure. */
import { parseJson } from "../../core/catalog/json-body.ts"
import { isObject } from "../../core/encoding/json.ts"
import { isDenied } from "../../core/denials/denial.ts"

export const FIELDS = [
  "bundle",
  "agent",
  "purpose",
  "user",
  "groups",
  "tool",
  "arguments",
  "gateway",
  "environment",
  "acr",
  "auth_age",
  "labels",
  "calls",
  "risk",
  "approvals",
  "bound_key",
] as const
type Field = (typeof FIELDS)[number]
/** The fields as they were filled in; empty if left out. */
export type CallForm = Readonly<Record<Field, string>>

export function callFormOf(value: (name: Field) => string | null | undefined): CallForm {
  const text = (name: Field): string => value(name)?.trim() ?? ""
  return {
    bundle: text("bundle") === "candidate" ? "candidate" : "live",
    agent: text("agent"),
    purpose: text("purpose"),
    user: text("user"),
    groups: text("groups"),
    tool: text("tool"),
    arguments: text("arguments"),
    gateway: text("gateway"),
    environment: text("environment"),
    acr: text("acr"),
    auth_age: text("auth_age"),
    labels: text("labels"),
    calls: text("calls"),
    risk: text("risk"),
    approvals: text("approvals"),
    bound_key: text("bound_key"),
  }
}

/** @returns the body of the request, or what is wrong with the form */
export function explanationRequestOf(written: CallForm): { readonly body: object } | { readonly wrong: string } {
  const { agent, purpose, user, groups, tool, gateway, environment, acr, labels, approvals, bound_key } = written
  if (agent === "" || tool === "") return { wrong: "Enter an agent and a tool." }
  const args = argumentsIn(written.arguments)
  if (!args) return { wrong: "The arguments must be an unambiguous JSON object." }
  const [calls, risk, auth_age] = [written.calls, written.risk, written.auth_age].map(numberIn)
  if ([calls, risk, auth_age].includes(null))
    return { wrong: "Calls, risk score and seconds since the sign-in must be whole numbers." }
  if (user !== "" && !user.includes("|")) return { wrong: "Write a person as issuer|subject." }
  const who = user === "" ? null : { id: user, groups: listIn(groups), ...filledIn({ acr, auth_age }) }
  const call = {
    agent,
    tool,
    user: who,
    arguments: args,
    labels: listIn(labels),
    approvals: listIn(approvals),
    bound_key: bound_key !== "",
    ...filledIn({ purpose, gateway, environment, calls, risk }),
  }
  return { body: { bundle: written.bundle, call } }
}

/** The values of the fields that were filled in. */
function filledIn(
  values: Readonly<Record<string, string | number | null | undefined>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined))
}

const listIn = (text: string): readonly string[] =>
  text.split(",").flatMap((part) => (part.trim() === "" ? [] : part.trim()))

/** Null if the text is no whole number; undefined if it is empty. */
function numberIn(text: string): number | null | undefined {
  if (text === "") return undefined
  return /^\d{1,9}$/.test(text) ? Number(text) : null
}

function argumentsIn(text: string): object | null {
  if (text === "") return {}
  const parsed = parseJson(text)
  if (isDenied(parsed)) return null
  return isObject(parsed.json) ? parsed.json : null
}
