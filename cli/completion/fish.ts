/** Completion for fish, with a description beside each word. */
import type { Flag, CompletionPlace, Values } from "./tree.ts"

export function fishScript(program: string, places: readonly CompletionPlace[]): string {
  const moves = places.flatMap(({ at, commands }) =>
    commands.map(({ name }) => `            case "${at}:${name}"\n                set at "${at}/${name}"`),
  )
  const skips = places.flatMap(({ at, options }) =>
    options.filter(({ values }) => values !== null).flatMap(({ names }) => names.map((name) => `"${at}:${name}"`)),
  )
  return `# Completion of ${program} for fish: ${program} completion fish | source
function __${program}_at
    set -l at ""
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$at:$word"
${moves.join("\n")}
            case ${skips.join(" ")}
                set skip 1
        end
    end
    test "$at" = "$argv[1]"
end
complete -c ${program} -f
${places.flatMap((place) => linesOf(program, place)).join("\n")}
`
}

function linesOf(program: string, { at, commands, options, values }: CompletionPlace): string[] {
  const begin = `complete -c ${program} -n '__${program}_at "${at}"'`
  return [
    ...commands.map(({ name, says }) => `${begin} -a ${name} -d ${quoted(says)}`),
    ...(commands.length === 0 && offered(values) !== "" ? [`${begin} ${offered(values)}`] : []),
    ...options.map((flag) => `${begin} ${flagged(flag)} -d ${quoted(flag.says)}`),
  ]
}

function flagged({ names, values }: Flag): string {
  const forms = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  if (values === null) return forms.join(" ")
  return [...forms, values.kind === "files" ? "-r" : "-x", offered(values)].filter((part) => part !== "").join(" ")
}

function offered(values: Values): string {
  if (values.kind === "words") return `-a ${quoted(values.words.join(" "))}`
  if (values.kind === "files") return "-F"
  return values.kind === "directories" ? "-a '(__fish_complete_directories (commandline -ct))'" : ""
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
}
