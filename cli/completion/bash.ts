/** Completion for bash 3.2 and later, without bash-completion, which not every machine has. */
import type { Flag, CompletionPlace, Values } from "./tree.ts"

export function bashScript(program: string, places: readonly CompletionPlace[]): string {
  const valued = (place: CompletionPlace) => place.options.filter(({ values }) => values !== null)
  return `# Completion of ${program} for bash: source <(${program} completion bash)
_${program}() {
  local at="" word i current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}"
  # \`--flag=value\` is three words here.
  if [[ $current == "=" ]]; then current=""
  elif [[ $previous == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD - 2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$at:$word" in
${places.flatMap(moves).join("\n")}
${places.flatMap((place) => alternatives(place.at, valued(place), "((i++))")).join("\n")}
    esac
  done
  COMPREPLY=()
  case "$at:$previous" in
${places.flatMap((place) => valued(place).flatMap((flag) => answers(place.at, flag))).join("\n")}
  esac
  case "$at" in
${places.map(placeCase).join("\n")}
  esac
}
complete -F _${program} ${program}
`
}

function moves({ at, commands }: CompletionPlace): string[] {
  return commands.map(({ name }) => `      "${at}:${name}") at="${at}/${name}" ;;`)
}

function answers(at: string, flag: Flag): string[] {
  return alternatives(at, [flag], `${reply(flag.values)}return`)
}

function alternatives(at: string, flags: readonly Flag[], does: string): string[] {
  const names = flags.flatMap((flag) => flag.names).map((name) => `"${at}:${name}"`)
  return names.length === 0 ? [] : [`      ${names.join(" | ")}) ${does} ;;`]
}

function placeCase({ at, commands, options, values }: CompletionPlace): string {
  const names = options.flatMap((flag) => flag.names).join(" ")
  const words = commands.map(({ name }) => name).join(" ")
  const others = commands.length > 0 ? reply({ kind: "words", words: [words] }) : reply(values)
  const flags = reply({ kind: "words", words: [names] })
  return `    "${at}")
      if [[ $current == -* ]]; then ${flags}else ${others === "" ? ":; " : others}fi ;;`
}

/** Ends in a semicolon and a blank. */
function reply(values: Values | null): string {
  if (values?.kind === "words") return `COMPREPLY=($(compgen -W "${values.words.join(" ")}" -- "$current")); `
  if (values?.kind === "files") return paths("-f")
  return values?.kind === "directories" ? paths("-d") : ""
}

/** One a line, because a name may contain blanks. */
function paths(kind: "-f" | "-d"): string {
  return `local IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen ${kind} -- "$current")); `
}
