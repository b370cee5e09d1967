/** What was added to a policy directory, removed or changed against another: by name, kind by kind. */
import { isDeepStrictEqual } from "node:util"
import type { BundleBody } from "../../src/core/policy/bundle.ts"

export interface Change {
  readonly kind: string
  readonly name: string
  readonly how: "added" | "removed" | "changed"
}

/** The members of each kind by name. What is derived from others (entities, routes) is not reported twice. */
function partsOf(body: BundleBody): Readonly<Record<string, ReadonlyMap<string, unknown>>> {
  const routes = Map.groupBy(body.routes, ({ tool }) => tool)
  const by = <Part>(parts: readonly Part[], name: (part: Part) => string, more: (part: Part) => unknown = () => null) =>
    new Map(parts.map((part): [string, unknown] => [name(part), [part, more(part)]]))
  return {
    rule: by(body.rules, ({ id }) => id),
    tool: by(
      body.tools,
      ({ name }) => name,
      ({ name }) => routes.get(name),
    ),
    server: by(body.servers, ({ name }) => name),
    agent: by(body.agents, ({ id }) => id),
    purpose: by(body.purposes, ({ name }) => name),
    issuer: by(body.issuers, ({ id }) => id),
    gateway: by(body.gateways, ({ id }) => id),
    "query client": by(body.queries, ({ id }) => id),
    operator: by(body.operators, ({ issuer, subject }) => `${issuer}|${subject}`),
    stream: by(body.streams, ({ id }) => id),
    receiver: by(body.receivers, ({ id }) => id),
    guardrail: by(body.guardrails, ({ id }) => id),
  }
}

export function changesBetween(base: BundleBody, candidate: BundleBody): readonly Change[] {
  const before = partsOf(base)
  return Object.entries(partsOf(candidate)).flatMap(([kind, after]) => {
    const earlier = before[kind] ?? new Map<string, unknown>()
    const names = [...new Set([...earlier.keys(), ...after.keys()])].toSorted()
    return names.flatMap((name): Change[] => {
      if (!earlier.has(name)) return [{ kind, name, how: "added" }]
      if (!after.has(name)) return [{ kind, name, how: "removed" }]
      return isDeepStrictEqual(earlier.get(name), after.get(name)) ? [] : [{ kind, name, how: "changed" }]
    })
  })
}
