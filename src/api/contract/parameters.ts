import type { ManagedKind } from "../../core/policy/management.ts"

/**
 * The path parameters of the management API: what each names, its kind for policy, and how many characters of it policy
 * and records get.
 */
export const PARAMETERS = {
  task: { names: "Id of the task.", kind: "task", length: 128 },
  approval: { names: "Id of the approval.", kind: "approval", length: 64 },
  revocation: { names: "Id of the revocation.", kind: "revocation", length: 128 },
  decision: { names: "Id of the decision record.", kind: "decision", length: 64 },
  digest: { names: "SHA-256 of the bundle's body, in lower-case hex.", kind: "bundle", length: 64 },
  delivery: {
    names: "Id of a receiver, for all its dead letters; or id of one dead letter.",
    kind: "delivery",
    length: 512,
  },
  sink: { names: "Id of the sink in sinks.yaml.", kind: "sink", length: 64 },
  agent: { names: "Id of the agent, which is a URI: percent-encoded.", kind: "agent", length: 2_048 },
} as const satisfies Readonly<
  Record<string, { readonly names: string; readonly kind: ManagedKind; readonly length: number }>
>

export type Parameter = keyof typeof PARAMETERS

export const isParameter = (name: string): name is Parameter => Object.hasOwn(PARAMETERS, name)

/** The names of a path's parameters: `task` and `approval` for `/v1/tasks/:task/approvals/:approval`. */
export type ParametersOf<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}`
  ? Name | ParametersOf<`/${Rest}`>
  : Path extends `${string}/:${infer Name}`
    ? Name
    : never
