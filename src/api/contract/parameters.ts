/** The path parameters of the management API: what each names, and how much of it policy and records are told. */
export const PARAMETERS = {
  task: { names: "Id of the task.", length: 128 },
  approval: { names: "Id of the approval.", length: 64 },
  revocation: { names: "Id of the revocation.", length: 128 },
  decision: { names: "Id of the decision record.", length: 64 },
  digest: { names: "SHA-256 of the bundle's body, in lower-case hex.", length: 64 },
  delivery: { names: "Id of a receiver, for all its dead letters; or id of one dead letter.", length: 512 },
  agent: { names: "Id of the agent, which is a URI: percent-encoded.", length: 2_048 },
} as const satisfies Readonly<Record<string, { readonly names: string; readonly length: number }>>

export type Parameter = keyof typeof PARAMETERS

/** The parameters of a path: of `/v1/tasks/:task/approvals/:approval`, `task` and `approval`. */
export type ParametersOf<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}`
  ? Name | ParametersOf<`/${Rest}`>
  : Path extends `${string}/:${infer Name}`
    ? Name
    : never
