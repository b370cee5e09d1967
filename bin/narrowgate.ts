#!/usr/bin/env node
/**
 * The command `narrowgate`. An older Node fails while it links or loads a command, so that no command could name the Node
 * it needs: everything but the comparison is imported after it.
 */
import { readFileSync } from "node:fs"
import { isAtLeast } from "../cli/versions.ts"

const manifest: { readonly engines: { readonly node: string } } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
)
const needed = manifest.engines.node.replace(">=", "")

if (isAtLeast(process.versions.node, needed)) {
  await import("./main.ts")
} else {
  console.error(`error: narrowgate needs Node.js ${needed} or newer, and this is ${process.versions.node}`)
  console.error("  fix: Install a newer one, such as the newest LTS release (https://nodejs.org/en/download).")
  process.exitCode = 1
}
