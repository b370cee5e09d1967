/** A suggestion for people, and for programs. */
import { stateWords } from "../replay/state-words.ts"
import { colors } from "../terminal/colors.ts"
import { printableText } from "../terminal/escape.ts"
import { spanText } from "./evidence.ts"
import type { GrantChange } from "./agents-edits.ts"
import type { ObservedUse } from "./observed-use.ts"
import type { Suggestion } from "./suggestion.ts"
import type { Traffic } from "./traffic.ts"

export interface Told {
  readonly directory: string
  readonly use: Pick<ObservedUse, "records" | "calls" | "from" | "to">
  readonly suggestion: Suggestion
  readonly traffic: Traffic
  readonly isWritten: boolean
}

const MOST = 12
const DAY = 86_400_000
/** Work that comes once a month shows in records of a month. */
const FEWEST_DAYS = 31

export function suggestionText({ directory, use, suggestion, traffic, isWritten }: Told): string {
  const { diff, grants, amended, tests, notes, files } = suggestion
  const lines = [colors.bold(`${use.calls} calls in ${use.records} records, ${spanText(use)}`), ""]
  lines.push(diff === "" ? "What is granted is what was used." : printed(diff), "")
  for (const grant of grants) lines.push(...grantLines(grant))
  lines.push(
    `${tests} ${tests === 1 ? "case is" : "cases are"} added to the tests${amended > 0 ? `, ${amended} that expected what was never used are changed` : ""}.`,
    ...trafficLines(traffic),
    ...notes.map((note) => `  ${colors.yellow("note")} ${printableText(note)}`),
  )
  const days = Math.ceil((use.to - use.from) / DAY)
  if (days < FEWEST_DAYS) {
    lines.push(
      `  ${colors.yellow("note")} the records span ${days} ${days === 1 ? "day" : "days"}: what is done more seldom is not in them`,
    )
  }
  if (files.size > 0) {
    lines.push(
      isWritten
        ? colors.green(`${files.size} files in ${directory} are changed.`)
        : "Nothing is written: --write changes the files.",
    )
  }
  return lines.join("\n")
}

function printed(diff: string): string {
  return diff
    .split("\n")
    .map((line) => {
      const text = printableText(line)
      if (/^(?:\+\+\+|---) /u.test(line)) return colors.bold(text)
      return line.startsWith("+") ? colors.green(text) : line.startsWith("-") ? colors.red(text) : text
    })
    .join("\n")
}

function grantLines({ of, removed, added }: GrantChange): readonly string[] {
  const who = "agent" in of ? of.agent : `purpose ${of.purpose}`
  return [
    ...(removed.length > 0
      ? [`${who}: ${removed.length} never used, and denied from then on: ${listed(removed)}`]
      : []),
    ...(added.length > 0
      ? [colors.yellow(`${who}: ${added.length} used, and not granted today. This widens the grant: ${listed(added)}`)]
      : []),
  ]
}

function trafficLines({ calls, inSequence, allowed, denied, untold, untoldCount }: Traffic): readonly string[] {
  const isOld = untoldCount > 0 || denied.some(({ today }) => today > 0)
  return [
    `${calls} ${calls === 1 ? "call" : "calls"} happened, and with this change ${allowed === calls ? "all" : allowed} would be allowed. ${stateWords(calls, inSequence)}`,
    ...denied.slice(0, MOST).map(({ tool, agent, code, count, today, example }) => {
      const also = today > 0 ? `, ${today === count ? "as" : `${today} of them as`} today` : ""
      return `  ${colors.red("denied")} ${count} × ${printableText(tool)} by ${printableText(agent)}: ${code}${also}  ${colors.dim(printableText(example))}`
    }),
    ...(denied.length > MOST ? [`  … and ${denied.length - MOST} more (--json has all)`] : []),
    ...(untoldCount > 0
      ? [
          `  ${untoldCount} depend on what their records lack: ${Object.keys(untold).slice(0, MOST).map(printableText).join(", ")}`,
        ]
      : []),
    ...(isOld
      ? [`  If the policies were changed since some of these records were made: --since leaves the older ones out.`]
      : []),
  ]
}

const listed = (scopes: readonly string[]): string =>
  scopes.length > MOST ? `${scopes.slice(0, MOST).join(", ")} and ${scopes.length - MOST} more` : scopes.join(", ")

export function suggestionAsJson({ use, suggestion, traffic }: Told): object {
  const { files, diff, grants, amended, tests, notes } = suggestion
  const { unpermitted: _unpermitted, ...counted } = traffic
  const { records, calls, from, to } = use
  return {
    records,
    calls,
    from,
    to,
    diff,
    files: Object.fromEntries(files),
    grants,
    tests,
    amended,
    traffic: counted,
    notes,
  }
}
