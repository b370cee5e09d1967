/** The findings as lines for a person. What others have written is spelled out (terminal/escape.ts). */
import { colors } from "../terminal/colors.ts"
import { escaped } from "../terminal/escape.ts"
import type { Examined } from "./examine.ts"
import type { Level } from "./finding.ts"

const PAINT: Readonly<Record<Level, (text: string) => string>> = {
  ok: colors.green,
  warn: colors.yellow,
  problem: colors.red,
  skipped: colors.dim,
}
const LEVEL_WIDTH = 8
const MOST_TEXT = 600

export function renderExamined(found: readonly Examined[], seconds: number): string {
  const width = Math.max(...found.map((each) => nameOf(each).length))
  const lines = found.map((each) => {
    const { level, text, fix } = each
    const line = `${PAINT[level](level.padEnd(LEVEL_WIDTH))} ${nameOf(each).padEnd(width)}  ${escaped(text, MOST_TEXT)}`
    return fix === undefined ? line : `${line}\n  ${colors.cyan("fix:")} ${escaped(fix, MOST_TEXT)}`
  })
  return [...lines, "", summaryOf(found, seconds)].join("\n")
}

const nameOf = ({ check, about }: Examined): string => escaped(about === undefined ? check : `${check} ${about}`, 60)

function summaryOf(found: readonly Examined[], seconds: number): string {
  const count = (level: Level): number => found.filter((each) => each.level === level).length
  const problems = count("problem")
  const text = `${problems === 0 ? "no problems" : `${problems} ${problems === 1 ? "problem" : "problems"}`}; ${count("ok")} ok, ${count("warn")} to look at, ${count("skipped")} skipped  ${seconds.toFixed(1)} s`
  return problems === 0 ? colors.green(text) : colors.red(text)
}
