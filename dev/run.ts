/** What `narrowgate dev` does: the local stack for a policy directory, until it is interrupted. */
import { execFileSync } from "node:child_process"
import { summarise } from "../cli/commands/check.ts"
import { developmentKey, WRITTEN_PROVIDER } from "../cli/remote/local-stack-policies.ts"
import { Failure } from "../cli/terminal/failure.ts"
import type { DevOptions } from "./command.ts"
import { startOwnGateways } from "./own-gateways.ts"
import { DEMO_PORTS, namesDemoServers } from "./demo-ports.ts"
import { PoliciesRefused, startStack, type Stack } from "./stack.ts"

export async function runDev(options: DevOptions): Promise<void> {
  const { policies, candidate, upstream, gateway = upstream !== undefined } = options
  const stack = await begin(options)
  const { pointer, compiled } = stack.first
  const { body } = compiled
  const isDemo = body !== null && namesDemoServers(body.servers)
  console.log(summarise(policies, compiled))
  console.log(`Narrowgate        ${stack.origin} (bundle ${pointer?.seq}, ${pointer?.digest.slice(0, 12)})`)
  const isLocal = body?.issuers.some(({ issuer, sign_in }) => sign_in && issuer === WRITTEN_PROVIDER)
  console.log(`Console           ${stack.origin}/console${isLocal ? " (sign in as olivia)" : ""}`)
  console.log(`Identity provider ${stack.provider} (users alice, bob, olivia; each one's password is the name)`)
  for (const { id, dialect } of body?.gateways ?? []) {
    const header = dialect === "authzen" ? "Authorization: Bearer" : "X-Narrowgate-Key:"
    console.log(`Gateway ${id.padEnd(9)} ${dialect}, ${header} ${developmentKey(id)}`)
  }
  for (const { id } of body?.queries ?? []) {
    console.log(`Queries     ${id.padEnd(5)} AuthZEN, Authorization: Bearer ${developmentKey(id)}`)
  }
  console.log(`Publisher's key   ${stack.publisherKey} (narrowgate rollback --key)`)
  if (candidate !== undefined) console.log(`Candidate         ${candidate}: narrowgate decisions tail --differs`)
  stack.follow((directory, published) => {
    console.log(summarise(directory, published.compiled))
    if (published.pointer) console.log(`published bundle ${published.pointer.seq} of ${directory}`)
  })
  const services =
    gateway && isDemo ? await (await import("./services.ts")).startServices(stack.origin, DEMO_PORTS) : null
  if (services) {
    console.log(
      `Behind gateways   ${services.edge.origin}/everything/mcp, /billing/mcp, /crm, /mail; ${services.web.origin}/desk/mcp`,
    )
  }
  const own =
    gateway && body && !isDemo
      ? await startOwnGateways({ body, narrowgate: stack.origin, ...(upstream && { upstream }) })
      : null
  for (const line of own?.report ?? []) console.log(`Behind a gateway  ${line}`)
  // The servers that the example names run only with `--gateway`.
  if (services || !isDemo) stack.keepProbing()
  const stop = async (): Promise<never> => {
    await own?.close()
    await services?.close()
    await stack.close()
    process.exit(0)
  }
  endWith(async () => stop())
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
async function begin({ policies, candidate, port }: DevOptions): Promise<Stack> {
  try {
    return await startStack({ policies, port, ...(candidate === undefined ? {} : { candidate }) })
  } catch (error) {
    if (!(error instanceof PoliciesRefused)) throw error
    console.error(summarise(error.directory, error.published.compiled))
    throw new Failure(`${error.directory} does not check`, "Fix it: the problems are above.")
  }
}
