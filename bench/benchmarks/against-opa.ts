/**
 * The same decision by the policy engine that most platforms know: ten rules, an ES256 token that its cache knows, over
 * HTTP. OPA keeps no memory, so it answers less of the question: nothing is counted, nothing recorded.
 */
import { guard, type Benchmark } from "../benchmark.ts"
import { compare, type Side } from "../compare.ts"
import { startNarrowgate, type Task } from "../servers/narrowgate.ts"
import { opaBinary, opaQuestion, startOpa, type Opa } from "../servers/opa.ts"
import { narrowgateSide } from "./sides.ts"
import { allowedReads, MANY_TREES, openTrees } from "./trees.ts"

export const againstOpa: Benchmark = {
  name: "against-opa",
  question: "an allowed read against Open Policy Agent, by processor time: the same token, ten rules, HTTP",
  unit: "ratio",
  target: 1.2,
  missing: () => (opaBinary() === null ? "there is no opa on the PATH" : null),
  async run(lab) {
    const binary = opaBinary()
    guard(binary !== null, "there is no opa on the PATH")
    await using narrowgate = await startNarrowgate(lab)
    const tasks = await openTrees(narrowgate, MANY_TREES)
    await using opa = await startOpa(lab, binary, await narrowgate.jwks())
    const subject = narrowgateSide(narrowgate, tasks, allowedReads(narrowgate, tasks))
    const { cpuRatio, sides } = await compare(lab, subject, opaSide(opa, tasks))
    return { value: cpuRatio, sides }
  },
}

const TICKET = { tool: "crm.tickets.get", sensitivity: 1, ticket: "T-1" } as const

/** Timed: what Narrowgate allows. Probed: that it denies what Narrowgate denies by a rule, and a forged token. */
function opaSide({ port, pid, complaints }: Opa, tasks: readonly Task[]): Side {
  const requests = tasks.map(({ token }) => opaQuestion({ ...TICKET, token }, true))
  const probes = tasks
    .slice(0, 1)
    .flatMap(({ token }) => [
      opaQuestion({ ...TICKET, token, ticket: "X-1" }, false),
      opaQuestion({ token, tool: "crm.secrets.get", sensitivity: 3, ticket: null }, false),
      opaQuestion({ ...TICKET, token: `${token.slice(0, -8)}AAAAAAAA` }, false),
    ])
  return { name: "Open Policy Agent", port, pid, requests, probes, counted: null, complaints }
}
