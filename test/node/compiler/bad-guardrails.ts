/** The example with a guardrails.yaml of one entry, which has one thing wrong. */
import type { BadDirectory } from "./bad-directories.ts"

type Bad = Pick<BadDirectory, "name" | "message" | "fix" | "at" | "follows">
const TOOLS = "id: g, tools: [crm.tickets.list]"

/** @param entry what stands behind id and tools */
const bad = (section: string, entry: string, { fix = /\S/, ...expected }: Bad): BadDirectory => ({
  file: "guardrails.yaml",
  replace: `${section}:\n  - { ${entry.startsWith("tools:") ? `id: g, ${entry}` : `${TOOLS}, ${entry}`} }\n`,
  fix,
  ...expected,
})
const window = (entry: string, expected: Bad) => bad("windows", `limit: 9, within: 1m, ${entry}`, expected)
const budget = (entry: string, expected: Bad) => bad("budgets", `${entry}, per: tree`, expected)
const required = (condition: string, expected: Bad) => bad("sequences", `require: { ${condition} }`, expected)
const PAST = "tools: [crm.tickets.get], within: 1h"

const SELECTORS: readonly BadDirectory[] = [
  window("per: task, agents: [support]", {
    name: "a guardrail for an agent that is not there",
    message: /no agent is called `support`/,
    fix: /Known: `spiffe|Register it/,
    at: "support]",
  }),
  window("per: task, purposes: [triage-tickets]", {
    name: "a guardrail for a purpose that is not there",
    message: /no purpose is called `triage-tickets`/,
    fix: /Did you mean `triage-ticket`\?/,
    at: "triage-tickets",
  }),
  window("per: task, environments: [development, production]", {
    name: "a guardrail for an environment that is not there",
    message: /no gateway is in environment `production`/,
    fix: /Known: `development`/,
    at: "production",
  }),
  window("per: task, labels: [reads:confidental]", {
    name: "a guardrail for a label that no tool has",
    message: /no tool has the label `reads:confidental`/,
    fix: /Did you mean `reads:confidential`\?/,
    at: "reads:confidental",
  }),
  window("per: task, actions: [write], sensitivity: internal", {
    name: "a guardrail whose tools are narrowed to none",
    message: /none of these tools is within its `actions`, `sensitivity`/,
    at: "[crm.tickets.list]",
  }),
  window("per: task, arguments: { page: { min: 5, max: 4 } }", {
    name: "a guardrail with bounds that nothing meets",
    message: /the bounds of `page` mean nothing: `min` 5 is above `max` 4/,
    at: "page",
  }),
  required("formerly: { tools: [crm.tikets.get], within: 1h }", {
    name: "an event of a tool that is not there",
    message: /`crm\.tikets\.get` covers no tool/,
    fix: /Did you mean `crm\.tickets\.get`\?/,
    at: "crm.tikets.get",
  }),
  required("any: [{ not: { formerly: { tools: [crm.*], within: 1h, labels: [sink:externl] } } }]", {
    name: "an event with a label that no tool has, deep in a condition",
    message: /no tool has the label `sink:externl`/,
    fix: /`sink:external`/,
    at: "sink:externl",
  }),
  {
    name: "guardrails of one name in two sections",
    file: "guardrails.yaml",
    replace:
      "windows:\n  - { id: a, tools: ['*'], per: task, limit: 1, within: 1m }\n" +
      "concurrency:\n  - { id: 'a', tools: [mail.send], per: task, limit: 1 }\n",
    message: /guardrail `a` is there twice/,
    follows: /no gateway would report that a call of `mail\.send` has ended/,
    at: "'a'",
  },
]

const WINDOWS: readonly BadDirectory[] = [
  window("per: tsak", {
    name: "a key that is no field",
    message: /not what calls can be counted by/,
    fix: /`task`, `tree`.*`everything`/,
    at: "tsak",
  }),
  window("per: [task, argument.ticket]", {
    name: "a field that is none in a list",
    message: /`windows\[0\]\.per\[1\]` \(`argument\.ticket`\): not a field of a call/,
    fix: /`arguments\.<name>`/,
    at: "argument.ticket",
  }),
  bad("windows", "limit: 9, within: 1m", {
    name: "a window that does not say whose",
    message: /`windows\[0\]\.per` is missing/,
    at: "{ id",
  }),
  window("per: 5", { name: "a key that is a number", message: /neither a field nor a list of them/, at: "5" }),
  window("per: task, burst: 4", {
    name: "a burst without a bucket",
    message: /only a bucket has a `burst`/,
    fix: /`kind: bucket`/,
    at: "4 }",
  }),
  window("per: task, kind: bucket, burst: 0", {
    name: "a bucket that holds nothing",
    message: /`windows\[0\]\.burst` is too small/,
    at: "0 }",
  }),
  window("per: task, then: stop", {
    name: "a consequence that there is not",
    message: /`windows\[0\]\.then` cannot be `stop`/,
    fix: /`deny`, `approve`, `quarantine`, `revoke`/,
    at: "stop",
  }),
  window("per: task, from_risk: 101", {
    name: "a risk beyond the highest",
    message: /`windows\[0\]\.from_risk` is too large/,
    fix: /at most 100/,
    at: "101",
  }),
  bad("windows", "per: task, limit: -1, within: 1m", {
    name: "a negative limit",
    message: /`windows\[0\]\.limit` is too small/,
    at: "-1",
  }),
  bad("windows", "per: task, limit: 1, within: 25h", {
    name: "a window that looks back for more than a day",
    message: /`windows\[0\]\.within` \(`25h`\): not a span of time/,
    fix: /up to `24h`/,
    at: "25h",
  }),
  bad("windows", "tools: [everything.*], per: task, limit: 9, within: 1m, count: cost", {
    name: "a tool that costs more than a window has room for",
    message: /`everything\.trigger-long-running-operation` costs 10, and there is never room for more than 9/,
    fix: /Raise it to 10/,
    at: "9",
  }),
  bad("windows", "tools: [everything.*], per: task, limit: 20, within: 1m, count: cost, kind: bucket, burst: 9", {
    name: "a tool that costs more than a bucket holds",
    message: /there is never room for more than 9/,
    at: "9 }",
  }),
]

const BUDGETS: readonly BadDirectory[] = [
  budget("limit: 5, count: cost, distinct: tool", {
    name: "a budget of two things",
    message: /a budget counts one thing/,
    fix: /Keep one of/,
    at: "{ id",
  }),
  budget("limit: 5, every: 1d, within: 1h", {
    name: "a budget with two spans",
    message: /both `every` and `within`/,
    at: "{ id",
  }),
  budget("limit: 5, every: 32d", {
    name: "a period that is too long",
    message: /not a span of time/,
    fix: /up to `31d`/,
    at: "32d",
  }),
  budget("tools: [mail.send], limit: 0.00001, sum: arguments.amount", {
    name: "a sum that is too precise",
    message: /`budgets\[0\]\.limit`: not an exact amount/,
    fix: /at most four decimals/,
    at: "0.00001",
  }),
  budget("tools: [mail.send], limit: 1000000000000, sum: arguments.amount", {
    name: "a sum beyond what is exact",
    message: /not an exact amount/,
    at: "1000000000000",
  }),
  budget("limit: 0", { name: "a budget of nothing", message: /not a number that can be counted to/, at: "0, per" }),
  budget("limit: 2.5", { name: "a budget of half a call", message: /not a number that can be counted to/, at: "2.5" }),
  budget("limit: 10001, distinct: arguments.ticket", {
    name: "a budget of more values than are kept",
    message: /not a number that can be counted to/,
    fix: /10,000/,
    at: "10001",
  }),
  budget("limit: 5, sum: amount", {
    name: "a sum of what is no argument",
    message: /not an argument/,
    fix: /`arguments\.amount`/,
    at: "amount",
  }),
  budget("tools: [crm.tickets.get], limit: 5, sum: arguments.ticket", {
    name: "a sum of what a path yields as text",
    message: /`ticket` of `crm\.tickets\.get` is text in its path, query or URI/,
    fix: /`integers`/,
    at: "arguments.ticket",
  }),
  budget("limit: 5, distinct: tree", {
    name: "a budget of values that the key fixes",
    message: /agree on their `tree`, so there is never more than one/,
    at: "tree }",
  }),
  bad("budgets", "per: agent, limit: 5", {
    name: "a budget of all trees without an end",
    message: /it has to begin anew some time/,
    fix: /`every: 1d`/,
    at: "agent",
  }),
  bad("budgets", "per: user, limit: 5", {
    name: "a budget of a user without an end",
    message: /several trees share this budget, so it has to begin anew some time/,
    fix: /`every: 1d`/,
    at: "user",
  }),
  bad("budgets", "per: everything, limit: 5", {
    name: "a budget of everything without an end",
    message: /it has to begin anew some time/,
    at: "everything",
  }),
]

const SEQUENCES: readonly BadDirectory[] = [
  bad("sequences", `forbid: { formerly: { ${PAST} } }, require: { formerly: { ${PAST} } }`, {
    name: "a sequence that requires and forbids",
    message: /neither `require` nor `forbid` alone/,
    fix: /two sequences/,
    at: "{ id",
  }),
  bad("sequences", "then: deny", {
    name: "a sequence without a condition",
    message: /neither `require` nor `forbid` alone/,
    at: "{ id",
  }),
  required(`formerly: { ${PAST} }, previous: { ${PAST} }`, {
    name: "a condition that is two things",
    message: /a condition is exactly one thing/,
    fix: /list of `all` or `any`/,
    at: "{ formerly",
  }),
  required(`formrely: { ${PAST} }`, {
    name: "a condition that there is not",
    message: /unknown key `formrely`/,
    fix: /Did you mean `formerly`\?/,
    at: "formrely",
  }),
  required("formerly: { tools: [crm.tickets.get] }", {
    name: "an event of any time",
    message: /`sequences\[0\]\.require\.formerly\.within` is missing/,
    at: "{ tools",
  }),
  required(`formerly: { ${PAST}, same: [user], where: { user: agent } }`, {
    name: "an event that says a field twice",
    message: /the same field is in `same` and in `where`/,
    at: "{ tools",
  }),
  required(`formerly: { ${PAST}, where: { users: user } }`, {
    name: "an event with a field that is none",
    message: /not a field of a call/,
    at: "users",
  }),
  required(`count: { ${PAST}, at_least: 1, at_most: 3 }`, {
    name: "a count from and to",
    message: /neither `at_least` nor `at_most` alone/,
    fix: /two conditions/,
    at: "{ tools",
  }),
  required(`distinct: { ${PAST}, of: arguments.ticket }`, {
    name: "a count without a number",
    message: /neither `at_least` nor `at_most` alone/,
    at: "{ tools",
  }),
  required("sum: { tools: [mail.send], within: 1h, of: arguments.amount, at_most: -1 }", {
    name: "a negative amount",
    message: /not an exact amount/,
    at: "-1",
  }),
  required(`sum: { ${PAST}, of: arguments.page, at_most: 10 }`, {
    name: "a sum of what a query yields as text",
    message: /`page` of `crm\.tickets\.get` is text in its path, query or URI/,
    at: "arguments.page",
  }),
  required(`since: { ${PAST}, unless: { tools: [crm.tickets.get] } }`, {
    name: "an event that undoes itself",
    message: /what undoes it is the very event/,
    fix: /`formerly`/,
    at: "{ tools: [crm.tickets.get] }",
  }),
  required(`all: [${`{ formerly: { ${PAST} } }, `.repeat(32)}]`, {
    name: "a sequence of too many conditions",
    message: /more than 32 conditions in one rule/,
    at: "{ id",
  }),
  bad("sequences", "require: &self { not: *self }", {
    name: "a condition that contains itself",
    message: /this contains itself/,
    at: "*self",
  }),
]

const UNSEEN: readonly BadDirectory[] = [
  budget("tools: [desk.search], limit: 5, distinct: arguments.query", {
    name: "values of an argument that no gateway shows",
    message: /`web` does not show `query` of `desk\.search`: each such call is denied/,
    fix: /`body: true`/,
    at: "arguments.query",
  }),
  required("sum: { tools: [desk.send-mail], within: 1h, of: arguments.size, at_most: 10 }", {
    name: "a sum of an argument that no gateway shows",
    message: /`web` does not show `size` of `desk\.send-mail`/,
    at: "arguments.size",
  }),
  bad("windows", "tools: [everything.*], per: [tree, arguments.message], limit: 9, within: 1m", {
    name: "a window for each value of what opens a session",
    message: /`everything\.mcp\.initialize` has no arguments, so no session could be opened/,
    fix: /Name tools that the server lists itself/,
    at: "arguments.message",
  }),
  budget("tools: [desk.mcp.*], limit: 5", {
    name: "a budget of lifecycle tools",
    message: /these are lifecycle tools of MCP servers, of which only windows know/,
    at: "[desk.mcp.*]",
  }),
]

const OTHERS: readonly BadDirectory[] = [
  bad("loops", "repeats: 5, within: 1m, cycles: 3", {
    name: "a loop of two kinds",
    message: /a loop is exactly one of three/,
    at: "{ id",
  }),
  bad("loops", "repeats: 5", { name: "repeats at any time", message: /`within` is of `repeats`/, at: "{ id" }),
  bad("loops", "cycles: 3, within: 1m", { name: "cycles in a span", message: /`within` is of `repeats`/, at: "{ id" }),
  bad("loops", "repeats: 5, within: 1m, longest: 3", {
    name: "the longest of no circle",
    message: /`longest` is of `cycles`/,
    at: "3 }",
  }),
  bad("loops", "repeats: 5, within: 1m, codes: [policy_denied]", {
    name: "codes of no denials",
    message: /`codes` are of `denials`/,
    at: "[policy_denied]",
  }),
  bad("loops", "denials: 5, within: 1m, codes: [policy_denid]", {
    name: "a code that there is not",
    message: /cannot be `policy_denid`/,
    fix: /Did you mean `policy_denied`\?/,
    at: "policy_denid",
  }),
  bad("loops", "repeats: 5, within: 1m, per: user", {
    name: "a loop of a user",
    message: /`loops\[0\]\.per` cannot be `user`/,
    at: "user",
  }),
  bad("deviations", "changes: country, within: 1h", {
    name: "a country that no gateway asserts",
    message: /no gateway asserts the `country`/,
    fix: /`asserts: \{country: HEADER\}`/,
    at: "country",
  }),
  bad("budgets", "per: network, limit: 5, every: 1d", {
    name: "a count of networks that no gateway asserts",
    message: /no gateway asserts the `network`/,
    fix: /`asserts: \{client_ip: HEADER\}`/,
    at: "network",
  }),
  required(`formerly: { ${PAST}, same: [network] }`, {
    name: "an event of a network that no gateway asserts",
    message: /no gateway asserts the `network` of the client of these calls/,
    at: "network",
  }),
  bad("concurrency", "per: tool, limit: 2", {
    name: "calls in flight over all trees",
    message: /calls in flight are counted within one tree, or for one user/,
    follows: /no gateway would report that a call/,
    fix: /Add `tree`, `task` or `user_or_agent`/,
    at: "tool,",
  }),
  bad("concurrency", "tools: [desk.*, mail.send], per: task, limit: 2", {
    name: "calls in flight that never land",
    message: /no gateway would report that a call of `desk\.read-ticket` and 4 more has ended/,
    fix: /`duration`.*`settles: true`/,
    at: "[desk",
  }),
  {
    name: "a tool that takes longer than an hour",
    file: "catalog.yaml",
    find: "    cost: 10",
    replace: "    duration: 2h",
    message: /not a span of time/,
    fix: /up to `1h`/,
    at: "2h",
  },
  {
    name: "a gateway that asserts nothing",
    file: "gateways.yaml",
    find: "    body: false",
    replace: "    asserts: {}",
    message: /nothing is asserted/,
    fix: /`country: HEADER`/,
    at: "{}",
  },
]

export const BAD_GUARDRAILS = [...SELECTORS, ...WINDOWS, ...BUDGETS, ...SEQUENCES, ...UNSEEN, ...OTHERS]
