/** Sends a batch to where its sink is. */
import type { SinkDefinition } from "../../core/policy/definition/sinks.ts"
import type { DestinationContext, Parcel, Sent } from "./destination.ts"
import { writeFile } from "./file.ts"
import { sendToCollector } from "./https.ts"
import { putInBucket } from "./r2.ts"
import { putObject } from "./s3.ts"

export async function send(sink: SinkDefinition, parcel: Parcel, context: DestinationContext): Promise<Sent> {
  switch (sink.kind) {
    case "otlp":
    case "ocsf":
      return sendToCollector(sink, parcel, context)
    case "s3":
      return putObject(sink, parcel, context)
    case "r2":
      return putInBucket(sink, parcel, context)
    case "file":
      return writeFile(sink.id, parcel, context)
    default:
      return sink satisfies never
  }
}
