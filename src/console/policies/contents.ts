/** The contents of a bundle, part by part, as text that people can compare: rules as Cedar, all else as JSON. Pure. */
import * as z from "zod"
import { writeRule } from "../../core/policy/cedar/print-rule.ts"
import { writtenGuardrail } from "../../core/guardrails/written.ts"
import { assemble } from "../../core/policy/assemble.ts"
import type { Pointer } from "../../core/policy/bundle.ts"

/** By kind, in the order of the page; then by name. */
export type Contents = ReadonlyMap<string, ReadonlyMap<string, string>>

const part = z.looseObject({})
const ided = z.array(z.looseObject({ id: z.string() }))
const named = z.array(z.looseObject({ name: z.string() }))
const head = z.looseObject({
  routes: z.array(z.looseObject({ tool: z.string() })),
  servers: named,
  purposes: named,
  approvals: named,
  gateways: ided,
  issuers: ided,
  queries: ided,
  streams: ided,
  operators: z.array(z.looseObject({ issuer: z.string(), subject: z.string() })),
  owners: z.record(z.string(), z.array(part)),
})

/** @throws if this version cannot read the bundle */
export function contentsOf(text: string, pointer: Pointer): Contents {
  const bundle = assemble(text, pointer)
  const end = text.indexOf("\n")
  const definitions = head.parse(JSON.parse(end < 0 ? text : text.slice(0, end)))
  const routes = Map.groupBy(definitions.routes, ({ tool }) => tool)
  const texts = <Part>(
    parts: Iterable<Part>,
    name: (part: Part) => string,
    more: (part: Part) => unknown = (one) => one,
  ) => new Map(Array.from(parts, (one): [string, string] => [name(one), JSON.stringify(more(one), null, 2)]))
  return new Map([
    [
      "rule",
      new Map(
        Array.from(bundle.engine.written(), ({ rule, scope }): [string, string] => [rule.id, writeRule(rule, scope)]),
      ),
    ],
    [
      "tool",
      texts(
        bundle.catalog.tools.values(),
        ({ name }) => name,
        (tool) => withRoutes(tool, routes.get(tool.name)),
      ),
    ],
    ["server", texts(definitions.servers, ({ name }) => name)],
    ["agent", texts(bundle.agents.values(), ({ id }) => id)],
    ["purpose", texts(definitions.purposes, ({ name }) => name)],
    ["guardrail", texts(bundle.guardrails.definitions, ({ id }) => id, writtenGuardrail)],
    ["approval", texts(definitions.approvals, ({ name }) => name)],
    ["owner", new Map(Object.entries(definitions.owners).map(([name, who]) => [name, JSON.stringify(who, null, 2)]))],
    ["gateway", texts(definitions.gateways, ({ id }) => id)],
    ["issuer", texts(definitions.issuers, ({ id }) => id)],
    ["operator", texts(definitions.operators, ({ issuer, subject }) => `${issuer}|${subject}`)],
    ["query client", texts(definitions.queries, ({ id }) => id)],
    ["stream", texts(definitions.streams, ({ id }) => id)],
  ])
}

const withRoutes = (tool: object, routes: readonly object[] | undefined): object =>
  routes ? { ...tool, routes } : tool
