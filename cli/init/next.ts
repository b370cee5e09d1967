/** What to run once a first policy directory is there: three commands, as they are typed. */
import { CALLED } from "../terminal/program-name.ts"
import { GATEWAY, isWithin, toolsFor, type Plan } from "./files/plan.ts"

export function nextCommands(directory: string, plan: Plan): readonly string[] {
  const check = `${CALLED} check ${directory}`
  if (plan.trust.kind === "local")
    return [check, ...secured(directory, plan), serve(directory, plan), call(directory, plan)]
  return [
    check,
    `${CALLED} keygen --out publisher.jwk`,
    `${CALLED} publish ${directory} --key publisher.jwk --url <the Worker's URL> --why "the first rules"`,
  ]
}

/** A gateway with TLS is none of the local stack's. */
function secured(directory: string, { at }: Plan): readonly string[] {
  if (!at.origin.startsWith("https:")) return []
  return [`${CALLED} gateway config ${GATEWAY} --policies ${directory} --url <the Worker's https URL>`]
}

function serve(directory: string, { found, gateway, probe, at }: Plan): string {
  const serve = `${CALLED} dev --policies ${directory}`
  // A Worker sends its requests by a service binding: no gateway of the local stack can stand in for it.
  if (gateway.dialect === "worker" || at.origin.startsWith("https:")) return serve
  return `${serve} ${probe === null ? `--upstream <where ${found.prefix} is>` : "--gateway"}`
}

function call(directory: string, plan: Plan): string {
  const as = `--agent ${plan.agent} --user alice`
  const [tool] = toolsFor(plan, (given) => given.action === "read" && isWithin(plan, given))
  if (tool === undefined || plan.gateway.dialect === "worker") return `${CALLED} token exchange ${as}`
  return `${CALLED} try ${tool}${argumentsFor(plan, tool)} --policies ${directory} ${as}`
}

/** The required ones alone: others may exclude each other. */
function argumentsFor({ found }: Plan, tool: string): string {
  const { required = [], inputs } = found.tools.find(({ name }) => name === tool) ?? {}
  const given = required.flatMap((name) => {
    const value = VALUES.get(inputs?.get(name)?.type ?? "")
    return value === undefined ? [] : [[name, value]]
  })
  return given.length === 0 ? "" : ` --arguments '${JSON.stringify(Object.fromEntries(given))}'`
}

/** By Cedar's name of the type. */
const VALUES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["String", "1"],
  ["Long", 1],
  ["decimal", 1],
  ["Bool", true],
])
