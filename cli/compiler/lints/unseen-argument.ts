/**
 * Arguments that policies judge although a gateway shows none of them: each such call is denied. What a gateway shows is
 * read as of a real call (src/core/catalog/tool-request.ts). An error if no gateway that serves the tool shows them.
 */
import { isLifecycle } from "../../../src/core/catalog/lifecycle.ts"
import { argumentsOfPattern } from "../../../src/core/catalog/resource-pattern.ts"
import { locateTool, originOfTool, toolRequests } from "../../../src/core/catalog/tool-request.ts"
import { ACTIONS, type Tool } from "../../../src/core/catalog/tool.ts"
import { isDenied } from "../../../src/core/denials/denied.ts"
import { nameOf, isArgument } from "../../../src/core/guardrails/field.ts"
import { parseRemedy } from "../../../src/core/policy/cedar/remedy.ts"
import { DIALECTS, type GatewayDefinition } from "../../../src/core/policy/definition/gateways.ts"
import { argumentsJudgedBy } from "../../../src/core/policy/named-bounds.ts"
import { grantsOf } from "../checks/grants.ts"
import { fieldsOf, selectorsOf, sumsOf, toolsMeant, withoutLifecycle } from "../checks/guardrails.ts"
import { allServers, serverOf } from "../model/tools.ts"
import type { ReadRule } from "../reasoning/written.ts"
import { entriesOf } from "../schema/guardrails.ts"
import type { Problem } from "../source/problem.ts"
import { toolsOf } from "./authority.ts"
import type { Lint, Subject } from "./lint.ts"

export const unseenArgument: Lint = {
  name: "unseen-argument",
  find: (subject) => {
    const report = reporter(subject)
    return [
      ...unreadServers(subject),
      ...[...inRules(subject), ...inGrants(subject), ...inGuardrails(subject), ...inCatalog(subject)].flatMap(report),
    ]
  },
}

/** A place in the policies that judges arguments of these tools. */
interface Judged {
  readonly what: string
  readonly tools: readonly Tool[]
  /** If not given: gateways of all environments. */
  readonly environments?: readonly string[] | undefined
  /** What follows for a call whose arguments are not shown. */
  readonly then: string
  /** Whether it matters only if no gateway shows them. */
  readonly isIdle?: true
  readonly at: (message: string, fix: string) => Problem
}

const DENIED = "each such call is denied as `malformed_call`"

/** How the calls of a tool arrive through a gateway: by each method, with or without their arguments. */
interface Arrival {
  readonly gateway: GatewayDefinition
  readonly seen: number
  readonly unseen: number
}

function reporter({ bundle, body }: Subject): (judged: Judged) => readonly Problem[] {
  const arrivals = new Map<string, readonly Arrival[]>()
  const arrivalsOf = (tool: string): readonly Arrival[] => {
    let found = arrivals.get(tool)
    if (!found) {
      const origin = originOfTool(bundle.catalog, tool)
      const serving = body.gateways.filter(({ origins }) => origin !== undefined && origins.includes(origin))
      arrivals.set(tool, (found = serving.map((gateway) => arrivalThrough(gateway, tool, bundle))))
    }
    return found
  }
  return ({ what, tools, environments, then, isIdle, at }) => {
    const never: Tool[] = []
    const blind = new Map<GatewayDefinition, Tool[]>()
    for (const tool of tools) {
      const serving = arrivalsOf(tool.name).filter(({ gateway }) => environments?.includes(gateway.environment) ?? true)
      const lacking = serving.filter(({ unseen }) => unseen > 0)
      if (lacking.length > 0 && serving.every(({ seen }) => seen === 0)) never.push(tool)
      else for (const { gateway } of lacking) blind.set(gateway, [...(blind.get(gateway) ?? []), tool])
    }
    const some = isIdle ? [] : Array.from(blind, ([gateway, of]) => ({ gateways: [gateway], of, isNever: false }))
    const none = never.length > 0 ? [{ gateways: gatewaysFor(never, arrivalsOf), of: never, isNever: !isIdle }] : []
    return [...none, ...some].map(({ gateways, of, isNever }): Problem => {
      const through = gateways.map(({ id }) => `\`${id}\``).join(", ")
      const message = `${through} ${gateways.length > 1 ? "do" : "does"} not show ${what} of ${listed(of)}: ${then}`
      const problem = at(message, fixFor(gateways, isIdle))
      return isNever ? asError(problem) : problem
    })
  }
}

function asError(problem: Problem): Problem {
  return { ...problem, severity: "error" }
}

function gatewaysFor(
  tools: readonly Tool[],
  arrivalsOf: (tool: string) => readonly Arrival[],
): readonly GatewayDefinition[] {
  return [...new Set(tools.flatMap(({ name }) => arrivalsOf(name).map(({ gateway }) => gateway)))]
}

/** Where the gateway cannot even tell which tool is called, `unreadServers` reports it. */
function arrivalThrough(gateway: GatewayDefinition, tool: string, { catalog }: Subject["bundle"]): Arrival {
  const located = toolRequests(catalog, tool, {}, gateway).map((request) => locateTool(catalog, request))
  const complete = located.flatMap((each) => (isDenied(each) ? [] : [each.arguments.complete]))
  return { gateway, seen: complete.filter(Boolean).length, unseen: complete.filter((each) => !each).length }
}

const MOST_LISTED = 3

function listed(tools: readonly Tool[]): string {
  const shown = tools.slice(0, MOST_LISTED).map(({ name }) => `\`${name}\``)
  const more = tools.length - shown.length
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ")
}

function fixFor(gateways: readonly GatewayDefinition[], isIdle: true | undefined): string {
  const able = gateways.find(({ dialect }) => dialect === "nginx" || DIALECTS[dialect].body)
  const otherwise = isIdle ? "remove it" : "except these tools here"
  if (!able) return `Put these tools behind a gateway that forwards bodies, or ${otherwise}.`
  const how = able.dialect === "nginx" ? "configure it as docs/guides/gateways/nginx-njs.md" : "let it forward bodies"
  return `Write \`body: true\` for \`${able.id}\` and ${how}, or ${otherwise}.`
}

/** Servers whose calls a gateway does not show at all: none of them is located. */
function unreadServers({ policies: { catalog }, body, bundle }: Subject): readonly Problem[] {
  return allServers(catalog.value).flatMap(({ name, origin }, index) => {
    const tool = catalog.value.tools.find((each) => serverOf(each.name) === name && !each.route)?.name
    if (tool === undefined) return []
    const serving = body.gateways.filter(({ origins }) => origins.includes(origin))
    const refusals = serving.flatMap((gateway) => {
      const [request] = toolRequests(bundle.catalog, tool, {}, gateway)
      const located = request && locateTool(bundle.catalog, request)
      return located && isDenied(located) && located.denied.reason === "mcp_headers_untrusted"
        ? [{ gateway, why: located.denied.what }]
        : []
    })
    const [first] = refusals
    if (!first) return []
    const through = refusals.map(({ gateway }) => `\`${gateway.id}\``).join(", ")
    const message = `no call of \`${name}\` is read through ${through} without bodies: of their headers, ${first.why}`
    const fix = `Write \`body: true\` for \`${first.gateway.id}\` if it forwards bodies, or \`enforces_headers: true\` here if the server rejects headers that differ from the body.`
    const problem = catalog.warning(["servers", index, "name"], message, fix)
    return [refusals.length === serving.length ? asError(problem) : problem]
  })
}

function inRules({ rules, questions, bundle }: Subject): readonly Judged[] {
  return rules.all.flatMap((rule): Judged[] => {
    const names = [...new Set([...rule.reads, ...judgedByBounds(rule, bundle)])]
    const isAsking = rule.remedy !== null && parseRemedy(rule.remedy)?.kind === "approval"
    if (names.length === 0 && !isAsking) return []
    const tools = ACTIONS.filter((action) => questions.actions(rule.scope).includes(action)).flatMap((action) =>
      questions
        .resources(rule.scope, action)
        .flatMap(({ tool }) => (tool && rules.mayPermit(action, tool) ? [tool] : [])),
    )
    const at = (message: string, fix: string) => rule.warning(partReading(rule), message, fix)
    if (names.length > 0) return [{ what: argumentsText(names), tools, then: DENIED, at }]
    return [{ what: "the arguments", tools, then: "nobody can approve such a call", at }]
  })
}

function judgedByBounds({ facts }: ReadRule, { bounds }: Subject["bundle"]): readonly string[] {
  const isAll = facts.includes("*") || facts.includes("bounds")
  return argumentsJudgedBy(new Map([...bounds].filter(([name]) => isAll || facts.includes(`bounds.${name}`))))
}

function partReading({ conjuncts }: ReadRule): Parameters<ReadRule["warning"]>[0] {
  const reads = (expression: unknown): boolean => /"(?:arguments|bounds)"/.test(JSON.stringify(expression))
  return conjuncts.find(({ expression }) => reads(expression)) ?? "rule"
}

function argumentsText(names: readonly string[]): string {
  return names.includes("*") ? "the arguments" : names.map((name) => `\`${name}\``).join(", ")
}

/** An agent's ceiling bounds the tools that its purposes leave. */
function inGrants({ policies: { agents }, body: { tools }, rules }: Subject): readonly Judged[] {
  const { purposes, agents: registered, registration } = agents.value
  const ofPurposes = (names: readonly string[]): ReadonlySet<string> =>
    new Set(
      purposes.filter(({ name }) => names.includes(name)).flatMap(({ grant }) => Array.from(toolsOf(grant, tools))),
    )
  const within = ([section, index]: readonly (string | number)[]): ReadonlySet<string> | null => {
    if (section === "registration") return ofPurposes(registration?.purposes ?? [])
    return section === "agents" ? ofPurposes(registered[Number(index)]?.purposes ?? []) : null
  }
  return grantsOf(agents.value).flatMap(({ path, grant }): Judged[] => {
    const names = Object.keys(grant.arguments)
    if (names.length === 0 && !grant.closed) return []
    const [covered, left] = [toolsOf(grant, tools), within(path)]
    const meant = tools.filter(
      (tool) => covered.has(tool.name) && (left?.has(tool.name) ?? true) && rules.mayPermit(tool.action, tool),
    )
    const [first] = names
    const place = first === undefined ? [...path, "closed"] : [...path, "arguments", first]
    const what = grant.closed ? "the arguments" : argumentsText(names)
    const at = (message: string, fix: string) => agents.warning(place, message, fix)
    return [{ what, tools: withoutLifecycle(meant), environments: grant.environments, then: DENIED, at }]
  })
}

function inGuardrails({ policies: { guardrails }, body, rules }: Subject): readonly Judged[] {
  const callable = body.tools.filter((tool) => !isLifecycle(tool) && rules.mayPermit(tool.action, tool))
  const file = guardrails.value
  const at = (path: readonly (string | number)[]) => (message: string, fix: string) =>
    guardrails.warning(path, message, fix)
  return [
    ...[...fieldsOf(file), ...sumsOf(file)].flatMap(({ path, field, of }) =>
      isArgument(field)
        ? of.map((selector): Judged => {
            const { environments } = selector
            const tools = toolsMeant(selector, callable)
            return { what: argumentsText([nameOf(field)]), tools, environments, then: DENIED, at: at(path) }
          })
        : [],
    ),
    ...selectorsOf(file).flatMap(({ path, selector }): Judged[] => {
      const { environments, arguments: bounds = {} } = selector
      const [first] = Object.keys(bounds)
      if (first === undefined) return []
      const then = "whether such a call matches is not known, so it counts as what denies more"
      const what = argumentsText(Object.keys(bounds))
      const tools = toolsMeant(selector, callable)
      return [{ what, tools, environments, then, at: at([...path, "arguments", first]) }]
    }),
    ...entriesOf(file).flatMap(({ path, entry }): Judged[] => {
      if (entry.then !== "approve") return []
      const { environments } = entry
      const then = "nobody can approve such a call"
      return [
        { what: "the arguments", tools: toolsMeant(entry, callable), environments, then, at: at([...path, "then"]) },
      ]
    }),
  ]
}

/** What stands in the path or the URI is redacted whatever the gateway forwards. */
function inCatalog({ policies: { catalog }, body }: Subject): readonly Judged[] {
  return catalog.value.tools.flatMap(({ name, redact, route, resource }, index): Judged[] => {
    const tools = body.tools.filter((tool) => tool.name === name)
    const shown = resource === undefined ? [] : argumentsOfPattern(resource)
    const isInUrl = (argument: string): boolean =>
      shown.includes(argument) || route?.path.includes(`{${argument}}`) === true
    return redact.flatMap((argument, at): Judged[] => {
      if (isInUrl(argument)) return []
      const then = "there is nothing to redact"
      const place = (message: string, fix: string) => catalog.warning(["tools", index, "redact", at], message, fix)
      return [{ what: `\`${argument}\``, tools, then, isIdle: true, at: place }]
    })
  })
}
