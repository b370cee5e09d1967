/** Random rules over the example's schema: few names and numbers, so that conditions agree, contradict and repeat. */
import fc from "fast-check"

export const one = (...texts: readonly string[]) => fc.constantFrom(...texts)
const number = fc.integer({ min: -1, max: 4 }).map(String)
const joined = (...parts: readonly fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(""))

export const AGENT = 'Agent::"spiffe://example.org/x"'
const PRINCIPALS = one(
  ...["principal", `principal == ${AGENT}`, "principal is User", "principal is Agent"],
  ...['principal in AgentGroup::"h1"', 'principal in AgentGroup::"h2"', 'principal in UserGroup::"u1"'],
  ...['principal in UserGroup::"u2"', 'principal is Agent in AgentGroup::"h1"'],
)
const RESOURCES = one(
  ...["resource", 'resource == Tool::"a.get"', 'resource == Tool::"b.run"', 'resource in ToolGroup::"g1"'],
  ...['resource in Server::"a"', 'resource is Tool in Server::"b"'],
)
const ofCall = fc.oneof(
  one("true", "false", "context.bound_key", "principal is Agent", 'principal in AgentGroup::"h1"'),
  one('resource == Tool::"a.get"', 'resource in ToolGroup::"g2"', 'resource.labels.contains("l1")'),
  joined(one("resource.sensitivity == "), one('"public"', '"internal"', '"secret"')),
  joined(one("resource.sensitivity_level "), one("<", "<=", ">", "=="), number),
  joined(one("context.task.purpose "), one("==", "!="), one(' "p1"', ' "p2"', ' "p3"')),
  joined(one("context.task.calls ", "context.task.depth "), one("<", "<=", ">", ">=", "==", "!="), number),
  joined(number, one(" < ", " >= "), one("context.task.calls")),
  joined(one("context.task.labels."), one('contains("l1")', 'contains("l3")', 'containsAny(["l1", "l3"])')),
  joined(one("context.env.environment == "), one('"development"', '"production"')),
  joined(one("context.env.gateway like "), one('"e*"', '"w*"', '"nope*"')),
  joined(one('["p1", "p2"]', '["p3"]'), one(".contains(context.task.purpose)")),
  joined(one("(context.arguments has to && context.arguments.to == "), one('"a"', '"b"'), one(")")),
  joined(one("(context.arguments has to && context.arguments.to like "), one('"a*"', '"*b"'), one(")")),
  joined(one("(context.arguments has a && context.arguments.a > "), number, one(")")),
  joined(
    one("(context has session && context.session has acr && context.session.acr == "),
    one('"m"', '"n"'),
    one(")"),
  ),
  one("!(context.arguments has to)", "context has user", "!(context has user)"),
)
const condition = fc.letrec<{ any: string; combined: string }>((tie) => ({
  any: fc.oneof({ weight: 4, arbitrary: ofCall }, { weight: 3, arbitrary: tie("combined") }),
  combined: fc.oneof(
    { maxDepth: 3 },
    joined(one("("), tie("any"), one(" && "), tie("any"), one(")")),
    joined(one("("), tie("any"), one(" && "), tie("any"), one(")")),
    joined(one("("), tie("any"), one(" || "), tie("any"), one(")")),
    joined(one("!("), tie("any"), one(")")),
    joined(one("(if "), tie("any"), one(" then "), tie("any"), one(" else "), tie("any"), one(")")),
  ),
})).any
const conditions = fc
  .array(joined(one(" when { ", " when { ", " unless { "), condition, one(" }")), { maxLength: 2 })
  .map((all) => all.join(""))
const ofDelegate = one("", "", ' when { context.purpose == "p1" }', ' when { context.purpose == "p3" }')
const EFFECTS = one("permit", "permit", "forbid")
const rule = fc.oneof(
  {
    weight: 5,
    arbitrary: joined(
      ...[
        EFFECTS,
        one(" ("),
        PRINCIPALS,
        one(", action "),
        ACTIONS(),
        one(", "),
        RESOURCES,
        one(")"),
        conditions,
        one(";"),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: joined(
      ...[
        EFFECTS,
        one(" ("),
        PRINCIPALS,
        one(', action == Action::"delegate", '),
        RESOURCES,
        one(")"),
        ofDelegate,
        one(";"),
      ],
    ),
  },
)

function ACTIONS(): fc.Arbitrary<string> {
  return one(
    ...['== Action::"read"', '== Action::"write"', '== Action::"execute"', 'in [Action::"read", Action::"write"]'],
    'in [Action::"read", Action::"write", Action::"execute"]',
  )
}

/** Some twice, or with the other effect, so that there is something behind something. */
const again = fc.record({ index: fc.nat(5), isForbidden: fc.boolean() })
export const rules = fc
  .tuple(fc.array(rule, { minLength: 1, maxLength: 6 }), fc.array(again, { maxLength: 3 }))
  .map(([all, more]) => [
    ...all,
    ...more.flatMap(({ index, isForbidden }) => {
      const text = all[index] ?? []
      return isForbidden && typeof text === "string" ? text.replace(/^permit/u, "forbid") : text
    }),
  ])
