/** Agents whose partitions could not be what they promise. */
import type { BadDirectory } from "./bad-directories.ts"

const NIGHTLY = "  - id: spiffe://example.org/agent/nightly\n"
const agent = (name: string, replace: string, rest: Pick<BadDirectory, "message"> & Partial<BadDirectory>) => ({
  name,
  file: "agents.yaml",
  find: NIGHTLY,
  replace,
  ...rest,
})
const many = (name: string, partitions: string, message: RegExp): BadDirectory =>
  agent(name, `${NIGHTLY}    bound_key: true\n    partitions: ${partitions}\n`, {
    message,
    at: `${partitions}\n    owner: reporting`,
  })
const POD = "issuer: local, subject: nightly"
const pod = (identity: string): string =>
  `  - id: https://ci.example/nightly\n    partitions: 2\n    identities: [{ ${identity} }]\n`

export const BAD_PARTITIONS: readonly BadDirectory[] = [
  many("no partition", "0", /is too small/),
  many("less than none", "-1", /is too small/),
  many("part of one", "1.5", /is a number/),
  many("more than there may be", "1000000000", /is too large|is too big/),
  many("a number as text", '"3"', /is a string/),
  agent("partitions of an agent whose instances are all the same", `${NIGHTLY}    partitions: 2\n`, {
    message: /nothing proves which instance/,
    fix: /bound_key: true/,
    at: "2\n    owner: reporting",
  }),
  agent("an instance by the subject, which all of them have", pod(`${POD}, instance: sub`), {
    message: /`sub` does not distinguish instances/,
    fix: /pod's uid/,
    at: "sub }",
    follows: /issuer/,
  }),
  agent("an instance by what is another one in each token", pod(`${POD}, instance: [jti]`), {
    message: /`jti` does not distinguish instances/,
    at: "[jti]",
    follows: /issuer/,
  }),
  agent("an instance by a claim that is fixed", pod(`${POD}, claims: { pod: a }, instance: pod`), {
    message: /`pod` does not distinguish instances/,
    at: "pod }]",
    follows: /issuer/,
  }),
  agent("an instance by a nested claim that is fixed", pod(`${POD}, claims: { k: { pod: a } }, instance: [k, pod]`), {
    message: /`k\.pod` does not distinguish instances/,
    at: "[k, pod] }]",
    follows: /issuer/,
  }),
  agent("an instance by its service account", pod(`${POD}, instance: [kubernetes.io, serviceaccount, uid]`), {
    message: /`kubernetes\.io\.serviceaccount\.uid` does not distinguish instances/,
    at: "[kubernetes.io",
    follows: /issuer/,
  }),
  agent("a path to the instance that is written as one name", pod(`${POD}, instance: kubernetes.io.pod.uid`), {
    message: /`kubernetes\.io\.pod\.uid` is one name/,
    fix: /\[kubernetes\.io, pod, uid\]/,
    at: "kubernetes.io.pod",
    follows: /issuer/,
  }),
  {
    name: "partitions of an agent that never works for nobody",
    file: "agents.yaml",
    find: "    life: 120\n    bound_key: true\n",
    replace: "    life: 120\n    bound_key: true\n    partitions: 4\n",
    message: /each purpose of the agent requires a user/,
    at: "4\n",
  },
  {
    name: "calls in flight of an agent with partitions",
    file: "agents.yaml",
    find: NIGHTLY,
    replace: `${NIGHTLY}    bound_key: true\n    partitions: 2\n`,
    also: {
      file: "guardrails.yaml",
      replace: "concurrency:\n  - { id: at-once, tools: [crm.*], per: user_or_agent, limit: 2 }\n",
    },
    at: "2\n    owner: reporting",
    message: /`at-once` counts calls in flight of this agent/,
    follows: /has ended/,
  },
]
