"""Google's Agent Development Kit: a server's tools as an agent gets and calls them, with the SDK's OAuth provider."""

from common import ORDER, answer, httpx, oauth, run, visited
from google.adk.agents import Agent
from google.adk.agents.invocation_context import InvocationContext
from google.adk.sessions import InMemorySessionService
from google.adk.tools.mcp_tool import McpToolset, StreamableHTTPConnectionParams
from google.adk.tools.mcp_tool.mcp_session_manager import create_mcp_http_client
from google.adk.tools.tool_context import ToolContext
from mcp.types import ElicitResult

AUTH = oauth()


def http_client(headers=None, timeout=None, auth=None):
    return create_mcp_http_client(headers=headers, timeout=timeout, auth=AUTH)


async def show(context, params):
    return ElicitResult(action="accept" if await visited(params.url) else "cancel")


async def main():
    params = StreamableHTTPConnectionParams(url=ORDER["server"], timeout=30, httpx_client_factory=http_client)
    toolset = McpToolset(connection_params=params, elicitation_callback=show)
    sessions = InMemorySessionService()
    session = await sessions.create_session(app_name="test", user_id="alice")
    invocation = InvocationContext(
        invocation_id="1", agent=Agent(name="assistant", tools=[toolset]), session=session, session_service=sessions
    )
    tools = {tool.name: tool for tool in await toolset.get_tools()}

    async def do(call):
        if call.get("list") == "resources":
            names = await toolset.list_resources()
            return False, " ".join([(await toolset.get_resource_info(name))["uri"] for name in names])
        if call.get("get") == "resources":
            names = await toolset.list_resources()
            [name] = [name for name in names if (await toolset.get_resource_info(name))["uri"] == call["name"]]
            return False, str(await toolset.read_resource(name))
        if "tool" not in call:
            return True, "it has no prompts"
        result = await tools[call["tool"]].run_async(args=call["arguments"], tool_context=ToolContext(invocation))
        return "error" in result or result.get("isError", False), str(result)

    await answer(do)
    await toolset.close()


run(main)
