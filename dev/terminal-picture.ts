/**
 * What a terminal shows, as an SVG of real text: light or dark as its reader has it, without a font of its own. It knows
 * the few colours that our commands use.
 */
import { escaped } from "../cli/terminal/escape.ts"

export interface TerminalPicture {
  /** What a reader hears who does not see it. */
  readonly title: string
  /** What was typed. */
  readonly command: string
  /** With colours (ECMA-48, SGR). */
  readonly output: string
  /** Where lines are cut. */
  readonly columns: number
}

/** Pixels. A monospaced letter is about 0.6 times as wide as its font's size, in some fonts a little less. */
const FONT_SIZE = 14
const CELL = { width: 8.5, height: 21 } as const
const MARGIN = 20

const SGR: Readonly<Record<string, string>> = { "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan" }

/** Contrast of each is at least 4.5 to the ground. */
const STYLE = `
.ground{fill:#ffffff;stroke:#d0d5dd}text{fill:#14181f;font:${FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
.dim{fill:#525c6b}.red{fill:#a81c1c}.green{fill:#0b6b3f}.yellow{fill:#7a4d00}.cyan{fill:#0a5877}.bold{font-weight:600}
@media (prefers-color-scheme:dark){.ground{fill:#0e1116;stroke:#2c343f}text{fill:#e8ebf0}
.dim{fill:#9aa5b4}.red{fill:#ff9d94}.green{fill:#6fd49b}.yellow{fill:#f4c26b}.cyan{fill:#7fd0ee}}
`

export function terminalPicture({ title, command, output, columns }: TerminalPicture): string {
  const typed = [{ text: `$ ${command}`, style: "bold" }]
  const lines = [
    typed,
    ...output
      .trimEnd()
      .split("\n")
      .map((line) => cut(partsOf(line), columns)),
  ]
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = lines.length * CELL.height + 2 * MARGIN
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${inXml(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...lines.map((parts, index) => lineOf(parts, MARGIN + (index + 0.7) * CELL.height)),
    "</svg>\n",
  ].join("\n")
}

interface Part {
  readonly text: string
  /** Empty: none. */
  readonly style: string
}

/** Every other control sequence is spelled out, so that it is seen. */
function partsOf(line: string): readonly Part[] {
  const parts: Part[] = []
  let style = ""
  // oxlint-disable-next-line eslint/no-control-regex -- the escape character begins each sequence
  for (const piece of line.split(/(\u001b\[\d+m)/u)) {
    // oxlint-disable-next-line eslint/no-control-regex -- the same
    const code = /^\u001b\[(\d+)m$/u.exec(piece)?.[1]
    if (code !== undefined) style = SGR[code] ?? ""
    else if (piece !== "") parts.push({ text: escaped(piece), style })
  }
  return parts
}

function cut(parts: readonly Part[], columns: number): readonly Part[] {
  let left = columns
  return parts.flatMap(({ text, style }) => {
    const shown = text.slice(0, left)
    left -= shown.length
    return shown === "" ? [] : [{ text: shown, style }]
  })
}

/** Each column begins where it does in a terminal, whatever the width of the reader's letters is. */
function lineOf(parts: readonly Part[], y: number): string {
  let column = 0
  const spans = parts.flatMap(({ text, style }) => {
    const words = Array.from(text.matchAll(/\S+(?: \S+)*/gu), ({ 0: word, index }) => {
      const x = MARGIN + (column + index) * CELL.width
      return `<tspan x="${Math.round(x)}"${style === "" ? "" : ` class="${style}"`}>${inXml(word)}</tspan>`
    })
    column += text.length
    return words
  })
  return spans.length === 0 ? "" : `<text y="${Math.round(y)}">${spans.join("\t")}</text>`
}

function inXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
}
