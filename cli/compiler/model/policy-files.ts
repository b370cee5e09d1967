/**
 * The files of `policies/` besides rules and decision tables. A new one is its definition in src/core/policy/definition/
 * with its member of `BundleBody`, its schema in cli/compiler/schema/, and its row here. The compiler finds a row that is
 * missing, and a member of a bundle that no file makes; `narrowgate check`, `schemas` and docs/reference/policy-files.md
 * are derived from the rows.
 */
import type { z } from "zod"
import { FORMAT, type BundleBody } from "../../../src/core/policy/bundle.ts"
import type { LoweredRule } from "../../../src/core/policy/cedar/lowered.ts"
import { agentsFile, toAgent, type AgentsFile } from "../schema/agents.ts"
import { approversFile, approversOf, type ApproversFile } from "../schema/approvers.ts"
import { catalogFile, type CatalogFile } from "../schema/catalog.ts"
import { entitiesFile, type EntitiesFile } from "../schema/entities.ts"
import { gatewaysFile, toGateway, type GatewaysFile } from "../schema/gateways.ts"
import { entriesOf, guardrailsFile, guardrailsOf, type GuardrailsFile } from "../schema/guardrails.ts"
import { issuersFile, toIssuer, type IssuersFile } from "../schema/issuers.ts"
import { linksFile, type LinksFile } from "../schema/links.ts"
import { operatorsFile, type OperatorsFile } from "../schema/operators.ts"
import { receiversFile, receiversOf, type ReceiversFile } from "../schema/receivers.ts"
import { sinksFile, sinksOf, type SinksFile } from "../schema/sinks.ts"
import { streamsFile, toStream, type StreamsFile } from "../schema/streams.ts"
import type { Path } from "../source/source.ts"
import { actionEntities } from "./actions.ts"
import { declaredDecimals } from "./decimals.ts"
import { madeEntities } from "./entities.ts"
import { allRoutes, allServers, allTools } from "./tools.ts"

/** What the files contain, by the names that the compiler has for them. */
export interface FileValues {
  readonly catalog: CatalogFile
  readonly agents: AgentsFile
  readonly issuers: IssuersFile
  readonly gateways: GatewaysFile
  readonly operators: OperatorsFile
  readonly approvers: ApproversFile
  readonly streams: StreamsFile
  readonly receivers: ReceiversFile
  readonly sinks: SinksFile
  readonly guardrails: GuardrailsFile
  readonly links: LinksFile
  readonly entities: EntitiesFile
}

export interface PolicyValues extends FileValues {
  /** schema.cedarschema, as text. */
  readonly schema: string
}

/** Something that may be named once only. */
export interface UniqueName {
  /** What it is, for the message: "agent". */
  readonly what: string
  readonly path: Path
  readonly name: string
}

interface PolicyFile<Value> {
  readonly file: `${string}.yaml` | `${string}.json`
  /** One or two sentences for the reference documentation, and for editors. */
  readonly doc: string
  readonly schema: z.ZodType<Value>
  /** What a directory without the file means. Null: the file is required. */
  readonly absent: Value | null
  /** The members of a bundle that are made of the file. Null: the compiler makes rules of it. */
  toBundle(value: Value, all: PolicyValues): Partial<BundleBody> | null
  uniqueNames(value: Value): readonly UniqueName[]
  /** Whether it is an error if a list contains the same text twice. */
  readonly hasUniqueLists: boolean
}

export const POLICY_FILES = {
  catalog: {
    file: "catalog.yaml",
    doc: "The MCP servers and tools that can be called, and the HTTP routes by which a request is recognized as a tool.",
    schema: catalogFile,
    absent: null,
    toBundle: (catalog) => ({
      tools: allTools(catalog),
      routes: allRoutes(catalog),
      servers: allServers(catalog),
      labels: catalog.labels,
    }),
    uniqueNames: ({ servers, labels, tools }) => [
      ...namesIn("MCP server", "servers", servers, "name"),
      ...namesIn("label", "labels", labels, "name"),
      ...namesIn("tool", "tools", tools, "name"),
    ],
    hasUniqueLists: true,
  },
  agents: {
    file: "agents.yaml",
    doc: "The registered agents, with what proves their identity and the most that they may do; and the purposes of their tasks.",
    schema: agentsFile,
    absent: null,
    toBundle: ({ agents, purposes, registration = null }) => ({ agents: agents.map(toAgent), purposes, registration }),
    uniqueNames: ({ agents, purposes }) => [
      ...namesIn("purpose", "purposes", purposes, "name"),
      ...namesIn("agent", "agents", agents, "id"),
    ],
    hasUniqueLists: true,
  },
  issuers: {
    file: "issuers.yaml",
    doc: "The issuers whose tokens Narrowgate accepts, for which purpose, and where their public keys are.",
    schema: issuersFile,
    absent: null,
    toBundle: ({ issuers }) => ({ issuers: issuers.map(toIssuer) }),
    uniqueNames: ({ issuers }) => [
      ...namesIn("issuer", "issuers", issuers, "id"),
      ...namesIn("issuer URL", "issuers", issuers, "issuer"),
      ...namesIn("trust domain", "issuers", issuers, "trust_domain"),
    ],
    hasUniqueLists: true,
  },
  gateways: {
    file: "gateways.yaml",
    doc: "The gateways that request decisions, and the clients that may query the policies over AuthZEN.",
    schema: gatewaysFile,
    absent: null,
    toBundle: ({ gateways, queries }) => ({ gateways: gateways.map(toGateway), queries }),
    uniqueNames: (file) => [
      ...namesIn("gateway", "gateways", file.gateways, "id"),
      ...namesIn("gateway", "queries", file.queries, "id"),
      // The owner of a key decides what the key opens.
      ...(["gateways", "queries"] as const).flatMap((list) =>
        file[list].flatMap(({ key_sha256 }, at) =>
          key_sha256.map((name, index) => ({ what: "gateway key", path: [list, at, "key_sha256", index], name })),
        ),
      ),
    ],
    hasUniqueLists: true,
  },
  operators: {
    file: "operators.yaml",
    doc: "The people and pipelines that manage Narrowgate, and their roles.",
    schema: operatorsFile,
    absent: { operators: [] },
    toBundle: ({ operators }) => ({ operators }),
    uniqueNames: ({ operators }) =>
      operators.map(({ issuer, subject }, index) => ({
        what: "operator",
        path: ["operators", index, "subject"],
        name: `${issuer}|${subject}`,
      })),
    hasUniqueLists: true,
  },
  approvers: {
    file: "approvers.yaml",
    doc: "The people who may approve single calls, by the names with which rules and guardrails request an approval.",
    schema: approversFile,
    absent: { approvals: [], owners: {} },
    toBundle: (approvers, { issuers }) => approversOf(approvers, issuers),
    uniqueNames: ({ approvals }) => namesIn("approval", "approvals", approvals, "name"),
    hasUniqueLists: true,
  },
  streams: {
    file: "streams.yaml",
    doc: "The transmitters whose Security Event Tokens Narrowgate accepts, the subjects that they may report on, and the effects.",
    schema: streamsFile,
    absent: { streams: [] },
    toBundle: ({ streams }) => ({ streams: streams.map(toStream) }),
    uniqueNames: ({ streams }) => namesIn("stream", "streams", streams, "id"),
    hasUniqueLists: true,
  },
  receivers: {
    file: "receivers.yaml",
    doc: "The receivers of notifications: what each is sent, where, and in which format.",
    schema: receiversFile,
    absent: { receivers: [] },
    toBundle: (file) => ({ receivers: receiversOf(file) }),
    uniqueNames: ({ receivers }) => namesIn("receiver", "receivers", receivers, "id"),
    hasUniqueLists: true,
  },
  sinks: {
    file: "sinks.yaml",
    doc: "The sinks of decision records: which records are sent where, in which form, and what happens when they cannot be kept.",
    schema: sinksFile,
    absent: { sinks: [] },
    toBundle: (file) => ({ sinks: sinksOf(file) }),
    uniqueNames: ({ sinks }) => namesIn("sink", "sinks", sinks, "id"),
    hasUniqueLists: true,
  },
  guardrails: {
    file: "guardrails.yaml",
    doc: "Limits that need memory: windows, budgets, sequences, loops, deviations and concurrency. docs/guides/guardrails.md explains them.",
    schema: guardrailsFile,
    absent: guardrailsFile.parse({}),
    toBundle: (file) => ({ guardrails: guardrailsOf(file) }),
    // A record names a guardrail by its id alone, whatever its section.
    uniqueNames: (file) =>
      entriesOf(file).map(({ path, entry }) => ({ what: "guardrail", path: [...path, "id"], name: entry.id })),
    hasUniqueLists: true,
  },
  links: {
    file: "links.yaml",
    doc: "Cedar rules made of templates: what stands for `?principal` and `?resource`.",
    schema: linksFile,
    absent: { links: [] },
    toBundle: () => null,
    uniqueNames: () => [],
    hasUniqueLists: false,
  },
  entities: {
    file: "entities.json",
    doc: "Further Cedar entities, in Cedar's JSON entity format.",
    schema: entitiesFile,
    absent: [],
    toBundle: (entities, { schema, agents, catalog }) => ({
      entities: [...actionEntities(schema), ...madeEntities(agents, allTools(catalog)), ...entities],
    }),
    uniqueNames: () => [],
    // A Cedar set may be written with the same member twice.
    hasUniqueLists: false,
  },
} as const satisfies { readonly [Name in keyof FileValues]: PolicyFile<FileValues[Name]> }

export type FileKey = keyof FileValues

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Object.keys` forgets the names of an object literal
export const FILE_KEYS = Object.keys(POLICY_FILES) as readonly FileKey[]

/** A value is only ever given to the row that its own name leads to, which the type of the result does not express. */
export function policyFile(name: FileKey): PolicyFile<FileValues[FileKey]> {
  return POLICY_FILES[name]
}

/** The members that the rows make, all of them together. */
type Made = Together<NonNullable<ReturnType<(typeof POLICY_FILES)[FileKey]["toBundle"]>>>
type Together<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never

export function bodyOf(values: PolicyValues, rules: readonly LoweredRule[]): BundleBody {
  const made = Object.assign({}, ...FILE_KEYS.map((name) => policyFile(name).toBundle(values[name], values)))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each row returns what `Made` has of it
  const members = made as Made
  return { format: FORMAT, rules, decimals: declaredDecimals(values.schema), ...members }
}

function namesIn<Key extends string>(
  what: string,
  list: string,
  items: readonly { readonly [name in Key]?: string }[],
  key: Key,
): readonly UniqueName[] {
  return items.flatMap((item, index) => {
    const name: string | undefined = item[key]
    return name === undefined ? [] : [{ what, path: [list, index, key], name }]
  })
}
