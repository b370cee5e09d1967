/** The least that a Worker can do with a body: floor of the dearest request. */
export default {
  async fetch(request) {
    return new Response(String((await request.text()).length))
  },
}
