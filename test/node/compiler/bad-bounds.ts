/** Bounds on what arguments mean, with one thing wrong, in the example's first grant and in its catalog. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { BadDirectory } from "./bad-directories.ts"

type Bad = Pick<BadDirectory, "name" | "message" | "fix" | "at" | "follows">

const granted = (bound: string, expected: Bad): BadDirectory => ({
  file: "agents.yaml",
  find: "      calls: 200\n",
  replace: `      calls: 200\n      arguments: { file: ${bound} }\n`,
  ...expected,
})

const RULE = '@id("own") forbid (principal is Agent, action == Action::"write", resource == Tool::"crm.tickets.reply")'
const ruled = (condition: string, expected: Bad): BadDirectory => ({
  file: "more.cedar",
  replace: `${RULE} unless { ${condition} };`,
  also: { file: "schema.cedarschema", replace: SCHEMA },
  ...expected,
})
const EXAMPLE = readFileSync(join(import.meta.dirname, "../../../policies/schema.cedarschema"), "utf8")
const SCHEMA = EXAMPLE.replace("  risk: Long,\n", "  risk: Long,\n  bounds: { own?: Bool },\n")

export const BAD_BOUNDS: readonly BadDirectory[] = [
  granted("{ path: [/srv/../etc] }", {
    name: "a directory with a dot segment",
    message: /not a directory/,
    at: "/srv/..",
  }),
  granted("{ path: [/srv/] }", {
    name: "a directory with a slash at its end",
    message: /not a directory/,
    at: "/srv/]",
  }),
  granted("{ date: { from: today-1w } }", {
    name: "weeks from today",
    message: /neither a date nor a moment/,
    at: "today-1w",
  }),
  granted("{ date: { from: today+1d, to: today } }", {
    name: "days from today that end before they begin",
    message: /`from` today\+1d is after `to` today/,
    at: "file",
  }),
  {
    name: "days from today in a guardrail",
    file: "guardrails.yaml",
    find: "    limit: 600\n",
    replace: "    limit: 600\n    arguments: { due: { date: { to: today } } }\n",
    message: /depends on the day of the call/,
    at: "due",
  },
  granted("{ url: { hosts: [https://a.example] } }", {
    name: "a URL for a host",
    message: /not a host/,
    at: "https://a",
  }),
  granted("{ url: { hosts: [Bücher.example] } }", {
    name: "a host of IDNA",
    message: /not a host/,
    fix: /xn--/,
    at: "Bücher",
  }),
  granted("{ url: { hosts: [a.example], path: /v1/../x } }", {
    name: "a path with a dot segment",
    message: /not a path/,
    at: "/v1",
  }),
  granted("{ email: [ann@example.org] }", { name: "an address for a domain", message: /not a domain/, at: "ann@" }),
  granted("{ cidr: [10.1.0.0/8] }", {
    name: "bits behind a prefix",
    message: /not a network/,
    fix: /10\.0\.0\.0\/8/,
    at: "10.1",
  }),
  granted("{ quantity: { max: 100 } }", {
    name: "a number without a unit",
    message: /quantity\.max` is a number/,
    at: "100 }",
  }),
  granted("{ quantity: { max: -5 EUR } }", {
    name: "a quantity that is less than 0 and not",
    message: /mean nothing: `min` 0 EUR is above `max` -5 EUR/,
    at: "file:",
  }),
  granted("{ quantity: { max: 5 EUR, number: amount } }", {
    name: "half an object",
    message: /two members/,
    at: "{ max",
  }),
  granted("{ date: { from: 2026-02-30 } }", {
    name: "a day that is none",
    message: /neither a date/,
    at: "2026-02-30",
  }),
  granted("{ date: { from: 2026-02-02, to: 2026-02-01 } }", {
    name: "a range that ends before it begins",
    message: /mean nothing: `from` 2026-02-02 is after `to` 2026-02-01/,
    at: "file:",
  }),
  granted("{ schema: { pattern: (?=a) } }", {
    name: "a pattern that needs backtracking",
    message: /pattern at \/pattern/,
    at: "{ pattern",
  }),
  granted("{ email: [example.org], max: 5 }", {
    name: "a number that is an address",
    message: /`min` and `max` are for numbers, `email` is not/,
    at: "file:",
  }),
  granted("{ email: [example.org], eq: a@example.net }", {
    name: "a value at another domain",
    message: /`eq` "a@example\.net" is outside the others/,
    at: "file:",
  }),
  granted("{ optional: true }", {
    name: "a bound that only may be absent",
    message: /mean nothing: there is none/,
    at: "file:",
  }),
  {
    name: "a named bound of nothing",
    file: "catalog.yaml",
    find: "tools:\n",
    replace: "bounds: [{ name: own, arguments: {} }]\ntools:\n",
    message: /no bound/,
    at: "{} }",
  },
  {
    name: "a named bound that no rule can name",
    file: "catalog.yaml",
    find: "tools:\n",
    replace: "bounds: [{ name: own-mail, arguments: { to: { eq: a } } }]\ntools:\n",
    message: /not a name that a rule can read/,
    at: "own-mail",
  },
  ruled("context.bounds has own && context.bounds.own", {
    name: "a named bound that is not in the catalog",
    message: /no bound of the catalog is called `own`/,
    fix: /Add it to `bounds` of catalog\.yaml/,
    at: 'own")',
    follows: /tests for it with `has`/,
  }),
]
