/** Stands for the cache of a data centre as workerd asks one: serves what a test has put there, and keeps nothing else. */
const stored = new Map()

export default {
  async fetch(request) {
    const { hostname, pathname } = new URL(request.url)
    const isTest = hostname === "127.0.0.1"
    if (request.method === "PUT") {
      const body = await request.arrayBuffer()
      if (isTest) stored.set(pathname, body)
      return new Response(null, { status: isTest ? 200 : 204 })
    }
    const body = stored.get(pathname)
    return body === undefined
      ? new Response(null, { status: 504, headers: { "CF-Cache-Status": "MISS" } })
      : new Response(body, { headers: { "CF-Cache-Status": "HIT", "Content-Type": "application/json" } })
  },
}
