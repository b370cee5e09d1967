/** Which exporters there are: one for each log that a stream reads. */
export const exporterName = (stream: string, log: string): string => `${stream}/${log}`

export function exporterOf(env: Env, stream: string, log: string) {
  return env.EXPORTER.getByName(exporterName(stream, log))
}
