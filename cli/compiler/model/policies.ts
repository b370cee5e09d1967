/** `policies/` as read: every configuration file parsed and held against its schema, nothing yet compared. */
import type { z } from "zod"
import { parseSource } from "../source/parse-source.ts"
import type { Problem } from "../source/problem.ts"
import { rulesIn, type PolicyFile } from "../source/read-directory.ts"
import { agentsFile, type AgentsFile } from "../schema/agents.ts"
import { approversFile, type ApproversFile } from "../schema/approvers.ts"
import { catalogFile, type CatalogFile } from "../schema/catalog.ts"
import { entitiesFile, type EntitiesFile } from "../schema/entities.ts"
import { gatewaysFile, type GatewaysFile } from "../schema/gateways.ts"
import { guardrailsFile, type GuardrailsFile } from "../schema/guardrails.ts"
import { issuersFile, type IssuersFile } from "../schema/issuers.ts"
import { linksFile, type LinksFile } from "../schema/links.ts"
import { operatorsFile, type OperatorsFile } from "../schema/operators.ts"
import { receiversFile, type ReceiversFile } from "../schema/receivers.ts"
import { streamsFile, type StreamsFile } from "../schema/streams.ts"
import { absent, parseJson, parseYaml, type Source } from "../source/source.ts"

export interface Policies {
  readonly catalog: Source<CatalogFile>
  readonly agents: Source<AgentsFile>
  readonly issuers: Source<IssuersFile>
  readonly gateways: Source<GatewaysFile>
  readonly operators: Source<OperatorsFile>
  readonly streams: Source<StreamsFile>
  readonly receivers: Source<ReceiversFile>
  readonly approvers: Source<ApproversFile>
  readonly guardrails: Source<GuardrailsFile>
  readonly links: Source<LinksFile>
  readonly entities: Source<EntitiesFile>
  /** Cedar text: the rules' files, and the schema's. */
  readonly rules: readonly { readonly path: string; readonly text: string }[]
  readonly schema: string
}

export interface ParsedPolicies {
  /**
   * Null if any file is missing or does not fit its schema: comparing the rest would only report what follows from
   * that.
   */
  readonly policies: Policies | null
  readonly problems: readonly Problem[]
}

export function parsePolicies(texts: ReadonlyMap<string, string>): ParsedPolicies {
  const problems: Problem[] = []
  const load = <Value>(file: PolicyFile, schema: z.ZodType<Value>, without?: Value): Source<Value> | undefined => {
    const text = texts.get(file)
    if (text === undefined) return without === undefined ? undefined : absent(file, without)
    const parsed = parseSource(file.endsWith(".json") ? parseJson(file, text) : parseYaml(file, text), schema)
    if (parsed.ok) return parsed.source
    problems.push(...parsed.problems)
    return undefined
  }
  const catalog = load("catalog.yaml", catalogFile)
  const agents = load("agents.yaml", agentsFile)
  const issuers = load("issuers.yaml", issuersFile)
  const gateways = load("gateways.yaml", gatewaysFile)
  const operators = load("operators.yaml", operatorsFile, { operators: [] })
  const streams = load("streams.yaml", streamsFile, { streams: [] })
  const receivers = load("receivers.yaml", receiversFile, { receivers: [] })
  const approvers = load("approvers.yaml", approversFile, { approvals: [], owners: {} })
  const guardrails = load("guardrails.yaml", guardrailsFile, guardrailsFile.parse({}))
  const links = load("links.yaml", linksFile, { links: [] })
  const entities = load("entities.json", entitiesFile, [])
  const schema = texts.get("schema.cedarschema")
  const rules = rulesIn(texts)
  if (!catalog || !agents || !issuers || !gateways || !operators || !guardrails) return { policies: null, problems }
  if (!approvers || !streams || !receivers || !links || !entities || schema === undefined)
    return { policies: null, problems }
  const people = { operators, approvers, streams, receivers }
  return {
    policies: { catalog, agents, issuers, gateways, ...people, guardrails, links, entities, rules, schema },
    problems,
  }
}
