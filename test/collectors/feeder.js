/** Beside the Worker in tests: appends records to a log, and tells exporters of a bundle. Another Worker on its objects. */
export default {
  async fetch(request, env) {
    const { searchParams: asked, pathname } = new URL(request.url)
    if (pathname === "/follow") {
      for (const name of asked.getAll("name"))
        await env.EXPORTER.getByName(name).follow({ seq: Number(asked.get("seq")), digest: asked.get("digest") })
      return new Response()
    }
    if (pathname === "/wake") {
      for (const name of asked.getAll("name")) await env.EXPORTER.getByName(name).wake()
      return new Response()
    }
    if (pathname === "/state") return Response.json(await env.EXPORTER.getByName(asked.get("name")).state())
    const batch = await request.text()
    return Response.json(await env.RECORD_LOG.getByName(asked.get("log")).append(Number(asked.get("count")), batch))
  },
}
