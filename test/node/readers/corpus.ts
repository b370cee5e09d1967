/** Queries that readers of forms read in different ways, and many made of the same pieces. */

/** Each alone, and each behind and before the plain argument. */
const VARIANTS = [
  "[to]=b",
  "%5Bto%5D=b",
  "%20to=b",
  "to%20=b",
  "+to=b",
  "to+=b",
  "to[]=b",
  "to[x]=b",
  "to%5B%5D=b",
  "to[=b",
  "to]=b",
  "[to=b",
  "]to=b",
  "[[to]]=b",
  "[]to=b",
  "[][to]=b",
  "[x][to]=b",
  "to.=b",
  ".to=b",
  "to.x=b",
  "to%2Ex=b",
  "TO=b",
  "To=b",
  "_to=b",
  "!to=b",
  "$to=b",
  "%EF%BB%BFto=b",
  "%C2%A0to=b",
  "to%C2%A0=b",
  "%E2%80%8Bto=b",
  "%EF%BD%94%EF%BD%8F=b",
  "to",
  "to=",
  "=to",
  "=",
  "to==b",
  "to=b=c",
  "to=b%26to%3Dc",
  "to%3Db",
  "to=%2B",
  "to=+",
  "to=a+b",
  "to=%C3%A9",
  "to_x=b",
  "to%20x=b",
  "to+x=b",
  "to[x=b",
  "to-x=b",
  "to:x=b",
  "to,from=b",
  "'to'=b",
  "%22to%22=b",
  "to/x=b",
  "constructor=b",
  "toString=b",
  "hasOwnProperty=b",
  "__proto__=b",
  "__proto__[to]=b",
  "constructor[prototype][to]=b",
  "filter[to]=b",
  "page[size]=b",
  "amount=5",
  "[amount]=500",
  "amount[]=500",
  "Amount=500",
  "x=%2500",
  "utf8=%E2%9C%93",
  "_charset_=iso-8859-1",
  "_method=DELETE",
] as const

const NAMES = ["to", "to_x", "to.x", "amount", "x"]
const BEFORE = ["", "", "", "", "[", "]", "+", "%20", "_", "!", "$", ".", "%09", "%EF%BB%BF"]
const BEHIND = ["", "", "", "", "]", "[]", "[x]", "+", "%20", ".x", "_x", "%20x", "[", "."]
const VALUES = ["=a", "=b", "=", "", "=a+b", "=a%3Db", "=1", "=%5B1%5D", "=a,b"]
const BETWEEN = ["&", "&", "&", "&&", "&+"]

/** The same each time. */
export function corpus(): readonly string[] {
  const queries: string[] = VARIANTS.flatMap((variant) => [variant, `to=a&${variant}`, `${variant}&to=a`])
  let state = 20_261_127
  const pick = (list: readonly string[]): string => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return list[Math.floor((state / 2 ** 32) * list.length)] ?? ""
  }
  const part = (): string => pick(BEFORE) + pick(NAMES) + pick(BEHIND) + pick(VALUES)
  for (let made = 0; made < 400; made++) {
    let query = part()
    for (let parts = made % 3; parts > 0; parts--) query += pick(BETWEEN) + part()
    queries.push(query)
  }
  const many = (count: number): string => Array.from({ length: count }, (_, at) => `p${at}=1`).join("&")
  queries.push(`${"&".repeat(1_000)}to=a`, `${many(100)}&to=a`, `${many(999)}&to=a`, `${many(50)}&to=a`)
  return [...new Set(queries)]
}
