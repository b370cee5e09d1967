/**
 * Where the parts of a rule stand in its text: the official parser stores no positions in what it lowers. Use it only
 * on text that the parser has accepted (Cedar grammar, "Policy").
 */

/** UTF-16 units, up to and without `to`. */
export interface Extent {
  readonly from: number
  readonly to: number
}

export interface RuleParts {
  readonly effect: Extent
  readonly principal: Extent
  readonly action: Extent
  readonly resource: Extent
  /** The text between the braces of each `when` and `unless`. */
  readonly conditions: readonly Extent[]
}

interface Token extends Extent {
  readonly text: string
  /** The depth of the brackets around it; a bracket is as deep as its surroundings. */
  readonly depth: number
}

const TOKEN = /\/\/[^\n\r]*|"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|&&|\|\||[^\s]/gs

export function partsOf(rule: string): RuleParts {
  const tokens = tokensIn(rule, { from: 0, to: rule.length })
  const start = tokens.findIndex(({ text, depth }) => depth === 0 && (text === "permit" || text === "forbid"))
  const [effect, ...rest] = tokens.slice(start)
  const close = rest.findIndex(({ text, depth }) => depth === 0 && text === ")")
  const [principal, action, resource] = split(rest.slice(1, close), ",", 1)
  if (!effect || !principal || !action || !resource) throw new Error(`no scope was found in ${rule}`)
  return { effect: extent([effect]), principal, action, resource, conditions: bodiesIn(rest.slice(close + 1)) }
}

/** The operands of a condition, of `&&` (or of `||`), including those of such operands in brackets. */
export function operandsIn(rule: string, body: Extent, operator: "&&" | "||"): readonly Extent[] {
  const tokens = withoutBrackets(tokensIn(rule, body))
  const [first] = tokens
  if (!first) return [body]
  const looser = operator === "&&" && tokens.some(({ text, depth }) => depth === first.depth && text === "||")
  const parts = first.text === "if" || looser ? [] : split(tokens, operator, first.depth)
  if (parts.length < 2) return [extent(tokens)]
  return parts.flatMap((part) => operandsIn(rule, part, operator))
}

function tokensIn(rule: string, { from, to }: Extent): readonly Token[] {
  const tokens: Token[] = []
  let depth = 0
  for (const { 0: text, index } of rule.slice(from, to).matchAll(TOKEN)) {
    if (text.startsWith("//")) continue
    if (/^[)\]}]$/u.test(text)) depth--
    tokens.push({ text, depth, from: from + index, to: from + index + text.length })
    if (/^[([{]$/u.test(text)) depth++
  }
  return tokens
}

/** `((a))` → `a`; `(a) == (b)` stays. */
function withoutBrackets(tokens: readonly Token[]): readonly Token[] {
  const [first, last] = [tokens[0], tokens.at(-1)]
  if (!first || !last || first.text !== "(" || last.text !== ")") return tokens
  const inner = tokens.slice(1, -1)
  return inner.length > 0 && inner.every(({ depth }) => depth > first.depth) ? withoutBrackets(inner) : tokens
}

function bodiesIn(tokens: readonly Token[]): readonly Extent[] {
  const bodies: Extent[] = []
  let open: Token | undefined
  for (const token of tokens) {
    if (token.depth !== 0) continue
    if (token.text === "{") open = token
    if (token.text === "}" && open) bodies.push({ from: open.to, to: token.from })
  }
  return bodies
}

function split(tokens: readonly Token[], at: string, level: number): readonly Extent[] {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    if (token.text === at && token.depth === level) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts.filter((part) => part.length > 0).map(extent)
}

function extent(tokens: readonly Token[]): Extent {
  return { from: tokens[0]?.from ?? 0, to: tokens.at(-1)?.to ?? 0 }
}
