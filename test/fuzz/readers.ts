/** How other readers take names, paths and bodies, written from what they do and not from `src/`. */
import { inject } from "vitest"
import { nodesOf, stringOf, treeOf } from "./json-tree.ts"

/** Without regard to case and to what it becomes by it, and without a list's brackets. */
export const sameToSome = (name: string): string => (name.split("[", 1)[0] || name).toUpperCase().toLowerCase()

const SERVER = "https://api.test"

/** The segments of a path as servers split it, before anything is looked up. */
export const PATH_READERS: Readonly<Record<string, (target: string) => readonly string[]>> = {
  "the URL standard": (target) => new URL(SERVER + target).pathname.slice(1).split("/").map(decodeURIComponent),
  "split, then decoded": (target) => pathOf(target).slice(1).split("/").map(decodeURIComponent),
  "decoded, then split": (target) => decodeURIComponent(pathOf(target)).slice(1).split("/"),
  "decoded, without parameters and empty segments": (target) =>
    decodeURIComponent(pathOf(target).replaceAll(/;[^/]*/g, ""))
      .replaceAll("\\", "/")
      .split("/")
      .filter((segment) => segment !== ""),
}

const pathOf = (target: string): string => target.split(/[?#]/, 1)[0] ?? ""

/** The tool of the yard that a method and such segments are; null: none. */
export function toolOf(method: string, segments: readonly string[]): string | null {
  const asked = method === "HEAD" ? "GET" : method
  const fitting = inject("yard").routes.filter(({ origin, methods, path }) => {
    const own = path.slice(1).split("/")
    return (
      origin === SERVER &&
      methods.includes(asked) &&
      own.length === segments.length &&
      own.every((part, index) => (part.startsWith("{") ? segments[index] !== "" : part === segments[index]))
    )
  })
  // A literal wins over a parameter.
  return fitting.toSorted((a, b) => Number(a.path.includes("{")) - Number(b.path.includes("{")))[0]?.tool ?? null
}

/** Every text that some reader of this JSON would find under the name. */
export function textsUnder(json: string, name: string): readonly string[] {
  const tree = treeOf(json)
  const members = tree ? nodesOf(tree).flatMap((node) => (node.kind === "object" ? node.members : [])) : []
  return members.flatMap(([key, value]) =>
    sameToSome(key) === name && value.kind === "leaf" && value.source.startsWith('"') ? [stringOf(value.source)] : [],
  )
}
