/** Which exporters of metrics there are: one for each sink that takes them. */
export function metricsExporterOf(env: Env, sink: string) {
  return env.METRICS_EXPORTER.getByName(sink)
}
