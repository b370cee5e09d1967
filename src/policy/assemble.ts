/**
 * BundleBody → Bundle: everything that a decision looks up, indexed once. Throws on a body that the build should have
 * refused (an operator that the evaluator lacks, two routes for one request), so that no half-understood bundle decides.
 */
import { buildCatalog, type Catalog } from "../catalog/locate.ts"
import { patternCovers } from "../catalog/pattern.ts"
import type { WindowDefinition } from "../guardrails/window.ts"
import type {
  AgentDefinition,
  BundleBody,
  GatewayDefinition,
  IssuerDefinition,
  OperatorDefinition,
  Pointer,
  PurposeDefinition,
} from "./bundle.ts"
import { compileRules, type Engine } from "./engine.ts"
import { entityStore, type EntityStore } from "./entities.ts"

export interface Bundle {
  readonly pointer: Pointer
  readonly engine: Engine
  readonly entities: EntityStore
  readonly catalog: Catalog
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly purposes: ReadonlyMap<string, PurposeDefinition>
  readonly issuers: readonly IssuerDefinition[]
  /** By the SHA-256 of each of its keys. */
  readonly gateways: ReadonlyMap<string, GatewayDefinition>
  readonly audiences: ReadonlySet<string>
  readonly operators: readonly OperatorDefinition[]
  readonly windows: readonly WindowDefinition[]
  /** Windows that limit a tool, by its name. */
  readonly windowsOf: (tool: string) => readonly WindowDefinition[]
}

export function assemble(body: BundleBody, pointer: Pointer): Bundle {
  const windowsOfTool = new Map<string, readonly WindowDefinition[]>(
    body.tools.map((tool) => [
      tool.name,
      body.windows.filter((window) => window.tools.some((pattern) => patternCovers(pattern, tool.name))),
    ]),
  )
  return {
    pointer,
    engine: compileRules(body.rules),
    entities: entityStore(body.entities),
    catalog: buildCatalog(body.tools, body.servers, body.routes),
    agents: new Map(body.agents.map((agent) => [agent.id, agent])),
    purposes: new Map(body.purposes.map((purpose) => [purpose.name, purpose])),
    issuers: body.issuers,
    gateways: new Map(body.gateways.flatMap((gateway) => gateway.key_sha256.map((hash) => [hash, gateway] as const))),
    audiences: new Set(body.gateways.map((gateway) => gateway.audience)),
    operators: body.operators,
    windows: body.windows,
    windowsOf: (tool) => windowsOfTool.get(tool) ?? [],
  }
}
