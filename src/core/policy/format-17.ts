/** Bundles of format 17: they name no sinks. */
import type { EarlierFormat } from "./formats.ts"

export const FORMAT_17: EarlierFormat = {
  format: 17,
  toCurrent: (text) => {
    const end = text.indexOf("\n")
    const head: unknown = JSON.parse(text.slice(0, end))
    return `${JSON.stringify(Object.assign({}, head, { format: 18, sinks: [] }))}${text.slice(end)}`
  },
}
