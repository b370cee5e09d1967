/** What `narrowgate dev` does: the local stack for a policy directory, until it is interrupted. */
import { execFileSync } from "node:child_process"
import { summarise } from "../cli/commands/check.ts"
import { developmentKey, WRITTEN_PROVIDER } from "../cli/remote/local-stack-policies.ts"
import { usersText, type Users } from "../cli/remote/local-stack.ts"
import { Failure } from "../cli/terminal/failure.ts"
import type { DevOptions } from "./command.ts"
import { refuseTakenPort } from "./loopback.ts"
import { startOwnGateways, type OwnGateways } from "./own-gateways.ts"
import { DEMO_PORTS, namesDemoServers } from "./demo-ports.ts"
import { PoliciesRefused, startStack, type Stack } from "./stack.ts"
import { readUsers } from "./users.ts"

export async function runDev(options: DevOptions): Promise<void> {
  const users = await readUsers(options.users)
  const stack = await begin(options, users)
  const behind = await startBehind(stack, options).catch(async (error: unknown) => {
    await stack.close()
    throw error
  })
  printAddresses(stack, options, users)
  for (const line of behind.report) console.log(line)
  stack.follow((directory, published) => {
    console.log(summarise(directory, published.compiled))
    if (published.pointer) console.log(`published bundle ${published.pointer.seq} of ${directory}`)
  })
  // The servers that the example names run only with `--gateway`.
  if (withGateways(options) || !isDemo(stack)) stack.keepProbing()
  endWith(async () => {
    await behind.close()
    await stack.close()
    process.exit(0)
  })
}

const withGateways = ({ upstream, gateway = upstream !== undefined }: DevOptions): boolean => gateway

const isDemo = ({ first }: Stack): boolean => namesDemoServers(first.compiled.body?.servers ?? [])

/** Before anything is printed: a port of a gateway may be taken. */
async function startBehind(stack: Stack, options: DevOptions): Promise<OwnGateways> {
  const { body } = stack.first.compiled
  if (!body || !withGateways(options)) return { report: [], close: async () => undefined }
  if (isDemo(stack)) {
    for (const port of Object.values(DEMO_PORTS))
      await refuseTakenPort(port, "run policies of your own: the demo's gateways and servers have fixed ports")
    const { edge, web, close } = await (await import("./services.ts")).startServices(stack.origin, DEMO_PORTS)
    const where = `${edge.origin}/everything/mcp, /billing/mcp, /crm, /mail; ${web.origin}/desk/mcp`
    return { report: [`Behind gateways   ${where}`], close }
  }
  const { upstream } = options
  const own = await startOwnGateways({ body, narrowgate: stack.origin, ...(upstream && { upstream }) })
  return { ...own, report: own.report.map((line) => `Behind a gateway  ${line}`) }
}

function printAddresses(stack: Stack, { policies, candidate }: DevOptions, users: Users): void {
  const { pointer, compiled } = stack.first
  const { body } = compiled
  console.log(summarise(policies, compiled))
  console.log(`Narrowgate        ${stack.origin} (bundle ${pointer?.seq}, ${pointer?.digest.slice(0, 12)})`)
  const isLocal = body?.issuers.some(({ issuer, sign_in }) => sign_in && issuer === WRITTEN_PROVIDER)
  console.log(`Console           ${stack.origin}/console${isLocal ? " (sign in as olivia)" : ""}`)
  console.log(
    `Identity provider ${stack.provider} (users and their groups: ${usersText(users)}; each one's password is the name)`,
  )
  for (const { id, dialect } of body?.gateways ?? []) {
    const header = dialect === "authzen" ? "Authorization: Bearer" : "X-Narrowgate-Key:"
    console.log(`Gateway ${id.padEnd(9)} ${dialect}, ${header} ${developmentKey(id)}`)
  }
  for (const { id } of body?.queries ?? []) {
    console.log(`Queries     ${id.padEnd(5)} AuthZEN, Authorization: Bearer ${developmentKey(id)}`)
  }
  console.log(`Publisher's key   ${stack.publisherKey} (narrowgate rollback --key)`)
  if (candidate !== undefined) console.log(`Candidate         ${candidate}: narrowgate decisions tail --differs`)
}

/** Milliseconds. */
const WATCH_PARENTS = 1_000

/**
 * On a signal, or when npm is gone. A signal to npm does not reach this process: it may end npm alone, or npm and the
 * shell between, which then are no longer the parent, or the parent's.
 */
function endWith(stop: () => Promise<never>): void {
  let ending: Promise<never> | undefined
  const end = (): void => void (ending ??= stop())
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end)
  if (NPM !== null) setInterval(() => parents() === NPM || end(), WATCH_PARENTS).unref()
}

/** As they were when this was loaded: npm may be gone before the stack is up. Null: npm does not run this. */
const NPM = process.env["npm_lifecycle_event"] === undefined ? null : parents()

/** The ids of the parent and of its own. */
function parents(): string {
  const { ppid } = process
  try {
    return `${ppid} ${execFileSync("ps", ["-o", "ppid=", "-p", String(ppid)], { encoding: "utf8" }).trim()}`
  } catch {
    return String(ppid)
  }
}

/** The directory's problems are the report of a check, not a sentence. */
async function begin({ policies, candidate, port, fresh = false }: DevOptions, users: Users): Promise<Stack> {
  try {
    return await startStack({ policies, port, users, fresh, ...(candidate === undefined ? {} : { candidate }) })
  } catch (error) {
    if (!(error instanceof PoliciesRefused)) throw error
    console.error(summarise(error.directory, error.published.compiled))
    throw new Failure(`${error.directory} does not check`, "Fix it: the problems are above.")
  }
}
