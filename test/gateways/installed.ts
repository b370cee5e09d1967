/**
 * Where the gateways are: below the directory that GATEWAYS names, as install.sh leaves them, or else where the system
 * has them. Names in GATEWAYS_REQUIRED (divided by commas) must be there.
 */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** Debian keeps servers where an ordinary user's PATH does not look. */
const PLACES = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"]

export interface Installed {
  readonly program: string
  /** What stands before `/usr`: empty for the system's own. */
  readonly root: string
}

/**
 * @param program its name
 * @param files that it needs beside it, from the root
 */
export function find(program: string, files: readonly string[]): Installed | null {
  const directory = process.env["GATEWAYS"] ?? ""
  const own = directory === "" ? [] : [join(directory, "root")]
  const candidates = [
    ...own.flatMap((root) => ["usr/sbin", "usr/bin"].map((place) => ({ program: join(root, place, program), root }))),
    ...[...(process.env["PATH"] ?? "").split(delimiter), ...PLACES]
      .filter((place) => place !== "")
      .map((place) => ({ program: join(place, program), root: "" })),
  ]
  return (
    candidates.find((each) => executable(each.program) && files.every((file) => readable(each.root + file))) ?? null
  )
}

/** What a program below another root than the system's needs to find its libraries. */
export function libraries(root: string): Readonly<Record<string, string>> {
  return root === "" ? {} : { LD_LIBRARY_PATH: `${root}/usr/lib/${MACHINE}-linux-gnu` }
}

/** As Debian names it in its paths. */
export const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64"

export const REQUIRED: readonly string[] = (process.env["GATEWAYS_REQUIRED"] ?? "")
  .split(",")
  .filter((name) => name !== "")

function executable(path: string): boolean {
  return can(path, constants.X_OK)
}

function readable(path: string): boolean {
  return can(path, constants.R_OK)
}

function can(path: string, what: number): boolean {
  try {
    accessSync(path, what)
    return true
  } catch {
    return false
  }
}
