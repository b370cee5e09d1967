/** Beside the Worker in tests: appends records to a log, and has exporters follow a bundle. Another Worker on its objects. */
export default {
  async fetch(request, env) {
    const { searchParams: query, pathname } = new URL(request.url)
    if (pathname === "/follow") {
      for (const name of query.getAll("name"))
        await env.EXPORTER.getByName(name).follow({ seq: Number(query.get("seq")), digest: query.get("digest") })
      return new Response()
    }
    if (pathname === "/measure") {
      for (const name of query.getAll("name"))
        await env.METRICS_EXPORTER.getByName(name).follow({
          seq: Number(query.get("seq")),
          digest: query.get("digest"),
        })
      return new Response()
    }
    if (pathname === "/metrics-state")
      return Response.json(await env.METRICS_EXPORTER.getByName(query.get("name")).state())
    if (pathname === "/wake") {
      for (const name of query.getAll("name")) {
        await env.RECORD_LOG.getByName(name.split("/")[1]).seal()
        await env.EXPORTER.getByName(name).wake()
      }
      return new Response()
    }
    if (pathname === "/state") return Response.json(await env.EXPORTER.getByName(query.get("name")).state())
    const batch = await request.text()
    return Response.json(await env.RECORD_LOG.getByName(query.get("log")).append(Number(query.get("count")), batch))
  },
}
