/** A file of the machine that `narrowgate serve` runs on: its workerd has a directory for them, and writes a file whole. */
import { ACCEPTED, failed, type DestinationContext, type Parcel, type Sent } from "./destination.ts"

/** Only `narrowgate serve` has it (serve/workerd-config.ts). */
const filesOf = (env: Env): Fetcher | undefined => Reflect.get(env, "SINK_FILES")

export async function writeFile(sink: string, { body, name }: Parcel, { env }: DestinationContext): Promise<Sent> {
  const files = filesOf(env)
  if (!files) return failed("no_files")
  const response = await files.fetch(`http://files/${sink}/${name}`, { method: "PUT", body })
  await response.body?.cancel()
  return response.ok ? ACCEPTED : { ...failed("failing"), status: response.status }
}
