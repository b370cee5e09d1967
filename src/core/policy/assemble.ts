/**
 * The text of a bundle → Bundle. What every decision needs is read at once; rules, entities, tools and agents are read
 * when first requested. The signed digest guarantees the text, whose build has read all of it.
 */
import { buildCatalog, type Catalog } from "../catalog/locate.ts"
import type { Lookup } from "../encoding/lookup.ts"
import { guardrailsOf, type Guardrails } from "../guardrails/guardrails.ts"
import { FORMAT } from "./bundle.ts"
import type { Pointer } from "./bundle.ts"
import type { AgentDefinition, PurposeDefinition } from "./definition/agents.ts"
import type { ApprovalDefinition, Approving } from "./definition/approvers.ts"
import type { LabelDefinition } from "./definition/labels.ts"
import type { GatewayDefinition, QueryClient } from "./definition/gateways.ts"
import type { Head, Span } from "./encode.ts"
import { engineOf, type Engine } from "./cedar/engine.ts"
import { withClientEntities, withRegisteredClients } from "./registered-clients.ts"
import { readStore, type EntityStore } from "./cedar/entities.ts"
import type { StoredEntity } from "./cedar/lowered.ts"
import { Table, type Section } from "../encoding/sorted-table.ts"
import { entity, type EntityRef } from "./cedar/values/value.ts"

/** The members of a body that a bundle has in another form, or not at all. Each of the others is as it was written. */
type Indexed =
  | "format"
  | "servers"
  | "routes"
  | "labels"
  | "purposes"
  | "gateways"
  | "queries"
  | "guardrails"
  | "approvals"
  | "owners"
  | "telltales"
  | "tables"

export interface Bundle extends Omit<Head, Indexed> {
  readonly pointer: Pointer
  readonly engine: Engine
  readonly entities: EntityStore
  /** The stored entities of a type, in the order of their ids, from behind one of them. */
  readonly storedOf: (type: string, after: string | null) => Iterable<EntityRef>
  readonly catalog: Catalog
  /** By name; only those of which the catalog states something. */
  readonly labels: ReadonlyMap<string, LabelDefinition>
  /** By id. */
  readonly agents: Lookup<AgentDefinition>
  readonly purposes: ReadonlyMap<string, PurposeDefinition>
  /** By the SHA-256 of each of its keys. */
  readonly gateways: ReadonlyMap<string, GatewayDefinition>
  /** By the SHA-256 of each of their keys. */
  readonly queries: ReadonlyMap<string, QueryClient>
  readonly audiences: ReadonlySet<string>
  readonly guardrails: Guardrails
  /** By name. */
  readonly approvals: ReadonlyMap<string, ApprovalDefinition>
  readonly owners: ReadonlyMap<string, readonly Approving[]>
}

/** Throws on a text of another format, which it would misread, and if two routes match the same request. */
export function assemble(text: string, pointer: Pointer): Bundle {
  const end = lineEnd(text)
  const {
    format: _format,
    servers,
    routes,
    labels,
    purposes,
    gateways,
    queries,
    guardrails,
    telltales,
    ...rest
  } = headOf(text)
  const { approvals, owners, tables, ...asWritten } = rest
  const section = ([from, to]: Span): Section => ({ text, from: end + 1 + from, to: end + 1 + to })
  const entities = new Table<StoredEntity>(section(tables.entities))
  return {
    ...asWritten,
    pointer,
    engine: engineOf({
      rules: new Table(section(tables.rules)),
      shelves: new Table(section(tables.shelves)),
      actions: new Table(section(tables.actions)),
    }),
    entities: withClientEntities(
      readStore((key) => entities.find(key)),
      asWritten.registration,
    ),
    storedOf: (type, after) => storedOf(entities, type, after),
    catalog: buildCatalog(new Table(section(tables.tools)), servers, routes),
    labels: new Map(labels.map((label) => [label.name, label])),
    agents: withRegisteredClients(new Table(section(tables.agents)), asWritten.registration),
    purposes: new Map(purposes.map((purpose) => [purpose.name, purpose])),
    gateways: byKey(gateways),
    queries: byKey(queries),
    audiences: new Set(gateways.map((gateway) => gateway.audience)),
    guardrails: guardrailsOf(guardrails, telltales),
    approvals: new Map(approvals.map((approval) => [approval.name, approval])),
    owners: new Map(Object.entries(owners)),
  }
}

function byKey<Keyed extends { readonly key_sha256: readonly string[] }>(
  all: readonly Keyed[],
): ReadonlyMap<string, Keyed> {
  return new Map(all.flatMap((one) => one.key_sha256.map((hash) => [hash, one] as const)))
}

function* storedOf(entities: Table<StoredEntity>, type: string, after: string | null): Iterable<EntityRef> {
  const last = after === null ? null : entity(type, after).key
  for (const { uid } of entities.rowsOf(`${type}::"`, last)) yield entity(uid.type, uid.id)
}

/**
 * The one place where text becomes a bundle unchecked: each cold isolate would pay for checking 10,000 rules again. The
 * format number guards the shape.
 */
export function headOf(text: string): Head {
  const line = text.slice(0, lineEnd(text))
  const head: { readonly format?: unknown } = JSON.parse(line)
  if (head.format !== FORMAT) throw new Error(`bundle format ${String(head.format)} is not ${FORMAT}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return head as Head
}

/** In an earlier format, the whole text is one line. */
function lineEnd(text: string): number {
  const end = text.indexOf("\n")
  return end < 0 ? text.length : end
}
