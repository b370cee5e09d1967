/**
 * The runtime prints a stack for each object that a test takes down on purpose. The runner's plugin writes these to the
 * streams of this process and has no setting to leave them out.
 */
const ON_PURPOSE = [
  "Application called abortAllDurableObjects()",
  "Application called deleteAllDurableObjects()",
  "taken down by a test",
]

export function setup(): () => void {
  const restore = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write.bind(stream)
    stream.write = (chunk: string | Uint8Array, ...rest: readonly never[]): boolean =>
      typeof chunk === "string" && ON_PURPOSE.some((text) => chunk.includes(text)) ? true : write(chunk, ...rest)
    return () => {
      stream.write = write
    }
  })
  return () => {
    for (const each of restore) each()
  }
}
