/**
 * A small file system of its own, which a test fills to its last block. Mounting one needs the right to (root on Linux);
 * without it the tests are skipped, and standard error says so.
 */
import { execFileSync } from "node:child_process"
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const SIZE = "16m"
const BLOCK = Buffer.alloc(64 * 1024)

export interface SmallDisk {
  readonly path: string
  readonly isMounted: boolean
  /** Leaves no byte free. */
  fill(): void
  makeRoom(): void
  remove(): void
}

export function smallDisk(): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), "narrowgate-full-"))
  const filler = join(path, "filler")
  const isMounted = mount(path)
  if (!isMounted) process.stderr.write("full-disk: no right to mount a file system here; its tests are skipped\n")
  return {
    path,
    isMounted,
    fill() {
      writeFileSync(filler, "")
      for (const block of [BLOCK, BLOCK.subarray(0, 512)]) appendUntilFull(filler, block)
    },
    makeRoom: () => rmSync(filler, { force: true }),
    remove() {
      if (isMounted) execFileSync("umount", [path])
      rmSync(path, { recursive: true })
    },
  }
}

function mount(path: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", path], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

function appendUntilFull(file: string, block: Uint8Array): void {
  try {
    for (;;) appendFileSync(file, block)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error
  }
}
