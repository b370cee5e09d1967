/** The pictures of the demo on the front page: what it prints, as wide as a page or as a phone shows it. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { PACKAGE } from "../../cli/package.ts"
import { terminalPicture } from "../terminal-picture.ts"

const FOLDER = "docs/screenshots"
/** File → columns: as far as the tool, and as far as the scene. */
export const PICTURES: ReadonlyMap<string, number> = new Map([
  [`${FOLDER}/demo.svg`, 92],
  [`${FOLDER}/demo-phone.svg`, 66],
])

export async function demoOutput(): Promise<string> {
  const env = { ...process.env, FORCE_COLOR: "1", NO_COLOR: undefined }
  const { stdout } = await promisify(execFile)(process.execPath, [join(PACKAGE, "dev/demo.ts")], { env })
  return stdout
}

export function pictureOf(output: string, columns: number): string {
  const title = "The demo in a terminal: each call that an agent makes, whether it was allowed, and if not, why."
  return terminalPicture({ title, command: "npm run demo", output, columns })
}

/** A machine may have nginx or not; all else is the same at each run, as times and ids are beyond the last column. */
export function structureOf(picture: string): string {
  return picture.replaceAll("a stand-in for nginx", "nginx")
}
