/**
 * The text of a bundle → Bundle. What every decision needs is read at once; rules, entities, tools and agents are read
 * when first requested. The signed digest guarantees the text, whose build has read all of it.
 */
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import { buildCatalog, type Catalog } from "../catalog/locate.ts"
import type { Lookup } from "../encoding/lookup.ts"
import { guardrailsOf, type Guardrails } from "../guardrails/guardrails.ts"
import type { Pointer } from "./bundle.ts"
import type { AgentDefinition, PurposeDefinition } from "./definition/agents.ts"
import type { ApprovalDefinition, Approving } from "./definition/approvers.ts"
import type { LabelDefinition } from "./definition/labels.ts"
import type { GatewayDefinition, QueryClient } from "./definition/gateways.ts"
import type { Head, Span } from "./encode.ts"
import { readBundle, type ReadableBundle } from "./formats.ts"
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
  | "bounds"
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
  /** By name, what rules read as `context.bounds`. */
  readonly bounds: ReadonlyMap<string, ArgumentBounds>
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

/** Throws on a text of a format that this version does not read, and if two routes match the same request. */
export function assemble(published: string, pointer: Pointer): Bundle {
  const bundle = readBundle(published)
  const { text, end } = bundle
  const {
    format: _format,
    servers,
    routes,
    labels,
    bounds,
    purposes,
    gateways,
    queries,
    guardrails,
    telltales,
    ...rest
  } = asHead(bundle)
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
    bounds: new Map(bounds.map(({ name, arguments: each }) => [name, each])),
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

/** Throws on a text of a format that this version does not read. */
export function headOf(published: string): Head {
  return asHead(readBundle(published))
}

/**
 * The one place where text becomes a bundle unchecked: each cold isolate would pay for checking 10,000 rules again. The
 * format number guards the shape.
 */
function asHead({ head }: ReadableBundle): Head {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return head as Head
}
