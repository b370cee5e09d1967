import { stat } from "node:fs/promises"

/** Whether a file or directory is there, and can be reached. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
