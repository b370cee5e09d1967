/** A picture of a terminal is real text in its colours, small, and says nothing that a program did not print. */
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, test } from "vitest"
import { PICTURES } from "../../../dev/demo/pictures.ts"
import { terminalPicture } from "../../../dev/terminal-picture.ts"
import { ROOT } from "../bare-workerd.ts"

const picture = (output: string, columns = 80) => terminalPicture({ title: "A title", command: "run", output, columns })
const linesOf = (svg: string) => Array.from(svg.matchAll(/<text [^>]*>(.*)<\/text>/gu), ([, line]) => line)

describe("a picture of a terminal", () => {
  it("has the words of each line, where they stand in it, in their colours", () => {
    const [typed, first, second] = linesOf(
      picture("\u001b[32mallow\u001b[39m   a tool  \u001b[2mdim one\u001b[22m\n  below\n"),
    )
    expect(typed).toBe('<tspan x="20" class="bold">$ run</tspan>')
    expect(first).toBe(
      '<tspan x="20" class="green">allow</tspan>\t<tspan x="88">a tool</tspan>\t<tspan x="156" class="dim">dim one</tspan>',
    )
    expect(second).toBe('<tspan x="37">below</tspan>')
  })

  it("cuts lines at the last column, whatever colours are in them", () => {
    const [, line] = linesOf(picture("\u001b[31mabc\u001b[39m\u001b[33mdefgh\u001b[39m", 5))
    expect(line).toBe('<tspan x="20" class="red">abc</tspan>\t<tspan x="46" class="yellow">de</tspan>')
  })

  it("is XML whatever is printed, and spells out what would be seen by no one", () => {
    const svg = picture("<script>alert('&')</script> \u001b[2J \u202e\u0000")
    expect(svg).not.toMatch(/<script|&'|[^\P{C}\n\t]/u)
    expect(svg).toContain("&lt;script>alert('&amp;')&lt;/script>")
    expect(svg).toContain("\\u{1b}[2J \\u{202e}")
  })

  it("has a title, a ground for light and dark, and no font or file of others", () => {
    const svg = picture("x")
    expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="title">\n<title id="title">A title<\/title>/u)
    expect(svg).toContain("@media (prefers-color-scheme:dark)")
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\(|@import|@font-face/u)
  })
})

test.each([...PICTURES.keys()])("%s has no more than 60 kB", (file) => {
  expect(statSync(join(ROOT, file)).size).toBeLessThan(60_000)
  expect(readFileSync(join(ROOT, file), "utf8")).toContain("$ npm run demo")
})
