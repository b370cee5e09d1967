/** Every endpoint of the management API by its name, in the order in which routes are matched. */
import type * as z from "zod"
import { agents } from "./agents.ts"
import { approvals } from "./approvals.ts"
import { bundles } from "./bundles.ts"
import { clients } from "./clients.ts"
import { decisions } from "./decisions.ts"
import { deliveries } from "./deliveries.ts"
import type { Endpoint } from "./endpoint.ts"
import type { ParametersOf } from "./parameters.ts"
import { explanations } from "./explanations.ts"
import { revocations } from "./revocations.ts"
import { risks } from "./risks.ts"
import { sinks } from "./sinks.ts"
import { tasks } from "./tasks.ts"
import { users } from "./users.ts"

export const CONTRACT = {
  ...tasks,
  ...approvals,
  ...revocations,
  ...risks,
  ...bundles,
  ...deliveries,
  ...sinks,
  ...agents,
  ...clients,
  ...explanations,
  ...decisions,
  ...users,
} as const satisfies Readonly<Record<string, Endpoint>>

export type Contract = typeof CONTRACT
export type EndpointName = keyof Contract
export type Answer<Name extends EndpointName> = z.infer<ReturnType<Contract[Name]["answer"]>>

const isEndpointName = (name: string): name is EndpointName => Object.hasOwn(CONTRACT, name)
export const ENDPOINT_NAMES: readonly EndpointName[] = Object.keys(CONTRACT).filter(isEndpointName)

export type Parameters<Name extends EndpointName> = { readonly [Key in ParametersOf<Contract[Name]["path"]>]: string }

/** Returns the path of an endpoint with its parameters and its query. */
export function pathTo<Name extends EndpointName>(
  name: Name,
  parameters: Parameters<Name>,
  query: Readonly<Record<string, string>> = {},
): string {
  const values = new Map<string, string>(Object.entries(parameters))
  const path = CONTRACT[name].path.replaceAll(/:(\w+)/g, (_all, key: string) =>
    encodeURIComponent(values.get(key) ?? ""),
  )
  const search = new URLSearchParams(query).toString()
  return search === "" ? path : `${path}?${search}`
}
