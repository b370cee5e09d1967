/** Completion for zsh, with a description beside each word. */
import type { Flag, CompletionPlace, Values } from "./tree.ts"

export function zshScript(program: string, places: readonly CompletionPlace[]): string {
  const valued = (place: CompletionPlace) => place.options.filter(({ values }) => values !== null)
  return `#compdef ${program}
# Completion of ${program} for zsh: source <(${program} completion zsh)
_${program}() {
  local at="" word
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "$at:$word" in
${places.flatMap(moves).join("\n")}
${places.flatMap((place) => alternatives(place.at, valued(place), "((i++))")).join("\n")}
    esac
  done
  case "$at:\${words[CURRENT - 1]}" in
${places.flatMap((place) => valued(place).flatMap((flag) => answers(place.at, flag))).join("\n")}
  esac
  local -a commands options
  case "$at" in
${places.map(placeCase).join("\n")}
  esac
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _${program} ${program}
`
}

function moves({ at, commands }: CompletionPlace): string[] {
  return commands.map(({ name }) => `      ("${at}:${name}") at="${at}/${name}" ;;`)
}

function answers(at: string, flag: Flag): string[] {
  return alternatives(at, [flag], `${offer(flag.values)}return`)
}

function alternatives(at: string, flags: readonly Flag[], does: string): string[] {
  const names = flags.flatMap((flag) => flag.names).map((name) => `"${at}:${name}"`)
  return names.length === 0 ? [] : [`      (${names.join("|")}) ${does} ;;`]
}

function placeCase({ at, commands, options, values }: CompletionPlace): string {
  const flags = options.flatMap(({ names, says }) => names.map((name) => described(name, says)))
  const words = commands.map(({ name, says }) => described(name, says))
  const others = words.length > 0 ? `commands=(${words.join(" ")}); _describe command commands` : offer(values)
  return `    ("${at}")
      if [[ \${words[CURRENT]} == -* ]]; then options=(${flags.join(" ")}); _describe option options
      else ${others === "" ? ":" : others.replace(/; $/u, "")}; fi ;;`
}

function described(word: string, says: string): string {
  return `'${word}:${says.replaceAll("'", "'\\''")}'`
}

function offer(values: Values | null): string {
  if (values?.kind === "words") return `compadd -- ${values.words.join(" ")}; `
  if (values?.kind === "files") return "_files; "
  return values?.kind === "directories" ? "_files -/; " : ""
}
